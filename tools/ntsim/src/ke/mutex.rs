//! Mutexes (KMUTEX): recursive, owned.

use super::{thread, wait};
use crate::bugcheck::codes;
use crate::types::{BOOLEAN, KMUTANT, LIST_ENTRY, MUTANT_OBJECT};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeMutex(mutex: *mut KMUTANT, level: u32) = initialize: PASSIVE..=HIGH;
    fn KeReleaseMutex(mutex: *mut KMUTANT, wait: BOOLEAN) -> i32 = release: PASSIVE..=DISPATCH;
    fn KeReadStateMutex(mutex: *mut KMUTANT) -> i32 = read: PASSIVE..=DISPATCH;
}

unsafe fn initialize(mutex: *mut KMUTANT, _level: u32) {
    // SAFETY: the driver's memory for a mutex.
    unsafe {
        wait::initialize(mutex.cast(), MUTANT_OBJECT, 14, 1);
        (*mutex).MutantListEntry = LIST_ENTRY { Flink: null_mut(), Blink: null_mut() };
        (*mutex).OwnerThread = null_mut();
        (*mutex).Abandoned = 0;
        (*mutex).ApcDisable = 1;
    }
}

unsafe fn release(mutex: *mut KMUTANT, _wait: BOOLEAN) -> i32 {
    let _guard = wait::lock();
    // SAFETY: the driver's mutex, checked.
    unsafe {
        wait::check(mutex.cast());
        let me = std::ptr::from_ref(thread::current()).cast_mut().cast();
        if (*mutex).Header.Type != MUTANT_OBJECT || (*mutex).OwnerThread != me {
            bugcheck!(
                codes::MUTEX_NOT_OWNED,
                [mutex as u64, (*mutex).OwnerThread as u64, 0, 0],
                "the mutex at {mutex:p} was released by a thread that does not own it"
            );
        }
        let old = (*mutex).Header.SignalState;
        (*mutex).Header.SignalState = old + 1;
        if old + 1 == 1 {
            (*mutex).OwnerThread = null_mut();
            wait::signalled(mutex.cast());
        }
        old
    }
}

unsafe fn read(mutex: *mut KMUTANT) -> i32 {
    let _guard = wait::lock();
    // SAFETY: the driver's mutex, checked.
    unsafe {
        wait::check(mutex.cast());
        (*mutex).Header.SignalState
    }
}
