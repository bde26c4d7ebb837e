//! Blocks that the I/O manager gives to drivers: IRPs, device objects, system buffers.
//!
//! ```text
//!   guard pages on:   | unused | block, 16-aligned | slack (pattern) || page without access |
//!   guard pages off:  | block, 16-aligned | red zone (pattern) |
//! ```
//! An overrun faults at once or is found in the pattern when the block is freed. A freed block is
//! poisoned; with guard pages its pages are gone, so that a late access faults.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use super::codes;
use crate::bugcheck::Violation;
use crate::host::memory::{Protection, map, protect, unmap};
use crate::kernel::Kernel;
use crate::types::PAGE_SIZE;
use parking_lot::Mutex;
use std::collections::BTreeMap;

const ALIGN: usize = 16;
const RED_ZONE: usize = 16;
const PATTERN: u8 = 0xFD;
const POISON: u8 = 0xDD;

/// Where a guarded block lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    what: &'static str,
    begin: usize,
    end: usize,
    address: usize,
    size: usize,
}

static GUARDED: Mutex<BTreeMap<usize, Place>> = Mutex::new(BTreeMap::new());

/// What an address in or behind a guarded block is, in words; none if there is no block. True beside
/// it if the block is the kernel's, false if it stands for a user's buffer.
pub(crate) fn explain(address: usize) -> Option<(String, bool)> {
    let place = *GUARDED.try_lock()?.range(..=address).next_back()?.1;
    if !(place.begin..place.end).contains(&address) {
        return None;
    }
    let Place { what, address: start, size, .. } = place;
    let end = start + size;
    let where_ = if address >= end {
        format!("{} bytes behind the end of", address - end)
    } else if address < start {
        format!("{} bytes before", start - address)
    } else {
        format!("{} bytes into", address - start)
    };
    let text = format!("{address:#x} lies {where_} the {what} at {start:#x} ({size} bytes)");
    Some((text, !what.starts_with("user")))
}

/// A zeroed block; freed when dropped.
#[derive(Debug)]
pub(crate) struct Block {
    what: &'static str,
    base: *mut u8,
    /// Bytes from `base`, guard page included.
    total: usize,
    address: *mut u8,
    size: usize,
    guarded: bool,
}

// SAFETY: a block is memory; who may touch it when is the affair of its users.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// Allocates; `what` names the block in reports.
    pub fn new(what: &'static str, size: usize) -> Block {
        let guarded = crate::verifier::options().guard_pages;
        let block = if guarded { Self::in_pages(what, size) } else { Self::in_heap(what, size) };
        // SAFETY: the slack lies inside the mapping or the heap block.
        unsafe { block.address.add(size).write_bytes(PATTERN, block.slack()) };
        block
    }

    /// Where the driver's bytes start.
    pub fn address(&self) -> *mut u8 {
        self.address
    }

    fn in_pages(what: &'static str, size: usize) -> Block {
        let room = size.max(1).next_multiple_of(PAGE_SIZE);
        let total = room + PAGE_SIZE;
        let base = map(total, Protection::ReadWrite)
            .unwrap_or_else(|error| panic!("the host has no memory for {what}: {error}"));
        // SAFETY: the last page of a mapping that was just made; nobody uses it yet.
        unsafe { protect(base.add(room), PAGE_SIZE, Protection::None) }
            .unwrap_or_else(|error| panic!("the host cannot guard {what}: {error}"));
        let offset = room - size.next_multiple_of(ALIGN);
        let place =
            Place { what, begin: base as usize, end: base as usize + total, address: base as usize + offset, size };
        GUARDED.lock().insert(base as usize, place);
        Block { what, base, total, address: base.wrapping_add(offset), size, guarded: true }
    }

    fn in_heap(what: &'static str, size: usize) -> Block {
        let layout = Self::layout(size);
        // SAFETY: the layout is not of size zero: it has a red zone.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        Block { what, base, total: layout.size(), address: base, size, guarded: false }
    }

    fn layout(size: usize) -> Layout {
        let total = size.next_multiple_of(ALIGN) + RED_ZONE;
        Layout::from_size_align(total, ALIGN).expect("drivers ask for far less than isize::MAX")
    }

    fn slack(&self) -> usize {
        let end = self.base as usize + self.total - if self.guarded { PAGE_SIZE } else { 0 };
        end - (self.address as usize + self.size)
    }

    /// Stops the machine if bytes past the end were written. `guilty` is the code that had the
    /// block, 0 if that is not known.
    pub fn check(&self, guilty: usize) {
        // SAFETY: the slack was written at allocation.
        let slack = unsafe { std::slice::from_raw_parts(self.address.add(self.size), self.slack()) };
        if let Some(offset) = slack.iter().position(|byte| *byte != PATTERN) {
            let mut text = format!(
                "the driver wrote past the end of the {} at {:p}: byte {} of {} bytes",
                self.what,
                self.address,
                self.size + offset,
                self.size
            );
            let mut violation = Violation::new(&codes::IO_BUFFER_OVERRUN).params([
                self.address as u64,
                self.size as u64,
                offset as u64,
                guilty as u64,
            ]);
            if guilty != 0 {
                let place = Kernel::get().images.describe(guilty);
                text = format!("{text}; the request was handled by {place}");
                violation = violation.guilty(guilty);
            }
            violation.text(text).raise();
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check(0);
        if self.guarded {
            GUARDED.lock().remove(&(self.base as usize));
            // SAFETY: the mapping is this block's own; a driver that still uses it shall fault.
            unsafe { unmap(self.base, self.total) };
        } else {
            // SAFETY: the heap block is this block's own.
            unsafe { self.base.write_bytes(POISON, self.total) };
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.base, Self::layout(self.size)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugcheck::expect_violation;

    fn both() -> [Block; 2] {
        [Block::in_pages("test block", 24), Block::in_heap("test block", 24)]
    }

    #[test]
    fn blocks_are_zeroed_and_aligned() {
        for block in both() {
            assert_eq!(block.address() as usize % ALIGN, 0);
            // SAFETY: the block has 24 bytes.
            let bytes = unsafe { std::slice::from_raw_parts(block.address(), 24) };
            assert_eq!(bytes, [0; 24]);
            // SAFETY: the slack is the block's own.
            unsafe { block.address().add(24).write_bytes(PATTERN, block.slack()) };
        }
    }

    #[test]
    fn a_byte_past_the_end_is_found() {
        for block in both() {
            // SAFETY: the slack is the block's own.
            unsafe { block.address().add(24).write_bytes(PATTERN, block.slack()) };
            // SAFETY: inside the slack.
            unsafe { block.address().add(25).write(1) };
            let (name, text) = expect_violation(|| block.check(0));
            assert_eq!(name, "IO_BUFFER_OVERRUN");
            assert!(text.contains("byte 25 of 24 bytes"), "{text}");
            std::mem::forget(block);
        }
    }
}
