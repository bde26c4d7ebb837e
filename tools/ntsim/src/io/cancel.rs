//! Cancelling IRPs, and the one lock that guards it.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::codes;
use super::irp;
use crate::context::{CallSite, call_driver, current};
use crate::types::*;

/// The cancel spin lock's word; a real KSPIN_LOCK, so that the lock rules see it.
static LOCK: AtomicUsize = AtomicUsize::new(0);

fn lock() -> *mut KSPIN_LOCK {
    LOCK.as_ptr()
}

/// The IRP's `CancelRoutine` as the atomic that `IoSetCancelRoutine` exchanges.
///
/// # Safety
/// `irp` must be readable for the lifetime of the result.
unsafe fn routine_slot<'a>(irp: *mut IRP) -> &'a AtomicPtr<()> {
    // SAFETY: the field is a pointer-sized, aligned word that everybody exchanges atomically.
    unsafe { AtomicPtr::from_ptr((&raw mut (*irp).CancelRoutine).cast()) }
}

/// `IoCancelIrp`: true if a cancel routine was called.
///
/// # Safety
/// `irp` must be an IRP pointer as a driver has it; it may be wrong. The caller sees to it that
/// the IRP is not freed meanwhile.
pub(crate) unsafe fn cancel(irp: *mut IRP) -> bool {
    irp::table().record(irp, "cancelled");
    loop {
        // SAFETY: the IRP is on record and the caller keeps it.
        let seen = unsafe { routine_slot(irp) }.load(Ordering::Acquire);
        if seen.is_null() {
            // SAFETY: the lock is a static word.
            let old = unsafe { crate::ke::spin::acquire(lock()) };
            // SAFETY: as above.
            let now = unsafe { mark_and_take(irp) };
            if now.is_null() {
                // SAFETY: taken above.
                unsafe { crate::ke::spin::release(lock(), old) };
                return false;
            }
            // A driver set one at this very moment: put it back and begin again.
            // SAFETY: as above.
            unsafe { routine_slot(irp) }.store(now, Ordering::Release);
            // SAFETY: taken above.
            unsafe { crate::ke::spin::release(lock(), old) };
            continue;
        }
        // The driver's routine releases the lock: so it is taken inside the call, and at the
        // return everything must be as it was before.
        return call_driver(CallSite::new("cancel routine", seen as usize), || {
            // SAFETY: the lock is a static word.
            let old = unsafe { crate::ke::spin::acquire(lock()) };
            // SAFETY: the IRP is on record and the caller keeps it.
            let routine = unsafe { mark_and_take(irp) };
            if routine.is_null() {
                // SAFETY: taken above.
                unsafe { crate::ke::spin::release(lock(), old) };
                return false;
            }
            // SAFETY: as above.
            unsafe { (*irp).CancelIrql = old };
            // SAFETY: `CancelRoutine` holds nothing but pointers to such functions.
            let routine: DRIVER_CANCEL = unsafe { std::mem::transmute(routine) };
            // SAFETY: as above; the driver set the routine for this IRP.
            unsafe { routine((*(*irp).Tail.CurrentStackLocation).DeviceObject, irp) };
            true
        });
    }
}

/// Marks the IRP cancelled and takes its cancel routine.
///
/// # Safety
/// The caller holds the cancel lock and keeps the IRP.
unsafe fn mark_and_take(irp: *mut IRP) -> *mut () {
    // SAFETY: by contract.
    unsafe {
        (&raw mut (*irp).Cancel).write_volatile(TRUE);
        routine_slot(irp).swap(std::ptr::null_mut(), Ordering::AcqRel)
    }
}

unsafe fn acquire_cancel_lock(irql: *mut KIRQL) {
    // SAFETY: the lock is a static word; `irql` is the driver's variable.
    unsafe { irql.write(crate::ke::spin::acquire(lock())) };
}

unsafe fn release_cancel_lock(irql: KIRQL) {
    if !current().held_locks().any(|held| held.lock == lock()) {
        bugcheck!(
            codes::CANCEL_LOCK_NOT_HELD,
            [lock() as u64, u64::from(irql), 0, 0],
            "the driver released the cancel spin lock, which this thread does not hold"
        );
    }
    // SAFETY: held by this thread.
    unsafe { crate::ke::spin::release(lock(), irql) };
}

crate::routines! { "ntoskrnl.exe";
    fn IoAcquireCancelSpinLock(irql: *mut KIRQL) = acquire_cancel_lock: PASSIVE..=DISPATCH;
    fn IoReleaseCancelSpinLock(irql: KIRQL) = release_cancel_lock: DISPATCH..=DISPATCH;
}
