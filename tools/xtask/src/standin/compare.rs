//! Holds the sources of the stand-in to the rows of the table, whoever wrote them.

use super::tsv::Row;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use syn::{ForeignItem, Item};

/// What the sources declare, as text without spaces.
#[derive(Debug, Default)]
pub struct Declared {
    functions: BTreeMap<String, String>,
    aliases: BTreeMap<String, String>,
    /// Fields as `name:type`.
    records: BTreeMap<String, Vec<String>>,
}

/// Reads every source file below a folder.
pub fn read(folder: &Path) -> Result<Declared> {
    let mut declared = Declared::default();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            let inner = read(&path)?;
            declared.functions.extend(inner.functions);
            declared.aliases.extend(inner.aliases);
            declared.records.extend(inner.records);
        } else {
            let text = std::fs::read_to_string(&path)?;
            let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
            file.items.iter().for_each(|item| declared.add(item));
        }
    }
    Ok(declared)
}

impl Declared {
    fn add(&mut self, item: &Item) {
        match item {
            Item::ForeignMod(block) => {
                for item in &block.items {
                    let ForeignItem::Fn(function) = item else {
                        continue;
                    };
                    let name = function.sig.ident.to_string();
                    self.functions.insert(name, signature(&function.sig));
                }
            }
            Item::Type(alias) => {
                self.aliases.insert(alias.ident.to_string(), compact(&alias.ty));
            }
            Item::Struct(record) => self.record(&record.ident, record.fields.iter()),
            Item::Union(record) => self.record(&record.ident, record.fields.named.iter()),
            Item::Mod(module) => module.content.iter().flat_map(|(_, items)| items).for_each(|item| self.add(item)),
            Item::Macro(call) => self.macro_call(&call.mac),
            _ => {}
        }
    }

    fn record<'a>(&mut self, name: &syn::Ident, fields: impl Iterator<Item = &'a syn::Field>) {
        let text = |field: &syn::Field| Some(format!("{}:{}", field.ident.as_ref()?, compact(&field.ty)));
        self.records.insert(name.to_string(), fields.filter_map(text).collect());
    }

    /// The macros for records and enumerations hold what reads like items.
    fn macro_call(&mut self, call: &syn::Macro) {
        if call.path.is_ident("c_records") {
            if let Ok(file) = call.parse_body::<syn::File>() {
                file.items.iter().for_each(|item| self.add(item));
            }
        } else if call.path.is_ident("incomplete") {
            for name in call.tokens.clone() {
                self.records.insert(name.to_string(), Vec::new());
            }
        }
    }

    /// Every row that the sources lack or contradict.
    pub fn differences(&self, rows: &[Row]) -> Vec<String> {
        rows.iter().filter_map(|row| self.difference(row)).collect()
    }

    fn difference(&self, row: &Row) -> Option<String> {
        let (name, wanted, found) = match row {
            Row::Function { name, signature } => (name, squeeze(signature), self.functions.get(name).cloned()),
            Row::Alias { name, target } => (name, squeeze(target), self.aliases.get(name).cloned()),
            Row::Record { name, fields, .. } => {
                let wanted = fields.iter().map(|field| squeeze(&format!("{}:{}", field.name, field.kind)));
                let listed = self.records.get(name).map(|fields| fields.join(";"));
                // Without fields the table tells nothing but the name.
                let found = if fields.is_empty() { listed.map(|_| String::new()) } else { listed };
                (name, wanted.collect::<Vec<_>>().join(";"), found)
            }
            Row::Opaque { name, .. } => (name, String::new(), self.records.get(name).map(|_| String::new())),
        };
        (found.as_deref() != Some(wanted.as_str()))
            .then(|| format!("{name}: {} instead of {wanted}", found.as_deref().unwrap_or("nothing")))
    }
}

fn signature(function: &syn::Signature) -> String {
    let mut inputs: Vec<String> = function.inputs.iter().map(compact).collect();
    inputs.extend(function.variadic.as_ref().map(|_| "...".to_owned()));
    let output = match &function.output {
        syn::ReturnType::Default => String::new(),
        syn::ReturnType::Type(_, result) => format!("->{}", compact(result)),
    };
    format!("unsafeextern\"C\"fn({}){output}", inputs.join(","))
}

/// A syntax tree as text without spaces and trailing commas.
fn compact(tree: &impl quote::ToTokens) -> String {
    squeeze(&tree.to_token_stream().to_string())
}

fn squeeze(text: &str) -> String {
    let dense: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    dense.replace(",)", ")").replace(",>", ">")
}
