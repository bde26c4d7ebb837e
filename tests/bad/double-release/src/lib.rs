//! Releases a logical address mapping twice: first, as it may, from a copy of the structure, and then from
//! the structure itself.
#![no_std]

extern crate wdk_panic;

use core::ptr::null_mut;

use bad_common::Consumer;
use ndkpi_sys::{MDL, NDK_ADAPTER, NDK_LOGICAL_ADDRESS_MAPPING};
use wdk_sys::ntddk::{IoAllocateMdl, IoFreeMdl, MmBuildMdlForNonPagedPool};
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
        // SAFETY: the driver object is non-paged memory that stays during the call.
        Ok(adapter) => unsafe { use_adapter(adapter, driver.cast()) }.map_or(STATUS_UNSUCCESSFUL, |()| STATUS_SUCCESS),
        Err(status) => status,
    }
}

/// # Safety
/// `memory` is 64 bytes of non-paged memory that stays during the call.
#[inline(never)]
unsafe fn use_adapter(adapter: *mut NDK_ADAPTER, memory: *mut u8) -> Option<()> {
    // SAFETY: the caller's memory.
    let mdl = unsafe { IoAllocateMdl(memory.cast(), 64, 0, 0, null_mut()) };
    if mdl.is_null() {
        return None;
    }
    // SAFETY: as above.
    unsafe { MmBuildMdlForNonPagedPool(mdl) };
    let built = build(adapter, mdl.cast());
    // SAFETY: a build that has ended leaves the MDL to the consumer.
    unsafe { IoFreeMdl(mdl) };
    let mut here = built?;
    let mut there = here;
    release_mapping(adapter, &mut there);
    // The mistake.
    release_mapping(adapter, &mut here);
    Some(())
}

#[inline(never)]
fn build(adapter: *mut NDK_ADAPTER, mdl: *mut MDL) -> Option<NDK_LOGICAL_ADDRESS_MAPPING> {
    let mut lam = NDK_LOGICAL_ADDRESS_MAPPING::default();
    let (mut size, mut offset) = (size_of::<NDK_LOGICAL_ADDRESS_MAPPING>() as u32, 0);
    // SAFETY: a live adapter, locked memory, out-parameters of the sizes given.
    let status = unsafe {
        let build = (*(*adapter).Dispatch).NdkBuildLAM?;
        build(adapter, mdl, 64, None, null_mut(), &raw mut lam, &raw mut size, &raw mut offset)
    };
    (status == STATUS_SUCCESS).then_some(lam)
}

#[inline(never)]
fn release_mapping(adapter: *mut NDK_ADAPTER, lam: &mut NDK_LOGICAL_ADDRESS_MAPPING) {
    // SAFETY: a live adapter and a mapping of it; the second time there is none, which the verifier has to find.
    unsafe { (*(*adapter).Dispatch).NdkReleaseLAM.map(|release| release(adapter, lam)) };
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
