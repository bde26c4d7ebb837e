//! The version that the machine claims: Windows Server 2022 (10.0.20348).

use crate::types::{
    BOOLEAN, NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_REVISION_MISMATCH, STATUS_SUCCESS, UNICODE_STRING,
};

crate::routines! { "ntoskrnl.exe";
    fn PsGetVersion(major: *mut u32, minor: *mut u32, build: *mut u32, csd: *mut UNICODE_STRING) -> BOOLEAN = get_version: PASSIVE..=PASSIVE;
    fn RtlGetVersion(information: *mut VersionInformation) -> NTSTATUS = rtl_get_version: PASSIVE..=PASSIVE;
    fn RtlVerifyVersionInfo(information: *const VersionInformation, mask: u32, conditions: u64) -> NTSTATUS = verify: PASSIVE..=PASSIVE;
}

const MAJOR: u32 = 10;
const MINOR: u32 = 0;
const BUILD: u32 = 20348;
/// Major, minor, build.
pub(crate) const VERSION: (u32, u32, u32) = (MAJOR, MINOR, BUILD);

#[repr(C)]
struct VersionInformation {
    size: u32,
    major: u32,
    minor: u32,
    build: u32,
    platform: u32,
    service_pack: [u16; 128],
    service_pack_major: u16,
    service_pack_minor: u16,
    suite: u16,
    product: u8,
    reserved: u8,
}

const SHORT: u32 = 276;
const _: () = assert!(std::mem::size_of::<VersionInformation>() == 284);

unsafe fn get_version(major: *mut u32, minor: *mut u32, build: *mut u32, csd: *mut UNICODE_STRING) -> BOOLEAN {
    for (slot, value) in [(major, MAJOR), (minor, MINOR), (build, BUILD)] {
        if !slot.is_null() {
            // SAFETY: the driver's optional out-parameters.
            unsafe { slot.write(value) };
        }
    }
    if !csd.is_null() {
        // SAFETY: as above.
        unsafe { (*csd).Length = 0 };
    }
    1
}

unsafe fn rtl_get_version(information: *mut VersionInformation) -> NTSTATUS {
    // SAFETY: the driver's structure; its size says which of the two it is.
    unsafe {
        let size = (*information).size;
        if size != SHORT && size != 284 {
            return STATUS_INVALID_PARAMETER;
        }
        (*information).major = MAJOR;
        (*information).minor = MINOR;
        (*information).build = BUILD;
        (*information).platform = 2;
        (&raw mut (*information).service_pack).write_bytes(0, 1);
        if size == 284 {
            (*information).service_pack_major = 0;
            (*information).service_pack_minor = 0;
            (*information).suite = 0x110;
            (*information).product = 3;
            (*information).reserved = 0;
        }
    }
    STATUS_SUCCESS
}

/// Conditions are three bits for each kind of value: 1 equal, 2 greater, 3 greater or equal,
/// 4 less, 5 less or equal.
unsafe fn verify(information: *const VersionInformation, mask: u32, conditions: u64) -> NTSTATUS {
    // SAFETY: the driver's structure.
    let wanted = unsafe { ((*information).minor, (*information).major, (*information).build) };
    if mask == 0 || mask & !7 != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let holds = |bit: u32, have: u32, wanted: u32| {
        let condition = conditions >> (bit * 3) & 7;
        mask >> bit & 1 == 0
            || match condition {
                1 => have == wanted,
                2 => have > wanted,
                3 => have >= wanted,
                4 => have < wanted,
                5 => have <= wanted,
                _ => false,
            }
    };
    // Major and minor compare as one number, as the real routine does.
    let version = if mask & 3 == 3 {
        holds(1, MAJOR << 16 | MINOR, wanted.1 << 16 | wanted.0)
    } else {
        holds(1, MAJOR, wanted.1) && holds(0, MINOR, wanted.0)
    };
    if version && holds(2, BUILD, wanted.2) { STATUS_SUCCESS } else { STATUS_REVISION_MISMATCH }
}
