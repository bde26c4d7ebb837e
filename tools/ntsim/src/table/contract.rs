//! The routines that Windows exports, as the contract lists them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A row of `docs/contract/imports.tsv` that a driver can import.
#[derive(Debug)]
pub struct ContractRow {
    /// The exporting module.
    pub module: &'static str,
    /// The export.
    pub name: &'static str,
    /// The prototype in brief.
    pub signature: &'static str,
    /// The IRQL column, as documented.
    pub irql: &'static str,
}

static ROWS: LazyLock<Vec<ContractRow>> = LazyLock::new(|| {
    include_str!("../../../../docs/contract/imports.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let cells: Vec<&'static str> = line.split('\t').collect();
            let exported = matches!(cells.get(6), Some(&"export" | &"data"));
            exported.then(|| ContractRow { module: cells[0], name: cells[1], signature: cells[2], irql: cells[4] })
        })
        .collect()
});

static BY_NAME: LazyLock<HashMap<(&'static str, &'static str), &'static ContractRow>> =
    LazyLock::new(|| ROWS.iter().map(|row| ((row.module, row.name), row)).collect());

/// All of them.
pub fn contract() -> &'static [ContractRow] {
    &ROWS
}

/// One of them; hal.dll and ntoskrnl.exe stand for each other.
pub fn contract_row(module: &str, name: &str) -> Option<&'static ContractRow> {
    let module = module.to_ascii_lowercase();
    let get = |module: &str| BY_NAME.get(&(module, name) as &(&str, &str)).copied();
    get(&module).or_else(|| match module.as_str() {
        "hal.dll" => get("ntoskrnl.exe"),
        "ntoskrnl.exe" => get("hal.dll"),
        _ => None,
    })
}
