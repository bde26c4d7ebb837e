//! Doubly linked lists with their own spin lock.

use crate::ke::{irql, spin};
use crate::types::{DISPATCH_LEVEL, KSPIN_LOCK, LIST_ENTRY};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn ExInterlockedInsertTailList(head: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY = insert_tail: PASSIVE..=HIGH;
    fn ExInterlockedInsertHeadList(head: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY = insert_head: PASSIVE..=HIGH;
    fn ExInterlockedRemoveHeadList(head: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY = remove_head: PASSIVE..=HIGH;
}

unsafe fn locked<R>(lock: *mut KSPIN_LOCK, f: impl FnOnce() -> R) -> R {
    let old = irql::raise(crate::context::irql().max(DISPATCH_LEVEL));
    // SAFETY: the driver's lock.
    unsafe { spin::acquire_at_dispatch(lock) };
    let result = f();
    // SAFETY: taken above.
    unsafe { spin::release_at_dispatch(lock) };
    irql::lower(old);
    result
}

fn or_null(entry: *mut LIST_ENTRY, head: *mut LIST_ENTRY) -> *mut LIST_ENTRY {
    if entry == head { null_mut() } else { entry }
}

unsafe fn insert_tail(head: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY {
    // SAFETY: the driver's list, under its lock.
    unsafe {
        locked(lock, || {
            let last = (*head).Blink;
            (*entry).Flink = head;
            (*entry).Blink = last;
            (*last).Flink = entry;
            (*head).Blink = entry;
            or_null(last, head)
        })
    }
}

unsafe fn insert_head(head: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY {
    // SAFETY: the driver's list, under its lock.
    unsafe {
        locked(lock, || {
            let first = (*head).Flink;
            (*entry).Flink = first;
            (*entry).Blink = head;
            (*first).Blink = entry;
            (*head).Flink = entry;
            or_null(first, head)
        })
    }
}

unsafe fn remove_head(head: *mut LIST_ENTRY, lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY {
    // SAFETY: the driver's list, under its lock.
    unsafe {
        locked(lock, || {
            let first = (*head).Flink;
            if first == head {
                return null_mut();
            }
            let second = (*first).Flink;
            (*head).Flink = second;
            (*second).Blink = head;
            first
        })
    }
}
