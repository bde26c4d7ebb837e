//! Reads `src/bindings.rs` the way its users see it, for tests that compare it with the contract.
//!
//! Sizes, alignments and offsets are those that bindgen wrote as constant assertions: the compiler has
//! proved each of them for the target that the test was built for, so comparing the numbers is enough.

use std::collections::HashMap;
use syn::{Expr, ForeignItem, Item, ReturnType, Type};

/// A member of a structure or union, in declaration order.
pub struct Member {
    pub name: String,
    pub ty: Type,
}

/// Parameters by name and type, and the result; none means nothing is returned.
pub struct Signature {
    pub parameters: Vec<(String, String)>,
    pub result: Option<String>,
    pub variadic: bool,
}

/// The declarations of the generated file by name.
pub struct Bindings {
    pub aliases: HashMap<String, Type>,
    pub members: HashMap<String, Vec<Member>>,
    pub constants: HashMap<String, (String, i128)>,
    /// `raw-dylib` imports with the module they come from.
    pub imports: HashMap<String, (String, Signature)>,
    proved: HashMap<String, usize>,
}

impl Bindings {
    pub fn read() -> Self {
        let text = include_str!("../../src/bindings.rs");
        let file = syn::parse_file(text).expect("the generated file is Rust");
        let mut this = Self {
            aliases: HashMap::new(),
            members: HashMap::new(),
            constants: HashMap::new(),
            imports: HashMap::new(),
            proved: HashMap::new(),
        };
        for item in file.items {
            this.take(item);
        }
        this
    }

    /// Bytes of a named structure, union or alias.
    pub fn size(&self, name: &str) -> Option<usize> {
        if let Some(alias) = self.aliases.get(name) {
            return self.size_of(alias);
        }
        self.proved.get(&format!("Size of {name}")).copied()
    }

    pub fn align(&self, name: &str) -> Option<usize> {
        self.proved.get(&format!("Alignment of {name}")).copied()
    }

    /// Bytes of any type that the file uses.
    pub fn size_of(&self, ty: &Type) -> Option<usize> {
        match ty {
            Type::Ptr(_) => Some(8),
            Type::Array(array) => Some(self.size_of(&array.elem)? * literal(&array.len)? as usize),
            Type::Path(path) => match path.path.segments.last()?.ident.to_string().as_str() {
                "u8" | "i8" => Some(1),
                "u16" | "i16" => Some(2),
                "u32" | "i32" | "c_int" => Some(4),
                "u64" | "i64" | "usize" | "isize" => Some(8),
                "Option" => Some(8),
                name => self.size(name),
            },
            _ => None,
        }
    }

    /// Offset and type of a member; members of anonymous unions count as the owner's, as in C.
    pub fn member(&self, owner: &str, name: &str) -> Option<(usize, &Type)> {
        let mut end = 0usize;
        for member in self.members.get(owner)? {
            let offset = match self.proved.get(&format!("Offset of field: {owner}::{}", member.name)) {
                Some(offset) => *offset,
                None => end.next_multiple_of(self.align(&text(&member.ty))?),
            };
            if member.name == name {
                return Some((offset, &member.ty));
            }
            if member.name.starts_with("__bindgen_anon")
                && let Some((inner, ty)) = self.member(&text(&member.ty), name)
            {
                return Some((offset + inner, ty));
            }
            end = offset + self.size_of(&member.ty)?;
        }
        None
    }

    /// Signature of an alias of the form `Option<unsafe extern "system" fn(..)>`.
    pub fn callback(&self, name: &str) -> Option<Signature> {
        let Type::Path(path) = self.aliases.get(name)? else {
            return None;
        };
        let option = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
        let syn::PathArguments::AngleBracketed(arguments) = &option.arguments else {
            return None;
        };
        let syn::GenericArgument::Type(Type::BareFn(function)) = arguments.args.first()? else {
            return None;
        };
        assert!(text_of(&function.abi).contains("system"), "{name} has another ABI");
        Some(Signature {
            parameters: function
                .inputs
                .iter()
                .map(|input| {
                    let name = input.name.as_ref().map(|(name, _)| name.to_string()).unwrap_or_default();
                    (name, text(&input.ty))
                })
                .collect(),
            result: result(&function.output),
            variadic: function.variadic.is_some(),
        })
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Type(alias) => {
                self.aliases.insert(alias.ident.to_string(), *alias.ty);
            }
            // `typedef` of an enumeration.
            Item::Use(item) => {
                if let syn::UseTree::Path(path) = &item.tree
                    && let syn::UseTree::Rename(rename) = &*path.tree
                {
                    let ty = Type::Path(syn::TypePath { qself: None, path: rename.ident.clone().into() });
                    self.aliases.insert(rename.rename.to_string(), ty);
                }
            }
            Item::Struct(item) => self.members_of(item.ident.to_string(), item.fields.iter()),
            Item::Union(item) => self.members_of(item.ident.to_string(), item.fields.named.iter()),
            Item::Const(item) if item.ident == "_" => self.assertions(&item.expr),
            Item::Const(item) => {
                if let Some(value) = literal(&item.expr) {
                    self.constants.insert(item.ident.to_string(), (text(&item.ty), value));
                }
            }
            Item::ForeignMod(block) => {
                let module = block.attrs.iter().map(text_of).find(|text| text.contains("raw-dylib"));
                let module = module.expect("each block of imports names its module");
                for item in block.items {
                    let ForeignItem::Fn(function) = item else {
                        continue;
                    };
                    let parameters = function.sig.inputs.iter().filter_map(|input| match input {
                        syn::FnArg::Typed(typed) => Some((text_of(&typed.pat), text(&typed.ty))),
                        syn::FnArg::Receiver(_) => None,
                    });
                    let signature = Signature {
                        parameters: parameters.collect(),
                        result: result(&function.sig.output),
                        variadic: function.sig.variadic.is_some(),
                    };
                    self.imports.insert(function.sig.ident.to_string(), (module.clone(), signature));
                }
            }
            _ => {}
        }
    }

    fn members_of<'a>(&mut self, owner: String, fields: impl Iterator<Item = &'a syn::Field>) {
        let members = fields
            .filter_map(|field| Some(Member { name: field.ident.as_ref()?.to_string(), ty: field.ty.clone() }))
            .collect();
        self.members.insert(owner, members);
    }

    // `["Size of X"][size_of::<X>() - 8usize];` compiles only if the index is 0.
    fn assertions(&mut self, expr: &Expr) {
        let Expr::Block(block) = expr else { return };
        for statement in &block.block.stmts {
            let syn::Stmt::Expr(Expr::Index(index), _) = statement else {
                continue;
            };
            let (Expr::Array(names), Expr::Binary(difference)) = (&*index.expr, &*index.index) else {
                continue;
            };
            if let Some(Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. })) = names.elems.first()
                && let Some(value) = literal(&difference.right)
            {
                self.proved.insert(name.value(), value as usize);
            }
        }
    }
}

/// A type without white space, `*mut ::core::ffi::c_void` written as `PVOID`.
pub fn text(ty: &Type) -> String {
    text_of(ty).replace("*mut::core::ffi::c_void", "PVOID").replace("::core::ffi::", "")
}

fn text_of(node: &impl quote::ToTokens) -> String {
    let spaced = node.to_token_stream().to_string();
    let mut out = String::new();
    let mut chars = spaced.chars().peekable();
    while let Some(c) = chars.next() {
        let between_words = out.ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && chars.peek().is_some_and(|c| c.is_alphanumeric() || *c == '_' || *c == '*');
        if c != ' ' || between_words {
            out.push(c);
        }
    }
    out
}

fn result(output: &ReturnType) -> Option<String> {
    match output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(text(ty)),
    }
}

fn literal(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(value), .. }) => value.base10_parse().ok(),
        Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => literal(expr).map(|value| -value),
        _ => None,
    }
}

/// A C type as the bindings write it.
pub fn rust_type(c: &str) -> String {
    // A remark in brackets explains, it is not part of the type.
    let c = c.split(" (").next().unwrap_or(c).trim();
    if let Some((element, count)) = c.strip_suffix(']').and_then(|c| c.split_once('[')) {
        return format!("[{};{count}usize]", rust_type(element));
    }
    if let Some(pointee) = c.strip_suffix('*') {
        let pointee = pointee.trim();
        return match pointee.strip_prefix("const ") {
            Some("VOID") => "*const VOID".into(),
            Some(pointee) => format!("*const {}", rust_type(pointee)),
            None if pointee == "VOID" => "PVOID".into(),
            None => format!("*mut {}", rust_type(pointee)),
        };
    }
    match c {
        // A constant pointer, not a pointer to a constant.
        "const PVOID" => "PVOID".into(),
        "const PSOCKADDR" => "PSOCKADDR".into(),
        _ => c.trim_start_matches("struct _").to_owned(),
    }
}
