//! Closes a protection domain twice.
#![no_std]

extern crate wdk_panic;

use core::ffi::c_void;
use core::ptr::null_mut;

use bad_common::{Consumer, Pending, created};
use ndkpi_sys::{NDK_ADAPTER, NDK_FN_CLOSE_OBJECT, NDK_MR, NDK_OBJECT_HEADER, NDK_PD};
use wdk_sys::{_DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

static CONSUMER: Consumer = Consumer::new();

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // SAFETY: PASSIVE_LEVEL, once.
    let status = unsafe { CONSUMER.register(16) };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: PASSIVE_LEVEL, registered.
    match unsafe { CONSUMER.open() } {
        Ok(adapter) => use_adapter(adapter).map_or(STATUS_UNSUCCESSFUL, |()| STATUS_SUCCESS),
        Err(status) => status,
    }
}

#[inline(never)]
fn use_adapter(adapter: *mut NDK_ADAPTER) -> Option<()> {
    let mut pd: *mut NDK_PD = null_mut();
    let out = &raw mut pd;
    let mut mr: *mut NDK_MR = null_mut();
    let region = &raw mut mr;
    // SAFETY: live objects; PASSIVE_LEVEL. The region keeps the close of the domain pending.
    unsafe {
        let create = (*(*adapter).Dispatch).NdkCreatePd?;
        Pending::run(|context| create(adapter, Some(created), context, out));
        let create = (*(*pd).Dispatch).NdkCreateMr?;
        Pending::run(|context| create(pd, 0, Some(created), context, region));
        let close = (*(*pd).Dispatch).NdkClosePd;
        close_domain(pd.cast(), close);
        close_domain_again(pd.cast(), close);
    }
    Some(())
}

#[inline(never)]
fn close_domain(object: *mut NDK_OBJECT_HEADER, close: NDK_FN_CLOSE_OBJECT) {
    // SAFETY: a live object.
    unsafe { close.map(|close| close(object, Some(do_nothing), null_mut())) };
}

/// The mistake.
#[inline(never)]
fn close_domain_again(object: *mut NDK_OBJECT_HEADER, close: NDK_FN_CLOSE_OBJECT) {
    // SAFETY: none: the object is given up, which the verifier has to find.
    unsafe { close.map(|close| close(object, Some(do_nothing), core::ptr::without_provenance_mut(1))) };
}

unsafe extern "system" fn do_nothing(_context: *mut c_void) {}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
