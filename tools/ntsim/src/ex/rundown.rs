//! Rundown protection. Bit 0 of the count: running down; the references count by two.

use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::sched;
use crate::types::{BOOLEAN, EX_RUNDOWN_REF};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn ExInitializeRundownProtection(run: *mut EX_RUNDOWN_REF) = initialize: PASSIVE..=APC;
    fn ExReInitializeRundownProtection(run: *mut EX_RUNDOWN_REF) = reinitialize: PASSIVE..=APC;
    fn ExAcquireRundownProtection(run: *mut EX_RUNDOWN_REF) -> BOOLEAN = acquire: PASSIVE..=DISPATCH;
    fn ExAcquireRundownProtectionEx(run: *mut EX_RUNDOWN_REF, count: u32) -> BOOLEAN = acquire_many: PASSIVE..=DISPATCH;
    fn ExReleaseRundownProtection(run: *mut EX_RUNDOWN_REF) = release: PASSIVE..=DISPATCH;
    fn ExReleaseRundownProtectionEx(run: *mut EX_RUNDOWN_REF, count: u32) = release_many: PASSIVE..=DISPATCH;
    fn ExRundownCompleted(run: *mut EX_RUNDOWN_REF) = completed: PASSIVE..=APC;
    fn ExWaitForRundownProtectionRelease(run: *mut EX_RUNDOWN_REF) = wait: PASSIVE..=APC, blocks;
    fn ExAllocateCacheAwareRundownProtection(pool: u32, tag: u32) -> *mut EX_RUNDOWN_REF = allocate_aware: PASSIVE..=APC, fails(null_mut());
    fn ExFreeCacheAwareRundownProtection(run: *mut EX_RUNDOWN_REF) = free_aware: PASSIVE..=APC;
    fn ExAcquireRundownProtectionCacheAware(run: *mut EX_RUNDOWN_REF) -> BOOLEAN = acquire: PASSIVE..=DISPATCH;
    fn ExReleaseRundownProtectionCacheAware(run: *mut EX_RUNDOWN_REF) = release: PASSIVE..=DISPATCH;
    fn ExWaitForRundownProtectionReleaseCacheAware(run: *mut EX_RUNDOWN_REF) = wait: PASSIVE..=APC, blocks;
}

const ACTIVE: usize = 1;
const KIND: &str = "cache-aware rundown protection";

unsafe fn word<'a>(run: *mut EX_RUNDOWN_REF) -> &'a AtomicUsize {
    // SAFETY: the driver's rundown word, used by these routines only.
    unsafe { AtomicUsize::from_ptr(&raw mut (*run).Count) }
}

unsafe fn initialize(run: *mut EX_RUNDOWN_REF) {
    // SAFETY: the driver's memory for it.
    unsafe { (*run).Count = 0 };
}

unsafe fn reinitialize(run: *mut EX_RUNDOWN_REF) {
    // SAFETY: the driver's word.
    let seen = unsafe { word(run) }.swap(0, Ordering::SeqCst);
    if seen != ACTIVE {
        bugcheck!(
            codes::RUNDOWN_UNBALANCED,
            [run as u64, seen as u64, 0, 0],
            "rundown protection at {run:p} was re-initialised though it is not run down"
        );
    }
}

unsafe fn acquire(run: *mut EX_RUNDOWN_REF) -> BOOLEAN {
    // SAFETY: as given.
    unsafe { acquire_many(run, 1) }
}

unsafe fn acquire_many(run: *mut EX_RUNDOWN_REF, count: u32) -> BOOLEAN {
    let more = |seen: usize| (seen & ACTIVE == 0).then_some(seen + 2 * count as usize);
    // SAFETY: the driver's word.
    u8::from(unsafe { word(run) }.fetch_update(Ordering::SeqCst, Ordering::Relaxed, more).is_ok())
}

unsafe fn release(run: *mut EX_RUNDOWN_REF) {
    // SAFETY: as given.
    unsafe { release_many(run, 1) };
}

unsafe fn release_many(run: *mut EX_RUNDOWN_REF, count: u32) {
    let less = |seen: usize| (seen & !ACTIVE).checked_sub(2 * count as usize).map(|left| left | seen & ACTIVE);
    // SAFETY: the driver's word.
    match unsafe { word(run) }.fetch_update(Ordering::SeqCst, Ordering::Relaxed, less) {
        Ok(seen) if seen & ACTIVE != 0 => sched::notify(run as usize),
        Ok(_) => {}
        Err(seen) => bugcheck!(
            codes::RUNDOWN_UNBALANCED,
            [run as u64, seen as u64, u64::from(count), 0],
            "rundown protection at {run:p} was released more often than acquired"
        ),
    }
}

unsafe fn completed(run: *mut EX_RUNDOWN_REF) {
    // SAFETY: the driver's word.
    unsafe { word(run) }.store(ACTIVE, Ordering::SeqCst);
}

unsafe fn wait(run: *mut EX_RUNDOWN_REF) {
    // SAFETY: the driver's word.
    let word = unsafe { word(run) };
    word.fetch_or(ACTIVE, Ordering::SeqCst);
    let done = || word.load(Ordering::SeqCst) == ACTIVE;
    if !done() {
        sched::wait_on(run as usize, done);
    }
}

/// One word serves all processors; drivers see only the pointer.
unsafe fn allocate_aware(_pool: u32, _tag: u32) -> *mut EX_RUNDOWN_REF {
    let run = Box::into_raw(Box::new(EX_RUNDOWN_REF { Count: 0 }));
    Kernel::get().leaks.track(KIND, run as usize, "");
    run
}

unsafe fn free_aware(run: *mut EX_RUNDOWN_REF) {
    if Kernel::get().leaks.untrack(KIND, run as usize).is_none() {
        bugcheck!(
            codes::POOL_FOREIGN_FREE,
            [run as u64, 0, 0, 0],
            "ExFreeCacheAwareRundownProtection was given {run:p}, which is none (or was freed)"
        );
    }
    // SAFETY: tracked: made above and not yet freed.
    drop(unsafe { Box::from_raw(run) });
}
