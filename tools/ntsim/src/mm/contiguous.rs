//! Physically contiguous memory; any memory is.

use crate::bugcheck::codes;
use crate::host::memory::{self, Protection};
use crate::kernel::Kernel;
use crate::types::PVOID;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn MmAllocateContiguousMemorySpecifyCache(size: usize, low: i64, high: i64, boundary: i64, cache: u32) -> PVOID = allocate: PASSIVE..=DISPATCH, fails(null_mut());
    fn MmAllocateContiguousNodeMemory(size: usize, low: i64, high: i64, boundary: i64, protect: u32, node: u32) -> PVOID = allocate_node: PASSIVE..=DISPATCH, fails(null_mut());
    fn MmFreeContiguousMemory(address: PVOID) = free: PASSIVE..=DISPATCH;
}

const KIND: &str = "contiguous memory";
const PAGE: usize = 4096;

static SIZES: Mutex<Option<HashMap<usize, usize>>> = Mutex::new(None);

unsafe fn allocate(size: usize, _low: i64, _high: i64, _boundary: i64, _cache: u32) -> PVOID {
    let Some(rounded) = size.checked_next_multiple_of(PAGE).filter(|size| *size != 0) else {
        return null_mut();
    };
    // One more page stays inaccessible behind it.
    let Ok(base) = memory::map(rounded + PAGE, Protection::ReadWrite) else {
        return null_mut();
    };
    // SAFETY: the last page of the new mapping; a refusal only weakens the check.
    let _ = unsafe { memory::protect(base.add(rounded), PAGE, Protection::None) };
    SIZES.lock().get_or_insert_default().insert(base as usize, rounded + PAGE);
    Kernel::get().leaks.track(KIND, base as usize, format!("{size} bytes"));
    base.cast()
}

unsafe fn allocate_node(size: usize, low: i64, high: i64, boundary: i64, _protect: u32, _node: u32) -> PVOID {
    // SAFETY: as given.
    unsafe { allocate(size, low, high, boundary, 1) }
}

unsafe fn free(address: PVOID) {
    let Some(size) = SIZES.lock().get_or_insert_default().remove(&(address as usize)) else {
        bugcheck!(
            codes::POOL_FOREIGN_FREE,
            [address as u64, 0, 0, 0],
            "MmFreeContiguousMemory was given {address:p}, which is no contiguous memory, or was freed before"
        );
    };
    Kernel::get().leaks.untrack(KIND, address as usize);
    // SAFETY: made above; the driver gives it up.
    unsafe { memory::unmap(address.cast(), size) };
}
