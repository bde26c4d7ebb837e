//! DriverEntry and unload: the ladder up, and the same ladder down.
//!
//! ```text
//!   up                                        down (unload, after the last MiniportHaltEx)
//!   register with NDIS  (SetOptions inside)   deregister
//!                                             flush DPCs: none of this image is queued or running
//! ```
//! Everything that a handler can reach is a constant initialiser of this image, so it is ready before
//! the registration call (`MP-REG-08`); nothing waits for other parts of the system (`MP-REG-12`).
//! Adapters own all else, and are gone by the time of unload (`MP-UNL-01`).

use core::ffi::{CStr, c_void};

use softndk_nt::dpc;
use softndk_nt::irql::{self, Passive};
use softndk_nt::lock::{Leaf, Spin};
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::driver::{self, Driver};

use crate::miniport::register;

/// The driver's version, as NDIS and OID_GEN_VENDOR_DRIVER_VERSION show it: major, minor.
pub const VERSION: (u8, u8) = (0, 1);

/// What OID_GEN_VENDOR_DESCRIPTION answers, with its NUL.
pub const DESCRIPTION: &CStr = c"softndk virtual RDMA Ethernet adapter";

/// The registration, from DriverEntry to unload.
static DRIVER: Spin<Option<Driver>, Leaf> = Spin::new(None);

/// Entry point of the image. IRQL: PASSIVE_LEVEL.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(object: *mut c_void, registry_path: *mut c_void) -> i32 {
    // SAFETY: the system calls DriverEntry at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"DriverEntry") };
    let (major, minor) = driver::running_version();
    log::say_with(Level::Trace, c"starting on NDIS", major.into(), minor.into());
    // SAFETY: DriverEntry's own arguments, once; the handlers are those of the table's members.
    match unsafe { Driver::register(object, registry_path, VERSION, &register::HANDLERS, &mut cx) } {
        Ok(driver) => {
            *DRIVER.lock(&mut cx) = Some(driver);
            0
        }
        Err(status) => {
            log::say_with(Level::Error, c"NDIS refused the registration", u64::from(status.cast_unsigned()), 0);
            // Positive values would read as success (MP-INIT-07).
            if status < 0 { status } else { ndkpi_sys::STATUS_UNSUCCESSFUL }
        }
    }
}

/// MiniportDriverUnload. IRQL: PASSIVE_LEVEL.
pub unsafe extern "system" fn unload(_object: *mut ndkpi_sys::DRIVER_OBJECT) {
    // SAFETY: NDIS calls unload at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportDriverUnload") };
    let driver = DRIVER.lock(&mut cx).take();
    if let Some(driver) = driver {
        driver.deregister(&mut cx);
    }
    dpc::flush(&mut cx);
}
