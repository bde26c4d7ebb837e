//! System services for files: the host's files under `\??\Z:\`, and drivers' devices.
//!
//! `\??\Z:\abs\path` and `\DosDevices\Z:\abs\path` are the host's `/abs/path`. Host names keep
//! their case. All transfers end before the routine returns, which Windows allows for every file.

pub mod codes;

mod close;
mod create;
mod handle;
mod information;
mod path;
mod share;
mod status;
mod transfer;
mod wait;

pub use codes::ALL as CODES;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[close::ROWS, create::ROWS, information::ROWS, transfer::ROWS, wait::ROWS];

/// What every Zw routine checks first.
pub(crate) fn enter(routine: &str) {
    let guarded = crate::context::current().guarded.get();
    if guarded > 0 {
        bugcheck!(
            codes::ZW_IN_GUARDED_REGION,
            [u64::from(guarded), 0, 0, 0],
            "{routine} was called in a guarded region; it waits for kernel APCs, which are disabled there"
        );
    }
}
