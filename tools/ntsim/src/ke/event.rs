//! Events.

use super::wait;
use crate::bugcheck::codes;
use crate::context;
use crate::types::{BOOLEAN, DISPATCH_LEVEL, KEVENT};

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeEvent(event: *mut KEVENT, kind: u32, state: BOOLEAN) = initialize_by_driver: PASSIVE..=HIGH;
    fn KeSetEvent(event: *mut KEVENT, increment: i32, wait: BOOLEAN) -> i32 = set_by_driver: PASSIVE..=DISPATCH;
    fn KeClearEvent(event: *mut KEVENT) = clear: PASSIVE..=DISPATCH;
    fn KeResetEvent(event: *mut KEVENT) -> i32 = reset: PASSIVE..=DISPATCH;
    fn KeReadStateEvent(event: *mut KEVENT) -> i32 = read: PASSIVE..=DISPATCH;
}

/// Initialises an event; `kind` 0 is a notification event, 1 a synchronisation event.
///
/// # Safety
/// `event` must be writable nonpaged memory.
pub unsafe fn initialize(event: *mut KEVENT, kind: u8, state: bool) {
    // SAFETY: by contract.
    unsafe { wait::initialize(event.cast(), kind, 6, i32::from(state)) };
}

/// Signals it; gives the old state. IRQL <= DISPATCH_LEVEL.
///
/// # Safety
/// An initialised event.
pub unsafe fn set(event: *mut KEVENT) -> i32 {
    let _guard = wait::lock();
    // SAFETY: by contract; checked.
    unsafe {
        check(event);
        let old = std::mem::replace(&mut (*event).Header.SignalState, 1);
        if old == 0 {
            wait::signalled(event.cast());
        }
        old
    }
}

/// Makes it not signalled; gives the old state.
///
/// # Safety
/// An initialised event.
pub unsafe fn reset(event: *mut KEVENT) -> i32 {
    let _guard = wait::lock();
    // SAFETY: by contract; checked.
    unsafe {
        check(event);
        std::mem::replace(&mut (*event).Header.SignalState, 0)
    }
}

/// Its state.
///
/// # Safety
/// An initialised event.
pub unsafe fn read(event: *mut KEVENT) -> i32 {
    let _guard = wait::lock();
    // SAFETY: by contract; checked.
    unsafe {
        check(event);
        (*event).Header.SignalState
    }
}

unsafe fn check(event: *mut KEVENT) {
    // SAFETY: by contract of the callers.
    unsafe {
        wait::check(event.cast());
        if (*event).Header.Type > 1 {
            let kind = (*event).Header.Type;
            bugcheck!(
                codes::OBJECT_NOT_INITIALIZED,
                [event as u64, u64::from(kind), 0, 0],
                "an event routine was given the object at {event:p}, which is no event (type {kind})"
            );
        }
    }
}

unsafe fn initialize_by_driver(event: *mut KEVENT, kind: u32, state: BOOLEAN) {
    if kind > 1 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [event as u64, u64::from(kind), 0, 0],
            "KeInitializeEvent was given event type {kind}; 0 and 1 exist"
        );
    }
    // SAFETY: the driver's memory for an event.
    unsafe { initialize(event, kind as u8, state != 0) };
}

unsafe fn set_by_driver(event: *mut KEVENT, _increment: i32, wait: BOOLEAN) -> i32 {
    if wait != 0 && context::irql() >= DISPATCH_LEVEL {
        bugcheck!(
            codes::WAIT_NOT_ALLOWED,
            [event as u64, 0, 0, 0],
            "KeSetEvent was called with Wait TRUE at DISPATCH_LEVEL, where no wait can follow"
        );
    }
    // SAFETY: the driver's event.
    unsafe { set(event) }
}

unsafe fn clear(event: *mut KEVENT) {
    // SAFETY: the driver's event.
    unsafe { reset(event) };
}
