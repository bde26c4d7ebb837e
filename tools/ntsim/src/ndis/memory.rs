//! Memory and events under NDIS names.

use std::ffi::c_void;

use super::{codes, handles, pool};
use crate::bugcheck::Violation;
use crate::ke;
use crate::types::{EVENT_NOTIFICATION_OBJECT, KEVENT, STATUS_SUCCESS};
use ndkpi_sys::{NDIS_EVENT, NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS};

const _: () = assert!(size_of::<NDIS_EVENT>() == size_of::<KEVENT>());

unsafe fn allocate(handle: NDIS_HANDLE, length: u32, tag: u32, _priority: u32) -> *mut c_void {
    let routine = "NdisAllocateMemoryWithTagPriority";
    handles::owner(handle, routine);
    pool::check_tag(tag, routine);
    check_length(length, routine);
    crate::ex::pool::allocate(length as usize, tag, false).cast()
}

unsafe fn allocate_old(out: *mut *mut c_void, length: u32, tag: u32) -> NDIS_STATUS {
    let routine = "NdisAllocateMemoryWithTag";
    pool::check_tag(tag, routine);
    check_length(length, routine);
    let memory = crate::ex::pool::allocate(length as usize, tag, false);
    // SAFETY: the caller's out-parameter.
    unsafe { out.write(memory.cast()) };
    if memory.is_null() { NDIS_STATUS_FAILURE } else { NDIS_STATUS_SUCCESS }
}

fn check_length(length: u32, routine: &str) {
    if length == 0 {
        Violation::new(&codes::NDIS_BAD_PARAMETER).text(format!("{routine} is asked for 0 bytes (KP-POOL-04)")).raise();
    }
}

unsafe fn free(memory: *mut c_void, _length: u32, flags: u32) {
    if flags != 0 {
        Violation::new(&codes::NDIS_BAD_PARAMETER)
            .params([flags.into(), 0, 0, 0])
            .text(format!("NdisFreeMemory is called with MemoryFlags {flags:#x}; pool memory is freed with 0"))
            .raise();
    }
    // SAFETY: the driver gives its pool memory back; wrong pointers are found out.
    unsafe { crate::ex::pool::free(memory.cast(), 0) };
}

unsafe fn free_with_tag(handle: NDIS_HANDLE, memory: *mut c_void, tag: u32) {
    handles::owner(handle, "NdisFreeMemoryWithTagPriority");
    // SAFETY: as above.
    unsafe { crate::ex::pool::free(memory.cast(), tag) };
}

unsafe fn initialize_event(event: *mut NDIS_EVENT) {
    // SAFETY: an NDIS_EVENT is a KEVENT.
    unsafe { ke::event::initialize(event.cast(), EVENT_NOTIFICATION_OBJECT, false) };
}

unsafe fn set_event(event: *mut NDIS_EVENT) {
    // SAFETY: as above.
    unsafe { ke::event::set(event.cast()) };
}

unsafe fn reset_event(event: *mut NDIS_EVENT) {
    // SAFETY: as above.
    unsafe { ke::event::reset(event.cast()) };
}

unsafe fn wait_event(event: *mut NDIS_EVENT, milliseconds: u32) -> u8 {
    let timeout = (milliseconds != 0).then(|| -i64::from(milliseconds) * 10_000);
    // SAFETY: as above.
    u8::from(unsafe { ke::wait::one(event.cast(), timeout) } == STATUS_SUCCESS)
}

crate::routines! { "ndis.sys";
    fn NdisAllocateMemoryWithTagPriority(handle: NDIS_HANDLE, length: u32, tag: u32, priority: u32) -> *mut c_void
        = allocate: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisAllocateMemoryWithTag(out: *mut *mut c_void, length: u32, tag: u32) -> NDIS_STATUS
        = allocate_old: PASSIVE..=DISPATCH, fails(NDIS_STATUS_FAILURE);
    fn NdisFreeMemory(memory: *mut c_void, length: u32, flags: u32) = free: PASSIVE..=DISPATCH;
    fn NdisFreeMemoryWithTagPriority(handle: NDIS_HANDLE, memory: *mut c_void, tag: u32) = free_with_tag: PASSIVE..=DISPATCH;
    fn NdisInitializeEvent(event: *mut NDIS_EVENT) = initialize_event: PASSIVE..=HIGH;
    fn NdisSetEvent(event: *mut NDIS_EVENT) = set_event: PASSIVE..=DISPATCH;
    fn NdisResetEvent(event: *mut NDIS_EVENT) = reset_event: PASSIVE..=DISPATCH;
    fn NdisWaitEvent(event: *mut NDIS_EVENT, milliseconds: u32) -> u8 = wait_event: PASSIVE..=PASSIVE, blocks;
}
