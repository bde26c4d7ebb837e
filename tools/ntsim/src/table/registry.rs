//! All rows, and how an import finds its target.

use super::{ContractRow, Row, contract};
use std::collections::HashMap;
use std::sync::LazyLock;

const FAMILIES: &[&[&[&Row]]] = &[
    crate::ke::TABLES,
    crate::ex::TABLES,
    crate::mm::TABLES,
    crate::ps::TABLES,
    crate::ob::TABLES,
    crate::rtl::TABLES,
    crate::se::TABLES,
    crate::seh::TABLES,
    crate::etw::TABLES,
    crate::dbg::TABLES,
    crate::crt::TABLES,
    crate::io::TABLES,
    crate::zw::TABLES,
    crate::registry::TABLES,
    crate::ndis::TABLES,
    crate::wsk::TABLES,
    crate::netio::TABLES,
];

static BY_NAME: LazyLock<HashMap<(String, &'static str), &'static Row>> = LazyLock::new(|| {
    let mut map = HashMap::new();
    for row in all() {
        let before = map.insert((row.module.to_ascii_lowercase(), row.name), row);
        assert!(before.is_none(), "two rows for {}!{}", row.module, row.name);
    }
    map
});

/// Every finished routine.
pub fn all() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter()).flat_map(|rows| rows.iter().copied())
}

/// The row of an export. `module` in any case; hal.dll and ntoskrnl.exe stand for each other, as
/// on recent systems.
pub fn find(module: &str, name: &str) -> Option<&'static Row> {
    let module = module.to_ascii_lowercase();
    let get = |module: &str| BY_NAME.get(&(module.to_owned(), name) as &(String, &str)).copied();
    get(&module).or_else(|| match module.as_str() {
        "hal.dll" => get("ntoskrnl.exe"),
        "ntoskrnl.exe" => get("hal.dll"),
        _ => None,
    })
}

/// What is known about an import.
#[derive(Debug, Clone, Copy)]
pub enum Resolved {
    /// A finished routine.
    Finished(&'static Row),
    /// Windows has it, ntsim knows of it and stops loudly when it is called.
    Unfinished(&'static ContractRow),
    /// Nobody knows it.
    Unknown,
}

/// Looks an import up.
pub fn resolve(module: &str, name: &str) -> Resolved {
    if let Some(row) = find(module, name) {
        return Resolved::Finished(row);
    }
    contract::contract_row(module, name).map_or(Resolved::Unknown, Resolved::Unfinished)
}
