//! MDLs: allocation, building, partial ones. The page frame numbers behind the header are the
//! virtual addresses shifted by 12: physical memory is the host's address space.

use crate::bugcheck::{Violation, codes};
use crate::kernel::Kernel;
use crate::types::{
    BOOLEAN, IRP, MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_PARTIAL_HAS_BEEN_MAPPED,
    MDL_SOURCE_IS_NONPAGED_POOL, PAGE_SHIFT, PAGE_SIZE, PVOID,
};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn IoAllocateMdl(address: PVOID, length: u32, secondary: BOOLEAN, quota: BOOLEAN, irp: *mut IRP) -> *mut MDL = allocate_by_driver: PASSIVE..=DISPATCH, fails(null_mut());
    fn IoFreeMdl(mdl: *mut MDL) = free: PASSIVE..=DISPATCH;
    fn IoBuildPartialMdl(source: *mut MDL, target: *mut MDL, address: PVOID, length: u32) = build_partial: PASSIVE..=DISPATCH;
    fn MmBuildMdlForNonPagedPool(mdl: *mut MDL) = build_for_nonpaged: PASSIVE..=DISPATCH;
    fn MmSizeOfMdl(address: PVOID, length: usize) -> usize = size_of: PASSIVE..=HIGH;
}

const KIND: &str = "MDL";
const TAG: u32 = u32::from_le_bytes(*b"Mdl ");
const HEADER: usize = std::mem::size_of::<MDL>();
/// The size field has 16 bits, signed.
const MOST_PAGES: usize = (i16::MAX as usize - HEADER) / 8;

/// How many pages `length` bytes at `address` touch.
pub(super) fn pages(address: usize, length: usize) -> usize {
    ((address & (PAGE_SIZE - 1)) + length).div_ceil(PAGE_SIZE)
}

/// Allocates an MDL for a buffer; null when there is no memory or the buffer is too long. The
/// caller's driver owns it.
pub fn allocate(address: usize, length: usize) -> *mut MDL {
    let count = pages(address, length);
    if length > u32::MAX as usize || count > MOST_PAGES.max(1 << 20) {
        return null_mut();
    }
    let size = HEADER + 8 * count;
    let mdl = crate::ex::pool::allocate(size, TAG, true).cast::<MDL>();
    if mdl.is_null() {
        return mdl;
    }
    // SAFETY: a fresh block of that size.
    unsafe {
        initialize(mdl, address, length);
    }
    Kernel::get().leaks.track(KIND, mdl as usize, format!("{length} bytes at {address:#x}"));
    mdl
}

/// What `MmInitializeMdl` does.
unsafe fn initialize(mdl: *mut MDL, address: usize, length: usize) {
    let size = HEADER + 8 * pages(address, length);
    // SAFETY: by contract of the callers the MDL has room.
    unsafe {
        (*mdl).Next = null_mut();
        (*mdl).Size = size.min(i16::MAX as usize & !7) as i16;
        (*mdl).MdlFlags = 0;
        (*mdl).Process = null_mut();
        (*mdl).MappedSystemVa = null_mut();
        (*mdl).StartVa = (address & !(PAGE_SIZE - 1)) as PVOID;
        (*mdl).ByteOffset = (address & (PAGE_SIZE - 1)) as u32;
        (*mdl).ByteCount = length as u32;
    }
}

/// The array of page frame numbers.
pub(super) fn frames(mdl: *mut MDL) -> *mut usize {
    mdl.wrapping_add(1).cast()
}

/// The described buffer's first address.
pub(super) unsafe fn start(mdl: *mut MDL) -> usize {
    // SAFETY: by contract of the callers.
    unsafe { (*mdl).StartVa as usize + (*mdl).ByteOffset as usize }
}

/// Writes the frame numbers of consecutive pages.
pub(super) unsafe fn fill_frames(mdl: *mut MDL, first: usize) {
    // SAFETY: the MDL has room for its pages.
    unsafe {
        let count = pages((*mdl).ByteOffset as usize, (*mdl).ByteCount as usize);
        for index in 0..count {
            frames(mdl).add(index).write((first >> PAGE_SHIFT) + index);
        }
    }
}

/// The system address of a described buffer, for ntsim's own routines; null if it is not
/// mapped and not nonpaged pool.
///
/// # Safety
/// A valid MDL.
pub unsafe fn system_address(mdl: *mut MDL) -> *mut u8 {
    // SAFETY: by contract.
    unsafe {
        if (*mdl).MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
            return (*mdl).MappedSystemVa.cast();
        }
        if (*mdl).MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL) != 0 {
            super::map::linear(mdl) as *mut u8
        } else {
            null_mut()
        }
    }
}

unsafe fn allocate_by_driver(
    address: PVOID,
    length: u32,
    secondary: BOOLEAN,
    quota: BOOLEAN,
    irp: *mut IRP,
) -> *mut MDL {
    if quota != 0 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [address as u64, u64::from(length), 0, 0],
            "IoAllocateMdl was called with ChargeQuota TRUE, which raises on failure; drivers pass FALSE"
        );
    }
    let mdl = allocate(address as usize, length as usize);
    if mdl.is_null() || irp.is_null() {
        return mdl;
    }
    // SAFETY: the driver's IRP; a secondary MDL goes to the end of its chain.
    unsafe {
        if secondary == 0 {
            (*irp).MdlAddress = mdl;
            return mdl;
        }
        let mut last = &raw mut (*irp).MdlAddress;
        while !(*last).is_null() {
            last = &raw mut (**last).Next;
        }
        last.write(mdl);
    }
    mdl
}

/// Frees an MDL.
///
/// # Safety
/// Nobody uses it any more.
pub unsafe fn free(mdl: *mut MDL) {
    let leaks = &Kernel::get().leaks;
    if leaks.find(KIND, mdl as usize).is_none() {
        foreign(mdl, "IoFreeMdl");
    }
    // SAFETY: a tracked MDL is alive.
    let flags = unsafe { (*mdl).MdlFlags };
    let partial = flags & MDL_PARTIAL != 0;
    if flags & MDL_PAGES_LOCKED != 0 && !partial {
        still(mdl, "its pages are locked (MmUnlockPages is missing)");
    }
    if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED) != 0 && flags & MDL_SOURCE_IS_NONPAGED_POOL == 0
    {
        if !partial {
            still(mdl, "it is mapped (MmUnmapLockedPages is missing)");
        }
        // A mapped partial MDL is unmapped by the free, as on Windows.
        super::map::forget(mdl);
    }
    leaks.untrack(KIND, mdl as usize);
    // SAFETY: the block of `allocate`.
    unsafe { crate::ex::pool::free(mdl.cast(), TAG) };
}

fn still(mdl: *mut MDL, why: &str) -> ! {
    let made = Kernel::get().leaks.find(KIND, mdl as usize);
    Violation::new(&codes::MDL_STILL_LOCKED)
        .params([mdl as u64, 0, 0, 0])
        .text(format!("the MDL at {mdl:p} was freed while {why}"))
        .related("allocated at", made.map(|made| made.stack).unwrap_or_default())
        .raise()
}

#[cold]
fn foreign(mdl: *mut MDL, routine: &str) -> ! {
    bugcheck!(
        codes::MDL_FOREIGN,
        [mdl as u64, 0, 0, 0],
        "{routine} was given {mdl:p}, which is no MDL of IoAllocateMdl, or was freed before"
    )
}

/// Fills in the pages of an MDL for nonpaged memory.
///
/// # Safety
/// An allocated MDL that is neither built, locked nor mapped; its buffer is nonpaged.
pub unsafe fn build_for_nonpaged(mdl: *mut MDL) {
    // SAFETY: the driver's MDL.
    unsafe {
        if (*mdl).MdlFlags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)
            != 0
        {
            bugcheck!(
                codes::MDL_TWICE,
                [mdl as u64, (*mdl).MdlFlags as u64, 0, 0],
                "MmBuildMdlForNonPagedPool was given the MDL at {mdl:p}, which is built, locked or mapped already"
            );
        }
        let start = start(mdl);
        fill_frames(mdl, start);
        (*mdl).MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
        (*mdl).MappedSystemVa = start as PVOID;
    }
}

unsafe fn build_partial(source: *mut MDL, target: *mut MDL, address: PVOID, length: u32) {
    let address = address as usize;
    // SAFETY: the driver's MDLs.
    unsafe {
        let flags = (*source).MdlFlags;
        if flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL) == 0 {
            bugcheck!(
                codes::MDL_NOT_LOCKED,
                [source as u64, 0, 0, 0],
                "IoBuildPartialMdl was given the source MDL at {source:p}, whose pages are not locked"
            );
        }
        let begin = start(source);
        let inside = address.wrapping_sub(begin);
        let length = if length == 0 { ((*source).ByteCount as usize).saturating_sub(inside) } else { length as usize };
        if inside.checked_add(length).is_none_or(|end| end > (*source).ByteCount as usize) {
            range(source, target, inside, length);
        }
        let room = ((*target).Size as usize).saturating_sub(HEADER) / 8;
        if pages(address, length) > room && (*target).Size < i16::MAX & !7 {
            bugcheck!(
                codes::MDL_RANGE,
                [target as u64, room as u64, length as u64, 0],
                "the target MDL at {target:p} has room for {room} pages; the part needs {}",
                pages(address, length)
            );
        }
        let skipped = (address >> PAGE_SHIFT) - ((*source).StartVa as usize >> PAGE_SHIFT);
        let next = (*target).Next;
        initialize_partial(target, address, length);
        (*target).Next = next;
        let count = pages(address, length);
        std::ptr::copy_nonoverlapping(frames(source).add(skipped), frames(target), count);
        (*target).Process = (*source).Process;
        if flags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA) != 0 {
            (*target).MappedSystemVa = ((*source).MappedSystemVa as usize + inside) as PVOID;
        }
        (*target).MdlFlags = MDL_PARTIAL
            | flags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_PAGES_LOCKED)
            | if flags & MDL_MAPPED_TO_SYSTEM_VA != 0 { MDL_MAPPED_TO_SYSTEM_VA } else { 0 };
    }
}

/// Keeps the target's size: it says how many pages there is room for.
unsafe fn initialize_partial(target: *mut MDL, address: usize, length: usize) {
    // SAFETY: the driver's MDL with checked room.
    unsafe {
        let size = (*target).Size;
        initialize(target, address, length);
        (*target).Size = size;
    }
}

#[cold]
fn range(source: *mut MDL, target: *mut MDL, inside: usize, length: usize) -> ! {
    bugcheck!(
        codes::MDL_RANGE,
        [source as u64, target as u64, inside as u64, length as u64],
        "IoBuildPartialMdl was asked for {length} bytes at offset {:#x} of the source MDL at {source:p}, which is shorter",
        inside
    )
}

unsafe fn size_of(address: PVOID, length: usize) -> usize {
    HEADER + 8 * pages(address as usize, length)
}
