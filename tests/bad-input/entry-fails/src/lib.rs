//! `DriverEntry` declines with STATUS_NO_SUCH_DEVICE.
#![no_std]

extern crate wdk_panic;

use wdk_sys::{NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_NO_SUCH_DEVICE};

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(_driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    STATUS_NO_SUCH_DEVICE
}
