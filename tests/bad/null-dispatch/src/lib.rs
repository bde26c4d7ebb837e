//! Calls an entry of a dispatch table that it never got.
#![no_std]

extern crate wdk_panic;

use core::ptr::null_mut;

use bad_common::{Consumer, INTERFACE};
use ndkpi_sys::{NDK_ADAPTER, NDK_VERSION, NET_IFINDEX, PWSK_CLIENT};
use wdk_sys::{_DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_SUCCESS};

static CONSUMER: Consumer = Consumer::new();

/// The table as a C driver sees it: plain pointers, which may be null.
#[repr(C)]
struct RawDispatch {
    open: usize,
    close: usize,
}

type Open = unsafe extern "system" fn(PWSK_CLIENT, NDK_VERSION, NET_IFINDEX, *mut *mut NDK_ADAPTER) -> NTSTATUS;

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // The first mistake: a buffer of 8 bytes is refused, and the answer is not looked at.
    // SAFETY: PASSIVE_LEVEL, once.
    let _ = unsafe { CONSUMER.register(8) };
    open_without_looking()
}

/// The second mistake.
#[inline(never)]
fn open_without_looking() -> NTSTATUS {
    // SAFETY: registered; the same bytes as plain words.
    let raw: RawDispatch = unsafe { core::mem::transmute(CONSUMER.dispatch()) };
    let mut adapter: *mut NDK_ADAPTER = null_mut();
    // SAFETY: none: the pointer is null, which the verifier has to find.
    unsafe {
        let open: Open = core::mem::transmute(core::hint::black_box(&raw).read_open());
        open(null_mut(), NDK_VERSION { Major: 2, Minor: 0 }, INTERFACE, &raw mut adapter)
    }
}

impl RawDispatch {
    /// The first entry, read so that nobody can know what it is.
    #[inline(never)]
    fn read_open(&self) -> usize {
        // SAFETY: a field of this structure.
        let _ = unsafe { (&raw const self.close).read_volatile() };
        // SAFETY: a field of this structure.
        unsafe { (&raw const self.open).read_volatile() }
    }
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {
    let _ = STATUS_SUCCESS;
}
