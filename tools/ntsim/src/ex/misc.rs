//! The rest of Ex.

use crate::bugcheck::{Violation, codes};
use crate::types::{GUID, NTSTATUS, STATUS_SUCCESS, status_name};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

crate::routines! { "ntoskrnl.exe";
    fn ExUuidCreate(uuid: *mut GUID) -> NTSTATUS = create_uuid: PASSIVE..=PASSIVE;
    fn ExRaiseStatus(status: NTSTATUS) = raise_status: PASSIVE..=APC;
    fn ExGetPreviousMode() -> i8 = previous_mode: PASSIVE..=DISPATCH;
}

/// Reports an exception that nobody handles: there is no structured exception handling yet.
pub(crate) fn raise_exception(status: NTSTATUS, why: &str) -> ! {
    Violation::new(&codes::UNHANDLED_EXCEPTION)
        .params([u64::from(status as u32), 0, 0, 0])
        .text(format!(
            "{why} raised {:#010x}{}; ntsim cannot deliver exceptions to handlers yet",
            status,
            status_name(status).map(|name| format!(" ({name})")).unwrap_or_default()
        ))
        .raise()
}

unsafe fn create_uuid(uuid: *mut GUID) -> NTSTATUS {
    let random = |salt: u64| RandomState::new().hash_one(salt);
    let (a, b) = (random(1), random(2));
    let mut tail = b.to_le_bytes();
    tail[0] = tail[0] & 0x3f | 0x80;
    // SAFETY: the driver's out-parameter.
    unsafe {
        uuid.write(GUID {
            Data1: a as u32,
            Data2: (a >> 32) as u16,
            Data3: (a >> 48) as u16 & 0x0fff | 0x4000,
            Data4: tail,
        });
    }
    STATUS_SUCCESS
}

unsafe fn raise_status(status: NTSTATUS) {
    raise_exception(status, "ExRaiseStatus");
}

unsafe fn previous_mode() -> i8 {
    0
}
