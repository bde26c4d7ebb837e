//! One block's memory.
//!
//! ```text
//!   plain:  [red zone][block .............][red zone]
//!   guard:  [slack: red zone][block ...][slack < 16][inaccessible page]
//! ```

use crate::host::memory::{self, Protection};
use std::alloc::{Layout, alloc, dealloc};

pub(super) const RED: u8 = 0xb5;
pub(super) const POISON: u8 = 0xdd;
const FRESH: u8 = 0xcb;
const ZONE: usize = 16;
const PAGE: usize = 4096;
const CACHE_LINE: usize = 64;
/// How much of a freed block is poisoned (and checked later).
const POISONED: usize = 4096;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) paged: bool,
    pub(super) cache_aligned: bool,
}

/// The memory behind a block.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) block: usize,
    pub(super) size: usize,
    base: usize,
    total: usize,
    align: usize,
    pub(super) guarded: bool,
}

impl Memory {
    /// Memory with red zones; `None` if the host has none.
    pub(super) fn new(size: usize, kind: Kind, guarded: bool, zero: bool) -> Option<Self> {
        let align = if size >= PAGE {
            PAGE
        } else if kind.cache_aligned {
            CACHE_LINE
        } else {
            ZONE
        };
        let memory = if guarded { Self::guarded(size, align)? } else { Self::plain(size, align)? };
        // SAFETY: fresh memory of the stated extent.
        unsafe {
            let block = memory.block as *mut u8;
            let front = memory.front();
            block.sub(front).write_bytes(RED, front);
            block.add(size).write_bytes(RED, memory.back());
            if zero {
                // Fresh pages of a mapping are zero already.
                if !guarded {
                    block.write_bytes(0, size);
                }
            } else {
                block.write_bytes(FRESH, size.min(POISONED));
            }
        }
        Some(memory)
    }

    fn plain(size: usize, align: usize) -> Option<Self> {
        let front = if align == PAGE { 0 } else { align };
        let total = front.checked_add(size)?.checked_add(ZONE)?;
        let layout = Layout::from_size_align(total, align).ok()?;
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc(layout) } as usize;
        (base != 0).then_some(Self { block: base + front, size, base, total, align, guarded: false })
    }

    fn guarded(size: usize, align: usize) -> Option<Self> {
        let pages = size.checked_next_multiple_of(PAGE)?;
        let total = pages.checked_add(PAGE)?;
        let base = memory::map(total, Protection::ReadWrite).ok()? as usize;
        let end = base + pages;
        // SAFETY: the last page of the new mapping.
        unsafe { memory::protect(end as *mut u8, PAGE, Protection::None) }.ok()?;
        Some(Self { block: (end - size) & !(align - 1), size, base, total, align, guarded: true })
    }

    fn front(&self) -> usize {
        (self.block - self.base).min(ZONE)
    }

    fn back(&self) -> usize {
        let end = if self.guarded { self.base + self.total - PAGE } else { self.base + self.total };
        end - (self.block + self.size)
    }

    /// The offset (from the block) of the first red-zone byte that was overwritten.
    pub(super) fn overrun(&self) -> Option<isize> {
        // SAFETY: the zones are part of our memory.
        unsafe {
            let block = self.block as *const u8;
            let front = self.front() as isize;
            let size = self.size as isize;
            (-front..0).chain(size..size + self.back() as isize).find(|offset| *block.offset(*offset) != RED)
        }
    }

    /// Makes the block useless to who still has it.
    pub(super) fn poison(&self) {
        // SAFETY: the block is ours again.
        unsafe {
            if self.guarded {
                // On refusal the block stays readable; that only weakens the check.
                let _ = memory::protect(self.base as *mut u8, self.total, Protection::None);
            } else {
                (self.block as *mut u8).write_bytes(POISON, self.size.min(POISONED));
            }
        }
    }

    /// The offset of the first byte written since [`Self::poison`].
    pub(super) fn written_after_free(&self) -> Option<usize> {
        if self.guarded {
            return None;
        }
        // SAFETY: the block is ours.
        unsafe { (0..self.size.min(POISONED)).find(|offset| *(self.block as *const u8).add(*offset) != POISON) }
    }

    /// Gives the memory back to the host.
    pub(super) fn release(self) {
        // SAFETY: made by `plain` or `guarded` with the same extent; nobody has it any more.
        unsafe {
            if self.guarded {
                memory::unmap(self.base as *mut u8, self.total);
            } else {
                dealloc(self.base as *mut u8, Layout::from_size_align_unchecked(self.total, self.align));
            }
        }
    }

    /// Whether an address lies in the block or what guards it.
    pub(super) fn covers(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.total
    }
}
