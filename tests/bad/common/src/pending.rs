//! Waiting for requests that may pend.

use core::ffi::c_void;
use core::mem::zeroed;
use core::ptr::null_mut;

use ndkpi_sys::{NDK_OBJECT_HEADER, STATUS_PENDING};
use wdk_sys::ntddk::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};
use wdk_sys::{_EVENT_TYPE, _KWAIT_REASON, _MODE, KEVENT, NTSTATUS};

/// A request on the stack of the thread that waits for it.
pub struct Pending {
    event: KEVENT,
    status: NTSTATUS,
    object: *mut NDK_OBJECT_HEADER,
}

impl Pending {
    /// Runs a request: `submit` gets the context for the completion callback. Gives the final
    /// status, and the object of a create that pended.
    ///
    /// # Safety
    /// PASSIVE_LEVEL; the callback must be one of this file, which `submit` passes on.
    #[inline(never)]
    pub unsafe fn run(submit: impl FnOnce(*mut c_void) -> NTSTATUS) -> (NTSTATUS, *mut NDK_OBJECT_HEADER) {
        // SAFETY: a kernel event of zeros is initialised next.
        let mut pending = Pending { event: unsafe { zeroed() }, status: 0, object: null_mut() };
        let event = &raw mut pending.event;
        // SAFETY: the event lives to the end of this function, and nobody uses it before.
        unsafe { KeInitializeEvent(event, _EVENT_TYPE::NotificationEvent, 0) };
        let status = submit((&raw mut pending).cast());
        if status != STATUS_PENDING {
            return (status, null_mut());
        }
        // SAFETY: PASSIVE_LEVEL by contract.
        unsafe {
            let _ =
                KeWaitForSingleObject(event.cast(), _KWAIT_REASON::Executive, _MODE::KernelMode as i8, 0, null_mut());
        }
        (pending.status, pending.object)
    }
}

/// Close completion.
///
/// # Safety
/// The context is a [`Pending`].
pub unsafe extern "system" fn closed(context: *mut c_void) {
    // SAFETY: by contract.
    unsafe { finish(context.cast(), 0, null_mut()) };
}

/// Request completion.
///
/// # Safety
/// The context is a [`Pending`].
pub unsafe extern "system" fn completed(context: *mut c_void, status: NTSTATUS) {
    // SAFETY: by contract.
    unsafe { finish(context.cast(), status, null_mut()) };
}

/// Create completion.
///
/// # Safety
/// The context is a [`Pending`].
pub unsafe extern "system" fn created(context: *mut c_void, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: by contract.
    unsafe { finish(context.cast(), status, object) };
}

unsafe fn finish(pending: *mut Pending, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: the waiter's block is alive until the event is set.
    unsafe {
        (*pending).status = status;
        (*pending).object = object;
        KeSetEvent(&raw mut (*pending).event, 0, 0);
    }
}
