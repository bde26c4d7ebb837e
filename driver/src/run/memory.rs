//! MDL chains as memory of the device (`MR-10` to `MR-20`, `LAM-01` to `LAM-13`).
//!
//! The consumer's MDLs are read and never changed; pages that are not of non-paged pool are mapped
//! through partial MDLs of our own, so the consumer may reuse or free its MDLs as soon as the call
//! has returned.
//!
//! `unsafe` is here for the MDLs and for the array of mappings.

use core::ptr::NonNull;

use ndkpi_sys::MDL;
use softndk_nic::memory::{Backing, Segment};
use softndk_nt::{
    mdl::{Chain, SystemMapping},
    pool::{KBytes, Tag},
};
use softndk_provider::Failure;

const TAG: Tag = Tag::new(*b"nkMp");
/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// Whether memory is wanted from the first byte or from the start of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Exactly the bytes asked for: a region.
    Bytes,
    /// Whole pages: a logical address mapping.
    Pages,
}

/// A range of consumer memory, mapped for the device.
///
/// # Invariants
/// `mappings` and `segments` hold `count` initialised elements each.
pub struct Mapped {
    mappings: KBytes,
    segments: KBytes,
    count: u32,
    /// Virtual address of the first byte asked for: an index, never dereferenced (`MR-19`).
    pub address: u64,
    /// Bytes asked for.
    pub length: u64,
}

impl Mapped {
    /// Maps the first `length` bytes of the chain that starts at `mdl`.
    ///
    /// # Errors
    /// [`Failure::InvalidParameter`] for no chain, a length of 0 or more than it holds, or a chain that
    /// is not virtually contiguous (`MR-11`, `MR-12`, `LAM-06`, `LAM-07`); [`Failure::NoResources`].
    ///
    /// # Safety
    /// The chain is well formed and unchanged during the call; its pages stay locked until the
    /// result is dropped.
    pub unsafe fn of(mdl: *const MDL, length: u64, reach: Reach) -> Result<Self, Failure> {
        // SAFETY: the caller's promise.
        let chain = unsafe { Chain::new(mdl.cast()) };
        let extent = chain.extent(length).map_err(|_| Failure::InvalidParameter)?;
        let pieces = extent.pieces;
        let mut mapped = Self {
            mappings: room::<SystemMapping>(pieces)?,
            segments: room::<Segment>(pieces)?,
            count: 0,
            address: extent.address,
            length: extent.length,
        };
        let before = if reach == Reach::Pages { extent.address % PAGE } else { 0 };
        let mut left = extent.length;
        let mut offset = 0_u64;
        for piece in chain {
            let bytes = piece.piece().count.min(left);
            if bytes == 0 {
                // An empty MDL in between, or the chain goes on beyond what was asked for (LAM-08).
                if left == 0 {
                    break;
                }
                continue;
            }
            let count = u32::try_from(bytes).map_err(|_| Failure::InvalidParameter)?;
            // SAFETY: the chain is alive and its pages are locked; `count` is at most the MDL's.
            let mapping = unsafe { SystemMapping::of(piece, count) }.map_err(|_| Failure::NoResources)?;
            // The first piece reaches back to the start of its page, which is mapped with it.
            let back = if offset == 0 { before } else { 0 };
            let start = mapping.address().as_ptr().wrapping_sub(usize::try_from(back).unwrap_or(0));
            let Some(start) = NonNull::new(start) else { return Err(Failure::NoResources) };
            let mut span = bytes.wrapping_add(back);
            left = left.wrapping_sub(bytes);
            if left == 0 && reach == Reach::Pages {
                span = (offset.wrapping_add(span)).next_multiple_of(PAGE).wrapping_sub(offset);
            }
            mapped.append(mapping, Segment { offset, pointer: start, length: span })?;
            offset = offset.wrapping_add(span);
        }
        Ok(mapped)
    }

    fn append(&mut self, mapping: SystemMapping, segment: Segment) -> Result<(), Failure> {
        let at = self.count as usize;
        let (Some(mappings), Some(segments)) =
            (place::<SystemMapping>(&self.mappings, at), place::<Segment>(&self.segments, at))
        else {
            return Err(Failure::Internal);
        };
        // SAFETY: within the room, not initialised yet.
        unsafe { mappings.write(mapping) };
        // SAFETY: as above.
        unsafe { segments.write(segment) };
        self.count += 1;
        Ok(())
    }

    /// Where the device finds the bytes; valid until this is dropped.
    pub fn backing(&self) -> Backing {
        let list = self.segments.as_ptr().cast::<Segment>();
        if self.count == 1 {
            // SAFETY: the first segment is initialised.
            Backing::Contiguous(unsafe { list.as_ref() }.pointer)
        } else {
            Backing::Segments { list, count: self.count }
        }
    }

    /// Offset of the first byte in its page.
    pub const fn first_byte_offset(&self) -> u32 {
        // Below PAGE.
        (self.address % PAGE) as u32
    }

    /// Pages that the bytes touch.
    pub const fn pages(&self) -> u64 {
        (self.address % PAGE).saturating_add(self.length).div_ceil(PAGE)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        for at in 0..self.count as usize {
            if let Some(mapping) = place::<SystemMapping>(&self.mappings, at) {
                // SAFETY: initialised, and dropped once.
                unsafe { mapping.drop_in_place() };
            }
        }
    }
}

fn room<T>(count: usize) -> Result<KBytes, Failure> {
    let bytes = count.checked_mul(size_of::<T>()).ok_or(Failure::NoResources)?;
    KBytes::try_zeroed(TAG, bytes).map_err(|_| Failure::NoResources)
}

/// The place of element `at`, if the memory has it.
fn place<T>(memory: &KBytes, at: usize) -> Option<NonNull<T>> {
    let end = at.checked_add(1)?.checked_mul(size_of::<T>())?;
    // SAFETY: within the block; KBytes is aligned to a cache line.
    (end <= memory.len()).then(|| unsafe { memory.as_ptr().cast::<T>().add(at) })
}
