//! Push locks. The word: 0 free; owner's thread | 1 exclusive; readers << 4 | 2 shared.

use crate::bugcheck::codes;
use crate::context;
use crate::ke::thread;
use crate::sched;
use crate::types::APC_LEVEL;
use std::sync::atomic::{AtomicUsize, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn ExInitializePushLock(lock: *mut usize) = initialize: PASSIVE..=HIGH;
    fn ExAcquirePushLockExclusiveEx(lock: *mut usize, flags: u32) = acquire_exclusive: PASSIVE..=APC, blocks;
    fn ExReleasePushLockExclusiveEx(lock: *mut usize, flags: u32) = release_exclusive: PASSIVE..=APC;
    fn ExAcquirePushLockSharedEx(lock: *mut usize, flags: u32) = acquire_shared: PASSIVE..=APC, blocks;
    fn ExReleasePushLockSharedEx(lock: *mut usize, flags: u32) = release_shared: PASSIVE..=APC;
}

const EXCLUSIVE: usize = 1;
const SHARED: usize = 2;
const READER: usize = 16;

/// A violation outside of critical and guarded regions and below APC_LEVEL.
pub(super) fn need_region(routine: &str) {
    let context = context::current();
    if context.irql.get() < APC_LEVEL && context.critical.get() == 0 && context.guarded.get() == 0 {
        bugcheck!(
            codes::NO_CRITICAL_REGION,
            [0, 0, 0, 0],
            "{routine} was called with normal kernel APCs enabled; it needs a critical region"
        );
    }
}

fn mine() -> usize {
    std::ptr::from_ref(thread::current()) as usize | EXCLUSIVE
}

unsafe fn word<'a>(lock: *mut usize) -> &'a AtomicUsize {
    // SAFETY: the driver's push lock, used by these routines only.
    unsafe { AtomicUsize::from_ptr(lock) }
}

unsafe fn initialize(lock: *mut usize) {
    // SAFETY: the driver's memory for a push lock.
    unsafe { lock.write(0) };
}

unsafe fn acquire_exclusive(lock: *mut usize, _flags: u32) {
    need_region("ExAcquirePushLockExclusiveEx");
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    let take = || word.compare_exchange(0, mine(), Ordering::Acquire, Ordering::Relaxed).is_ok();
    if !take() {
        if word.load(Ordering::Relaxed) == mine() {
            bugcheck!(
                codes::LOCK_RECURSION,
                [lock as u64, 0, 0, 0],
                "the thread already holds the push lock at {lock:p} exclusively"
            );
        }
        sched::wait_on(lock as usize, take);
    }
}

unsafe fn release_exclusive(lock: *mut usize, _flags: u32) {
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    let seen = word.compare_exchange(mine(), 0, Ordering::Release, Ordering::Relaxed);
    if let Err(seen) = seen {
        bugcheck!(
            codes::LOCK_NOT_OWNED,
            [lock as u64, seen as u64, 0, 0],
            "the push lock at {lock:p} is released exclusively by a thread that does not hold it so"
        );
    }
    sched::notify(lock as usize);
}

unsafe fn acquire_shared(lock: *mut usize, _flags: u32) {
    need_region("ExAcquirePushLockSharedEx");
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    let take = || {
        let more = |seen: usize| (seen & EXCLUSIVE == 0).then_some((seen | SHARED) + READER);
        word.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).is_ok()
    };
    if !take() {
        if word.load(Ordering::Relaxed) == mine() {
            bugcheck!(
                codes::LOCK_RECURSION,
                [lock as u64, 0, 0, 0],
                "the thread holds the push lock at {lock:p} exclusively and wants it shared"
            );
        }
        sched::wait_on(lock as usize, take);
    }
}

unsafe fn release_shared(lock: *mut usize, _flags: u32) {
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    let less = |seen: usize| match seen {
        seen if seen & SHARED == 0 || seen < READER => None,
        seen if seen < 2 * READER => Some(0),
        seen => Some(seen - READER),
    };
    if let Err(seen) = word.fetch_update(Ordering::Release, Ordering::Relaxed, less) {
        bugcheck!(
            codes::LOCK_NOT_OWNED,
            [lock as u64, seen as u64, 0, 0],
            "the push lock at {lock:p} is released shared, but nobody holds it so"
        );
    }
    sched::notify(lock as usize);
}
