//! Pages that an MDL owns.

use super::mdl::fill_frames;
use crate::bugcheck::codes;
use crate::host::memory::{self, Protection};
use crate::kernel::Kernel;
use crate::types::{MDL, MDL_PAGES_LOCKED, PVOID};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn MmAllocatePagesForMdlEx(low: i64, high: i64, skip: i64, size: usize, cache: u32, flags: u32) -> *mut MDL = allocate_ex: PASSIVE..=DISPATCH, fails(null_mut());
    fn MmAllocatePagesForMdl(low: i64, high: i64, skip: i64, size: usize) -> *mut MDL = allocate: PASSIVE..=DISPATCH, fails(null_mut());
    fn MmFreePagesFromMdl(mdl: *mut MDL) = free: PASSIVE..=DISPATCH;
}

const KIND: &str = "pages of an MDL";
const TAG: u32 = u32::from_le_bytes(*b"MdlP");
const PAGE: usize = 4096;

/// MDL to its pages.
static PAGES: Mutex<Option<HashMap<usize, (usize, usize)>>> = Mutex::new(None);

unsafe fn allocate(low: i64, high: i64, skip: i64, size: usize) -> *mut MDL {
    // SAFETY: as given.
    unsafe { allocate_ex(low, high, skip, size, 1, 0) }
}

/// The physical range is of no meaning here: all memory is alike.
unsafe fn allocate_ex(_low: i64, _high: i64, _skip: i64, size: usize, _cache: u32, _flags: u32) -> *mut MDL {
    let Some(size) =
        size.checked_next_multiple_of(PAGE).filter(|size| *size != 0 && *size <= u32::MAX as usize & !(PAGE - 1))
    else {
        return null_mut();
    };
    let Ok(base) = memory::map(size, Protection::ReadWrite) else {
        return null_mut();
    };
    let mdl = crate::ex::pool::allocate(std::mem::size_of::<MDL>() + size / PAGE * 8, TAG, true).cast::<MDL>();
    if mdl.is_null() {
        // SAFETY: nobody knows the pages.
        unsafe { memory::unmap(base, size) };
        return mdl;
    }
    // SAFETY: a fresh block with room for the frame numbers.
    unsafe {
        mdl.write(MDL {
            Next: null_mut(),
            Size: (std::mem::size_of::<MDL>() + size / PAGE * 8).min(i16::MAX as usize & !7) as i16,
            MdlFlags: MDL_PAGES_LOCKED,
            AllocationProcessorNumber: 0,
            Reserved: 0,
            Process: null_mut(),
            MappedSystemVa: null_mut(),
            StartVa: null_mut::<u8>() as PVOID,
            ByteCount: size as u32,
            ByteOffset: 0,
        });
        fill_frames(mdl, base as usize);
    }
    PAGES.lock().get_or_insert_default().insert(mdl as usize, (base as usize, size));
    Kernel::get().leaks.track(KIND, mdl as usize, format!("{size} bytes"));
    mdl
}

unsafe fn free(mdl: *mut MDL) {
    let Some((base, size)) = PAGES.lock().get_or_insert_default().remove(&(mdl as usize)) else {
        bugcheck!(
            codes::MDL_FOREIGN,
            [mdl as u64, 0, 0, 0],
            "MmFreePagesFromMdl was given {mdl:p}, which MmAllocatePagesForMdl has not made, or whose pages were freed before"
        );
    };
    Kernel::get().leaks.untrack(KIND, mdl as usize);
    super::map::forget(mdl);
    // SAFETY: the pages of this MDL; the MDL itself stays for ExFreePool.
    unsafe {
        (*mdl).MdlFlags = 0;
        memory::unmap(base as *mut u8, size);
    }
}
