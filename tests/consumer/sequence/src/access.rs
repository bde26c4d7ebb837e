//! Who may touch which bytes.

use crate::oracle::Oracle;
use crate::{LENGTH, List, MEMORIES, Place, REGIONS, Remote, Target};

/// A range of a memory, clipped to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) end: usize,
    pub(crate) memory: usize,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Range {
    pub(crate) fn clipped(end: usize, memory: usize, offset: usize, length: usize) -> Self {
        let offset = offset.min(LENGTH);
        Self { end, memory, offset, length: length.min(LENGTH - offset) }
    }
}

impl List {
    /// The memory that the entries lie in; by logical address, that of the region's pages.
    #[must_use]
    pub fn place(&self) -> usize {
        if self.memory < MEMORIES { self.memory } else { REGIONS + (self.memory - MEMORIES) }
    }
}

impl Oracle {
    /// The bytes of a list, if an end may use all of them with `right`.
    pub(crate) fn local(&self, end: usize, list: &List, right: u32) -> Result<Range, Range> {
        let range = Range::clipped(end, list.place(), list.offset, list.length);
        if list.length == 0 {
            return Ok(range);
        }
        // Logical addresses need no registration; nobody maps more than the memory itself (`decode`).
        let alive = list.memory >= MEMORIES
            || self.memory(end, list.memory).and_then(|memory| memory.rights).is_some_and(|has| has & right == right);
        if alive && list.offset + list.length <= LENGTH { Ok(range) } else { Err(range) }
    }

    /// The bytes that a request at `place` names at its peer, if it may use all of them with `right`.
    pub(crate) fn remote(&self, place: Place, remote: &Remote, length: usize, right: u32) -> Result<Range, Range> {
        let end = 1 - place.end;
        let offset = usize::try_from(remote.offset).ok();
        let inside = |low: usize, high: usize| offset.filter(|offset| *offset >= low && offset + length <= high);
        let (memory, allowed) = match remote.target {
            Target::Memory(memory) => {
                let rights = self.memory(end, memory).and_then(|memory| memory.rights);
                (memory, rights.filter(|has| has & right == right).and_then(|_| inside(0, LENGTH)))
            }
            Target::Window(window) => {
                let bound = self.ends.get(end).and_then(|end| end.windows.get(window).copied().flatten());
                let usable = bound.filter(|bound| bound.link == place.link && bound.bind.rights & right == right);
                let bind = bound.map(|bound| bound.bind);
                let memory = bind.map_or(0, |bind| bind.memory);
                let range = usable.map(|bound| (bound.bind.offset, bound.bind.offset + bound.bind.length));
                (memory, range.and_then(|(low, high)| inside(low, high)))
            }
            Target::Forged => (0, None),
        };
        let range = Range::clipped(end, memory, offset.unwrap_or(0), length);
        if length == 0 || allowed.is_some() { Ok(range) } else { Err(range) }
    }

    /// Copies bytes, known or not.
    pub(crate) fn copy(&mut self, from: Range, to: Range) {
        for at in 0..from.length.min(to.length) {
            let byte = self.memory(from.end, from.memory).and_then(|memory| *memory.bytes.get(from.offset + at)?);
            self.set(to, at, byte);
        }
    }

    /// Nobody says what these bytes are from now on.
    pub(crate) fn forget(&mut self, range: Range) {
        for at in 0..range.length {
            self.set(range, at, None);
        }
    }

    fn set(&mut self, range: Range, at: usize, byte: Option<u8>) {
        let memory = self.memories.get_mut(range.end).and_then(|all| all.get_mut(range.memory));
        if let Some(slot) = memory.and_then(|memory| memory.bytes.get_mut(range.offset + at)) {
            *slot = byte;
        }
    }
}
