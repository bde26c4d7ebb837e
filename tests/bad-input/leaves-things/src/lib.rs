//! Unloads and leaves everything behind: a device, a link to it, a work item and pool.
#![no_std]

extern crate wdk_panic;

use core::ptr;

use wdk_sys::ntddk::{ExAllocatePool2, IoAllocateWorkItem, IoCreateDevice, IoCreateSymbolicLink, RtlInitUnicodeString};
use wdk_sys::{
    _DRIVER_OBJECT, FILE_DEVICE_UNKNOWN, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, POOL_FLAG_NON_PAGED,
    PUNICODE_STRING, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, UNICODE_STRING,
};

const TAG: u32 = u32::from_le_bytes(*b"Left");

const fn wide<const N: usize>(text: &str) -> [u16; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() < N);
    let mut units = [0; N];
    let mut index = 0;
    while index < bytes.len() {
        units[index] = bytes[index] as u16;
        index += 1;
    }
    units
}

static DEVICE: [u16; 32] = wide(r"\Device\LeavesThings");
static LINK: [u16; 32] = wide(r"\DosDevices\LeavesThings");

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    let mut device: PDEVICE_OBJECT = ptr::null_mut();
    let mut name = UNICODE_STRING::default();
    let mut link = UNICODE_STRING::default();
    // SAFETY: terminated strings that live as long as the driver.
    unsafe { RtlInitUnicodeString(&raw mut name, DEVICE.as_ptr()) };
    // SAFETY: as above.
    unsafe { RtlInitUnicodeString(&raw mut link, LINK.as_ptr()) };
    // SAFETY: valid strings and variables.
    let status = unsafe { IoCreateDevice(driver, 0, &raw mut name, FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device) };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: valid strings.
    let status = unsafe { IoCreateSymbolicLink(&raw mut link, &raw mut name) };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: the device was created above.
    let item = unsafe { IoAllocateWorkItem(device) };
    // SAFETY: an allocation of 100 bytes.
    let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, TAG) };
    if item.is_null() || block.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    STATUS_SUCCESS
}

/// The mistake: nothing is given back.
extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
