//! Rtl: strings, random numbers, memory, stacks.

mod memory;
mod string;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[memory::ROWS, string::ROWS];

pub(crate) use string::units;
