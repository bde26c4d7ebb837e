//! The machine's registry, in memory, filled from the scenario, and the routines that read and
//! write it for drivers (`ZwOpenKey` and its family, `RtlQueryRegistryValues`,
//! `IoOpenDeviceRegistryKey`).

pub mod codes;

mod device_key;
mod keys;
mod query_table;
mod store;
mod value;

pub use codes::ALL as CODES;

pub use store::{CLASS, Disposition, ENUM, Failure, KeyId, KeyInfo, Registry, SERVICES};
pub use value::{Value, kind};

use std::sync::LazyLock;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[device_key::ROWS, keys::ROWS, query_table::ROWS];

static MACHINE: LazyLock<Registry> = LazyLock::new(Registry::new);

/// The machine's registry.
pub fn machine() -> &'static Registry {
    &MACHINE
}
