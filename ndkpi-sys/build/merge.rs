//! Lays the types of one generated text over another.

use std::collections::HashSet;
use syn::{Item, Type};

/// Names of the types that a text defines, without those that bindgen makes up.
pub fn names(text: &str) -> Vec<String> {
    let file = parse(text);
    let names = file.items.iter().filter_map(defined).filter(|name| !name.contains("__"));
    names.collect()
}

/// All of `over`, then the items of `base` that `over` does not define.
pub fn over(over: &str, base: &str) -> String {
    let mut file = parse(over);
    let taken: HashSet<String> = file.items.iter().filter_map(defined).collect();
    for item in parse(base).items {
        let kept = match &item {
            // Layout assertions of `base`: those of its types that are gone would not hold.
            Item::Const(item) => item.ident != "_" && !taken.contains(&item.ident.to_string()),
            Item::Impl(item) => match &*item.self_ty {
                Type::Path(path) => {
                    path.path.segments.last().is_none_or(|last| !taken.contains(&last.ident.to_string()))
                }
                _ => true,
            },
            other => defined(other).is_none_or(|name| !taken.contains(&name)),
        };
        if kept {
            file.items.push(item);
        }
    }
    prettyplease::unparse(&file)
}

fn defined(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Union(item) => Some(item.ident.to_string()),
        Item::Type(item) => Some(item.ident.to_string()),
        Item::Const(item) if item.ident != "_" => Some(item.ident.to_string()),
        Item::Use(item) => match &item.tree {
            syn::UseTree::Path(path) => match &*path.tree {
                syn::UseTree::Rename(rename) => Some(rename.rename.to_string()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn parse(text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("generated text is not Rust: {error}"))
}
