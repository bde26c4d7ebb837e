//! Imports against the contract's list of exports.

use crate::workspace::root;
use anyhow::{Context, Result};
use object::LittleEndian as LE;
use object::pe::ImageNtHeaders64;
use object::read::pe::{ImageThunkData, Import, PeFile64};
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = "docs/contract/imports.tsv";

/// Imports that the table does not list, each with the reason why it is safe to need it.
const REVIEWED: [(&str, &str, &str); 7] = [
    ("ntoskrnl.exe", "ZwOpenFile", "file access of the kernel consumer; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwWriteFile", "file access of the kernel consumer; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwQueryInformationFile", "length of the consumer's source file; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwSetInformationFile", "file access of the kernel consumer; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwEnumerateKey", "registry settings of a driver; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwEnumerateValueKey", "registry settings of a driver; exported since Windows 2000"),
    ("ntoskrnl.exe", "ZwWaitForSingleObject", "waiting for a handle of a file; exported since Windows XP"),
];

/// `(module, routine)` of every import; an import by number shows as `#number`.
pub fn list(file: &PeFile64) -> Result<Vec<(String, String)>> {
    let mut imports = Vec::new();
    let Some(table) = file.import_table()? else {
        return Ok(imports);
    };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let module = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE))?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
            let name = if thunk.is_ordinal() {
                format!("#{}", thunk.ordinal())
            } else {
                match table.import::<ImageNtHeaders64>(thunk)? {
                    Import::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
                    Import::Ordinal(number) => format!("#{number}"),
                }
            };
            imports.push((module.clone(), name));
        }
    }
    Ok(imports)
}

/// A fault for each import that is neither in the table nor reviewed.
pub fn unknown(imports: &[(String, String)]) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root().join(TABLE)).context(TABLE)?;
    let known = exports(&text);
    let is_known = |module: &str, name: &str| {
        known.contains(&(module, name)) || REVIEWED.iter().any(|(m, n, _)| *m == module && *n == name)
    };
    let unknown = imports.iter().filter(|(module, name)| !is_known(&module.to_lowercase(), name));
    Ok(unknown.map(|(module, name)| format!("import {module}!{name} is not an export row of {TABLE}")).collect())
}

/// The rows of kind `export` and `data`, as module and routine.
fn exports(table: &str) -> BTreeSet<(&str, &str)> {
    let rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter_map(|columns| match columns.as_slice() {
        [module, name, _, _, _, _, "export" | "data", ..] => Some((*module, *name)),
        _ => None,
    })
    .collect()
}

/// One line: how many imports, from where.
pub fn summary(imports: &[(String, String)]) -> String {
    let mut modules: BTreeMap<&str, usize> = BTreeMap::new();
    for (module, _) in imports {
        *modules.entry(module).or_default() += 1;
    }
    let parts = modules.iter().map(|(module, count)| format!("{module} {count}")).collect::<Vec<_>>().join(", ");
    format!("{} imports ({parts})", imports.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inline_routine_is_not_an_export() {
        let table = "ntoskrnl.exe\tA\tv\tx\tx\tnote\texport\nntoskrnl.exe\tB\tv\tx\tx\tnote\tinline\n";
        assert_eq!(exports(table), BTreeSet::from([("ntoskrnl.exe", "A")]));
    }

    #[test]
    fn reviewed_imports_are_not_in_the_table() {
        let text = std::fs::read_to_string(root().join(TABLE)).unwrap();
        let known = exports(&text);
        let both: Vec<_> = REVIEWED.iter().filter(|(module, name, _)| known.contains(&(*module, *name))).collect();
        assert!(both.is_empty(), "listed twice: {both:?}");
    }
}
