//! Winsock Kernel as far as kernel consumers of NDK need it: registration, the provider's NPI, and
//! the control code that leads to NDK adapters. Sockets stop loudly.

mod client;
pub mod codes;
mod ndk;
mod provider;

pub use codes::ALL as CODES;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[client::ROWS];
