//! `ndktest.sys`: a kernel-mode NDK consumer that runs workloads on request.
//!
//! | module | what |
//! |---|---|
//! | `device` | device object and control codes (the interface is the package `ndktest-api`) |
//! | `run` | one run: request, counters, expectations, cancelling |
//! | `wsk` | the way to an adapter: WSK client, NDK functions, open, close |
//! | `ndk` | one type per NDK object, with waits over completions, raw statuses in sight |
//! | `contract` | one test for each requirement ID, from `tests/contract/` |
//! | `workload` | what can be run, one file each |
//! | `kernel` | pool, events, locks, threads, files, MDLs |
#![no_std]

extern crate wdk_panic;

pub mod contract;
pub mod device;
pub mod kernel;
pub mod ndk;
pub mod run;
pub mod workload;
pub mod wsk;

use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

/// Called by the system at PASSIVE_LEVEL when the driver is loaded.
///
/// # Safety
/// The arguments are those that the system gives.
// The name is the one under which linker and system look for the entry.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(driver: &mut DRIVER_OBJECT, _registry: PCUNICODE_STRING) -> NTSTATUS {
    match device::create(driver) {
        Ok(()) => ndkpi_sys::STATUS_SUCCESS,
        Err(status) => status,
    }
}
