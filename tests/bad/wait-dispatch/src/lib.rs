//! Waits at DISPATCH_LEVEL.
#![no_std]

extern crate wdk_panic;

use core::mem::zeroed;
use core::ptr::null_mut;

use wdk_sys::ntddk::{KeAcquireSpinLockRaiseToDpc, KeInitializeEvent, KeReleaseSpinLock, KeWaitForSingleObject};
use wdk_sys::{
    _DRIVER_OBJECT, _EVENT_TYPE, _KWAIT_REASON, _MODE, KEVENT, KSPIN_LOCK, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING,
    STATUS_SUCCESS,
};

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    wait_under_lock();
    STATUS_SUCCESS
}

/// The mistake: the lock raises to DISPATCH_LEVEL.
#[inline(never)]
fn wait_under_lock() {
    let mut lock: KSPIN_LOCK = 0;
    // SAFETY: zeros, initialised next.
    let mut event: KEVENT = unsafe { zeroed() };
    // SAFETY: both live on this stack; the wait is what the verifier has to find.
    unsafe {
        KeInitializeEvent(&raw mut event, _EVENT_TYPE::NotificationEvent, 1);
        let old = KeAcquireSpinLockRaiseToDpc(&raw mut lock);
        let _ = KeWaitForSingleObject(
            (&raw mut event).cast(),
            _KWAIT_REASON::Executive,
            _MODE::KernelMode as i8,
            0,
            null_mut(),
        );
        KeReleaseSpinLock(&raw mut lock, old);
    }
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
