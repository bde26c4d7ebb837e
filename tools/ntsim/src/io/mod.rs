//! The I/O manager: devices and their names, IRPs, requests, work items.
//!
//! ```text
//!   host tool --FileObject--> request ---> dispatch::send ---> driver's MajorFunction routine
//!                                ^                                   | IofCallDriver
//!                                |                                   v
//!                                +--- dispatch::complete <--- IofCompleteRequest (any thread)
//! ```
//! Every IRP is on record from its allocation on (`irp`); the rules of `codes` follow from there.

pub mod codes;
pub mod device;
pub mod file;

mod cancel;
mod default_dispatch;
mod dispatch;
mod irp;
pub(crate) mod memory;
mod misc;
mod namespace;
mod unload_safe;

pub(crate) mod request;
pub mod work_item;

pub use codes::ALL as CODES;
pub use default_dispatch::default_dispatch;
pub use dispatch::{finish_for_provider, take_for_provider};
pub use request::{Answer, GaveUp};

use crate::table::Row;
use crate::types::*;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] =
    &[cancel::ROWS, device::ROWS, dispatch::ROWS, irp::ROWS, misc::ROWS, unload_safe::ROWS, work_item::ROWS];

/// The text of a driver's string; `Ok(None)` for a null pointer.
///
/// # Safety
/// `string` must be null or point at a string whose buffer is readable.
pub(crate) unsafe fn text(string: *const UNICODE_STRING) -> Result<Option<String>, NTSTATUS> {
    // SAFETY: by contract.
    let Some(string) = (unsafe { string.as_ref() }) else {
        return Ok(None);
    };
    // SAFETY: by contract.
    let text = unsafe { string.to_string() };
    text.map(Some).ok_or(STATUS_INVALID_PARAMETER)
}

/// Takes devices and links that a driver left behind out of the namespace, so that nobody opens
/// a device whose driver is gone.
pub fn forget_leaked(leaks: &[crate::leaks::Owned]) {
    for leak in leaks {
        match leak.kind {
            "DEVICE_OBJECT" => namespace::NAMES.lock().remove_device(leak.address),
            "SYMBOLIC_LINK" => namespace::NAMES.lock().forget_link(leak.address),
            _ => {}
        }
    }
}
