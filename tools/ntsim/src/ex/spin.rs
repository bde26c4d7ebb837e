//! Reader/writer spin locks (EX_SPIN_LOCK): bit 31 exclusive, else the number of readers.

use crate::bugcheck::codes;
use crate::context::{self, LockKind};
use crate::ke::{irql, spin};
use crate::sched;
use crate::types::{DISPATCH_LEVEL, KIRQL};
use std::sync::atomic::{AtomicU32, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn ExAcquireSpinLockExclusive(lock: *mut u32) -> KIRQL = acquire_exclusive: PASSIVE..=DISPATCH;
    fn ExReleaseSpinLockExclusive(lock: *mut u32, old: KIRQL) = release_exclusive: DISPATCH..=DISPATCH;
    fn ExAcquireSpinLockShared(lock: *mut u32) -> KIRQL = acquire_shared: PASSIVE..=DISPATCH;
    fn ExReleaseSpinLockShared(lock: *mut u32, old: KIRQL) = release_shared: DISPATCH..=DISPATCH;
    fn ExAcquireSpinLockExclusiveAtDpcLevel(lock: *mut u32) = take_exclusive: DISPATCH..=HIGH;
    fn ExReleaseSpinLockExclusiveFromDpcLevel(lock: *mut u32) = give_exclusive: DISPATCH..=HIGH;
    fn ExAcquireSpinLockSharedAtDpcLevel(lock: *mut u32) = take_shared: DISPATCH..=HIGH;
    fn ExReleaseSpinLockSharedFromDpcLevel(lock: *mut u32) = give_shared: DISPATCH..=HIGH;
}

const EXCLUSIVE: u32 = 1 << 31;

unsafe fn word<'a>(lock: *mut u32) -> &'a AtomicU32 {
    // SAFETY: the driver's lock word, used by these routines only.
    unsafe { AtomicU32::from_ptr(lock) }
}

fn wait(lock: *mut u32, mut take: impl FnMut() -> bool) {
    let mut round = 0u32;
    while !take() {
        if round == 0 && context::current().held_locks().any(|held| held.lock == lock.cast()) {
            bugcheck!(
                codes::SPIN_LOCK_RECURSION,
                [lock as u64, 0, 0, 0],
                "the thread already holds the reader/writer spin lock at {lock:p}"
            );
        }
        sched::spin(round);
        round = round.saturating_add(1);
    }
}

unsafe fn take_exclusive(lock: *mut u32) {
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    wait(lock, || word.compare_exchange(0, EXCLUSIVE, Ordering::Acquire, Ordering::Relaxed).is_ok());
    spin::push(context::current(), lock.cast(), LockKind::Exclusive);
}

unsafe fn give_exclusive(lock: *mut u32) {
    spin::pop(context::current(), lock.cast(), LockKind::Exclusive);
    // SAFETY: the driver's lock, held by this thread.
    unsafe { word(lock) }.store(0, Ordering::Release);
}

unsafe fn take_shared(lock: *mut u32) {
    // SAFETY: the driver's lock.
    let word = unsafe { word(lock) };
    let more = |seen: u32| (seen & EXCLUSIVE == 0).then_some(seen + 1);
    wait(lock, || word.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).is_ok());
    spin::push(context::current(), lock.cast(), LockKind::Shared);
}

unsafe fn give_shared(lock: *mut u32) {
    spin::pop(context::current(), lock.cast(), LockKind::Shared);
    // SAFETY: the driver's lock, held by this thread.
    unsafe { word(lock) }.fetch_sub(1, Ordering::Release);
}

unsafe fn acquire_exclusive(lock: *mut u32) -> KIRQL {
    let old = irql::raise(DISPATCH_LEVEL);
    // SAFETY: the driver's lock.
    unsafe { take_exclusive(lock) };
    old
}

unsafe fn release_exclusive(lock: *mut u32, old: KIRQL) {
    // SAFETY: the driver's lock.
    unsafe { give_exclusive(lock) };
    irql::lower(old);
}

unsafe fn acquire_shared(lock: *mut u32) -> KIRQL {
    let old = irql::raise(DISPATCH_LEVEL);
    // SAFETY: the driver's lock.
    unsafe { take_shared(lock) };
    old
}

unsafe fn release_shared(lock: *mut u32, old: KIRQL) {
    // SAFETY: the driver's lock.
    unsafe { give_shared(lock) };
    irql::lower(old);
}
