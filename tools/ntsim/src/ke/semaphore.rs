//! Semaphores.

use super::wait;
use crate::bugcheck::codes;
use crate::types::{BOOLEAN, KSEMAPHORE, SEMAPHORE_OBJECT};

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeSemaphore(semaphore: *mut KSEMAPHORE, count: i32, limit: i32) = initialize: PASSIVE..=PASSIVE;
    fn KeReleaseSemaphore(semaphore: *mut KSEMAPHORE, increment: i32, adjustment: i32, wait: BOOLEAN) -> i32 = release: PASSIVE..=DISPATCH;
    fn KeReadStateSemaphore(semaphore: *mut KSEMAPHORE) -> i32 = read: PASSIVE..=HIGH;
}

unsafe fn initialize(semaphore: *mut KSEMAPHORE, count: i32, limit: i32) {
    if count < 0 || limit < 1 || count > limit {
        bugcheck!(
            codes::BAD_PARAMETER,
            [semaphore as u64, count as u64, limit as u64, 0],
            "a semaphore was initialised with count {count} and limit {limit}"
        );
    }
    // SAFETY: the driver's memory for a semaphore.
    unsafe {
        wait::initialize(semaphore.cast(), SEMAPHORE_OBJECT, 8, count);
        (*semaphore).Limit = limit;
    }
}

unsafe fn release(semaphore: *mut KSEMAPHORE, _increment: i32, adjustment: i32, _wait: BOOLEAN) -> i32 {
    let _guard = wait::lock();
    // SAFETY: the driver's semaphore, checked.
    unsafe {
        check(semaphore);
        let old = (*semaphore).Header.SignalState;
        let limit = (*semaphore).Limit;
        let new = old.checked_add(adjustment).filter(|new| adjustment > 0 && *new <= limit);
        let Some(new) = new else {
            bugcheck!(
                codes::SEMAPHORE_LIMIT,
                [semaphore as u64, old as u64, adjustment as u64, limit as u64],
                "the semaphore at {semaphore:p} holds {old} of {limit} and was released by {adjustment}"
            );
        };
        (*semaphore).Header.SignalState = new;
        wait::signalled(semaphore.cast());
        old
    }
}

unsafe fn read(semaphore: *mut KSEMAPHORE) -> i32 {
    let _guard = wait::lock();
    // SAFETY: the driver's semaphore, checked.
    unsafe {
        check(semaphore);
        (*semaphore).Header.SignalState
    }
}

unsafe fn check(semaphore: *mut KSEMAPHORE) {
    // SAFETY: by contract of the callers.
    unsafe {
        wait::check(semaphore.cast());
        if (*semaphore).Header.Type != SEMAPHORE_OBJECT {
            bugcheck!(
                codes::OBJECT_NOT_INITIALIZED,
                [semaphore as u64, 0, 0, 0],
                "a semaphore routine was given the object at {semaphore:p}, which is no semaphore"
            );
        }
    }
}
