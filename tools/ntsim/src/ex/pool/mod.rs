//! Pool: tagged, tracked, with red zones, poison and (as an option) guard pages.

mod block;
mod store;

pub use store::{Explained, explain, leaks_of};

use crate::bugcheck::codes;
use crate::context;
use crate::types::{APC_LEVEL, PVOID};
use block::Kind;
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn ExAllocatePool2(flags: u64, size: usize, tag: u32) -> PVOID = allocate2: PASSIVE..=DISPATCH, fails(null_mut());
    fn ExAllocatePool3(flags: u64, size: usize, tag: u32, extended: PVOID, count: u32) -> PVOID = allocate3: PASSIVE..=DISPATCH, fails(null_mut());
    fn ExAllocatePoolWithTag(kind: u32, size: usize, tag: u32) -> PVOID = allocate_with_tag: PASSIVE..=DISPATCH, fails(null_mut());
    fn ExAllocatePoolWithTagPriority(kind: u32, size: usize, tag: u32, priority: u32) -> PVOID = allocate_with_priority: PASSIVE..=DISPATCH, fails(null_mut());
    fn ExFreePool(block: PVOID) = free_any: PASSIVE..=DISPATCH;
    fn ExFreePoolWithTag(block: PVOID, tag: u32) = free_with_tag: PASSIVE..=DISPATCH;
}

const UNINITIALIZED: u64 = 0x2;
const CACHE_ALIGNED: u64 = 0x8;
const NON_PAGED: u64 = 0x40;
const NON_PAGED_EXECUTE: u64 = 0x80;
const PAGED: u64 = 0x100;
const KNOWN: u64 = 0x1
    | UNINITIALIZED
    | 0x4
    | CACHE_ALIGNED
    | 0x20
    | NON_PAGED
    | NON_PAGED_EXECUTE
    | PAGED
    | 0x2_0000_0000
    | 0x1_0000_0000;

/// Nonpaged pool for ntsim's own routines that hand memory to drivers; the caller's driver owns
/// it. Null when the host has no memory.
pub fn allocate(size: usize, tag: u32, zero: bool) -> *mut u8 {
    store::allocate(size, tag, Kind { paged: false, cache_aligned: false }, zero)
}

/// Frees pool; 0 as tag means any.
///
/// # Safety
/// Nobody uses the block any more.
pub unsafe fn free(block: *mut u8, tag: u32) {
    // SAFETY: by contract.
    unsafe { store::free(block, tag) };
}

/// A tag as text.
pub fn tag_name(tag: u32) -> String {
    tag.to_le_bytes().iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
}

fn check(size: usize, tag: u32, kind: Kind) {
    if size == 0 {
        bugcheck!(
            codes::POOL_ZERO_BYTES,
            [u64::from(tag), 0, 0, 0],
            "zero bytes of pool were asked for, with tag '{}'",
            tag_name(tag)
        );
    }
    let printable = tag.to_le_bytes().iter().all(|byte| (0x20..0x7f).contains(byte));
    if tag == 0 || !printable {
        bugcheck!(
            codes::POOL_BAD_TAG,
            [u64::from(tag), size as u64, 0, 0],
            "{size} bytes of pool were asked for with the tag {tag:#010x}, which is not four printable characters"
        );
    }
    if kind.paged && context::irql() > APC_LEVEL {
        bugcheck!(
            codes::POOL_PAGED_AT_RAISED_IRQL,
            [u64::from(context::irql()), size as u64, u64::from(tag), 0],
            "paged pool was asked for at IRQL {}",
            context::irql()
        );
    }
}

unsafe fn allocate2(flags: u64, size: usize, tag: u32) -> PVOID {
    let pools = flags & (NON_PAGED | NON_PAGED_EXECUTE | PAGED);
    if pools.count_ones() != 1 || flags & !KNOWN != 0 {
        bugcheck!(
            codes::POOL_BAD_FLAGS,
            [flags, size as u64, u64::from(tag), 0],
            "the pool flags {flags:#x} name no pool, or several, or have unknown bits"
        );
    }
    if pools == NON_PAGED_EXECUTE {
        executable(size, tag);
    }
    let kind = Kind { paged: pools == PAGED, cache_aligned: flags & CACHE_ALIGNED != 0 };
    check(size, tag, kind);
    store::allocate(size, tag, kind, flags & UNINITIALIZED == 0).cast()
}

unsafe fn allocate3(flags: u64, size: usize, tag: u32, _extended: PVOID, _count: u32) -> PVOID {
    // SAFETY: as given. Priority, quota and node are hints.
    unsafe { allocate2(flags, size, tag) }
}

unsafe fn allocate_with_tag(kind: u32, size: usize, tag: u32) -> PVOID {
    let (paged, cache_aligned) = match kind {
        512 => (false, false),
        516 => (false, true),
        1 => (true, false),
        5 => (true, true),
        0 | 4 => executable(size, tag),
        _ => bugcheck!(
            codes::POOL_BAD_FLAGS,
            [u64::from(kind), size as u64, u64::from(tag), 0],
            "pool type {kind} does not exist for drivers"
        ),
    };
    let kind = Kind { paged, cache_aligned };
    check(size, tag, kind);
    store::allocate(size, tag, kind, false).cast()
}

unsafe fn allocate_with_priority(kind: u32, size: usize, tag: u32, _priority: u32) -> PVOID {
    // SAFETY: as given.
    unsafe { allocate_with_tag(kind, size, tag) }
}

fn executable(size: usize, tag: u32) -> ! {
    bugcheck!(
        codes::POOL_EXECUTABLE,
        [size as u64, u64::from(tag), 0, 0],
        "executable nonpaged pool was asked for ({size} bytes, tag '{}'); use NonPagedPoolNx or POOL_FLAG_NON_PAGED",
        tag_name(tag)
    )
}

unsafe fn free_any(block: PVOID) {
    // SAFETY: the driver gives the block up.
    unsafe { store::free(block.cast(), 0) };
}

unsafe fn free_with_tag(block: PVOID, tag: u32) {
    // SAFETY: as above.
    unsafe { store::free(block.cast(), tag) };
}

#[cfg(test)]
mod tests;
