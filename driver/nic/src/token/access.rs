//! Checking an access and holding the slot while its bytes are copied.

use softndk_abi::sync::Ordering;
use softndk_abi::{Access, Token};

use super::slot::{Description, KEY_MASK, Kind, Slot, State, Store, Word};
use super::{MAPPING_KEY, SlotIndex, Table};
use crate::memory::RawRun;
use crate::sink::Sink;

/// The one answer to an access that is not allowed; it tells a prober nothing (docs/contract/peers.md, security 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessError;

/// A checked range of a valid slot. While it lives the memory stays; dropping it unpins.
#[derive(Debug)]
pub struct Pin<'t, S: Sink> {
    table: &'t Table,
    slot: &'t Slot,
    index: SlotIndex,
    sink: &'t S,
    /// Offset of the range's first byte within `store`.
    start: u64,
    length: u64,
    store: Store,
}

/// Who asks, and for what.
struct Question {
    key: u16,
    key_mask: u16,
    need: Access,
    /// Kinds that may answer, a bit for each.
    kinds: u8,
    domain: u32,
    /// QP whose windows count; local accesses reach no windows.
    owner: u32,
    address: u64,
    length: u64,
}

const fn bit(kind: Kind) -> u8 {
    1 << kind as u8
}

impl Table {
    /// An SGE's bytes: `length` at `address` under `token`, all of `need`, for a QP of protection domain `pd` (WR-26 to WR-28).
    #[inline]
    pub fn pin_local<'t, S: Sink>(
        &'t self,
        token: Token,
        address: u64,
        length: u64,
        need: Access,
        pd: u32,
        sink: &'t S,
    ) -> Result<Pin<'t, S>, AccessError> {
        let (index, key) = self.opened(token);
        let kinds = bit(Kind::Region) | bit(Kind::Fast);
        self.pin(index, &Question { key, key_mask: KEY_MASK, need, kinds, domain: pd, owner: 0, address, length }, sink)
    }

    /// The peer's access to memory of a QP `qp` of protection domain `pd` (RD-08, WRT-06, MW-07).
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "all that decides an access, in one function")]
    pub fn pin_remote<'t, S: Sink>(
        &'t self,
        token: Token,
        address: u64,
        length: u64,
        need: Access,
        pd: u32,
        qp: u32,
        sink: &'t S,
    ) -> Result<Pin<'t, S>, AccessError> {
        let (index, key) = self.opened(token);
        let kinds = bit(Kind::Region) | bit(Kind::Fast) | bit(Kind::Window);
        self.pin(
            index,
            &Question { key, key_mask: KEY_MASK, need, kinds, domain: pd, owner: qp, address, length },
            sink,
        )
    }

    /// Bytes by logical address, for the privileged token (WR-23): only of a live mapping of adapter instance `domain` (LAM-20).
    #[inline]
    pub fn pin_logical<'t, S: Sink>(
        &'t self,
        address: u64,
        length: u64,
        domain: u32,
        sink: &'t S,
    ) -> Result<Pin<'t, S>, AccessError> {
        if address >> 63 != 0 {
            return Err(AccessError);
        }
        let question = Question {
            key: ((address >> u32::BITS) as u16) & MAPPING_KEY,
            key_mask: MAPPING_KEY,
            need: Access::LOCAL_READ,
            kinds: bit(Kind::Mapping),
            domain,
            owner: 0,
            address: address & u64::from(u32::MAX),
            length,
        };
        self.pin(Self::mapping_of(address), &question, sink)
    }

    #[inline]
    fn pin<'t, S: Sink>(&'t self, index: SlotIndex, ask: &Question, sink: &'t S) -> Result<Pin<'t, S>, AccessError> {
        let slot = self.slot(index).ok_or(AccessError)?;
        let mut word = slot.word();
        loop {
            let kind_fits = word.kind().is_some_and(|kind| bit(kind) & ask.kinds != 0);
            if !word.admits(ask.key, ask.key_mask, ask.need) || !kind_fits || word.pins_full() {
                return Err(AccessError);
            }
            match slot.exchange(word, Word(word.0.wrapping_add(Word::PIN))) {
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        // SAFETY: just pinned while valid.
        let description = unsafe { slot.description() };
        // From here on leaving unpins.
        let mut pin = Pin { table: self, slot, index, sink, start: 0, length: ask.length, store: description.store };
        let window = word.kind() == Some(Kind::Window);
        if description.domain != ask.domain || (window && description.owner != ask.owner) {
            return Err(AccessError);
        }
        pin.start = start_of(&description, ask.address, ask.length).ok_or(AccessError)?;
        Ok(pin)
    }
}

/// Offset within the store of a range that lies in the region: compared by subtraction, so nothing wraps (WR-35).
#[inline]
fn start_of(description: &Description, address: u64, length: u64) -> Option<u64> {
    let offset = address.checked_sub(description.base)?;
    let rest = description.length.checked_sub(offset)?;
    if length > rest {
        return None;
    }
    description.origin.checked_add(offset)
}

impl<'t, S: Sink> Pin<'t, S> {
    /// The piece of system memory at `offset` of the pinned range: at least one byte, at most `want`.
    ///
    /// The bytes of an FRMR lie in a mapping, which is held in `mapping` meanwhile (what was held there before goes).
    #[inline]
    pub(crate) fn run(&self, offset: u64, want: u64, mapping: &mut Option<Pin<'t, S>>) -> Result<RawRun, AccessError> {
        let want = self.length.checked_sub(offset).filter(|rest| *rest != 0).ok_or(AccessError)?.min(want);
        let at = self.start.checked_add(offset).ok_or(AccessError)?;
        match self.store {
            // SAFETY: registered with this backing, valid and pinned; the range was checked.
            Store::Memory(backing) => unsafe { backing.run(at, want) }.ok_or(AccessError),
            Store::Run { domain, first } => {
                self.through_mapping(first.checked_add(at).ok_or(AccessError)?, want, domain, mapping)
            }
            Store::Pages { domain, count, list } => {
                let page = u32::try_from(at >> PAGE_SHIFT).ok().filter(|page| *page < count).ok_or(AccessError)?;
                let inside = at & PAGE_MASK;
                // SAFETY: below `count`.
                let entry = unsafe { list.add(page as usize) };
                // SAFETY: the FRMR's list has `count` entries and is not written while this slot is valid or pinned.
                let logical = unsafe { entry.read() };
                let rest = (PAGE_MASK + 1).wrapping_sub(inside);
                let address = logical.checked_add(inside).ok_or(AccessError)?;
                self.through_mapping(address, want.min(rest), domain, mapping)
            }
        }
    }

    fn through_mapping(
        &self,
        logical: u64,
        want: u64,
        domain: u32,
        hold: &mut Option<Pin<'t, S>>,
    ) -> Result<RawRun, AccessError> {
        let mapping = hold.insert(self.table.pin_logical(logical, want, domain, self.sink)?);
        let Store::Memory(backing) = mapping.store else { return Err(AccessError) };
        // SAFETY: as in `run`: a mapping is registered with its backing, valid and pinned, the range checked.
        unsafe { backing.run(mapping.start, want) }.ok_or(AccessError)
    }
}

/// log2 of the page size.
pub(super) const PAGE_SHIFT: u32 = 12;
/// Offset within a page.
pub(super) const PAGE_MASK: u64 = (1 << PAGE_SHIFT) - 1;

impl<S: Sink> Drop for Pin<'_, S> {
    #[inline]
    fn drop(&mut self) {
        // Release: our copies before whoever drains; acquire for the branch below.
        let before = Word(self.slot.word.fetch_sub(Word::PIN, Ordering::AcqRel));
        if before.pins() == 1 && before.state() != State::Valid {
            self.table.last_unpin(self.slot, self.index, self.sink);
        }
    }
}
