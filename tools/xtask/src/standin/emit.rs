//! Turns the rows of the table into the generated sources of the `wdk-sys` stand-in.

use super::tsv::{Field, Row};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The three generated files, formatted.
pub struct Sources {
    /// `generated/functions.rs`: the imports, one block per exporting image.
    pub functions: String,
    /// `generated/types.rs`: aliases, records, opaque types.
    pub types: String,
    /// `generated/layout.rs`: one compile-time assertion per known size and offset.
    pub layout: String,
}

/// Generates the sources. `exporter` tells which image exports a routine; `by_hand` are the types
/// that the hand-written files define in full, of which only the layout is asserted.
pub fn emit(rows: &[Row], exporter: &dyn Fn(&str) -> &'static str, by_hand: &BTreeSet<String>) -> Result<Sources> {
    let types = rows.iter().filter_map(|row| type_item(row, by_hand)).collect::<String>();
    let layout = rows.iter().map(assertions).collect::<String>();
    Ok(Sources { functions: functions(rows, exporter)?, types: format(&types)?, layout: format(&layout)? })
}

fn functions(rows: &[Row], exporter: &dyn Fn(&str) -> &'static str) -> Result<String> {
    let mut blocks: BTreeMap<&str, String> = BTreeMap::new();
    for row in rows {
        let Row::Function { name, signature } = row else {
            continue;
        };
        let block = blocks.entry(exporter(name)).or_default();
        let tail = signature
            .strip_prefix("unsafe extern \"C\" fn")
            .with_context(|| format!("signature of {name}: {signature}"))?;
        // The real bindings mark every routine that returns a status.
        if tail.ends_with("-> NTSTATUS") {
            block.push_str("#[must_use]\n");
        }
        block.push_str(&format!("pub fn {name}{tail};\n"));
    }
    let blocks = blocks.into_iter().map(|(module, items)| {
        let link = format!("#[link(name = \"{module}\", kind = \"raw-dylib\", modifiers = \"+verbatim\")]\n");
        format!("{link}unsafe extern \"C\" {{\n{items}}}\n")
    });
    format(&blocks.collect::<String>())
}

fn type_item(row: &Row, by_hand: &BTreeSet<String>) -> Option<String> {
    match row {
        Row::Function { .. } => None,
        Row::Alias { name, target } => Some(format!("pub type {name} = {target};\n")),
        Row::Record { name, .. } | Row::Opaque { name, .. } if by_hand.contains(name) => None,
        Row::Record { name, fields, .. } if fields.is_empty() => Some(incomplete(name)),
        Row::Record { name, union, layout, fields } => Some(record(name, *union, layout.align, fields)),
        Row::Opaque { name, layout } => Some(match (layout.size, layout.align) {
            (Some(size), Some(align)) => blob(name, size, align),
            _ => incomplete(name),
        }),
    }
}

/// A type whose definition the public headers do not show.
fn incomplete(name: &str) -> String {
    format!("#[repr(C)]\n#[derive(Debug, Copy, Clone)]\npub struct {name} {{ _unused: [u8; 0] }}\n")
}

/// A type of known size whose fields no driver of ours touches.
fn blob(name: &str, size: u64, align: u64) -> String {
    let head = format!("#[repr(C, align({align}))]\n#[derive(Copy, Clone)]\n");
    format!("{head}pub struct {name} {{ _opaque: [u8; {size}] }}\n{}", default(name))
}

fn record(name: &str, union: bool, align: Option<u64>, fields: &[Field]) -> String {
    // Pointers align to 8 by themselves; more than that was asked for in the header.
    let repr = match align {
        Some(align) if align > 8 => format!("#[repr(C, align({align}))]"),
        _ => "#[repr(C)]".to_owned(),
    };
    let keyword = if union { "union" } else { "struct" };
    let fields = fields.iter().map(|field| format!("pub {}: {},", field.name, field.kind)).collect::<String>();
    format!("{repr}\n#[derive(Copy, Clone)]\npub {keyword} {name} {{ {fields} }}\n{}", default(name))
}

fn default(name: &str) -> String {
    format!("impl Default for {name} {{ fn default() -> Self {{ unsafe {{ ::core::mem::zeroed() }} }} }}\n")
}

fn assertions(row: &Row) -> String {
    let (name, layout, fields) = match row {
        Row::Record { name, layout, fields, .. } => (name, layout, fields.as_slice()),
        Row::Opaque { name, layout } => (name, layout, [].as_slice()),
        Row::Function { .. } | Row::Alias { .. } => return String::new(),
    };
    let mut text = String::new();
    if let (Some(size), Some(align)) = (layout.size, layout.align) {
        text.push_str(&format!("const _: () = assert!(size_of::<{name}>() == {size});\n"));
        text.push_str(&format!("const _: () = assert!(align_of::<{name}>() == {align});\n"));
    }
    for field in fields {
        if let Some(offset) = field.offset {
            text.push_str(&format!("const _: () = assert!(offset_of!({name}, {}) == {offset});\n", field.name));
        }
    }
    text
}

fn format(source: &str) -> Result<String> {
    let header = "// @generated from docs/contract/wdk-sys-api.tsv by `cargo xtask standin`; do not edit.\n\n";
    let file = syn::parse_file(source).context("the generated source does not parse")?;
    // A syntax tree has no comments, so the reason for the one unsafe operation is put in afterwards.
    let text = prettyplease::unparse(&file).replace(
        "unsafe { ::core::mem::zeroed() }",
        "// SAFETY: a C record of integers, pointers and optional function pointers: zero is valid.\n        unsafe { ::core::mem::zeroed() }",
    );
    Ok(format!("{header}{text}"))
}
