//! CQs: armed by consumers, notified by a DPC when the moderation function is called.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use ndkpi_sys::{
    NDK_CQ, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_REQUEST_COMPLETION, NDK_RESULT, NDK_RESULT_EX, NTSTATUS,
    STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};
use wdk_sys::ntddk::{
    KeAcquireSpinLockAtDpcLevel, KeFlushQueuedDpcs, KeInitializeDpc, KeInsertQueueDpc, KeReleaseSpinLockFromDpcLevel,
};
use wdk_sys::{_KDPC, PVOID};

use crate::fault::{self, Fault};
use crate::object::Object;

pub unsafe fn prepare(object: *mut Object) {
    // SAFETY: fresh non-paged memory.
    unsafe { KeInitializeDpc(&raw mut (*object).dpc, Some(dpc), object.cast()) };
}

/// Waits for DPCs on their way. The consumers of these tests close at PASSIVE_LEVEL.
pub fn stop() {
    // SAFETY: PASSIVE_LEVEL.
    unsafe { KeFlushQueuedDpcs() };
}

unsafe extern "C" fn dpc(_dpc: *mut _KDPC, context: PVOID, _first: PVOID, _second: PVOID) {
    let object: *mut Object = context.cast();
    // SAFETY: the CQ lives until its DPC has run.
    unsafe {
        let armed = (*object).armed.swap(0, Ordering::AcqRel) != 0;
        if !armed && !fault::is(Fault::NotifyWithoutArm) {
            return;
        }
        if fault::is(Fault::LockAcrossCallback) {
            notify_under_lock(object);
            return;
        }
        notify(object);
        if fault::is(Fault::NotifyWithoutArm) {
            notify(object);
        }
    }
}

#[inline(never)]
pub unsafe fn notify(object: *mut Object) {
    // SAFETY: a live CQ.
    unsafe {
        if let Some(notification) = (*object).notification {
            notification((*object).notification_context, STATUS_SUCCESS);
        }
    }
}

#[inline(never)]
unsafe fn notify_under_lock(object: *mut Object) {
    // SAFETY: a live CQ; DISPATCH_LEVEL.
    unsafe {
        KeAcquireSpinLockAtDpcLevel(&raw mut (*object).lock);
        notify(object);
        KeReleaseSpinLockFromDpcLevel(&raw mut (*object).lock);
    }
}

/// The last CQ's notification and its context, kept over the close.
static NOTIFICATION: AtomicUsize = AtomicUsize::new(0);
static NOTIFICATION_CONTEXT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

pub fn remember(notification: NDK_FN_CQ_NOTIFICATION_CALLBACK, context: *mut c_void) {
    NOTIFICATION_CONTEXT.store(context, Ordering::Release);
    NOTIFICATION.store(notification.map_or(0, |f| f as usize), Ordering::Release);
}

/// Notifies a CQ that is closed.
#[inline(never)]
pub fn notify_closed() {
    // SAFETY: only what `remember` got is stored; that the CQ is closed is the fault.
    unsafe {
        let notification: NDK_FN_CQ_NOTIFICATION_CALLBACK = core::mem::transmute(NOTIFICATION.load(Ordering::Acquire));
        if let Some(notification) = notification {
            notification(NOTIFICATION_CONTEXT.load(Ordering::Acquire), STATUS_SUCCESS);
        }
    }
}
pub unsafe extern "system" fn arm(cq: *mut NDK_CQ, _kind: u32) {
    // SAFETY: the consumer's CQ.
    unsafe { (*cq.cast::<Object>()).armed.store(1, Ordering::Release) };
}

pub unsafe extern "system" fn get_results(_cq: *mut NDK_CQ, _results: *mut NDK_RESULT, count: u32) -> u32 {
    if fault::is(Fault::TooManyResults) { count.saturating_add(1) } else { 0 }
}

pub unsafe extern "system" fn get_results_ex(_cq: *mut NDK_CQ, _results: *mut NDK_RESULT_EX, _count: u32) -> u32 {
    0
}

pub unsafe extern "system" fn resize(
    _cq: *mut NDK_CQ,
    _depth: u32,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

/// Here: a completion comes now.
pub unsafe extern "system" fn moderation(cq: *mut NDK_CQ, _interval: u32, _count: u32) -> NTSTATUS {
    let object: *mut Object = cq.cast();
    // SAFETY: the consumer's CQ.
    unsafe {
        if fault::is(Fault::EventInsideCall) {
            notify(object);
            return STATUS_SUCCESS;
        }
        if fault::is(Fault::NotifyOverlap) {
            crate::miniport::notify_from_work_items(object);
            return STATUS_SUCCESS;
        }
        KeInsertQueueDpc(&raw mut (*object).dpc, null_mut(), null_mut());
    }
    if fault::is(Fault::PendingFromSync) { STATUS_PENDING } else { STATUS_SUCCESS }
}
