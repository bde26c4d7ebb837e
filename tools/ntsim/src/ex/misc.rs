//! The rest of Ex.

use crate::types::{GUID, NTSTATUS, STATUS_RETRY, STATUS_SUCCESS};

crate::routines! { "ntoskrnl.exe";
    fn ExUuidCreate(uuid: *mut GUID) -> NTSTATUS = create_uuid: PASSIVE..=PASSIVE, fails(STATUS_RETRY);
    fn ExGetPreviousMode() -> i8 = previous_mode: PASSIVE..=DISPATCH;
}

unsafe fn create_uuid(uuid: *mut GUID) -> NTSTATUS {
    let (a, b) = (crate::sched::random(), crate::sched::random());
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

unsafe fn previous_mode() -> i8 {
    0
}
