//! Does what the bad drivers do, well: it uses every NDK object of the fake provider, gives all
//! back, frees its pool once and waits at PASSIVE_LEVEL.
#![no_std]

extern crate wdk_panic;

mod ndk;

use bad_common::Consumer;
use wdk_sys::ntddk::{ExAllocatePool2, ExFreePoolWithTag};
use wdk_sys::{
    _DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, POOL_FLAG_NON_PAGED, PUNICODE_STRING, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS,
};

static CONSUMER: Consumer = Consumer::new();
const TAG: u32 = u32::from_le_bytes(*b"Good");

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // SAFETY: an allocation that is freed once.
    unsafe {
        let block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
        if block.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        ExFreePoolWithTag(block, TAG);
    }
    // SAFETY: PASSIVE_LEVEL, once; everything is given back on each path.
    unsafe {
        let status = CONSUMER.register(16);
        if status != STATUS_SUCCESS {
            return status;
        }
        let status = match CONSUMER.open() {
            Ok(adapter) => {
                let status = ndk::use_everything(adapter);
                CONSUMER.close(adapter);
                status
            }
            Err(status) => status,
        };
        if status != STATUS_SUCCESS {
            CONSUMER.deregister();
        }
        status
    }
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {
    // SAFETY: registered by a DriverEntry that succeeded.
    unsafe { CONSUMER.deregister() };
}
