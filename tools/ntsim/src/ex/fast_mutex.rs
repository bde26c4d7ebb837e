//! Fast mutexes: `Count` is 1 when free, each contender takes one off.

use crate::bugcheck::codes;
use crate::context;
use crate::ke::{event, irql, thread, wait};
use crate::symbols::describe;
use crate::types::{APC_LEVEL, BOOLEAN, FAST_MUTEX, PVOID};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn ExAcquireFastMutex(mutex: *mut FAST_MUTEX) = acquire: PASSIVE..=APC, blocks;
    fn ExReleaseFastMutex(mutex: *mut FAST_MUTEX) = release: APC..=APC;
    fn ExTryToAcquireFastMutex(mutex: *mut FAST_MUTEX) -> BOOLEAN = try_acquire: PASSIVE..=APC;
    fn ExAcquireFastMutexUnsafe(mutex: *mut FAST_MUTEX) = acquire_unsafe: PASSIVE..=APC, blocks;
    fn ExReleaseFastMutexUnsafe(mutex: *mut FAST_MUTEX) = release_unsafe: PASSIVE..=APC;
}

fn me() -> PVOID {
    std::ptr::from_ref(thread::current()).cast_mut().cast()
}

unsafe fn count<'a>(mutex: *mut FAST_MUTEX) -> &'a AtomicI32 {
    // SAFETY: the driver's mutex, initialised by its header's inline function.
    unsafe { AtomicI32::from_ptr(&raw mut (*mutex).Count) }
}

unsafe fn take(mutex: *mut FAST_MUTEX) {
    // SAFETY: the driver's mutex; the owner fields belong to who holds it.
    unsafe {
        if (*mutex).Owner == me() {
            bugcheck!(
                codes::LOCK_RECURSION,
                [mutex as u64, 0, 0, 0],
                "the thread already holds the fast mutex at {mutex:p}"
            );
        }
        if count(mutex).fetch_sub(1, Ordering::Acquire) != 1 {
            (*mutex).Contention = (*mutex).Contention.wrapping_add(1);
            wait::one((&raw mut (*mutex).Event).cast(), None);
        }
        (*mutex).Owner = me();
    }
}

unsafe fn give(mutex: *mut FAST_MUTEX) {
    // SAFETY: as above.
    unsafe {
        if (*mutex).Owner != me() {
            bugcheck!(
                codes::LOCK_NOT_OWNED,
                [mutex as u64, (*mutex).Owner as u64, 0, 0],
                "the fast mutex at {mutex:p} is released by a thread that does not hold it (called from {})",
                describe(context::current().caller())
            );
        }
        (*mutex).Owner = null_mut();
        if count(mutex).fetch_add(1, Ordering::Release) < 0 {
            event::set(&raw mut (*mutex).Event);
        }
    }
}

unsafe fn acquire(mutex: *mut FAST_MUTEX) {
    let old = irql::raise(APC_LEVEL);
    // SAFETY: the driver's mutex.
    unsafe {
        take(mutex);
        (*mutex).OldIrql = u32::from(old);
    }
}

unsafe fn release(mutex: *mut FAST_MUTEX) {
    // SAFETY: the driver's mutex.
    unsafe {
        let old = (*mutex).OldIrql as u8;
        give(mutex);
        irql::lower(old);
    }
}

unsafe fn try_acquire(mutex: *mut FAST_MUTEX) -> BOOLEAN {
    let old = irql::raise(APC_LEVEL);
    // SAFETY: the driver's mutex.
    unsafe {
        if count(mutex).compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed).is_err() {
            irql::lower(old);
            return 0;
        }
        (*mutex).Owner = me();
        (*mutex).OldIrql = u32::from(old);
    }
    1
}

unsafe fn acquire_unsafe(mutex: *mut FAST_MUTEX) {
    super::push_lock::need_region("ExAcquireFastMutexUnsafe");
    // SAFETY: the driver's mutex.
    unsafe { take(mutex) };
}

unsafe fn release_unsafe(mutex: *mut FAST_MUTEX) {
    // SAFETY: the driver's mutex.
    unsafe { give(mutex) };
}
