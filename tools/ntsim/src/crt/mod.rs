//! What C code takes from the kernel's runtime library.

pub mod format;
mod memory;
mod text;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[memory::ROWS, text::ROWS];

pub(crate) use text::bytes;
