//! NDK objects: the header that consumers see, then what is ours.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use ndkpi_sys::{
    NDK_FN_CLOSE_COMPLETION, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_OBJECT_HEADER, NDK_OBJECT_TYPE, NDK_VERSION,
    NTSTATUS, NdkObjectTypeCq, NdkObjectTypeMr, STATUS_PENDING, STATUS_SUCCESS,
};
use wdk_sys::ntddk::{ExAllocatePool2, ExFreePoolWithTag};
use wdk_sys::{KDPC, POOL_FLAG_NON_PAGED};

use crate::fault::{self, Fault};

const TAG: u32 = u32::from_le_bytes(*b"FkOb");

/// One object of any type.
#[repr(C)]
pub struct Object {
    pub header: NDK_OBJECT_HEADER,
    pub dispatch: *const c_void,
    parent: *mut Object,
    /// The open handle and each child.
    references: AtomicI32,
    close_completion: AtomicUsize,
    close_context: AtomicPtr<c_void>,
    pub notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    pub notification_context: *mut c_void,
    pub armed: AtomicI32,
    pub lock: u64,
    pub dpc: KDPC,
}

/// Makes an object under `parent`; null without memory.
pub fn create(
    kind: NDK_OBJECT_TYPE,
    dispatch: *const c_void,
    parent: *mut Object,
    version: NDK_VERSION,
) -> *mut Object {
    // SAFETY: an allocation, zeroed by the pool.
    let object: *mut Object = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<Object>() as u64, TAG) }.cast();
    if object.is_null() {
        return object;
    }
    // SAFETY: fresh; all zero is valid for the rest.
    unsafe {
        (*object).header.Version = version;
        (*object).header.ObjectType = kind;
        (*object).dispatch = dispatch;
        (*object).parent = parent;
        (*object).references = AtomicI32::new(1);
        if kind == NdkObjectTypeCq {
            spoil(object);
        }
        if !parent.is_null() {
            (*parent).references.fetch_add(1, Ordering::AcqRel);
        }
    }
    object
}

unsafe fn spoil(object: *mut Object) {
    // SAFETY: fresh.
    unsafe {
        if fault::is(Fault::BadVersion) {
            (*object).header.Version = NDK_VERSION { Major: 9, Minor: 9 };
        }
        if fault::is(Fault::NoDispatch) {
            (*object).dispatch = core::ptr::null();
        }
        if fault::is(Fault::BadType) {
            (*object).header.ObjectType = NdkObjectTypeMr;
        }
        if fault::is(Fault::ReservedNotZero) {
            (*object).header.NdkReserved.rf[3] = core::ptr::without_provenance_mut(1);
        }
    }
}

/// Whether only the open handle refers to the object.
pub fn is_alone(object: *mut Object) -> bool {
    // SAFETY: a live object.
    unsafe { (*object).references.load(Ordering::Acquire) == 1 }
}

/// The close function of all objects but adapters.
pub unsafe extern "system" fn close(
    header: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    let object: *mut Object = header.cast();
    // SAFETY: the consumer's live object.
    unsafe {
        let kind = (*object).header.ObjectType;
        if kind == NdkObjectTypeMr && fault::is(Fault::CloseFails) {
            return ndkpi_sys::STATUS_INVALID_PARAMETER;
        }
        if kind == NdkObjectTypeMr && fault::is(Fault::CloseTwice) {
            if let Some(completion) = completion {
                completion(context);
                completion(context);
            }
            return STATUS_PENDING;
        }
        if fault::is(Fault::ParentFirst) && !is_alone(object) {
            return STATUS_SUCCESS;
        }
        if kind == NdkObjectTypeCq {
            crate::cq::stop();
        }
        (*object).close_context.store(context, Ordering::Release);
        (*object).close_completion.store(completion.map_or(0, |f| f as usize), Ordering::Release);
        if (*object).references.fetch_sub(1, Ordering::AcqRel) == 1 {
            let parent = (*object).parent;
            ExFreePoolWithTag(object.cast(), TAG);
            release(parent);
            return STATUS_SUCCESS;
        }
    }
    STATUS_PENDING
}

/// A child is gone: ends the parent's close if that was the last.
unsafe fn release(object: *mut Object) {
    if object.is_null() {
        return;
    }
    // SAFETY: the child held a reference until here.
    unsafe {
        if (*object).references.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let completion = (*object).close_completion.load(Ordering::Acquire);
        let context = (*object).close_context.load(Ordering::Acquire);
        let parent = (*object).parent;
        ExFreePoolWithTag(object.cast(), TAG);
        if completion != 0 {
            let completion: unsafe extern "system" fn(*mut c_void) = core::mem::transmute(completion);
            completion(context);
        }
        release(parent);
    }
}

/// Frees an object that has no close function: an adapter.
///
/// # Safety
/// Nobody refers to it.
pub unsafe fn free(object: *mut Object) {
    // SAFETY: by contract.
    unsafe { ExFreePoolWithTag(object.cast(), TAG) };
}

/// A null object pointer for failing creates.
pub fn none<T>() -> *mut T {
    null_mut()
}
