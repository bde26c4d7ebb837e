//! Breaks a rule of the I/O manager: the function number of the control code says which.
//!
//! Function 0 breaks none. Each mistake is a function of its own in [`bad`] or [`worse`], so that
//! reports can be held against its name.
#![no_std]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a request is one object behind a pointer; one proof covers the steps taken with it"
)]

extern crate wdk_panic;

mod bad;
mod irp;
mod worse;

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use wdk_sys::ntddk::{IoCreateDevice, IoDeleteDevice, RtlInitUnicodeString};
use wdk_sys::{
    _DEVICE_OBJECT, _DRIVER_OBJECT, _IRP, FILE_DEVICE_UNKNOWN, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, NTSTATUS, PDEVICE_OBJECT, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_SUCCESS, UNICODE_STRING,
};

static NAME: [u16; 24] = wide(r"\Device\NtsimIoRules");
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
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    let object = unsafe { &mut *driver };
    object.DriverUnload = Some(unload);
    for major in [IRP_MJ_CREATE, IRP_MJ_CLOSE, IRP_MJ_CLEANUP] {
        object.MajorFunction[major as usize] = Some(succeed);
    }
    object.MajorFunction[IRP_MJ_DEVICE_CONTROL as usize] = Some(device_control);
    let mut name = unicode(&NAME);
    let mut device: PDEVICE_OBJECT = ptr::null_mut();
    // SAFETY: a valid string and variable.
    let status = unsafe { IoCreateDevice(driver, 0, &raw mut name, FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device) };
    DEVICE.store(device, Ordering::Release);
    status
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {
    // SAFETY: created by DriverEntry.
    unsafe { IoDeleteDevice(DEVICE.load(Ordering::Acquire)) };
}

unsafe extern "C" fn succeed(_device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: called with an IRP for this driver.
    unsafe { irp::complete(irp, STATUS_SUCCESS, 0) }
}

unsafe extern "C" fn device_control(device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: the union's member for IRP_MJ_DEVICE_CONTROL.
    let control = unsafe { irp::location(irp).Parameters.DeviceIoControl };
    let function = (control.IoControlCode >> 2) & 0xFFF;
    // SAFETY: none for what follows: these are the mistakes that must be found.
    unsafe {
        match function {
            0 => return irp::complete(irp, STATUS_SUCCESS, 0),
            1 => return bad::complete_twice(irp),
            2 => return bad::complete_without_status(irp),
            3 => return bad::complete_with_pending(irp),
            4 => return bad::leave_cancel_routine(irp),
            5 => return bad::claim_too_much(irp, control.OutputBufferLength),
            6 => return bad::pend_without_mark(),
            7 => return bad::mark_without_pending(irp),
            8 => return bad::forget_request(),
            9 => return bad::answer_otherwise(irp),
            10 => bad::free_request(irp),
            11 => bad::send_without_owner(device),
            12 => return bad::run_out_of_locations(device, irp),
            13 => bad::overrun_buffer(irp, control.InputBufferLength),
            14 => bad::free_irp_twice(),
            15 => worse::delete_device_twice((*device).DriverObject),
            16 => worse::queue_item_twice(device),
            17 => worse::free_queued_item(device),
            18 => worse::free_item_twice(device),
            19 => worse::write_log_entry_twice(device),
            20 => worse::release_cancel_lock(),
            21 => worse::close_in_guarded_region(),
            22 => worse::read_to_nowhere(),
            23 => worse::query_without_type_check(),
            _ => return irp::complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0),
        }
        irp::complete(irp, STATUS_SUCCESS, 0)
    }
}
