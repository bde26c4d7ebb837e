//! Lookaside lists. Drivers allocate and free by inline code over the structure, so its fields
//! are the real ones; the depth is 0, so that each free goes back to the (checked) pool.

use super::slist;
use crate::bugcheck::codes;
use crate::context::{CallSite, call_driver};
use crate::kernel::Kernel;
use crate::table::find;
use crate::types::{NTSTATUS, PVOID, SLIST_HEADER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

crate::routines! { "ntoskrnl.exe";
    fn ExInitializeNPagedLookasideList(list: *mut General, allocate: usize, free: usize, flags: u32, size: usize, tag: u32, depth: u16)
        = initialize_npaged: PASSIVE..=DISPATCH;
    fn ExDeleteNPagedLookasideList(list: *mut General) = delete_npaged: PASSIVE..=DISPATCH;
    fn ExInitializeLookasideListEx(list: *mut General, allocate: usize, free: usize, pool: u32, flags: u32, size: usize, tag: u32, depth: u16) -> NTSTATUS
        = initialize_ex: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ExDeleteLookasideListEx(list: *mut General) = delete_ex: PASSIVE..=DISPATCH;
    fn ExFlushLookasideListEx(list: *mut General) = flush_ex: PASSIVE..=DISPATCH;
}

/// What the Ex lists call when the driver gave no functions.
mod defaults {
    use super::{PVOID, allocate_default, free_default};

    crate::routines! { "lookaside";
        fn Allocate(pool: u32, size: usize, tag: u32, list: PVOID) -> PVOID = allocate_default: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
        fn Free(block: PVOID, list: PVOID) = free_default: PASSIVE..=DISPATCH;
    }
}

/// GENERAL_LOOKASIDE as far as inline code uses it.
#[repr(C, align(16))]
pub(super) struct General {
    head: SLIST_HEADER,
    depth: u16,
    maximum_depth: u16,
    total_allocates: u32,
    allocate_misses: u32,
    total_frees: u32,
    free_misses: u32,
    pool: u32,
    tag: u32,
    size: u32,
    allocate: usize,
    free: usize,
    links: [usize; 2],
    last: [u32; 4],
}

const _: () = assert!(std::mem::size_of::<General>() == 96);
const _: () = assert!(std::mem::offset_of!(General, allocate) == 48);

const NX: u32 = 512;
const MINIMUM: usize = 16;

#[derive(Clone, Copy)]
struct Functions {
    allocate: usize,
    free: usize,
}

unsafe fn initialize(list: *mut General, kind: &'static str, functions: Functions, pool: u32, size: usize, tag: u32) {
    if size == 0 || tag == 0 {
        bugcheck!(
            codes::LOOKASIDE_MISUSE,
            [list as u64, size as u64, u64::from(tag), 0],
            "a lookaside list was initialised for {size} bytes with tag {tag:#x}"
        );
    }
    // SAFETY: the driver's memory for a list.
    unsafe {
        list.write(General {
            head: SLIST_HEADER { Alignment: 0, Region: 0 },
            depth: 0,
            maximum_depth: 256,
            total_allocates: 0,
            allocate_misses: 0,
            total_frees: 0,
            free_misses: 0,
            pool,
            tag,
            size: size.max(MINIMUM) as u32,
            allocate: functions.allocate,
            free: functions.free,
            links: [0; 2],
            last: [0; 4],
        });
        slist::initialize(list.cast());
    }
    Kernel::get().leaks.track(kind, list as usize, format!("tag '{}', {size} bytes", super::pool::tag_name(tag)));
}

fn export(name: &str) -> usize {
    find("ntoskrnl.exe", name).map_or(0, |row| row.target.address())
}

unsafe fn initialize_npaged(
    list: *mut General,
    allocate: usize,
    free: usize,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    let functions = Functions {
        allocate: if allocate == 0 { export("ExAllocatePoolWithTag") } else { allocate },
        free: if free == 0 { export("ExFreePool") } else { free },
    };
    // SAFETY: the driver's list. Nonpaged lists are never executable here.
    unsafe { initialize(list, "NPAGED_LOOKASIDE_LIST", functions, NX, size, tag) };
}

#[expect(clippy::too_many_arguments, reason = "the routine has them")]
unsafe fn initialize_ex(
    list: *mut General,
    allocate: usize,
    free: usize,
    pool: u32,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) -> NTSTATUS {
    let functions = Functions {
        allocate: if allocate == 0 { defaults::Allocate::ROW.target.address() } else { allocate },
        free: if free == 0 { defaults::Free::ROW.target.address() } else { free },
    };
    // SAFETY: the driver's list.
    unsafe { initialize(list, "LOOKASIDE_LIST_EX", functions, pool, size, tag) };
    STATUS_SUCCESS
}

unsafe fn delete_npaged(list: *mut General) {
    // SAFETY: the driver's list; entries in it belong to the list.
    unsafe {
        forget("NPAGED_LOOKASIDE_LIST", list);
        drain(list, false);
    }
}

unsafe fn delete_ex(list: *mut General) {
    // SAFETY: as above.
    unsafe {
        forget("LOOKASIDE_LIST_EX", list);
        drain(list, true);
    }
}

unsafe fn flush_ex(list: *mut General) {
    // SAFETY: as above.
    unsafe { drain(list, true) };
}

fn forget(kind: &'static str, list: *mut General) {
    if Kernel::get().leaks.untrack(kind, list as usize).is_none() {
        bugcheck!(
            codes::LOOKASIDE_MISUSE,
            [list as u64, 0, 0, 0],
            "the lookaside list at {list:p} was deleted, but is not initialised (or was deleted before)"
        );
    }
}

unsafe fn drain(list: *mut General, extended: bool) {
    // SAFETY: an initialised list; its free function takes what is in it.
    unsafe {
        loop {
            let entry: PVOID = slist::pop(list.cast()).cast();
            if entry.is_null() {
                return;
            }
            let free = (*list).free;
            call_driver(CallSite::new("lookaside free function", free), || {
                if extended {
                    let free: unsafe extern "win64" fn(PVOID, PVOID) = std::mem::transmute(free);
                    free(entry, list.cast());
                } else {
                    let free: unsafe extern "win64" fn(PVOID) = std::mem::transmute(free);
                    free(entry);
                }
            });
        }
    }
}

unsafe fn allocate_default(_pool: u32, size: usize, tag: u32, _list: PVOID) -> PVOID {
    super::pool::allocate(size, tag, false).cast()
}

unsafe fn free_default(block: PVOID, _list: PVOID) {
    // SAFETY: the driver gives the block up.
    unsafe { super::pool::free(block.cast(), 0) };
}
