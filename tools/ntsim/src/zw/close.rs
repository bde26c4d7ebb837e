//! `ZwClose`, for handles of every kind.

use crate::ob;
use crate::types::*;

unsafe fn close(handle: HANDLE) -> NTSTATUS {
    super::enter("ZwClose");
    // The state goes with the handle: a file is closed, a device gets its cleanup and close.
    if !ob::close(handle) {
        ob::bad_handle("ZwClose", handle);
    }
    STATUS_SUCCESS
}

crate::routines! { "ntoskrnl.exe";
    fn ZwClose(handle: HANDLE) -> NTSTATUS = close: PASSIVE..=PASSIVE, blocks;
}
