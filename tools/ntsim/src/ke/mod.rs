//! Ke: threads, time, locks, DPCs, waits.

pub mod thread;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[];
