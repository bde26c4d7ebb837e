//! In-stack queued spin locks. The order among waiters is that of the host.

use super::{irql, spin};
use crate::bugcheck::codes;
use crate::context::{self, LockKind};
use crate::types::{DISPATCH_LEVEL, KLOCK_QUEUE_HANDLE, KSPIN_LOCK};

crate::routines! { "ntoskrnl.exe";
    fn KeAcquireInStackQueuedSpinLock(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) = acquire: PASSIVE..=DISPATCH;
    fn KeReleaseInStackQueuedSpinLock(handle: *mut KLOCK_QUEUE_HANDLE) = release: DISPATCH..=DISPATCH;
    fn KeAcquireInStackQueuedSpinLockAtDpcLevel(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) = acquire_at_dispatch: DISPATCH..=HIGH;
    fn KeReleaseInStackQueuedSpinLockFromDpcLevel(handle: *mut KLOCK_QUEUE_HANDLE) = release_at_dispatch: DISPATCH..=DISPATCH;
    fn KeAcquireInStackQueuedSpinLockForDpc(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) = acquire_for_dpc: PASSIVE..=DISPATCH;
    fn KeReleaseInStackQueuedSpinLockForDpc(handle: *mut KLOCK_QUEUE_HANDLE) = release: DISPATCH..=DISPATCH;
}

/// Raises to DISPATCH_LEVEL and takes the lock.
///
/// # Safety
/// An initialised lock word, and a handle that stays where it is until the release.
pub unsafe fn acquire(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) {
    let old = irql::raise(DISPATCH_LEVEL);
    // SAFETY: by contract.
    unsafe {
        spin::take(lock, LockKind::Queued);
        handle.write(KLOCK_QUEUE_HANDLE { Next: std::ptr::null_mut(), Lock: lock, OldIrql: old });
    }
}

unsafe fn acquire_at_dispatch(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the driver's lock and handle.
    unsafe {
        spin::take(lock, LockKind::Queued);
        handle.write(KLOCK_QUEUE_HANDLE { Next: std::ptr::null_mut(), Lock: lock, OldIrql: DISPATCH_LEVEL });
    }
}

unsafe fn acquire_for_dpc(lock: *mut KSPIN_LOCK, handle: *mut KLOCK_QUEUE_HANDLE) {
    if !context::current().in_dpc.get() {
        bugcheck!(
            codes::ROUTINE_AT_WRONG_IRQL,
            [lock as u64, 0, 0, 0],
            "KeAcquireInStackQueuedSpinLockForDpc was called outside a DPC"
        );
    }
    // SAFETY: the driver's lock and handle.
    unsafe { acquire(lock, handle) };
}

unsafe fn release(handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the driver's handle, filled by the acquire.
    unsafe {
        let old = (*handle).OldIrql;
        spin::give((*handle).Lock, LockKind::Queued);
        irql::lower(old);
    }
}

unsafe fn release_at_dispatch(handle: *mut KLOCK_QUEUE_HANDLE) {
    // SAFETY: the driver's handle, filled by the acquire.
    unsafe { spin::give((*handle).Lock, LockKind::Queued) };
}
