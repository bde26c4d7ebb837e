//! What work requests do to slots: FastRegister, Bind, Invalidate, and the peer's SendAndInvalidate.

use softndk_abi::work::ObjectWork;
use softndk_abi::{Access, Token};

use super::access::{PAGE_MASK, PAGE_SHIFT};
use super::slot::{Description, KEY_MASK, Kind, Lasting, Slot, State, Store, Word};
use super::{SlotIndex, Table, claim};
use crate::sink::Sink;

/// Why such a request failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkError {
    /// It makes no sense in the object's state (FRG-12, BND-09, INV-06, INV-07, INV-08).
    Invalid,
    /// It names memory that it may not have (FRG-09, BND-10).
    Access,
}

impl Table {
    /// Makes an initialised FRMR valid over the pages of the request (FRG-01 to FRG-12).
    ///
    /// # Safety
    /// `work.pages`, if not 0, is the address of `work.page_count` page addresses.
    pub unsafe fn fast_register(&self, work: &ObjectWork, pd: u32, sink: &impl Sink) -> Result<(), WorkError> {
        let index = SlotIndex(work.object);
        let slot = self.named(index, work.token).ok_or(WorkError::Invalid)?;
        if !slot.word().ready() {
            return Err(WorkError::Invalid);
        }
        claim(slot, |kind| kind == Kind::Fast).map_err(|_| WorkError::Invalid)?;
        // SAFETY: claimed, and ready.
        let lasting = unsafe { slot.lasting() };
        // SAFETY: passed on.
        let described = unsafe { self.describe_pages(work, &lasting, pd, sink) };
        let outcome = match described {
            Ok(description) => {
                // SAFETY: claimed.
                unsafe { slot.describe(description) };
                let rights = work.rights | Access::LOCAL_READ;
                self.settle(slot, |word| word.with_rights(rights).with_state(State::Valid));
                Ok(())
            }
            Err(error) => {
                self.settle(slot, |word| word.with_state(State::Invalid));
                Err(error)
            }
        };
        self.closed_meanwhile(slot, index, sink);
        outcome
    }

    /// # Safety
    /// As `fast_register`; the slot is claimed.
    unsafe fn describe_pages(
        &self,
        work: &ObjectWork,
        lasting: &Lasting,
        pd: u32,
        sink: &impl Sink,
    ) -> Result<Description, WorkError> {
        let remote = Access::REMOTE_READ | Access::REMOTE_WRITE;
        let room = u64::from(work.page_count) << PAGE_SHIFT;
        let origin = u64::from(work.first_byte_offset);
        if lasting.pd != pd || work.page_count == 0 || work.page_count > lasting.capacity {
            return Err(WorkError::Invalid);
        }
        // The last byte has an address too: no range of a region wraps (WR-35).
        if work.span.checked_sub(1).and_then(|rest| work.base.checked_add(rest)).is_none() {
            return Err(WorkError::Invalid);
        }
        if work.rights.intersects(remote) && !lasting.remote {
            return Err(WorkError::Access);
        }
        if origin > PAGE_MASK || room.checked_sub(origin).is_none_or(|rest| work.span > rest) {
            return Err(WorkError::Invalid);
        }
        let domain = lasting.domain;
        let store = if work.pages == 0 {
            self.check_pages(work.run_base, room, domain, sink)?;
            Store::Run { domain, first: work.run_base }
        } else {
            let list = lasting.list.ok_or(WorkError::Invalid)?;
            let staged = work.pages as *const u64;
            for page in 0..work.page_count as usize {
                // SAFETY: the caller promised `page_count` addresses.
                let address = unsafe { staged.wrapping_add(page).read() };
                self.check_pages(address, PAGE_MASK + 1, domain, sink)?;
                // SAFETY: below the capacity of the list, which nobody reads while the slot is claimed.
                let place = unsafe { list.add(page) };
                // SAFETY: as above.
                unsafe { place.write(address) };
            }
            Store::Pages { domain, count: work.page_count, list }
        };
        Ok(Description { base: work.base, length: work.span, domain: pd, owner: 0, origin, store })
    }

    fn check_pages(&self, address: u64, length: u64, domain: u32, sink: &impl Sink) -> Result<(), WorkError> {
        if address & PAGE_MASK != 0 {
            return Err(WorkError::Invalid);
        }
        self.pin_logical(address, length, domain, sink).map(drop).map_err(|_| WorkError::Access)
    }

    /// Makes a window a view of a region, for the peer of QP `qp` (BND-01 to BND-11, MW-07).
    pub fn bind(&self, work: &ObjectWork, pd: u32, qp: u32, sink: &impl Sink) -> Result<(), WorkError> {
        let (index, key) = self.opened(work.token);
        if index.0 != work.object {
            return Err(WorkError::Invalid);
        }
        let slot = self.slot(index).ok_or(WorkError::Invalid)?;
        if !slot.word().ready() {
            return Err(WorkError::Invalid);
        }
        claim(slot, |kind| kind == Kind::Window).map_err(|_| WorkError::Invalid)?;
        // SAFETY: claimed, and ready.
        let lasting = unsafe { slot.lasting() };
        let outcome = if lasting.pd == pd { self.view_of_region(work, pd, qp, sink) } else { Err(WorkError::Invalid) };
        match outcome {
            Ok(description) => {
                // SAFETY: claimed.
                unsafe { slot.describe(description) };
                let (region, _) = self.opened(Token(work.second));
                // SAFETY: claimed.
                unsafe { slot.keep(Lasting { region: region.0, ..lasting }) };
                let rights = work.rights & (Access::REMOTE_READ | Access::REMOTE_WRITE);
                self.settle(slot, |word| {
                    let valid = word.with_key(key).with_rights(rights).with_state(State::Valid);
                    Word(valid.0 | Word::HOLDS)
                });
            }
            Err(_) => self.settle(slot, |word| word.with_state(State::Invalid)),
        }
        self.closed_meanwhile(slot, index, sink);
        outcome.map(|_| ())
    }

    /// Counts the window in its region, and describes the view.
    fn view_of_region(&self, work: &ObjectWork, pd: u32, qp: u32, sink: &impl Sink) -> Result<Description, WorkError> {
        // By its token: an MR that was registered anew since the Bind was posted has left its slot to others.
        let (index, key) = self.opened(Token(work.second));
        let region = self.slot(index).ok_or(WorkError::Access)?;
        let needs_write = work.rights.contains(Access::REMOTE_WRITE);
        let need = if needs_write { Access::LOCAL_WRITE } else { Access::LOCAL_READ };
        // A window counted here keeps the region valid and its description unchanged.
        let counted = region.update(|word| {
            let fits = word.kind().is_some_and(|kind| matches!(kind, Kind::Region | Kind::Fast));
            (fits && word.admits(key, KEY_MASK, need) && !word.bound_full())
                .then(|| Word(word.0.wrapping_add(Word::BOUND_ONE)))
        });
        counted.map_err(|_| WorkError::Access)?;
        // SAFETY: it was valid when we counted ourselves, and stays so until we are uncounted.
        let description = unsafe { region.description() };
        let view = view(work, &description, pd, qp);
        if view.is_none() {
            self.uncount(index, sink);
        }
        view.ok_or(WorkError::Access)
    }

    /// Ends all access through an FRMR or window for an Invalidate of QP `qp` (INV-01). Complete when [`Table::is_at_rest`].
    pub fn invalidate_object(&self, work: &ObjectWork, pd: u32, qp: u32, sink: &impl Sink) -> Result<(), WorkError> {
        let (slot, token) = self.meant(SlotIndex(work.object), work.token).ok_or(WorkError::Invalid)?;
        self.kill(slot, token, pd, qp, sink)
    }

    /// The same for a token that arrives with the peer's SendAndInvalidate, at QP `qp` (SINV-03), or that an RDMA Read
    /// leaves behind (FLAG-16). Gives the slot, to be polled with [`Table::is_at_rest`].
    pub fn invalidate_token(&self, token: Token, pd: u32, qp: u32, sink: &impl Sink) -> Result<SlotIndex, WorkError> {
        let (index, _) = self.opened(token);
        let slot = self.slot(index).ok_or(WorkError::Invalid)?;
        self.kill(slot, token, pd, qp, sink)?;
        Ok(index)
    }

    /// Whether `token` is that of a valid FRMR of `pd` (RD-14).
    pub fn is_fast_region(&self, token: Token, pd: u32, sink: &impl Sink) -> bool {
        self.examine(token, sink, |kind, description| kind == Kind::Fast && description.domain == pd).unwrap_or(false)
    }

    /// Whether nothing uses an invalidated slot any more.
    pub fn is_at_rest(&self, index: SlotIndex) -> bool {
        self.slot(index).is_none_or(|slot| {
            let word = slot.word();
            word.pins() == 0 && !(word.holds() && word.state() != State::Valid)
        })
    }

    fn kill(&self, slot: &Slot, token: Token, pd: u32, qp: u32, sink: &impl Sink) -> Result<(), WorkError> {
        let killed = self.examine(token, sink, |kind, description| {
            let ours = description.domain == pd && (kind == Kind::Fast || description.owner == qp);
            let ends = |word: Word| {
                (word.state() == State::Valid && word.bound() == 0).then(|| word.with_state(State::Invalid))
            };
            ours && slot.update(ends).is_ok()
        });
        if killed == Some(true) { Ok(()) } else { Err(WorkError::Invalid) }
    }

    /// Looks at the valid FRMR or window of `token` while it is pinned.
    fn examine<R>(&self, token: Token, sink: &impl Sink, look: impl FnOnce(Kind, &Description) -> R) -> Option<R> {
        let (index, key) = self.opened(token);
        let slot = self.slot(index)?;
        let alive = |word: Word| {
            let kind = matches!(word.kind(), Some(Kind::Fast | Kind::Window));
            kind && word.admits(key, KEY_MASK, Access::empty()) && !word.pins_full()
        };
        let word = slot.update(|word| alive(word).then(|| Word(word.0.wrapping_add(Word::PIN)))).ok()?;
        // SAFETY: pinned while valid.
        let description = unsafe { slot.description() };
        let answer = look(word.kind()?, &description);
        let (Ok(before) | Err(before)) = slot.update(|word| Some(Word(word.0.wrapping_sub(Word::PIN))));
        if before.pins() == 1 && before.state() != State::Valid {
            self.last_unpin(slot, index, sink);
        }
        Some(answer)
    }

    /// The slot, if it still is the one that had `token` when the request was posted: slots of closed objects are reused.
    fn named(&self, index: SlotIndex, token: Token) -> Option<&Slot> {
        let (named, key) = self.opened(token);
        let slot = self.slot(index)?;
        let word = slot.word();
        (named == index && word.keyed() && word.key() == key).then_some(slot)
    }

    /// As [`Table::named`] for an Invalidate, with the token that the slot has. `token` is that of the latest Bind that was
    /// posted; when it failed or was flushed, the window still has an earlier one. Keys run on over the lives of a slot, so
    /// that one further on is of another window.
    fn meant(&self, index: SlotIndex, token: Token) -> Option<(&Slot, Token)> {
        let (named, latest) = self.opened(token);
        let slot = self.slot(index).filter(|_| named == index)?;
        let word = slot.word();
        if !word.keyed() {
            return None;
        }
        let first = self.first_key(index);
        let behind = (latest ^ first).wrapping_sub(word.key() ^ first) & KEY_MASK;
        let meant = behind == 0 || (word.kind() == Some(Kind::Window) && behind <= KEY_MASK >> 1);
        meant.then(|| (slot, self.sealed(index, word.key())))
    }

    /// After a claim: the object may have been closed while it was claimed.
    fn closed_meanwhile(&self, slot: &Slot, index: SlotIndex, sink: &impl Sink) {
        let ended = slot.update(|word| {
            let due = word.dying() && word.state() == State::Valid && word.bound() == 0;
            due.then(|| word.with_state(State::Invalid))
        });
        if ended.is_ok() || slot.word().dying() {
            self.last_unpin(slot, index, sink);
        }
    }
}

/// The view that a Bind asks for, if it lies inside the region (BND-02) and the protection domain fits (BND-11).
fn view(work: &ObjectWork, region: &Description, pd: u32, qp: u32) -> Option<Description> {
    let offset = work.base.checked_sub(region.base)?;
    let rest = region.length.checked_sub(offset)?;
    if work.span == 0 || work.span > rest || region.domain != pd {
        return None;
    }
    Some(Description {
        base: work.base,
        length: work.span,
        domain: pd,
        owner: qp,
        origin: region.origin.checked_add(offset)?,
        store: region.store,
    })
}
