//! `DriverEntry` reads a field through a null pointer.
#![no_std]

extern crate wdk_panic;

use wdk_sys::{NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_SUCCESS};

#[repr(C)]
struct Settings {
    reserved: [u8; 0x30],
    depth: u32,
}

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    if read_depth(core::ptr::null()) > 4 {
        return STATUS_SUCCESS;
    }
    STATUS_SUCCESS
}

/// The mistake.
#[inline(never)]
fn read_depth(settings: *const Settings) -> u32 {
    let depth = settings.wrapping_byte_add(core::mem::offset_of!(Settings, depth)).cast::<u32>();
    // SAFETY: none: this is what must be reported.
    unsafe { depth.read_volatile() }
}
