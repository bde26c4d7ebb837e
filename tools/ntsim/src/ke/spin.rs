//! Spin locks: the word is 0 when free, else the owner's context address with bit 0 set (and
//! bit 1 for in-stack queued ones).

use super::irql;
use crate::bugcheck::{Violation, codes};
use crate::context::{self, Context, Held, LockKind, MAX_HELD_LOCKS};
use crate::sched;
use crate::symbols::describe;
use crate::trace::{self, What};
use crate::types::{BOOLEAN, DISPATCH_LEVEL, KIRQL, KSPIN_LOCK};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeSpinLock(lock: *mut KSPIN_LOCK) = initialize: PASSIVE..=HIGH;
    fn KeAcquireSpinLockRaiseToDpc(lock: *mut KSPIN_LOCK) -> KIRQL = acquire: PASSIVE..=DISPATCH;
    fn KeAcquireSpinLockAtDpcLevel(lock: *mut KSPIN_LOCK) = acquire_at_dispatch: DISPATCH..=HIGH;
    fn KeReleaseSpinLock(lock: *mut KSPIN_LOCK, old: KIRQL) = release: DISPATCH..=DISPATCH;
    fn KeReleaseSpinLockFromDpcLevel(lock: *mut KSPIN_LOCK) = release_at_dispatch: DISPATCH..=DISPATCH;
    fn KeTryToAcquireSpinLockAtDpcLevel(lock: *mut KSPIN_LOCK) -> BOOLEAN = try_acquire: DISPATCH..=DISPATCH;
    fn KeTestSpinLock(lock: *mut KSPIN_LOCK) -> BOOLEAN = test: PASSIVE..=HIGH;
}

/// Makes a lock free.
///
/// # Safety
/// `lock` must point at a lock word that nobody uses.
pub unsafe fn initialize(lock: *mut KSPIN_LOCK) {
    // SAFETY: by contract.
    unsafe { lock.write(0) };
}

/// Raises to DISPATCH_LEVEL and takes the lock; gives the old IRQL.
///
/// # Safety
/// `lock` must point at an initialised lock word.
#[inline(always)]
pub unsafe fn acquire(lock: *mut KSPIN_LOCK) -> KIRQL {
    let old = irql::raise(DISPATCH_LEVEL);
    // SAFETY: by contract.
    unsafe { take(lock, LockKind::Spin) };
    old
}

/// Takes the lock; the thread is at DISPATCH_LEVEL or above already.
///
/// # Safety
/// As for [`acquire`].
#[inline(always)]
pub unsafe fn acquire_at_dispatch(lock: *mut KSPIN_LOCK) {
    // SAFETY: by contract.
    unsafe { take(lock, LockKind::Spin) };
}

/// Releases the lock and lowers to `old`.
///
/// # Safety
/// As for [`acquire`].
#[inline(always)]
pub unsafe fn release(lock: *mut KSPIN_LOCK, old: KIRQL) {
    // SAFETY: by contract.
    unsafe { give(lock, LockKind::Spin) };
    irql::lower(old);
}

/// Releases the lock.
///
/// # Safety
/// As for [`acquire`].
#[inline(always)]
pub unsafe fn release_at_dispatch(lock: *mut KSPIN_LOCK) {
    // SAFETY: by contract.
    unsafe { give(lock, LockKind::Spin) };
}

unsafe fn try_acquire(lock: *mut KSPIN_LOCK) -> BOOLEAN {
    let context = context::current();
    // SAFETY: the driver's lock word.
    let word = unsafe { word(lock) };
    let mine = owner_word(context, LockKind::Spin);
    let seen = word.compare_exchange(0, mine, Ordering::Acquire, Ordering::Relaxed);
    match seen {
        Ok(_) => {
            push(context, lock, LockKind::Spin);
            1
        }
        Err(owner) if owner & !3 == mine & !3 => recursion(lock),
        Err(_) => 0,
    }
}

unsafe fn test(lock: *mut KSPIN_LOCK) -> BOOLEAN {
    // SAFETY: the driver's lock word.
    u8::from(unsafe { word(lock) }.load(Ordering::Acquire) == 0)
}

/// Takes the lock word; the IRQL is the caller's affair.
///
/// # Safety
/// As for [`acquire`].
#[inline(always)]
pub(super) unsafe fn take(lock: *mut KSPIN_LOCK, kind: LockKind) {
    let context = context::current();
    // SAFETY: by contract.
    let word = unsafe { word(lock) };
    let mine = owner_word(context, kind);
    if let Err(seen) = word.compare_exchange(0, mine, Ordering::Acquire, Ordering::Relaxed) {
        trace::record(What::LockWait(lock as usize));
        contend(word, lock, mine, seen);
        trace::record(What::LockWaitEnd(lock as usize));
    }
    push(context, lock, kind);
}

/// Gives the lock word back.
///
/// # Safety
/// As for [`acquire`].
#[inline(always)]
pub(super) unsafe fn give(lock: *mut KSPIN_LOCK, kind: LockKind) {
    let context = context::current();
    pop(context, lock, kind);
    // SAFETY: by contract.
    let word = unsafe { word(lock) };
    let mine = owner_word(context, kind);
    let seen = word.swap(0, Ordering::Release);
    if seen != mine {
        corrupt(lock, seen);
    }
}

#[inline(always)]
unsafe fn word<'a>(lock: *mut KSPIN_LOCK) -> &'a AtomicUsize {
    if lock.is_null() || lock as usize & 7 != 0 {
        corrupt(lock, 0);
    }
    // SAFETY: by contract a lock word, used by nobody but these routines.
    unsafe { AtomicUsize::from_ptr(lock) }
}

#[inline(always)]
fn owner_word(context: &Context, kind: LockKind) -> usize {
    std::ptr::from_ref(context) as usize | 1 | if kind == LockKind::Queued { 2 } else { 0 }
}

#[cold]
#[inline(never)]
extern "win64-unwind" fn contend(word: &AtomicUsize, lock: *mut KSPIN_LOCK, mine: usize, mut seen: usize) {
    let mut round = 0u32;
    let mut since = None;
    loop {
        if seen & !3 == mine & !3 {
            recursion(lock);
        }
        if seen != 0 && seen & 1 == 0 {
            corrupt(lock, seen);
        }
        if seen != 0 && seen & 2 != mine & 2 {
            Violation::new(&codes::SPIN_LOCK_MIXED)
                .params([lock as u64, seen as u64, 0, 0])
                .text(format!("the spin lock at {lock:p} is held by an in-stack queued acquire and wanted by an ordinary one, or the reverse"))
                .raise();
        }
        sched::spin(round);
        round = round.saturating_add(1);
        if round.is_multiple_of(1024) {
            let began: Instant = *since.get_or_insert_with(sched::now);
            if sched::now() - began > Duration::from_secs(30) {
                bugcheck!(
                    codes::SPIN_LOCK_STUCK,
                    [lock as u64, seen as u64, 0, 0],
                    "the spin lock at {lock:p} could not be had for thirty seconds; thread context {:#x} holds it",
                    seen & !3
                );
            }
        }
        if word.load(Ordering::Relaxed) == 0 {
            match word.compare_exchange_weak(0, mine, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        } else {
            seen = word.load(Ordering::Relaxed);
        }
    }
}

/// Notes that the thread holds `lock`.
#[inline(always)]
pub(crate) fn push(context: &Context, lock: *mut KSPIN_LOCK, kind: LockKind) {
    let count = context.held_count.get() as usize;
    if count == MAX_HELD_LOCKS {
        too_many(lock);
    }
    context.held[count].set(Held { lock, taken_at: context.caller(), kind });
    context.held_count.set(count as u32 + 1);
    trace::record(What::Lock(lock as usize));
}

/// Notes that the thread does not hold `lock` any more; a violation if it did not.
#[inline(always)]
pub(crate) fn pop(context: &Context, lock: *mut KSPIN_LOCK, kind: LockKind) {
    let count = context.held_count.get() as usize;
    let Some(index) = (0..count).rev().find(|index| context.held[*index].get().lock == lock) else {
        not_owned(lock);
    };
    let held = context.held[index].get();
    if held.kind != kind {
        mixed(lock, index, kind);
    }
    for next in index + 1..count {
        context.held[next - 1].set(context.held[next].get());
    }
    context.held_count.set(count as u32 - 1);
    trace::record(What::Unlock(lock as usize));
}

#[cold]
extern "win64-unwind" fn too_many(lock: *mut KSPIN_LOCK) -> ! {
    bugcheck!(
        codes::TOO_MANY_LOCKS,
        [lock as u64, MAX_HELD_LOCKS as u64, 0, 0],
        "the thread holds {MAX_HELD_LOCKS} spin locks and takes one more"
    )
}

#[cold]
extern "win64-unwind" fn mixed(lock: *mut KSPIN_LOCK, index: usize, kind: LockKind) -> ! {
    let held = context::current().held[index].get();
    bugcheck!(
        codes::SPIN_LOCK_MIXED,
        [lock as u64, held.taken_at as u64, 0, 0],
        "the spin lock at {lock:p} was taken as {:?} at {} and is released as {kind:?}",
        held.kind,
        describe(held.taken_at)
    )
}

#[cold]
extern "win64-unwind" fn recursion(lock: *mut KSPIN_LOCK) -> ! {
    let held = context::current().held_locks().rev().find(|held| held.lock == lock);
    bugcheck!(
        codes::SPIN_LOCK_RECURSION,
        [lock as u64, held.map_or(0, |held| held.taken_at as u64), 0, 0],
        "the thread already holds the spin lock at {lock:p}, taken at {}; acquiring it again deadlocks",
        describe(held.map_or(0, |held| held.taken_at))
    )
}

#[cold]
extern "win64-unwind" fn not_owned(lock: *mut KSPIN_LOCK) -> ! {
    let seen = if lock.is_null() {
        0
    } else {
        // SAFETY: the driver's lock word, for the report; a bad pointer is reported as a fault.
        unsafe { lock.read_unaligned() }
    };
    let who = if seen == 0 { "nobody holds it" } else { "another thread holds it" };
    bugcheck!(
        codes::SPIN_LOCK_NOT_OWNED,
        [lock as u64, seen as u64, 0, 0],
        "the thread releases the spin lock at {lock:p}, which it does not hold: {who}"
    )
}

#[cold]
extern "win64-unwind" fn corrupt(lock: *mut KSPIN_LOCK, seen: usize) -> ! {
    bugcheck!(
        codes::SPIN_LOCK_CORRUPT,
        [lock as u64, seen as u64, 0, 0],
        "the spin lock at {lock:p} is null, unaligned or was overwritten: it holds {seen:#x}"
    )
}
