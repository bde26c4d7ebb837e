//! Memory that a provider reads and writes, with its MDL.

use crate::kernel::pool::{self, NoMemory};
use core::{ops::Range, ptr, ptr::NonNull};
use wdk_sys::{
    PMDL,
    ntddk::{IoAllocateMdl, IoFreeMdl, MmBuildMdlForNonPagedPool},
};

/// Non-paged bytes and an MDL over them. IRQL <= DISPATCH_LEVEL.
///
/// The provider may change the bytes at any time, so no reference to them exists: they are copied in and out.
pub struct Buffer {
    memory: NonNull<u8>,
    length: usize,
    mdl: NonNull<wdk_sys::MDL>,
}

// SAFETY: the bytes are reached through copies only; who copies when is the protocol's affair, as with DMA.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Zeroed memory of at least one byte.
    pub fn new(length: usize) -> Result<Self, NoMemory> {
        let bytes = u32::try_from(length.max(1)).map_err(|_| NoMemory)?;
        let memory = pool::allocate(length)?;
        // SAFETY: the range is the allocation; no IRP takes the MDL.
        let mdl: PMDL = unsafe { IoAllocateMdl(memory.as_ptr().cast(), bytes, 0, 0, ptr::null_mut()) };
        let Some(mdl) = NonNull::new(mdl) else {
            // SAFETY: nobody else has seen the memory.
            unsafe { pool::free(memory) };
            return Err(NoMemory);
        };
        // SAFETY: the MDL describes non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl.as_ptr()) };
        Ok(Self { memory, length, mdl })
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True without bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Address of the first byte, which is also the start of the MDL's virtual range.
    pub fn address(&self) -> NonNull<u8> {
        self.memory
    }

    /// The MDL, for calls into NDK. It belongs to the buffer.
    pub fn mdl(&self) -> *mut ndkpi_sys::MDL {
        // The same structure under the name that the NDK bindings have for it.
        self.mdl.as_ptr().cast()
    }

    /// Copies bytes in; what does not fit is left out, and the number copied is returned.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let range = self.clamp(offset, bytes.len());
        // SAFETY: the range lies inside the allocation, and the source is a reference to other memory.
        unsafe { self.memory.add(range.start).as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), range.len()) };
        range.len()
    }

    /// Copies bytes out; returns how many there were.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> usize {
        let range = self.clamp(offset, bytes.len());
        let source = self.memory.as_ptr().wrapping_add(range.start);
        // SAFETY: the range lies inside the allocation, and the target is a reference to other memory.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(source, range.len()) };
        range.len()
    }

    /// Hands bytes out in pieces, copied: a way to look at them without a reference into the buffer.
    pub fn for_each(&self, offset: usize, length: usize, mut look: impl FnMut(&[u8])) {
        let mut copy = [0u8; 1024];
        let range = self.clamp(offset, length);
        let mut at = range.start;
        while at < range.end {
            let piece = (range.end - at).min(copy.len());
            let Some(copy) = copy.get_mut(..piece) else {
                return;
            };
            self.read(at, copy);
            look(copy);
            at += piece;
        }
    }

    /// Sets every byte of a range.
    pub fn fill(&self, offset: usize, length: usize, value: u8) {
        let range = self.clamp(offset, length);
        // SAFETY: the range lies inside the allocation.
        unsafe { self.memory.add(range.start).as_ptr().write_bytes(value, range.len()) };
    }

    fn clamp(&self, offset: usize, length: usize) -> Range<usize> {
        let start = offset.min(self.length);
        start..start.saturating_add(length).min(self.length)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the MDL is ours, describes non-paged pool, and hence has nothing to unlock or unmap.
        unsafe { IoFreeMdl(self.mdl.as_ptr()) };
        // SAFETY: the memory is ours; whoever registered it has deregistered it.
        unsafe { pool::free(self.memory) };
    }
}
