//! Interlocked singly linked lists. The header has the layout of x64: depth (16 bits) and
//! sequence (48) in the first word, the first entry in the second. A host lock per hash of the
//! address stands for the 16-byte compare and swap.

use crate::bugcheck::codes;
use crate::types::{SLIST_ENTRY, SLIST_HEADER};
use parking_lot::{Mutex, MutexGuard};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn InitializeSListHead(head: *mut SLIST_HEADER) = initialize: PASSIVE..=HIGH;
    fn ExpInterlockedPushEntrySList(head: *mut SLIST_HEADER, entry: *mut SLIST_ENTRY) -> *mut SLIST_ENTRY = push: PASSIVE..=HIGH;
    fn ExpInterlockedPopEntrySList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY = pop: PASSIVE..=HIGH;
    fn ExpInterlockedFlushSList(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY = flush: PASSIVE..=HIGH;
    fn ExQueryDepthSList(head: *mut SLIST_HEADER) -> u16 = depth: PASSIVE..=DISPATCH;
}

static LOCKS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];

fn lock(head: *mut SLIST_HEADER) -> MutexGuard<'static, ()> {
    if head as usize & 15 != 0 || head.is_null() {
        bugcheck!(codes::BAD_PARAMETER, [head as u64, 0, 0, 0], "the list head at {head:p} is not aligned to 16 bytes");
    }
    LOCKS[head as usize >> 4 & 63].lock()
}

/// Adds to the depth and one to the sequence.
fn next(word: u64, add: u16) -> u64 {
    let depth = (word as u16).wrapping_add(add);
    ((word >> 16).wrapping_add(1) << 16) | u64::from(depth)
}

/// Makes a list empty.
///
/// # Safety
/// 16 bytes for the header, aligned so.
pub(super) unsafe fn initialize(head: *mut SLIST_HEADER) {
    let _guard = lock(head);
    // SAFETY: by contract.
    unsafe { head.write(SLIST_HEADER { Alignment: 0, Region: 0 }) };
}

unsafe fn push(head: *mut SLIST_HEADER, entry: *mut SLIST_ENTRY) -> *mut SLIST_ENTRY {
    if entry as usize & 15 != 0 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [entry as u64, 0, 0, 0],
            "the list entry at {entry:p} is not aligned to 16 bytes"
        );
    }
    let _guard = lock(head);
    // SAFETY: the driver's list and entry, under the lock.
    unsafe {
        let before = (*head).Region as *mut SLIST_ENTRY;
        (*entry).Next = before;
        (*head).Region = entry as u64;
        (*head).Alignment = next((*head).Alignment, 1);
        before
    }
}

/// Takes the first entry; null if there is none.
///
/// # Safety
/// An initialised list.
pub(super) unsafe fn pop(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    let _guard = lock(head);
    // SAFETY: by contract, under the lock.
    unsafe {
        let first = (*head).Region as *mut SLIST_ENTRY;
        if !first.is_null() {
            (*head).Region = (*first).Next as u64;
            (*head).Alignment = next((*head).Alignment, u16::MAX);
        }
        first
    }
}

unsafe fn flush(head: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    let _guard = lock(head);
    // SAFETY: the driver's list, under the lock.
    unsafe {
        let first = std::mem::replace(&mut (*head).Region, null_mut::<SLIST_ENTRY>() as u64);
        (*head).Alignment = next((*head).Alignment, 0) & !0xffff;
        first as *mut SLIST_ENTRY
    }
}

unsafe fn depth(head: *mut SLIST_HEADER) -> u16 {
    let _guard = lock(head);
    // SAFETY: the driver's list.
    unsafe { (*head).Alignment as u16 }
}
