//! Closes its adapter and leaves a memory region open.
#![no_std]

extern crate wdk_panic;

use core::ffi::c_void;
use core::ptr::null_mut;

use bad_common::{Consumer, Pending, created};
use ndkpi_sys::{NDK_ADAPTER, NDK_MR, NDK_PD};
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
        Ok(adapter) => use_adapter(adapter),
        Err(status) => status,
    }
}

#[inline(never)]
fn use_adapter(adapter: *mut NDK_ADAPTER) -> NTSTATUS {
    let Some(pd) = create_pd(adapter) else { return STATUS_UNSUCCESSFUL };
    if make_region_and_forget(pd).is_none() {
        return STATUS_UNSUCCESSFUL;
    }
    // The protection domain is given up; its close pends, as the region is still there.
    // SAFETY: a live PD; the callback does nothing.
    unsafe {
        if let Some(close) = (*(*pd).Dispatch).NdkClosePd {
            close(pd.cast(), Some(do_nothing), null_mut());
        }
        CONSUMER.close(adapter);
    }
    STATUS_SUCCESS
}

#[inline(never)]
fn create_pd(adapter: *mut NDK_ADAPTER) -> Option<*mut NDK_PD> {
    let mut pd: *mut NDK_PD = null_mut();
    let out = &raw mut pd;
    // SAFETY: a live adapter; the wait is at PASSIVE_LEVEL.
    let (status, object) = unsafe {
        let create = (*(*adapter).Dispatch).NdkCreatePd?;
        Pending::run(|context| create(adapter, Some(created), context, out))
    };
    let object = if object.is_null() { pd } else { object.cast() };
    (status == STATUS_SUCCESS).then_some(object)
}

/// The mistake: nobody keeps the region.
#[inline(never)]
fn make_region_and_forget(pd: *mut NDK_PD) -> Option<()> {
    let mut mr: *mut NDK_MR = null_mut();
    let out = &raw mut mr;
    // SAFETY: a live PD; the wait is at PASSIVE_LEVEL.
    let (status, _) = unsafe {
        let create = (*(*pd).Dispatch).NdkCreateMr?;
        Pending::run(|context| create(pd, 0, Some(created), context, out))
    };
    (status == STATUS_SUCCESS).then_some(())
}

unsafe extern "system" fn do_nothing(_context: *mut c_void) {}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
