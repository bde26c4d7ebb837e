//! Non-paged pool with tags: every allocation can fail, none is ever freed with a wrong tag.
//!
//! ```text
//! base                          data (aligned)
//!  | padding (0 .. align-16) | Header 16 B | value ............ |
//! ```
//! The pool aligns to 16 bytes only, and cache alignment is best effort (KP-POOL-04), so each block
//! carries its own header in front of the data: where the pool's block begins and its tag. Boxes are
//! one pointer wide and teardown needs nothing but that pointer.
//!
//! | type | what |
//! |---|---|
//! | [`KBox`] | one value; [`KBox::pin`] for values that must not move |
//! | [`KSlice`] | a zeroed slice |
//! | [`KBytes`] | zeroed raw memory, 64-byte aligned, never seen as a reference: rings and slots |
//! | [`KRef`] | a value with a counter in front |
//!
//! `unsafe` is here because an allocator is.

mod boxed;
mod counted;
mod slice;

use core::ffi::c_void;
use core::ptr::NonNull;

use wdk_sys::ntddk::{ExAllocatePool2, ExFreePoolWithTag};

pub use boxed::KBox;
pub use counted::KRef;
pub use slice::{KBytes, KSlice, Zeroable};

use crate::bugcheck::{self, Reason};

/// The pool could not give the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// The four characters a pool block is known by in the debugger and in leak reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Tag(u32);

impl Tag {
    /// A tag from four printable characters, in the order the debugger shows them (KP-POOL-03).
    #[must_use]
    pub const fn new(text: [u8; 4]) -> Self {
        let [a, b, c, d] = text;
        assert!(printable(a) && printable(b) && printable(c) && printable(d), "pool tags are printable");
        Self(u32::from_le_bytes(text))
    }

    /// The value that the pool routines take.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

const fn printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// POOL_FLAG_NON_PAGED: resident, never executable, zeroed (KP-POOL-02).
const NON_PAGED: u64 = 0x40;
/// What the pool aligns to.
const POOL_ALIGNMENT: usize = 16;
/// In each header: tells a block of ours from a stray pointer.
const MARK: u64 = 0x6b63_6f6c_426b_6453;

/// In front of each block's data.
#[repr(C)]
struct Header {
    /// From the pool's block to the data.
    distance: u32,
    tag: u32,
    mark: u64,
}

const _: () = assert!(size_of::<Header>() == POOL_ALIGNMENT);

/// Zeroed non-paged memory of `size` bytes at a multiple of `align`, a power of two up to 4096.
///
/// IRQL: at most DISPATCH_LEVEL.
fn allocate(tag: Tag, size: usize, align: usize) -> Result<NonNull<u8>, NoMemory> {
    debug_assert!(align.is_power_of_two() && align <= 4096);
    let padding = align.saturating_sub(POOL_ALIGNMENT);
    let total = size.checked_add(size_of::<Header>() + padding).ok_or(NoMemory)?;
    // SAFETY: the size is at least that of the header and the tag is printable; no flag that raises.
    let base = unsafe { ExAllocatePool2(NON_PAGED, total as u64, tag.0) };
    let base = NonNull::new(base.cast::<u8>()).ok_or(NoMemory)?;
    let earliest = base.addr().get() + size_of::<Header>();
    let distance = size_of::<Header>() + (earliest.next_multiple_of(align.max(POOL_ALIGNMENT)) - earliest);
    // SAFETY: distance is at most header and padding, which the block has in front of `size` bytes.
    let data = unsafe { base.add(distance) };
    // SAFETY: distance is at least the header's size, so the header lies within the block.
    let header = unsafe { data.sub(size_of::<Header>()) }.cast::<Header>();
    let value = Header {
        // At most 16 + 4096.
        distance: distance as u32,
        tag: tag.0,
        mark: MARK,
    };
    // SAFETY: the header lies within the block and is 16-byte aligned, since the data is.
    unsafe { header.write(value) };
    Ok(data)
}

/// Gives a block back.
///
/// # Safety
/// `data` came from [`allocate`] and is not used again.
///
/// IRQL: at most DISPATCH_LEVEL.
unsafe fn free(data: NonNull<u8>) {
    // SAFETY: each block has its header in front of the data.
    let header = unsafe { data.sub(size_of::<Header>()) }.cast::<Header>();
    // SAFETY: the header was written by `allocate` and nobody else can reach it.
    let Header { distance, tag, mark } = unsafe { header.read() };
    if mark != MARK {
        bugcheck::stop(Reason::PoolHeader, data.addr().get(), mark as usize, tag as usize);
    }
    let spent = Header { distance, tag, mark: 0 };
    // SAFETY: as above; the mark goes so that a second free is found out while the page lives.
    unsafe { header.write(spent) };
    // SAFETY: `distance` leads back to the pool's block.
    let base = unsafe { data.sub(distance as usize) };
    // SAFETY: the block came from ExAllocatePool2 with this tag, and the caller is done with it.
    unsafe { ExFreePoolWithTag(base.as_ptr().cast::<c_void>(), tag) };
}
