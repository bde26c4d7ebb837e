//! `IoOpenDeviceRegistryKey`, `IoOpenDriverRegistryKey`: keys that belong to a device or driver.

use super::keys::{handle_for, status_of};
use super::{ENUM, SERVICES, machine};
use crate::io::device;
use crate::types::*;
use crate::zw;

/// `PLUGPLAY_REGKEY_*`
const DEVICE: u32 = 1;
const DRIVER: u32 = 2;

unsafe fn open_device_key(device: *mut DEVICE_OBJECT, kind: u32, _access: u32, result: *mut HANDLE) -> NTSTATUS {
    zw::enter("IoOpenDeviceRegistryKey");
    device::driver_of(device, "opened the registry key of");
    let Some(identity) = device::identity(device) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let path = match kind & (DEVICE | DRIVER) {
        DEVICE => format!(r"{ENUM}\{}\Device Parameters", identity.instance),
        DRIVER => identity.software_key,
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: the driver's variable.
    unsafe { answer(&path, result) }
}

/// `DriverRegKeyParameters`, `DriverRegKeyPersistentState`
unsafe fn open_driver_key(
    driver: *mut DRIVER_OBJECT,
    kind: i32,
    _access: u32,
    flags: u32,
    result: *mut HANDLE,
) -> NTSTATUS {
    const PARAMETERS: i32 = 0;
    const PERSISTENT_STATE: i32 = 1;
    zw::enter("IoOpenDriverRegistryKey");
    if flags != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the driver's own object with its extension and service name.
    let service = unsafe { (*(*driver).DriverExtension).ServiceKeyName.to_string() };
    let service = service.unwrap_or_default();
    let path = match kind {
        PARAMETERS => format!(r"{SERVICES}\{service}\Parameters"),
        PERSISTENT_STATE => format!(r"{SERVICES}\{service}\State"),
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: the driver's variable.
    unsafe { answer(&path, result) }
}

/// Opens the key, made if it is missing, as both routines do.
///
/// # Safety
/// `result` must be the driver's variable.
unsafe fn answer(path: &str, result: *mut HANDLE) -> NTSTATUS {
    match machine().create_path(path) {
        Ok(key) => {
            // SAFETY: by contract.
            unsafe { result.write(handle_for(key)) };
            STATUS_SUCCESS
        }
        Err(failure) => status_of(failure),
    }
}

crate::routines! { "ntoskrnl.exe";
    fn IoOpenDeviceRegistryKey(device: *mut DEVICE_OBJECT, kind: u32, access: u32, result: *mut HANDLE) -> NTSTATUS = open_device_key: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn IoOpenDriverRegistryKey(driver: *mut DRIVER_OBJECT, kind: i32, access: u32, flags: u32, result: *mut HANDLE) -> NTSTATUS = open_driver_key: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}
