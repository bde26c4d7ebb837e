//! Locking and mapping. A mapping is the identity; what is kept is the balance.

use super::mdl::{fill_frames, frames, pages, start};
use crate::bugcheck::{Violation, codes};
use crate::kernel::Kernel;
use crate::types::{
    MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_PARTIAL_HAS_BEEN_MAPPED,
    MDL_SOURCE_IS_NONPAGED_POOL, MDL_WRITE_OPERATION, NTSTATUS, PAGE_SHIFT, PVOID, STATUS_ACCESS_VIOLATION,
    STATUS_SUCCESS,
};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn MmMapLockedPagesSpecifyCache(mdl: *mut MDL, mode: i8, cache: u32, address: PVOID, bugcheck: u32, priority: u32) -> PVOID = map_specify: PASSIVE..=DISPATCH, fails(null_mut());
    fn MmMapLockedPages(mdl: *mut MDL, mode: i8) -> PVOID = map_obsolete: PASSIVE..=DISPATCH;
    fn MmUnmapLockedPages(address: PVOID, mdl: *mut MDL) = unmap: PASSIVE..=DISPATCH;
    raising MmProbeAndLockPages(mdl: *mut MDL, mode: u32, operation: u32) = probe_and_lock: PASSIVE..=DISPATCH;
    fn MmUnlockPages(mdl: *mut MDL) = unlock: PASSIVE..=DISPATCH;
    fn MmMapMdl(mdl: *mut MDL, protection: u32, routine: Option<MdlRoutine>, context: PVOID) -> NTSTATUS = map_mdl: PASSIVE..=DISPATCH;
    fn MmProtectMdlSystemAddress(mdl: *mut MDL, protection: u32) -> NTSTATUS = protect: PASSIVE..=DISPATCH;
    fn MmAllocateMappingAddress(size: usize, tag: u32) -> PVOID = allocate_mapping: PASSIVE..=APC, fails(null_mut());
    fn MmFreeMappingAddress(address: PVOID, tag: u32) = free_mapping: PASSIVE..=APC;
    fn MmMapLockedPagesWithReservedMapping(address: PVOID, tag: u32, mdl: *mut MDL, cache: u32) -> PVOID = map_reserved: PASSIVE..=DISPATCH;
    fn MmUnmapReservedMapping(address: PVOID, tag: u32, mdl: *mut MDL) = unmap_reserved: PASSIVE..=DISPATCH;
}

type MdlRoutine = unsafe extern "win64" fn(mapped: PVOID, context: PVOID) -> NTSTATUS;

const MAPPED: &str = "mapped MDL";
const LOCKED: &str = "locked MDL";
const RESERVED: &str = "reserved mapping";

/// The address at which the described bytes lie; they have to be consecutive pages.
pub(super) unsafe fn linear(mdl: *mut MDL) -> usize {
    // SAFETY: a built or locked MDL.
    unsafe {
        let count = pages((*mdl).ByteOffset as usize, (*mdl).ByteCount as usize);
        let first = if count == 0 { start(mdl) >> PAGE_SHIFT } else { frames(mdl).read() };
        if let Some(index) = (1..count).find(|index| frames(mdl).add(*index).read() != first + index) {
            bugcheck!(
                codes::UNFINISHED_ROUTINE,
                [mdl as u64, index as u64, 0, 0],
                "unfinished routine: the MDL at {mdl:p} describes pages that are not consecutive (page {index}); ntsim maps consecutive ones only"
            );
        }
        (first << PAGE_SHIFT) + (*mdl).ByteOffset as usize
    }
}

unsafe fn map_specify(mdl: *mut MDL, mode: i8, _cache: u32, _address: PVOID, _bugcheck: u32, _priority: u32) -> PVOID {
    if mode != 0 {
        bugcheck!(
            codes::UNFINISHED_ROUTINE,
            [mdl as u64, mode as u64, 0, 0],
            "unfinished routine: MmMapLockedPagesSpecifyCache for UserMode"
        );
    }
    // SAFETY: the driver's MDL.
    unsafe {
        check_locked(mdl, "MmMapLockedPagesSpecifyCache");
        if (*mdl).MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
            let what = if (*mdl).MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL != 0 {
                "describes nonpaged pool, which is mapped for ever"
            } else {
                "is mapped already"
            };
            bugcheck!(
                codes::MDL_TWICE,
                [mdl as u64, (*mdl).MdlFlags as u64, 0, 0],
                "MmMapLockedPagesSpecifyCache was given the MDL at {mdl:p}, which {what}; use MmGetSystemAddressForMdlSafe"
            );
        }
        let address = linear(mdl) as PVOID;
        (*mdl).MappedSystemVa = address;
        (*mdl).MdlFlags |=
            MDL_MAPPED_TO_SYSTEM_VA | if (*mdl).MdlFlags & MDL_PARTIAL != 0 { MDL_PARTIAL_HAS_BEEN_MAPPED } else { 0 };
        Kernel::get().leaks.track(MAPPED, mdl as usize, format!("{} bytes", (*mdl).ByteCount));
        address
    }
}

unsafe fn map_obsolete(mdl: *mut MDL, _mode: i8) -> PVOID {
    bugcheck!(
        codes::BAD_PARAMETER,
        [mdl as u64, 0, 0, 0],
        "MmMapLockedPages is obsolete and raises on failure; use MmMapLockedPagesSpecifyCache"
    )
}

unsafe fn unmap(address: PVOID, mdl: *mut MDL) {
    // SAFETY: the driver's MDL.
    unsafe {
        if (*mdl).MdlFlags & MDL_MAPPED_TO_SYSTEM_VA == 0 || (*mdl).MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL != 0 {
            bugcheck!(
                codes::MDL_UNBALANCED,
                [mdl as u64, address as u64, 0, 0],
                "MmUnmapLockedPages was given the MDL at {mdl:p}, which MmMapLockedPagesSpecifyCache has not mapped"
            );
        }
        if (*mdl).MappedSystemVa != address {
            bugcheck!(
                codes::MDL_UNBALANCED,
                [mdl as u64, address as u64, (*mdl).MappedSystemVa as u64, 0],
                "MmUnmapLockedPages was given {address:p}; the MDL at {mdl:p} is mapped at {:p}",
                (*mdl).MappedSystemVa
            );
        }
        (*mdl).MdlFlags &= !(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
        (*mdl).MappedSystemVa = null_mut();
    }
    forget(mdl);
}

/// The MDL is not mapped any more.
pub(super) fn forget(mdl: *mut MDL) {
    Kernel::get().leaks.untrack(MAPPED, mdl as usize);
}

unsafe fn probe_and_lock(mdl: *mut MDL, _mode: u32, operation: u32) {
    // SAFETY: the driver's MDL.
    unsafe {
        if (*mdl).MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL) != 0 {
            bugcheck!(
                codes::MDL_TWICE,
                [mdl as u64, (*mdl).MdlFlags as u64, 0, 0],
                "MmProbeAndLockPages was given the MDL at {mdl:p}, which is locked or built already"
            );
        }
        let begin = start(mdl);
        let write = operation != 0;
        if !crate::host::memory::accessible(begin, (*mdl).ByteCount as usize, write) {
            crate::seh::raise_exception(STATUS_ACCESS_VIOLATION, || {
                let what = if write { "writable" } else { "readable" };
                format!("MmProbeAndLockPages found {} bytes at {begin:#x} not {what} and", (*mdl).ByteCount)
            });
        }
        fill_frames(mdl, begin);
        (*mdl).MdlFlags |= MDL_PAGES_LOCKED | if write { MDL_WRITE_OPERATION } else { 0 };
        Kernel::get().leaks.track(LOCKED, mdl as usize, format!("{} bytes at {begin:#x}", (*mdl).ByteCount));
    }
}

unsafe fn unlock(mdl: *mut MDL) {
    // SAFETY: the driver's MDL.
    unsafe {
        if Kernel::get().leaks.untrack(LOCKED, mdl as usize).is_none() || (*mdl).MdlFlags & MDL_PAGES_LOCKED == 0 {
            bugcheck!(
                codes::MDL_UNBALANCED,
                [mdl as u64, (*mdl).MdlFlags as u64, 0, 0],
                "MmUnlockPages was given the MDL at {mdl:p}, which MmProbeAndLockPages has not locked"
            );
        }
        // The unlock takes the system mapping along, as on Windows.
        if (*mdl).MdlFlags & MDL_MAPPED_TO_SYSTEM_VA != 0 {
            forget(mdl);
        }
        (*mdl).MdlFlags &= !(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA);
        (*mdl).MappedSystemVa = null_mut();
    }
}

unsafe fn check_locked(mdl: *mut MDL, routine: &str) {
    // SAFETY: the driver's MDL.
    let flags = unsafe { (*mdl).MdlFlags };
    if flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL) == 0 {
        Violation::new(&codes::MDL_NOT_LOCKED)
            .params([mdl as u64, flags as u64, 0, 0])
            .text(format!("{routine} was given the MDL at {mdl:p}, whose pages are not locked"))
            .raise();
    }
}

unsafe fn map_mdl(mdl: *mut MDL, _protection: u32, routine: Option<MdlRoutine>, context: PVOID) -> NTSTATUS {
    // SAFETY: the driver's MDL and routine.
    unsafe {
        check_locked(mdl, "MmMapMdl");
        let address = linear(mdl) as PVOID;
        crate::context::call_driver(
            crate::context::CallSite::new("MDL routine", routine.map_or(0, |routine| routine as usize)),
            || routine.map_or(STATUS_SUCCESS, |routine| routine(address, context)),
        )
    }
}

/// Rights of identity mappings are those of the memory behind; a weaker view is not enforced.
unsafe fn protect(mdl: *mut MDL, _protection: u32) -> NTSTATUS {
    // SAFETY: the driver's MDL.
    if unsafe { (*mdl).MdlFlags } & MDL_MAPPED_TO_SYSTEM_VA == 0 {
        bugcheck!(
            codes::MDL_NOT_LOCKED,
            [mdl as u64, 0, 0, 0],
            "MmProtectMdlSystemAddress was given the MDL at {mdl:p}, which is not mapped"
        );
    }
    STATUS_SUCCESS
}

unsafe fn allocate_mapping(size: usize, tag: u32) -> PVOID {
    let address = crate::ex::pool::allocate(size.next_multiple_of(4096).max(4096), tag, false);
    if !address.is_null() {
        Kernel::get().leaks.track(RESERVED, address as usize, format!("{size} bytes"));
    }
    address.cast()
}

unsafe fn free_mapping(address: PVOID, tag: u32) {
    if Kernel::get().leaks.untrack(RESERVED, address as usize).is_none() {
        bugcheck!(
            codes::MDL_UNBALANCED,
            [address as u64, 0, 0, 0],
            "MmFreeMappingAddress was given {address:p}, which is no reserved mapping"
        );
    }
    // SAFETY: made above.
    unsafe { crate::ex::pool::free(address.cast(), tag) };
}

unsafe fn map_reserved(address: PVOID, _tag: u32, mdl: *mut MDL, cache: u32) -> PVOID {
    if Kernel::get().leaks.find(RESERVED, address as usize).is_none() {
        bugcheck!(
            codes::MDL_UNBALANCED,
            [address as u64, 0, 0, 0],
            "MmMapLockedPagesWithReservedMapping was given {address:p}, which is no reserved mapping"
        );
    }
    // SAFETY: the driver's MDL. The identity stands for the reserved range.
    unsafe { map_specify(mdl, 0, cache, null_mut(), 0, 0) }
}

unsafe fn unmap_reserved(_address: PVOID, _tag: u32, mdl: *mut MDL) {
    // SAFETY: the driver's MDL.
    unsafe { unmap((*mdl).MappedSystemVa, mdl) };
}
