//! References to objects.

use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::types::{HANDLE, NTSTATUS, PVOID, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS};
use parking_lot::Mutex;
use std::collections::HashMap;

crate::routines! { "ntoskrnl.exe";
    fn ObReferenceObjectByHandle(handle: HANDLE, access: u32, kind: PVOID, mode: i8, object: *mut PVOID, information: PVOID) -> NTSTATUS
        = by_handle: PASSIVE..=PASSIVE;
    fn ObfReferenceObject(object: PVOID) -> isize = reference: PASSIVE..=DISPATCH;
    fn ObfDereferenceObject(object: PVOID) -> isize = dereference: PASSIVE..=DISPATCH;
    fn ObDereferenceObjectDeferDelete(object: PVOID) = dereference_deferred: PASSIVE..=DISPATCH;
    data PsThreadType = thread_type;
    data PsInitialSystemProcess = system_process;
}

/// The counts of the references that drivers hold.
static COUNTS: Mutex<Option<HashMap<usize, isize>>> = Mutex::new(None);

/// Stands behind `*PsThreadType`.
static THREAD_TYPE_OBJECT: u64 = 0x6461_6572_6854;
static SYSTEM_PROCESS_OBJECT: [u64; 512] = [3; 512];

struct Exported(*const u8);

// SAFETY: points at a static that nobody writes.
unsafe impl Sync for Exported {}

static THREAD_TYPE: Exported = Exported((&raw const THREAD_TYPE_OBJECT).cast());
static SYSTEM_PROCESS: Exported = Exported((&raw const SYSTEM_PROCESS_OBJECT).cast());

fn thread_type() -> *const u8 {
    (&raw const THREAD_TYPE.0).cast()
}

fn system_process() -> *const u8 {
    (&raw const SYSTEM_PROCESS.0).cast()
}

unsafe fn by_handle(
    handle: HANDLE,
    _access: u32,
    kind: PVOID,
    _mode: i8,
    object: *mut PVOID,
    _information: PVOID,
) -> NTSTATUS {
    let Some(found) = super::get(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    if kind.cast_const().cast() == &raw const THREAD_TYPE_OBJECT && found.kind != "thread" {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    if found.address == 0 {
        bugcheck!(
            codes::UNFINISHED_ROUTINE,
            [handle as u64, 0, 0, 0],
            "unfinished routine: ObReferenceObjectByHandle for a handle of a {}",
            found.kind
        );
    }
    // SAFETY: the driver's out-parameter.
    unsafe {
        object.write(found.address as PVOID);
        reference(found.address as PVOID);
    }
    STATUS_SUCCESS
}

unsafe fn reference(object: PVOID) -> isize {
    let count = {
        let mut counts = COUNTS.lock();
        let count = counts.get_or_insert_default().entry(object as usize).or_insert(0);
        *count += 1;
        *count
    };
    if count == 1 {
        Kernel::get().leaks.track("object reference", object as usize, "");
    }
    count
}

unsafe fn dereference(object: PVOID) -> isize {
    let left = {
        let mut counts = COUNTS.lock();
        let counts = counts.get_or_insert_default();
        match counts.get_mut(&(object as usize)) {
            Some(count) if *count > 1 => {
                *count -= 1;
                Some(*count)
            }
            Some(_) => {
                counts.remove(&(object as usize));
                Some(0)
            }
            None => None,
        }
    };
    match left {
        Some(0) => {
            Kernel::get().leaks.untrack("object reference", object as usize);
            0
        }
        Some(left) => left,
        None => bugcheck!(
            codes::REFERENCE_UNDERFLOW,
            [object as u64, 0, 0, 0],
            "the object at {object:p} was dereferenced more often than the driver had referenced it"
        ),
    }
}

unsafe fn dereference_deferred(object: PVOID) {
    // SAFETY: as given.
    unsafe { dereference(object) };
}
