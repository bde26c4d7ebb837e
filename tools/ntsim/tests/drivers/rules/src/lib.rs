//! Breaks rules of the kernel on request.
//!
//! The registry key that `DriverEntry` is told ends with the service's name, and the service's
//! name is the case: `ntsim-rules` loaded as `wait-at-dispatch` waits at DISPATCH_LEVEL. The case
//! `good` does what the bad ones do, rightly.
#![no_std]

extern crate wdk_panic;

mod bad;
mod good;
mod more;
mod net;
mod state;

use wdk_sys::{_DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // SAFETY: DriverEntry's own string, valid during the call.
    let units = unsafe { core::slice::from_raw_parts((*path).Buffer, usize::from((*path).Length / 2)) };
    let mut name = [0u8; 64];
    let start = units.iter().rposition(|unit| *unit == u16::from(b'\\')).map_or(0, |at| at + 1);
    let mut length = 0;
    for (slot, unit) in name.iter_mut().zip(units.iter().skip(start)) {
        *slot = u8::try_from(*unit).unwrap_or(b'?');
        length += 1;
    }
    match name.get(..length) {
        Some(b"good") => good::run(),
        Some(b"no-unload") => {
            // SAFETY: as above.
            unsafe { (*driver).DriverUnload = None };
            STATUS_SUCCESS
        }
        Some(name) => bad::run(name),
        None => STATUS_INVALID_PARAMETER,
    }
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {
    state::at_unload();
}
