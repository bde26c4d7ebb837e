//! Ps: system threads.

mod system_thread;
pub mod thread;
mod version;

pub(crate) use system_thread::running_in;
pub(crate) use version::VERSION;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[system_thread::ROWS, version::ROWS];
