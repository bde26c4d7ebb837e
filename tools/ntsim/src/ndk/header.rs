//! The 48 bytes of an NDK object that both sides see (HDR-01 to HDR-08).

use super::call::provider_violation;
use super::kind::{Kind, Version};
use super::record::Record;
use super::rules;

/// Header and dispatch pointer.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Object {
    pub version: [u16; 2],
    pub object_type: i32,
    pub reserved: [usize; 4],
    pub dispatch: usize,
}

const _: () = assert!(size_of::<Object>() == 48);

/// What the shim writes into NdkReserved: distinct words that a provider cannot want to write.
fn pattern(address: usize) -> [usize; 4] {
    [1, 2, 3, 4].map(|word: usize| !address.rotate_left(16) ^ word.wrapping_mul(0x5A5A_1234_9E37_79B9))
}

/// The object of a record.
fn object(record: &Record) -> *mut Object {
    std::ptr::with_exposed_provenance_mut(record.address())
}

/// The provider hands out an object: its header must be right, and the table is taken over.
///
/// Gives the address of the provider's table.
///
/// # Safety
/// `record`'s address must be what the provider handed out as an object.
pub(super) unsafe fn check_new(record: &Record, kind: Kind, version: Version) -> usize {
    // SAFETY: the provider says that there is an object.
    let object = unsafe { &*object(record) };
    if object.object_type != kind.object_type() {
        let text = format!(
            "the provider delivered an {} whose Header.ObjectType is {} instead of {}",
            kind.name(),
            object.object_type,
            kind.object_type()
        );
        provider_violation(record, &rules::NDK_BAD_HEADER, text);
    }
    let found = Version(object.version[0], object.version[1]);
    if found != version {
        let text = format!(
            "the provider delivered an {} whose Header.Version is {found}; the adapter was opened at {version}",
            kind.name()
        );
        provider_violation(record, &rules::NDK_BAD_HEADER, text);
    }
    if object.reserved != [0; 4] {
        let text =
            format!("the provider delivered an {} whose NdkReserved is not zero: {:#x?}", kind.name(), object.reserved);
        provider_violation(record, &rules::NDK_RESERVED_NOT_ZERO, text);
    }
    if object.dispatch == 0 {
        let text = format!("the provider delivered an {} whose Dispatch is NULL", kind.name());
        provider_violation(record, &rules::NDK_DISPATCH_MISSING, text);
    }
    object.dispatch
}

/// Puts the shim's table and pattern in.
///
/// # Safety
/// As for [`check_new`].
pub(super) unsafe fn take_over(record: &Record, table: usize) {
    // SAFETY: a live object that nobody else uses yet; NdkReserved and Dispatch are the system's.
    unsafe {
        (*object(record)).reserved = pattern(record.address());
        (*object(record)).dispatch = table;
    }
}

/// Puts another table into a live object.
///
/// # Safety
/// The object must be live: its close has not been forwarded.
pub(super) unsafe fn set_dispatch(record: &Record, table: usize) {
    // SAFETY: live by contract.
    unsafe { (*object(record)).dispatch = table }
}

/// The provider must leave NdkReserved alone and Dispatch as the system set it.
pub(super) fn check_live(record: &Record) {
    // SAFETY: called for records whose object is open, so the memory is there (HDR-10).
    let object = unsafe { &*object(record) };
    if object.reserved != pattern(record.address()) {
        let text = format!(
            "NdkReserved of the {} at {:#x} was overwritten: it belongs to the system until the close is complete",
            record.kind().name(),
            record.address()
        );
        provider_violation(record, &rules::NDK_RESERVED_OVERWRITTEN, text);
    }
    if object.dispatch == record.provider_table() {
        let text = format!(
            "Dispatch of the {} at {:#x} was set back to the provider's table after the object was handed out",
            record.kind().name(),
            record.address()
        );
        provider_violation(record, &rules::NDK_DISPATCH_REWRITTEN, text);
    }
}
