//! The bytes of NET_BUFFERs (ndis.md MP-TX-07, MP-NBL-02).

use std::ffi::c_void;

use super::codes;
use crate::bugcheck::Violation;
use ndkpi_sys::*;

/// The system address of an MDL's bytes: MDLs of sends and receives describe mapped memory.
///
/// # Safety
/// `mdl` must be a live MDL.
unsafe fn address(mdl: *const MDL) -> *mut u8 {
    // SAFETY: by contract.
    unsafe {
        let mapped = (*mdl).MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0;
        if mapped {
            (*mdl).MappedSystemVa.cast()
        } else {
            (*mdl).StartVa.cast::<u8>().wrapping_add((*mdl).ByteOffset as usize)
        }
    }
}

/// Calls `f` with the pieces of a frame in order, from `skip` bytes after its begin, `wanted`
/// bytes in all; false if the chain ends before.
///
/// # Safety
/// `nb` must be a live NET_BUFFER.
pub(super) unsafe fn pieces(
    nb: *mut NET_BUFFER,
    skip: usize,
    wanted: usize,
    mut f: impl FnMut(*mut u8, usize),
) -> bool {
    // SAFETY: by contract the fields and the chain are there.
    unsafe {
        let mut mdl = *NET_BUFFER_CURRENT_MDL(nb);
        let mut offset = *NET_BUFFER_CURRENT_MDL_OFFSET(nb) as usize + skip;
        let mut left = wanted;
        while left != 0 {
            if mdl.is_null() {
                return false;
            }
            let count = (*mdl).ByteCount as usize;
            if offset >= count {
                offset -= count;
            } else {
                let piece = (count - offset).min(left);
                f(address(mdl).wrapping_add(offset), piece);
                left -= piece;
                offset = 0;
            }
            mdl = (*mdl).Next;
        }
    }
    true
}

/// The bytes of a frame.
///
/// # Safety
/// `nb` must be a live NET_BUFFER.
pub(super) unsafe fn bytes(nb: *mut NET_BUFFER) -> Option<Vec<u8>> {
    // SAFETY: by contract.
    let length = unsafe { *NET_BUFFER_DATA_LENGTH(nb) } as usize;
    let mut frame = Vec::with_capacity(length);
    let complete = {
        let mut append = |from: *mut u8, count: usize| {
            // SAFETY: the piece lies in the MDL's memory.
            frame.extend_from_slice(unsafe { std::slice::from_raw_parts(from, count) });
        };
        // SAFETY: by contract.
        unsafe { pieces(nb, 0, length, &mut append) }
    };
    complete.then_some(frame)
}

#[cold]
fn broken(nb: *mut NET_BUFFER, text: &str) -> ! {
    Violation::new(&codes::NDIS_BAD_NET_BUFFER).params([nb.addr() as u64, 0, 0, 0]).text(text).raise()
}

unsafe fn get_data_buffer(
    nb: *mut NET_BUFFER,
    needed: u32,
    storage: *mut c_void,
    align: u32,
    align_offset: u32,
) -> *mut c_void {
    // SAFETY: the caller's NB.
    let length = unsafe { *NET_BUFFER_DATA_LENGTH(nb) };
    if needed == 0 || needed > length {
        return std::ptr::null_mut();
    }
    let mut parts = 0;
    let mut first = std::ptr::null_mut();
    let mut count = |from: *mut u8, _| {
        if parts == 0 {
            first = from;
        }
        parts += 1;
    };
    // SAFETY: the caller's NB.
    if !unsafe { pieces(nb, 0, needed as usize, &mut count) } {
        broken(nb, "a NET_BUFFER's DataLength is more than its MDL chain holds");
    }
    let aligned = align <= 1 || first.addr() % align as usize == (align_offset as usize) % align as usize;
    if parts == 1 && aligned {
        return first.cast();
    }
    if storage.is_null() {
        return std::ptr::null_mut();
    }
    let mut to: *mut u8 = storage.cast();
    // SAFETY: the storage holds `needed` bytes.
    unsafe {
        pieces(nb, 0, needed as usize, |from, count| {
            std::ptr::copy_nonoverlapping(from, to, count);
            to = to.wrapping_add(count);
        });
    }
    storage
}

unsafe fn advance(nb: *mut NET_BUFFER, delta: u32, free: u8, handler: NET_BUFFER_FREE_MDL_HANDLER) {
    if free != 0 || handler.is_some() {
        broken(nb, "ntsim frees no MDLs in NdisAdvanceNetBufferDataStart: give FreeMdl FALSE and no handler");
    }
    // SAFETY: the caller's NB; every step stays in its chain.
    unsafe {
        if *NET_BUFFER_DATA_LENGTH(nb) < delta {
            broken(nb, "NdisAdvanceNetBufferDataStart goes beyond the end of the data");
        }
        let mut mdl = *NET_BUFFER_CURRENT_MDL(nb);
        let mut offset = *NET_BUFFER_CURRENT_MDL_OFFSET(nb) + delta;
        while !mdl.is_null() && offset >= (*mdl).ByteCount && !(*mdl).Next.is_null() {
            offset -= (*mdl).ByteCount;
            mdl = (*mdl).Next;
        }
        *NET_BUFFER_CURRENT_MDL(nb) = mdl;
        *NET_BUFFER_CURRENT_MDL_OFFSET(nb) = offset;
        *NET_BUFFER_DATA_OFFSET(nb) += delta;
        *NET_BUFFER_DATA_LENGTH(nb) -= delta;
    }
}

unsafe fn retreat(
    nb: *mut NET_BUFFER,
    delta: u32,
    _back_fill: u32,
    handler: NET_BUFFER_ALLOCATE_MDL_HANDLER,
) -> NDIS_STATUS {
    // SAFETY: the caller's NB.
    unsafe {
        if *NET_BUFFER_DATA_OFFSET(nb) < delta {
            if handler.is_some() {
                broken(nb, "ntsim adds no MDLs in NdisRetreatNetBufferDataStart: leave room before the data");
            }
            return NDIS_STATUS_RESOURCES;
        }
        let target = *NET_BUFFER_DATA_OFFSET(nb) - delta;
        let mut mdl = *NET_BUFFER_FIRST_MDL(nb);
        let mut offset = target;
        while !mdl.is_null() && offset >= (*mdl).ByteCount && !(*mdl).Next.is_null() {
            offset -= (*mdl).ByteCount;
            mdl = (*mdl).Next;
        }
        *NET_BUFFER_CURRENT_MDL(nb) = mdl;
        *NET_BUFFER_CURRENT_MDL_OFFSET(nb) = offset;
        *NET_BUFFER_DATA_OFFSET(nb) = target;
        *NET_BUFFER_DATA_LENGTH(nb) += delta;
    }
    NDIS_STATUS_SUCCESS
}

unsafe fn copy(
    destination: *mut NET_BUFFER,
    destination_offset: u32,
    count: u32,
    source: *mut NET_BUFFER,
    source_offset: u32,
    copied: *mut u32,
) -> NDIS_STATUS {
    // SAFETY: the caller's NBs.
    let (available, room) = unsafe {
        let available = (*NET_BUFFER_DATA_LENGTH(source)).saturating_sub(source_offset);
        let room = (*NET_BUFFER_DATA_LENGTH(destination)).saturating_sub(destination_offset);
        (available, room)
    };
    let count = count.min(available).min(room) as usize;
    let mut bytes: Vec<u8> = Vec::with_capacity(count);
    // SAFETY: pieces lie in the memory of the MDLs.
    let complete = unsafe {
        pieces(source, source_offset as usize, count, |from, count| {
            bytes.extend_from_slice(std::slice::from_raw_parts(from, count));
        }) && {
            let mut at = 0;
            pieces(destination, destination_offset as usize, count, |to, count| {
                std::ptr::copy_nonoverlapping(bytes.as_ptr().add(at), to, count);
                at += count;
            })
        }
    };
    if !complete {
        broken(source, "a NET_BUFFER's DataLength is more than its MDL chain holds");
    }
    // SAFETY: the caller's out-parameter.
    unsafe { copied.write(count as u32) };
    NDIS_STATUS_SUCCESS
}

unsafe fn allocate_mdl(handle: NDIS_HANDLE, address: *mut c_void, length: u32) -> *mut MDL {
    super::handles::owner(handle, "NdisAllocateMdl");
    let mdl: *mut MDL = crate::mm::mdl::allocate(address.expose_provenance(), length as usize).cast();
    if mdl.is_null() {
        return mdl;
    }
    let first = address.addr() >> PAGE_SHIFT;
    let last = (address.addr() + (length as usize).max(1) - 1) >> PAGE_SHIFT;
    // SAFETY: a fresh MDL with room for the page numbers behind its header; nonpaged memory stays
    // where it is.
    unsafe {
        let pages: *mut usize = mdl.add(1).cast();
        for (at, page) in (first..=last).enumerate() {
            pages.add(at).write(page);
        }
        (*mdl).MappedSystemVa = address;
        (*mdl).MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    }
    mdl
}

unsafe fn free_mdl(mdl: *mut MDL) {
    // SAFETY: the driver gives its MDL back; wrong pointers are found out.
    unsafe { crate::mm::mdl::free(mdl.cast()) };
}

crate::routines! { "ndis.sys";
    fn NdisAllocateMdl(handle: NDIS_HANDLE, address: *mut c_void, length: u32) -> *mut MDL
        = allocate_mdl: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeMdl(mdl: *mut MDL) = free_mdl: PASSIVE..=DISPATCH;
    fn NdisGetDataBuffer(nb: *mut NET_BUFFER, needed: u32, storage: *mut c_void, align: u32, align_offset: u32)
        -> *mut c_void = get_data_buffer: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisAdvanceNetBufferDataStart(nb: *mut NET_BUFFER, delta: u32, free: u8, handler: NET_BUFFER_FREE_MDL_HANDLER)
        = advance: PASSIVE..=DISPATCH;
    fn NdisRetreatNetBufferDataStart(nb: *mut NET_BUFFER, delta: u32, back_fill: u32,
        handler: NET_BUFFER_ALLOCATE_MDL_HANDLER) -> NDIS_STATUS = retreat: PASSIVE..=DISPATCH, fails(NDIS_STATUS_RESOURCES);
    fn NdisCopyFromNetBufferToNetBuffer(destination: *mut NET_BUFFER, destination_offset: u32, count: u32,
        source: *mut NET_BUFFER, source_offset: u32, copied: *mut u32) -> NDIS_STATUS = copy: PASSIVE..=DISPATCH, fails({
            unsafe { copied.write(0) };
            NDIS_STATUS_RESOURCES
        });
}
