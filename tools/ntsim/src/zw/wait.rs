//! `ZwWaitForSingleObject`: waits for what a handle stands for.

use crate::ob;
use crate::types::*;

unsafe fn wait(handle: HANDLE, _alertable: BOOLEAN, timeout: *const i64) -> NTSTATUS {
    super::enter("ZwWaitForSingleObject");
    let object = ob::get(handle).unwrap_or_else(|| ob::bad_handle("ZwWaitForSingleObject", handle));
    if object.address == 0 {
        // Transfers on files end before they return, so a file is always signalled; keys are no
        // objects to wait for.
        return if object.kind == "file" { STATUS_SUCCESS } else { STATUS_OBJECT_TYPE_MISMATCH };
    }
    // SAFETY: the driver's variable, or null for "for ever".
    let timeout = unsafe { timeout.as_ref() }.copied();
    let header: *mut DISPATCHER_HEADER = std::ptr::with_exposed_provenance_mut(object.address);
    // SAFETY: objects behind handles start with a dispatcher header and live as long as the
    // handle is open; threads live for ever.
    unsafe { crate::ke::wait::one(header, timeout) }
}

crate::routines! { "ntoskrnl.exe";
    fn ZwWaitForSingleObject(handle: HANDLE, alertable: BOOLEAN, timeout: *const i64) -> NTSTATUS = wait: PASSIVE..=PASSIVE, blocks;
}
