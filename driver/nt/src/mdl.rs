//! MDL chains as consumers hand them in: read, never changed (LAM-13, MR-20).
//!
//! ```text
//! chain:  MDL --Next--> MDL --Next--> MDL
//!         va, count     va, count     ...      extent(): one range of virtual addresses, or refused
//!         |
//!         SystemMapping::of(mdl): where the processor reaches those pages
//! ```
//! The virtual address of an MDL is an index only and never dereferenced (LAM-12, MR-19).
//!
//! `unsafe` is here because MDLs are bare pointers of somebody else's.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use wdk_sys::ntddk::{
    IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl, MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache,
    MmUnmapLockedPages,
};

pub use softndk_pure::extent::{Extent, ExtentError, Piece};

use crate::pool::NoMemory;

/// MDL_MAPPED_TO_SYSTEM_VA.
const MAPPED_TO_SYSTEM_VA: i16 = 0x1;
/// MDL_SOURCE_IS_NONPAGED_POOL.
const SOURCE_IS_NONPAGED_POOL: i16 = 0x4;
/// MmCached.
const CACHED: wdk_sys::MEMORY_CACHING_TYPE = 1;
/// MODE KernelMode.
const KERNEL_MODE: wdk_sys::KPROCESSOR_MODE = 0;
/// NormalPagePriority | MdlMappingNoExecute (KP-MDL-01).
const PRIORITY: u32 = 16 | 0x4000_0000;

/// The MDLs of a chain, in order.
#[derive(Debug, Clone)]
pub struct Chain {
    next: *const wdk_sys::MDL,
}

impl Chain {
    /// The chain that begins with `first` (none when null).
    ///
    /// # Safety
    /// The chain is well formed and stays unchanged and alive while this and its items are used.
    #[must_use]
    pub const unsafe fn new(first: *const wdk_sys::MDL) -> Self {
        Self { next: first }
    }

    /// The one range of virtual addresses that the first `length` bytes of the chain cover.
    ///
    /// # Errors
    /// No chain, a length of 0 or more than the chain holds, a gap, or an address that wraps: all
    /// of them `STATUS_INVALID_PARAMETER` (LAM-06, LAM-07, MR-11, MR-12).
    pub fn extent(&self, length: u64) -> Result<Extent, ExtentError> {
        softndk_pure::extent::extent(self.clone().map(|mdl| mdl.piece()), length)
    }
}

impl Iterator for Chain {
    type Item = Mdl;

    fn next(&mut self) -> Option<Mdl> {
        let raw = NonNull::new(self.next.cast_mut())?;
        // SAFETY: the chain is alive and well formed by the promise of `new`.
        self.next = unsafe { (*raw.as_ptr()).Next };
        Some(Mdl { raw })
    }
}

/// One MDL of a [`Chain`].
#[derive(Debug, Clone, Copy)]
pub struct Mdl {
    raw: NonNull<wdk_sys::MDL>,
}

impl Mdl {
    /// Virtual address and byte count.
    #[must_use]
    pub fn piece(self) -> Piece {
        // SAFETY: the MDL is alive by the promise of `Chain::new`, and nobody changes it.
        let mdl = unsafe { self.raw.as_ref() };
        let (start, offset, count) = (mdl.StartVa, mdl.ByteOffset, mdl.ByteCount);
        Piece { address: (start.addr() as u64).wrapping_add(u64::from(offset)), count: u64::from(count) }
    }

    /// The MDL itself.
    #[must_use]
    pub const fn as_ptr(self) -> *mut wdk_sys::MDL {
        self.raw.as_ptr()
    }
}

/// The system address of an MDL that the driver may map in place: one of an NBL to be sent, never one
/// of an NDK consumer. The steps of the header inline of that name (KP-MDL-02); the mapping stays with
/// the MDL, whose owner undoes it. None: no address space. IRQL: at most DISPATCH_LEVEL.
///
/// # Safety
/// `mdl` is alive, describes locked or non-paged memory, and is the driver's to map now.
#[must_use]
pub unsafe fn system_address(mdl: NonNull<wdk_sys::MDL>) -> Option<NonNull<u8>> {
    // SAFETY: the MDL is alive; the flags are looked at before it is mapped.
    let flags = unsafe { (*mdl.as_ptr()).MdlFlags };
    let address = if flags & (MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL) != 0 {
        // SAFETY: the MDL is alive, and the flags say that it has a system address.
        unsafe { (*mdl.as_ptr()).MappedSystemVa }
    } else {
        // SAFETY: locked pages that are not mapped yet; KernelMode and no bug check on failure.
        unsafe { MmMapLockedPagesSpecifyCache(mdl.as_ptr(), KERNEL_MODE, CACHED, ptr::null_mut(), 0, PRIORITY) }
    };
    NonNull::new(address.cast())
}

/// An MDL over non-paged memory of our own, ready for use; [`forget`] ends it, before the memory goes.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn describe(memory: NonNull<u8>, length: u32) -> Result<NonNull<wdk_sys::MDL>, NoMemory> {
    // SAFETY: no IRP; the kernel computes the size from address and length.
    let mdl = unsafe { IoAllocateMdl(memory.as_ptr().cast(), length, 0, 0, ptr::null_mut()) };
    let mdl = NonNull::new(mdl).ok_or(NoMemory)?;
    // SAFETY: callers give non-paged pool.
    unsafe { MmBuildMdlForNonPagedPool(mdl.as_ptr()) };
    Ok(mdl)
}

/// Frees an MDL of [`describe`].
///
/// # Safety
/// It came from there, and nothing refers to it any more.
pub(crate) unsafe fn forget(mdl: NonNull<wdk_sys::MDL>) {
    // SAFETY: the caller's promise; an MDL over pool is neither mapped nor locked.
    unsafe { IoFreeMdl(mdl.as_ptr()) };
}

/// Where the processor reaches the pages of an MDL. Outlives the MDL, not the pages' lock.
///
/// # Invariants
/// `own` is null, or an MDL of ours that is mapped at `address` and unmapped and freed on drop.
#[derive(Debug)]
pub struct SystemMapping {
    own: *mut wdk_sys::MDL,
    address: NonNull<u8>,
    length: u32,
}

// SAFETY: the mapping is an address range that stays valid; dropping it works on any thread.
unsafe impl Send for SystemMapping {}
// SAFETY: a shared mapping only tells its address and length.
unsafe impl Sync for SystemMapping {}

impl SystemMapping {
    /// Maps the first `length` bytes of `mdl`, without touching it: pages of non-paged pool are
    /// where they are; others get a partial MDL of our own, so that the consumer may unmap, reuse or
    /// free its MDL (MR-20). IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Safety
    /// `mdl` is alive, its pages are locked (or non-paged pool) and stay so until the mapping is
    /// dropped, and `length` is from 1 to its byte count.
    ///
    /// # Errors
    /// [`NoMemory`]: no MDL or no system address space.
    pub unsafe fn of(mdl: Mdl, length: u32) -> Result<Self, NoMemory> {
        let source = mdl.as_ptr();
        // SAFETY: the MDL is alive; copied, since it may change hands later.
        let wdk_sys::MDL { MdlFlags: flags, MappedSystemVa: mapped, StartVa: start, ByteOffset: offset, .. } =
            unsafe { source.read() };
        if flags & SOURCE_IS_NONPAGED_POOL != 0 {
            let address = NonNull::new(mapped.cast::<u8>()).ok_or(NoMemory)?;
            return Ok(Self { own: ptr::null_mut(), address, length });
        }
        // An index into the MDL, never dereferenced.
        let virtual_address: *mut c_void = start.wrapping_byte_add(offset as usize);
        // SAFETY: no IRP; the kernel computes the size from address and length.
        let own = unsafe { IoAllocateMdl(virtual_address, length, 0, 0, ptr::null_mut()) };
        if own.is_null() {
            return Err(NoMemory);
        }
        // SAFETY: the range lies within the source, and the target was allocated for it.
        unsafe { IoBuildPartialMdl(source, own, virtual_address, length) };
        // A partial MDL inherits its source's system mapping, which is not ours to rely on: it goes
        // when the consumer unlocks or reuses its MDL. Ours asks for a mapping of its own.
        // SAFETY: `own` is ours and nobody else's.
        unsafe { (*own).MdlFlags &= !MAPPED_TO_SYSTEM_VA };
        // SAFETY: the MDL describes locked pages; BugCheckOnFailure is FALSE, KernelMode does not raise.
        let address = unsafe { MmMapLockedPagesSpecifyCache(own, KERNEL_MODE, CACHED, ptr::null_mut(), 0, PRIORITY) };
        let Some(address) = NonNull::new(address.cast::<u8>()) else {
            // SAFETY: ours, not mapped.
            unsafe { IoFreeMdl(own) };
            return Err(NoMemory);
        };
        Ok(Self { own, address, length })
    }

    /// The first byte; valid for [`SystemMapping::len`] bytes until the mapping is dropped.
    #[must_use]
    pub const fn address(&self) -> NonNull<u8> {
        self.address
    }

    /// How many bytes are mapped; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub const fn len(&self) -> u32 {
        self.length
    }
}

impl Drop for SystemMapping {
    fn drop(&mut self) {
        if self.own.is_null() {
            return;
        }
        // SAFETY: mapped at this address by `of`, and not unmapped since.
        unsafe { MmUnmapLockedPages(self.address.as_ptr().cast(), self.own) };
        // SAFETY: ours, and unmapped now; the pages' lock is the consumer's.
        unsafe { IoFreeMdl(self.own) };
    }
}
