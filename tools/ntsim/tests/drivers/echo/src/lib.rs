//! A small, well-behaved driver: device `\Device\NtsimEcho`, link `\DosDevices\NtsimEcho`, and
//! one control code for each way in which a driver uses the I/O manager ([`control`]).
#![no_std]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a request is one object behind a pointer; one proof covers the steps taken with it"
)]

extern crate wdk_panic;

mod control;
mod irp;
mod later;
mod services;

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use wdk_sys::ntddk::{
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, RtlInitUnicodeString,
};
use wdk_sys::{
    _DEVICE_OBJECT, _DRIVER_OBJECT, _IRP, FILE_DEVICE_UNKNOWN, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, NT_SUCCESS, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_SUCCESS,
    UNICODE_STRING,
};

static DEVICE_NAME: [u16; 24] = wide(r"\Device\NtsimEcho");
static LINK_NAME: [u16; 24] = wide(r"\DosDevices\NtsimEcho");
static DEVICE: AtomicPtr<_DEVICE_OBJECT> = AtomicPtr::new(ptr::null_mut());

/// ASCII text as a terminated wide string.
pub(crate) const fn wide<const N: usize>(text: &str) -> [u16; N] {
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

/// A string over a static, terminated text.
pub(crate) fn unicode(text: &'static [u16]) -> UNICODE_STRING {
    let mut string = UNICODE_STRING::default();
    // SAFETY: the text is terminated and static.
    unsafe { RtlInitUnicodeString(&raw mut string, text.as_ptr()) };
    string
}

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    let object = unsafe { &mut *driver };
    object.DriverUnload = Some(unload);
    for major in [IRP_MJ_CREATE, IRP_MJ_CLOSE, IRP_MJ_CLEANUP] {
        object.MajorFunction[major as usize] = Some(succeed);
    }
    object.MajorFunction[IRP_MJ_DEVICE_CONTROL as usize] = Some(control::device_control);

    // SAFETY: DriverEntry's own registry path.
    let status = unsafe { services::keep_path(&*path) };
    if !NT_SUCCESS(status) {
        return status;
    }
    let mut name = unicode(&DEVICE_NAME);
    let mut link = unicode(&LINK_NAME);
    let mut device: PDEVICE_OBJECT = ptr::null_mut();
    // SAFETY: valid strings and variables.
    let status = unsafe { IoCreateDevice(driver, 0, &raw mut name, FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device) };
    if !NT_SUCCESS(status) {
        return status;
    }
    // SAFETY: valid strings.
    let status = unsafe { IoCreateSymbolicLink(&raw mut link, &raw mut name) };
    if !NT_SUCCESS(status) {
        // SAFETY: created above.
        unsafe { IoDeleteDevice(device) };
        return status;
    }
    DEVICE.store(device, Ordering::Release);
    STATUS_SUCCESS
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {
    let mut link = unicode(&LINK_NAME);
    // SAFETY: a valid string. A link that is gone already is no trouble.
    let _ = unsafe { IoDeleteSymbolicLink(&raw mut link) };
    // SAFETY: created by DriverEntry; the I/O manager has closed all files.
    unsafe { IoDeleteDevice(DEVICE.swap(ptr::null_mut(), Ordering::AcqRel)) };
}

unsafe extern "C" fn succeed(_device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: called with an IRP for this driver.
    unsafe { irp::complete(irp, STATUS_SUCCESS, 0) }
}
