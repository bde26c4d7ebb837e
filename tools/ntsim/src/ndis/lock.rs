//! Spin locks under NDIS names, and the NDIS read-write lock (ndis.md KP-LOCK-08).

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use super::{codes, handles};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::{context, ke, sched};
use ndkpi_sys::{KSPIN_LOCK, LOCK_STATE_EX, NDIS_HANDLE, NDIS_RWL_AT_DISPATCH_LEVEL, NDIS_SPIN_LOCK};

const READ: u8 = 1;
const WRITE: u8 = 2;

/// What a driver holds as NDIS_RW_LOCK_EX. Readers count up, a writer is -1.
#[derive(Debug)]
pub(super) struct RwLock {
    state: AtomicI32,
    writer: AtomicUsize,
}

fn lock_of(lock: *mut NDIS_SPIN_LOCK) -> *mut usize {
    lock.cast::<KSPIN_LOCK>().cast()
}

unsafe fn allocate_spin_lock(lock: *mut NDIS_SPIN_LOCK) {
    // SAFETY: the driver's lock.
    unsafe { ke::spin::initialize(lock_of(lock)) };
}

unsafe fn free_spin_lock(_lock: *mut NDIS_SPIN_LOCK) {
    // Nothing was allocated: the lock is the driver's memory.
}

unsafe fn acquire_spin_lock(lock: *mut NDIS_SPIN_LOCK) {
    // SAFETY: the driver's lock; the holder alone writes the old IRQL.
    unsafe {
        let old = ke::spin::acquire(lock_of(lock));
        (*lock).OldIrql = old;
    }
}

unsafe fn release_spin_lock(lock: *mut NDIS_SPIN_LOCK) {
    // SAFETY: as above.
    unsafe {
        let old = (*lock).OldIrql;
        ke::spin::release(lock_of(lock), old);
    }
}

unsafe fn acquire_at_dispatch(lock: *mut NDIS_SPIN_LOCK) {
    // SAFETY: as above.
    unsafe { ke::spin::acquire_at_dispatch(lock_of(lock)) };
}

unsafe fn release_at_dispatch(lock: *mut NDIS_SPIN_LOCK) {
    // SAFETY: as above.
    unsafe { ke::spin::release_at_dispatch(lock_of(lock)) };
}

#[cold]
fn misuse(lock: *mut RwLock, text: &str) -> ! {
    Violation::new(&codes::NDIS_RW_LOCK_MISUSE).params([lock.addr() as u64, 0, 0, 0]).text(text).raise()
}

unsafe fn allocate_rw_lock(handle: NDIS_HANDLE) -> *mut RwLock {
    handles::owner(handle, "NdisAllocateRWLock");
    let lock = Box::into_raw(Box::new(RwLock { state: AtomicI32::new(0), writer: AtomicUsize::new(0) }));
    Kernel::get().leaks.track("NDIS_RW_LOCK_EX", lock.addr(), "");
    lock
}

unsafe fn free_rw_lock(lock: *mut RwLock) {
    if Kernel::get().leaks.untrack("NDIS_RW_LOCK_EX", lock.addr()).is_none() {
        misuse(lock, "NdisFreeRWLock is called for what is no read-write lock, or twice");
    }
    // SAFETY: it was tracked, so it is from the allocation above.
    let lock_box = unsafe { Box::from_raw(lock) };
    if lock_box.state.load(Ordering::Acquire) != 0 {
        misuse(lock, "NdisFreeRWLock is called for a lock that is held");
    }
}

fn known<'a>(lock: *mut RwLock) -> &'a RwLock {
    if lock.is_null() {
        misuse(lock, "a read-write lock is a null pointer");
    }
    // SAFETY: the driver passes its lock.
    unsafe { &*lock }
}

unsafe fn acquire(lock: *mut RwLock, state: *mut LOCK_STATE_EX, flags: u8, mode: u8) {
    let target = known(lock);
    let old = if flags & NDIS_RWL_AT_DISPATCH_LEVEL != 0 {
        if context::irql() != crate::types::DISPATCH_LEVEL {
            misuse(lock, "NDIS_RWL_AT_DISPATCH_LEVEL is given at a lower IRQL");
        }
        crate::types::DISPATCH_LEVEL
    } else {
        ke::irql::raise(crate::types::DISPATCH_LEVEL)
    };
    let thread = std::ptr::from_ref(context::current()).addr();
    if target.writer.load(Ordering::Acquire) == thread {
        misuse(lock, "a thread that holds the read-write lock for writing asks for it again: it would wait for ever");
    }
    let mut round = 0;
    loop {
        let now = target.state.load(Ordering::Relaxed);
        let next = match mode {
            WRITE if now == 0 => Some(-1),
            READ if now >= 0 => Some(now + 1),
            _ => None,
        };
        let taken = next.is_some_and(|next| {
            target.state.compare_exchange_weak(now, next, Ordering::Acquire, Ordering::Relaxed).is_ok()
        });
        if taken {
            break;
        }
        sched::spin(round);
        round += 1;
    }
    if mode == WRITE {
        target.writer.store(thread, Ordering::Release);
    }
    // SAFETY: the caller's state block.
    unsafe { state.write(LOCK_STATE_EX { OldIrql: old, LockState: mode, Flags: flags }) };
}

unsafe fn acquire_read(lock: *mut RwLock, state: *mut LOCK_STATE_EX, flags: u8) {
    // SAFETY: as the caller promises.
    unsafe { acquire(lock, state, flags, READ) };
}

unsafe fn acquire_write(lock: *mut RwLock, state: *mut LOCK_STATE_EX, flags: u8) {
    // SAFETY: as the caller promises.
    unsafe { acquire(lock, state, flags, WRITE) };
}

unsafe fn release(lock: *mut RwLock, state: *mut LOCK_STATE_EX) {
    let target = known(lock);
    // SAFETY: the caller's state block.
    let held = unsafe { state.read() };
    match (held.LockState, target.state.load(Ordering::Acquire)) {
        (READ, 1..) => {
            target.state.fetch_sub(1, Ordering::Release);
        }
        (WRITE, -1) => {
            target.writer.store(0, Ordering::Release);
            target.state.store(0, Ordering::Release);
        }
        _ => misuse(lock, "NdisReleaseRWLock is called for a lock that is not held that way"),
    }
    // SAFETY: as above.
    unsafe { (*state).LockState = 0 };
    if held.Flags & NDIS_RWL_AT_DISPATCH_LEVEL == 0 {
        ke::irql::lower(held.OldIrql);
    }
}

crate::routines! { "ndis.sys";
    fn NdisAllocateSpinLock(lock: *mut NDIS_SPIN_LOCK) = allocate_spin_lock: PASSIVE..=HIGH;
    fn NdisFreeSpinLock(lock: *mut NDIS_SPIN_LOCK) = free_spin_lock: PASSIVE..=HIGH;
    fn NdisAcquireSpinLock(lock: *mut NDIS_SPIN_LOCK) = acquire_spin_lock: PASSIVE..=DISPATCH;
    fn NdisReleaseSpinLock(lock: *mut NDIS_SPIN_LOCK) = release_spin_lock: DISPATCH..=DISPATCH;
    fn NdisDprAcquireSpinLock(lock: *mut NDIS_SPIN_LOCK) = acquire_at_dispatch: DISPATCH..=DISPATCH;
    fn NdisDprReleaseSpinLock(lock: *mut NDIS_SPIN_LOCK) = release_at_dispatch: DISPATCH..=DISPATCH;
    fn NdisAllocateRWLock(handle: NDIS_HANDLE) -> *mut RwLock = allocate_rw_lock: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeRWLock(lock: *mut RwLock) = free_rw_lock: PASSIVE..=DISPATCH;
    fn NdisAcquireRWLockRead(lock: *mut RwLock, state: *mut LOCK_STATE_EX, flags: u8) = acquire_read: PASSIVE..=DISPATCH;
    fn NdisAcquireRWLockWrite(lock: *mut RwLock, state: *mut LOCK_STATE_EX, flags: u8) = acquire_write: PASSIVE..=DISPATCH;
    fn NdisReleaseRWLock(lock: *mut RwLock, state: *mut LOCK_STATE_EX) = release: DISPATCH..=DISPATCH;
}
