//! The IP helper of netio.sys: addresses and interfaces of the machine, and their changes.

pub mod codes;
mod helper;
mod notify;
mod table;

pub use codes::ALL as CODES;
pub use table::{add_address, remove_address};
pub(crate) use table::{index_of_luid, interface_arrived, interface_left, link_changed};

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[helper::ROWS, notify::ROWS];
