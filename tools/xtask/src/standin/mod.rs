//! The `wdk-sys` stand-in: generates it from the contract, and holds it to the contract.

#[cfg(test)]
mod compare;
mod emit;
mod tsv;

use crate::workspace::root;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::PathBuf;

const TABLE: &str = "docs/contract/wdk-sys-api.tsv";
const IMPORTS: &str = "docs/contract/imports.tsv";
const SOURCES: &str = "tools/cross/wdk-sys/src";
/// Hand-written files whose records replace generated ones.
const BY_HAND: [&str; 2] = ["records.rs", "irp.rs"];

/// Writes the generated files, or with `check` compares them with what is committed.
pub fn run(check: bool) -> Result<()> {
    for (path, text) in generate()? {
        if !check {
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{} differs from {TABLE}: run `cargo xtask standin`", path.display());
        }
    }
    Ok(())
}

fn generate() -> Result<Vec<(PathBuf, String)>> {
    let rows = tsv::parse(&read(TABLE)?)?;
    let imports = read(IMPORTS)?;
    let from_hal: BTreeSet<&str> =
        imports.lines().filter_map(|line| line.strip_prefix("hal.dll\t")?.split('\t').next()).collect();
    let exporter = |name: &str| {
        if from_hal.contains(name) { "hal.dll" } else { "ntoskrnl.exe" }
    };
    let sources = emit::emit(&rows, &exporter, &hand_written()?)?;
    let folder = root().join(SOURCES).join("generated");
    Ok(vec![
        (folder.join("functions.rs"), sources.functions),
        (folder.join("types.rs"), sources.types),
        (folder.join("layout.rs"), sources.layout),
    ])
}

/// Names of the records in the hand-written files, which use one macro for them.
fn hand_written() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in BY_HAND {
        let text = read(&format!("{SOURCES}/{file}"))?;
        for line in text.lines().map(str::trim_start) {
            for keyword in ["pub struct ", "pub union "] {
                if let Some(rest) = line.strip_prefix(keyword) {
                    names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
                }
            }
        }
    }
    Ok(names)
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_are_current() {
        run(true).unwrap();
    }

    #[test]
    fn every_row_of_the_table_is_declared_as_it_says() {
        let rows = tsv::parse(&read(TABLE).unwrap()).unwrap();
        let declared = compare::read(&root().join(SOURCES)).unwrap();
        let differences = declared.differences(&rows);
        assert!(
            differences.is_empty(),
            "{} of {} rows differ:\n{}",
            differences.len(),
            rows.len(),
            differences.join("\n")
        );
        println!("{} rows checked", rows.len());
    }

    /// Sizes and offsets are asserted where the compiler lays out records: in the cross build.
    #[test]
    fn every_known_size_and_offset_is_asserted() {
        let rows = tsv::parse(&read(TABLE).unwrap()).unwrap();
        let known = rows.iter().map(|row| match row {
            tsv::Row::Record { layout, fields, .. } => {
                let sized = if layout.size.is_some() { 2 } else { 0 };
                sized + fields.iter().filter(|field| field.offset.is_some()).count()
            }
            tsv::Row::Opaque { layout, .. } if layout.size.is_some() => 2,
            _ => 0,
        });
        let layout = read(&format!("{SOURCES}/generated/layout.rs")).unwrap();
        assert_eq!(layout.matches("const _: () = assert!(").count(), known.sum::<usize>());
    }
}
