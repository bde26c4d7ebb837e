//! A miniport that is an NDK provider of few words: CQs without traffic, PDs, MRs. Its keyword
//! `Fault` makes it break one rule of the contract (see `fault`); without it keeps them all.
#![no_std]

extern crate wdk_panic;

mod cq;
mod fault;
mod miniport;
mod misuse;
mod ndk;
mod object;

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use ndkpi_sys::{
    NDIS_HANDLE, NDIS_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
    NDIS_NDK_PROVIDER_CHARACTERISTICS, NDIS_NDK_PROVIDER_CHARACTERISTICS_REVISION_1, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS,
    NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2, NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
    NDIS_STATUS, NdisMDeregisterMiniportDriver, NdisMRegisterMiniportDriver, NdisSetOptionalHandlers,
};
use wdk_sys::{NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING};

static DRIVER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static DRIVER_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    let mut handlers = NDIS_MINIPORT_DRIVER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS,
            Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
        },
        MajorNdisVersion: 6,
        MinorNdisVersion: 60,
        SetOptionsHandler: Some(set_options),
        UnloadHandler: Some(unload),
        ..Default::default()
    };
    DRIVER_OBJECT.store(driver.cast(), Ordering::Release);
    miniport::fill(&mut handlers);
    let mut handle: NDIS_HANDLE = null_mut();
    // SAFETY: DriverEntry's own arguments; the rest lives over the call.
    unsafe {
        let status =
            NdisMRegisterMiniportDriver(driver.cast(), path.cast(), null_mut(), &raw mut handlers, &raw mut handle);
        DRIVER.store(handle, Ordering::Release);
        status
    }
}

unsafe extern "system" fn set_options(handle: NDIS_HANDLE, _context: NDIS_HANDLE) -> NDIS_STATUS {
    let mut handlers = NDIS_NDK_PROVIDER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS,
            Revision: NDIS_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
            Size: NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
        },
        Flags: 0,
        OpenNDKAdapterHandler: Some(ndk::open),
        CloseNDKAdapterHandler: Some(ndk::close),
    };
    // SAFETY: the handle that came; the structure lives over the call.
    unsafe { NdisSetOptionalHandlers(handle, (&raw mut handlers).cast()) }
}

unsafe extern "system" fn unload(_driver: *mut ndkpi_sys::DRIVER_OBJECT) {
    if fault::is(fault::Fault::NotDeregistered) {
        return;
    }
    // SAFETY: the handle of the registration.
    unsafe { NdisMDeregisterMiniportDriver(DRIVER.load(Ordering::Acquire)) };
}
