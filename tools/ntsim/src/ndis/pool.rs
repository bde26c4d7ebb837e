//! NBL and NB pools (ndis.md MP-RX-01, MP-NBL-03).
//!
//! Each NBL and NB is a host allocation of its own; what is out is known by address, so that a
//! double free, a foreign free and a pool freed too early are found.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::codes;
use super::handles::{self, Object};
use crate::Kernel;
use crate::bugcheck::Violation;
use ndkpi_sys::*;

/// Room behind an NBL for its context.
const ALIGNMENT: usize = 16;

/// A pool of NBLs or NBs.
#[derive(Debug)]
pub(super) struct Pool {
    pub handle: usize,
    /// The adapter's handle, or 0.
    pub owner: usize,
    tag: u32,
    kind: Kind,
    out: Mutex<HashSet<usize>>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Lists { with_buffer: bool, context_size: u16 },
    Buffers,
}

/// Checks a pool tag (MP-NBL-05).
pub(super) fn check_tag(tag: u32, routine: &str) {
    if !tag.to_le_bytes().iter().all(|byte| (0x20..=0x7E).contains(byte)) {
        Violation::new(&codes::NDIS_BAD_TAG)
            .params([tag.into(), 0, 0, 0])
            .text(format!("{routine} is given the tag {tag:#010x}; a tag is four printable characters"))
            .raise();
    }
}

unsafe fn allocate_list_pool(handle: NDIS_HANDLE, parameters: *mut NET_BUFFER_LIST_POOL_PARAMETERS) -> NDIS_HANDLE {
    let routine = "NdisAllocateNetBufferListPool";
    let owner = handles::owner(handle, routine);
    // SAFETY: the caller's structure.
    let parameters = unsafe { parameters.read() };
    let header = parameters.Header;
    if header.Type != NDIS_OBJECT_TYPE_DEFAULT
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1
    {
        Violation::new(&codes::NDIS_BAD_OBJECT_HEADER)
            .params([header.Type.into(), header.Revision.into(), header.Size.into(), 0])
            .text("NET_BUFFER_LIST_POOL_PARAMETERS has a wrong header: type 0x80, revision 1, size 16")
            .raise();
    }
    check_tag(parameters.PoolTag, routine);
    let with_buffer = parameters.fAllocateNetBuffer != 0;
    if usize::from(parameters.ContextSize) % ALIGNMENT != 0 || (parameters.DataSize != 0 && !with_buffer) {
        return std::ptr::null_mut();
    }
    if parameters.DataSize != 0 {
        // NDIS would add data and MDLs of its own; drivers that want it must hear that it is missing.
        Violation::new(&codes::NDIS_BAD_PARAMETER)
            .params([parameters.DataSize.into(), 0, 0, 0])
            .text("ntsim has no NBL pools with DataSize; give 0 and attach MDLs of your own (MP-RX-01)")
            .raise();
    }
    let kind = Kind::Lists { with_buffer, context_size: parameters.ContextSize };
    create(owner, parameters.PoolTag, kind)
}

unsafe fn allocate_buffer_pool(handle: NDIS_HANDLE, parameters: *mut NET_BUFFER_POOL_PARAMETERS) -> NDIS_HANDLE {
    let routine = "NdisAllocateNetBufferPool";
    let owner = handles::owner(handle, routine);
    // SAFETY: the caller's structure.
    let parameters = unsafe { parameters.read() };
    check_tag(parameters.PoolTag, routine);
    if parameters.DataSize != 0 {
        return std::ptr::null_mut();
    }
    create(owner, parameters.PoolTag, Kind::Buffers)
}

fn create(owner: usize, tag: u32, kind: Kind) -> NDIS_HANDLE {
    let handle = handles::reserve();
    let pool = Arc::new(Pool { handle, owner, tag, kind, out: Mutex::default() });
    handles::publish(handle, Object::Pool(pool));
    Kernel::get().leaks.track("NDIS buffer pool", handle, format!("tag {}", crate::ex::pool::tag_name(tag)));
    handles::as_handle(handle)
}

fn free_pool(handle: NDIS_HANDLE, routine: &str) {
    let pool = handles::pool(handle, routine);
    let out = pool.out.lock().len();
    if out != 0 {
        misuse(&pool, format!("{routine} is called while {out} of its buffers are out"));
    }
    handles::forget(handle.addr());
    Kernel::get().leaks.untrack("NDIS buffer pool", handle.addr());
}

unsafe fn free_list_pool(handle: NDIS_HANDLE) {
    free_pool(handle, "NdisFreeNetBufferListPool");
}

unsafe fn free_buffer_pool(handle: NDIS_HANDLE) {
    free_pool(handle, "NdisFreeNetBufferPool");
}

#[cold]
fn misuse(pool: &Pool, text: String) -> ! {
    Violation::new(&codes::NDIS_POOL_MISUSE)
        .params([pool.handle as u64, pool.tag.into(), 0, 0])
        .text(format!("{text} (pool tag {})", crate::ex::pool::tag_name(pool.tag)))
        .raise()
}

fn layout<T>(extra: usize) -> Layout {
    let size = size_of::<T>() + extra;
    Layout::from_size_align(size, align_of::<T>().max(ALIGNMENT)).unwrap_or(Layout::new::<T>())
}

impl Pool {
    /// A zeroed `T` with `extra` bytes behind it, noted as out.
    fn take<T>(&self, extra: usize) -> *mut T {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout::<T>(extra)) };
        if !memory.is_null() {
            self.out.lock().insert(memory.expose_provenance());
        }
        memory.cast()
    }

    /// Takes a `T` back.
    ///
    /// # Safety
    /// `block` must come from [`Pool::take`] with the same `extra`, if it is noted as out.
    unsafe fn give_back<T>(&self, block: *mut T, extra: usize, routine: &str) {
        if !self.out.lock().remove(&block.addr()) {
            misuse(
                self,
                format!(
                    "{routine} is called with {block:p}, which is not out of the pool that it names: freed twice, or foreign"
                ),
            );
        }
        // SAFETY: it was out, so it is from this pool with this layout. Poison shows late use.
        unsafe {
            std::ptr::write_bytes(block.cast::<u8>(), 0xDD, size_of::<T>());
            dealloc(block.cast(), layout::<T>(extra));
        }
    }
}

/// Fills a fresh NET_BUFFER.
///
/// # Safety
/// `nb` must be a zeroed NET_BUFFER; `mdl` the head of a chain, or null.
unsafe fn describe(nb: *mut NET_BUFFER, pool: &Pool, mdl: *mut MDL, offset: u32, length: usize) {
    let mut current = mdl;
    let mut skip = offset;
    // SAFETY: the chain is the caller's.
    unsafe {
        while !current.is_null() && skip >= (*current).ByteCount && !(*current).Next.is_null() {
            skip -= (*current).ByteCount;
            current = (*current).Next;
        }
        (*nb).NdisPoolHandle = handles::as_handle(pool.handle);
        *NET_BUFFER_FIRST_MDL(nb) = mdl;
        *NET_BUFFER_CURRENT_MDL(nb) = current;
        *NET_BUFFER_CURRENT_MDL_OFFSET(nb) = skip;
        *NET_BUFFER_DATA_OFFSET(nb) = offset;
        *NET_BUFFER_DATA_LENGTH(nb) = length as u32;
    }
}

unsafe fn allocate_list_and_buffer(
    handle: NDIS_HANDLE,
    context_size: u16,
    back_fill: u16,
    mdl: *mut MDL,
    offset: u32,
    length: usize,
) -> *mut NET_BUFFER_LIST {
    let routine = "NdisAllocateNetBufferAndNetBufferList";
    let pool = handles::pool(handle, routine);
    let Kind::Lists { with_buffer: true, .. } = pool.kind else {
        misuse(&pool, format!("{routine} needs an NBL pool with fAllocateNetBuffer TRUE"))
    };
    let list = new_list(&pool, context_size, back_fill);
    if list.is_null() {
        return list;
    }
    let nb: *mut NET_BUFFER = pool.take(0);
    if nb.is_null() {
        // SAFETY: just taken from this pool.
        unsafe { pool.give_back(list, 0, routine) };
        return std::ptr::null_mut();
    }
    // SAFETY: fresh blocks; the MDL chain is the caller's.
    unsafe {
        describe(nb, &pool, mdl, offset, length);
        *NET_BUFFER_LIST_FIRST_NB(list) = nb;
    }
    list
}

unsafe fn allocate_list(handle: NDIS_HANDLE, context_size: u16, back_fill: u16) -> *mut NET_BUFFER_LIST {
    let routine = "NdisAllocateNetBufferList";
    let pool = handles::pool(handle, routine);
    let Kind::Lists { .. } = pool.kind else { misuse(&pool, format!("{routine} needs an NBL pool")) };
    new_list(&pool, context_size, back_fill)
}

/// An NBL with the context area of its pool, or the one asked for.
fn new_list(pool: &Pool, context_size: u16, back_fill: u16) -> *mut NET_BUFFER_LIST {
    let Kind::Lists { context_size: pooled, .. } = pool.kind else { return std::ptr::null_mut() };
    let wanted = usize::from(pooled).max(usize::from(context_size) + usize::from(back_fill));
    let list: *mut NET_BUFFER_LIST = pool.take(0);
    if list.is_null() || wanted == 0 {
        if !list.is_null() {
            // SAFETY: fresh.
            unsafe { (*list).NdisPoolHandle = handles::as_handle(pool.handle) };
        }
        return list;
    }
    let context = new_context(wanted, back_fill + context_size.min(pooled));
    if context.is_null() {
        // SAFETY: fresh.
        unsafe { pool.give_back(list, 0, "NdisAllocateNetBufferList") };
        return std::ptr::null_mut();
    }
    // SAFETY: fresh.
    unsafe {
        (*list).NdisPoolHandle = handles::as_handle(pool.handle);
        (*list).Context = context;
    }
    list
}

/// Where the bytes of a context begin.
const CONTEXT_HEAD: usize = std::mem::offset_of!(NET_BUFFER_LIST_CONTEXT, ContextData);

fn context_layout(size: usize) -> Layout {
    Layout::from_size_align(CONTEXT_HEAD + size, ALIGNMENT).unwrap_or(Layout::new::<NET_BUFFER_LIST_CONTEXT>())
}

fn new_context(size: usize, used: u16) -> *mut NET_BUFFER_LIST_CONTEXT {
    let size = size.next_multiple_of(ALIGNMENT);
    // SAFETY: not empty.
    let context: *mut NET_BUFFER_LIST_CONTEXT = unsafe { alloc_zeroed(context_layout(size)) }.cast();
    if !context.is_null() {
        // SAFETY: fresh. The used part lies at the end.
        unsafe {
            (*context).Size = size as u16;
            (*context).Offset = (size - usize::from(used).min(size)) as u16;
        }
    }
    context
}

/// # Safety
/// `context` must come from [`new_context`].
unsafe fn free_context(context: *mut NET_BUFFER_LIST_CONTEXT) {
    // SAFETY: by contract.
    unsafe {
        let size = usize::from((*context).Size);
        dealloc(context.cast(), context_layout(size));
    }
}

unsafe fn allocate_context(list: *mut NET_BUFFER_LIST, size: u16, back_fill: u16, tag: u32) -> NDIS_STATUS {
    check_tag(tag, "NdisAllocateNetBufferListContext");
    // SAFETY: the caller's NBL.
    unsafe {
        let current = (*list).Context;
        if !current.is_null() && (*current).Offset >= size {
            (*current).Offset -= size;
            return NDIS_STATUS_SUCCESS;
        }
        let context = new_context(usize::from(size) + usize::from(back_fill), size);
        if context.is_null() {
            return NDIS_STATUS_RESOURCES;
        }
        (*context).Next = current;
        (*list).Context = context;
    }
    NDIS_STATUS_SUCCESS
}

unsafe fn free_list_context(list: *mut NET_BUFFER_LIST, size: u16) {
    // SAFETY: the caller's NBL.
    unsafe {
        let context = (*list).Context;
        if context.is_null() || (*context).Offset + size > (*context).Size {
            Violation::new(&codes::NDIS_POOL_MISUSE)
                .params([list.addr() as u64, size.into(), 0, 0])
                .text("NdisFreeNetBufferListContext gives back more context than the NBL has")
                .raise();
        }
        (*context).Offset += size;
        if (*context).Offset == (*context).Size && !(*context).Next.is_null() {
            (*list).Context = (*context).Next;
            free_context(context);
        }
    }
}

unsafe fn free_list(list: *mut NET_BUFFER_LIST) {
    let routine = "NdisFreeNetBufferList";
    // SAFETY: the caller's NBL; a freed one is poisoned, and its handle is none.
    let pool = handles::pool(unsafe { (*list).NdisPoolHandle }, routine);
    // SAFETY: as above; the NB that came with the NBL goes with it.
    unsafe {
        let mut context = (*list).Context;
        while !context.is_null() {
            let next = (*context).Next;
            free_context(context);
            context = next;
        }
        if let Kind::Lists { with_buffer: true, .. } = pool.kind {
            let nb = *NET_BUFFER_LIST_FIRST_NB(list);
            if !nb.is_null() && (*nb).NdisPoolHandle == (*list).NdisPoolHandle {
                pool.give_back(nb, 0, routine);
            }
        }
        pool.give_back(list, 0, routine);
    }
}

unsafe fn allocate_buffer(handle: NDIS_HANDLE, mdl: *mut MDL, offset: u32, length: usize) -> *mut NET_BUFFER {
    let pool = handles::pool(handle, "NdisAllocateNetBuffer");
    let Kind::Buffers = pool.kind else { misuse(&pool, "NdisAllocateNetBuffer needs an NB pool".to_owned()) };
    let nb: *mut NET_BUFFER = pool.take(0);
    if !nb.is_null() {
        // SAFETY: fresh; the chain is the caller's.
        unsafe { describe(nb, &pool, mdl, offset, length) };
    }
    nb
}

unsafe fn free_buffer(nb: *mut NET_BUFFER) {
    let routine = "NdisFreeNetBuffer";
    // SAFETY: the caller's NB.
    let pool = handles::pool(unsafe { (*nb).NdisPoolHandle }, routine);
    // SAFETY: from this pool if it is out.
    unsafe { pool.give_back(nb, 0, routine) };
}

crate::routines! { "ndis.sys";
    fn NdisAllocateNetBufferListPool(handle: NDIS_HANDLE, parameters: *mut NET_BUFFER_LIST_POOL_PARAMETERS) -> NDIS_HANDLE
        = allocate_list_pool: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeNetBufferListPool(handle: NDIS_HANDLE) = free_list_pool: PASSIVE..=DISPATCH;
    fn NdisAllocateNetBufferPool(handle: NDIS_HANDLE, parameters: *mut NET_BUFFER_POOL_PARAMETERS) -> NDIS_HANDLE
        = allocate_buffer_pool: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeNetBufferPool(handle: NDIS_HANDLE) = free_buffer_pool: PASSIVE..=DISPATCH;
    fn NdisAllocateNetBufferAndNetBufferList(handle: NDIS_HANDLE, context_size: u16, back_fill: u16, mdl: *mut MDL,
        offset: u32, length: usize) -> *mut NET_BUFFER_LIST
        = allocate_list_and_buffer: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisAllocateNetBufferList(handle: NDIS_HANDLE, context_size: u16, back_fill: u16) -> *mut NET_BUFFER_LIST
        = allocate_list: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeNetBufferList(list: *mut NET_BUFFER_LIST) = free_list: PASSIVE..=DISPATCH;
    fn NdisAllocateNetBuffer(handle: NDIS_HANDLE, mdl: *mut MDL, offset: u32, length: usize) -> *mut NET_BUFFER
        = allocate_buffer: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeNetBuffer(nb: *mut NET_BUFFER) = free_buffer: PASSIVE..=DISPATCH;
    fn NdisAllocateNetBufferListContext(list: *mut NET_BUFFER_LIST, size: u16, back_fill: u16, tag: u32) -> NDIS_STATUS
        = allocate_context: PASSIVE..=DISPATCH, fails(NDIS_STATUS_RESOURCES);
    fn NdisFreeNetBufferListContext(list: *mut NET_BUFFER_LIST, size: u16) = free_list_context: PASSIVE..=DISPATCH;
}
