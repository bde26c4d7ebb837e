//! The token table: which memory a token opens, to whom, for what; in lock-free slots.
//!
//! ```text
//!   token --keyed permutation--> index (20 bits) | key (12 bits)
//!   index --> directory[index / 1024] --> chunk --> slot
//!
//!   Free --allocate--> Invalid --register / fast_register / bind--> Valid --invalidate--> Invalid --release--> Free
//! ```
//!
//! An access pins a slot (one compare-and-swap), checks owner and range, copies, unpins. Invalidation flips the
//! state at once, so no new pin comes; it is complete when the last pin is gone (MR-24, INV-02). Slots are handed
//! out in turn, so a freed one comes back late, and with another key: if each registration takes a fresh slot, a
//! token returns after a million others at the earliest (MR-36).
//!
//! A window pins only itself: its region cannot go while windows are bound to it (MR-25, INV-08, LIFE-28), so
//! the window keeps a copy of where the region's bytes are.
//!
//! Logical addresses (what NdkBuildLAM hands out) name a Mapping slot: bits 62..43 index, 42..32 eleven bits of
//! the key, 31..0 offset. They are no pointers; a stale or forged one is found out here (LAM-20).
//!
//! Lines touched by an access: the directory entry, the slot's first line. Two locked instructions.

mod access;
mod cipher;
mod slot;
mod work;

use core::mem::size_of;
use core::ptr::NonNull;

use cipher::Cipher;
use slot::{Description, KEY_BITS, KEY_MASK, Lasting, State, Store, Word};
use softndk_abi::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use softndk_abi::{Access, Token};

pub use access::{AccessError, Pin};
pub use slot::{Kind, Slot};
pub use work::WorkError;

use crate::memory::Backing;
use crate::sink::Sink;

/// Number of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotIndex(pub u32);

/// Slots of a chunk (few in models, where each is explored).
pub const CHUNK_SLOTS: u32 = if cfg!(loom) { 4 } else { 1024 };
/// Most slots of a table.
pub const MAX_SLOTS: u32 = 1 << (u32::BITS - KEY_BITS);
/// Where the index begins in a logical address; the key is between it and the offset.
const MAPPING_AT: u32 = u32::BITS + KEY_BITS - 1;
/// The bits of the key that a logical address carries.
const MAPPING_KEY: u16 = KEY_MASK >> 1;

/// Why no slot was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllocateError {
    /// Add a chunk ([`Table::add_chunk`]) and try again.
    NeedChunk,
    /// The table holds no more.
    Full,
}

/// Why a slot did not change its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateError {
    /// Not in the state that this needs (registered twice, not registered, of another kind, still draining).
    WrongState,
    /// Windows are bound to it (MR-25).
    Bound,
}

/// Whether an invalidation is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Drained {
    /// No access is in progress, none will come.
    Now,
    /// Accesses are in progress (or windows bound, for [`Table::retire`]); [`Sink::drained`] tells of the end, once.
    Later,
}

/// What a region or mapping is.
#[derive(Clone, Copy, Debug)]
pub struct RegionDesc {
    /// Virtual address of the first byte (MR-18). Mappings: offset of the first byte, which is 0 for whole pages.
    pub base: u64,
    /// Bytes. Mappings: whole pages.
    pub length: u64,
    /// Protection domain. Mappings: the adapter instance (LAM-16).
    pub pd: u32,
    /// Rights; local read is always granted.
    pub rights: Access,
    /// Where the bytes are; offset 0 is `base`.
    pub backing: Backing,
}

/// The table.
///
/// # Invariants
/// Directory entries below `chunks` point to chunks of initialised slots that live as long as the table.
#[derive(Debug)]
pub struct Table {
    directory: NonNull<AtomicPtr<Slot>>,
    directory_len: u32,
    cipher: Cipher,
    chunks: AtomicU32,
    live: AtomicU32,
    cursor: AtomicU32,
    owner: AtomicUsize,
}

// SAFETY: slots and directory are shared through atomics; what they guard says so itself.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// Bytes of directory for `chunks` chunks.
    pub const fn directory_bytes(chunks: u32) -> usize {
        (chunks as usize).saturating_mul(size_of::<AtomicPtr<Slot>>())
    }

    /// Bytes of a chunk.
    pub const fn chunk_bytes() -> usize {
        CHUNK_SLOTS as usize * size_of::<Slot>()
    }

    /// A table without slots. `seed`: 128 bits that nobody outside can foretell; they make the tokens unpredictable.
    ///
    /// # Safety
    /// `directory` is `directory_bytes(chunks)` long, aligned to 8, zeroed, used for nothing else, and outlives the table.
    pub unsafe fn new(directory: NonNull<u8>, chunks: u32, seed: [u64; 2]) -> Self {
        let directory = directory.cast::<AtomicPtr<Slot>>();
        let directory_len = chunks.min(MAX_SLOTS / CHUNK_SLOTS);
        if cfg!(loom) {
            for index in 0..directory_len as usize {
                // SAFETY: within the directory.
                let entry = unsafe { directory.add(index) };
                // SAFETY: ours alone. (In the product a zeroed directory is one of null pointers.)
                unsafe { entry.write(AtomicPtr::new(core::ptr::null_mut())) };
            }
        }
        Self {
            directory,
            directory_len,
            cipher: Cipher::new(seed),
            chunks: AtomicU32::new(0),
            live: AtomicU32::new(0),
            cursor: AtomicU32::new(0),
            owner: AtomicUsize::new(0),
        }
    }

    /// Tells whose table it is: [`Sink::drained`] says so, for a run meets slots of two tables.
    pub fn set_owner(&self, owner: usize) {
        self.owner.store(owner, Ordering::Release);
    }

    /// Gives the table 1024 more slots; `false`, and the memory stays the caller's, when the directory is full.
    ///
    /// # Safety
    /// `memory` is `chunk_bytes()` long, 64-byte aligned, zeroed, used for nothing else, and outlives the table. Calls are serialised.
    pub unsafe fn add_chunk(&self, memory: NonNull<u8>) -> bool {
        let chunks = self.chunks.load(Ordering::Acquire);
        let Some(entry) = self.directory_entry(chunks) else { return false };
        if cfg!(loom) {
            for index in 0..CHUNK_SLOTS as usize {
                // SAFETY: within the chunk.
                let slot = unsafe { memory.cast::<Slot>().add(index) };
                // SAFETY: ours alone. (In the product zeroed memory is a chunk of free slots.)
                unsafe { slot.write(Slot::new()) };
            }
        }
        entry.store(memory.cast().as_ptr(), Ordering::Release);
        self.chunks.store(chunks.wrapping_add(1), Ordering::Release);
        true
    }

    /// The chunks, for freeing them with the table.
    pub fn chunks(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        (0..self.chunks.load(Ordering::Acquire))
            .filter_map(|chunk| NonNull::new(self.directory_entry(chunk)?.load(Ordering::Acquire)).map(NonNull::cast))
    }

    /// Slots in use.
    pub fn live(&self) -> u32 {
        self.live.load(Ordering::Acquire)
    }

    /// A slot of `kind` that gives no access yet.
    ///
    /// A quarter of the slots is kept free while more chunks can be added, so the search is short, and a slot that
    /// was freed comes back late. The caller adds the chunk without any of the table's state held up meanwhile.
    pub fn allocate(&self, kind: Kind) -> Result<SlotIndex, AllocateError> {
        let chunks = self.chunks.load(Ordering::Acquire);
        let slots = chunks.wrapping_mul(CHUNK_SLOTS);
        let growing = chunks < self.directory_len;
        let limit = if growing { slots / 4 * 3 } else { slots };
        let counted = self
            .live
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |live| (live < limit).then_some(live.wrapping_add(1)));
        let short = if growing { AllocateError::NeedChunk } else { AllocateError::Full };
        counted.map_err(|_| short)?;
        // One of the slots is free; others may take it first, but then they free their own claim to another.
        for _ in 0..slots.saturating_mul(4) {
            let index = self.cursor.fetch_add(1, Ordering::Relaxed).checked_rem(slots).unwrap_or(0);
            let Some(slot) = self.slot(SlotIndex(index)) else { continue };
            let taken = slot.update(|word| {
                (word.state() == State::Free).then_some(word.with_kind(kind).with_state(State::Invalid))
            });
            if taken.is_ok() {
                // A window goes on behind the last key of whoever had the slot before.
                let word = slot.word();
                let last = if word.keyed() { word.key() ^ self.first_key(SlotIndex(index)) } else { 0 };
                slot.planned.store(u32::from(last), Ordering::Relaxed);
                return Ok(SlotIndex(index));
            }
        }
        self.live.fetch_sub(1, Ordering::AcqRel);
        Err(short)
    }

    /// Gives the slot back. Refused while it is valid, pinned, or bound.
    pub fn release(&self, index: SlotIndex) -> Result<(), StateError> {
        let slot = self.slot(index).ok_or(StateError::WrongState)?;
        slot.update(|word| word.at_rest().then(|| word.freed())).map_err(|_| StateError::WrongState)?;
        self.live.fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }

    /// Makes a Region, Mapping or Privileged slot valid, with a new token (MR-36).
    ///
    /// # Safety
    /// Until the slot has drained after its invalidation, `length` bytes behind `backing` stay readable and, with
    /// local or remote write among the rights, writable (page lists and segment lists stay in place too).
    pub unsafe fn register(&self, index: SlotIndex, region: &RegionDesc) -> Result<Token, StateError> {
        let slot = self.slot(index).ok_or(StateError::WrongState)?;
        let claimed = claim(slot, |kind| matches!(kind, Kind::Region | Kind::Mapping | Kind::Privileged))?;
        let description = Description {
            base: region.base,
            length: region.length,
            domain: region.pd,
            owner: 0,
            origin: 0,
            store: Store::Memory(region.backing),
        };
        // SAFETY: claimed.
        unsafe { slot.describe(description) };
        let key = self.next_key(index, claimed);
        let rights = region.rights | Access::LOCAL_READ;
        self.settle(slot, |word| word.with_key(key).with_rights(rights).with_state(State::Valid));
        Ok(self.sealed(index, key))
    }

    /// Prepares a Fast slot for FastRegister requests of up to `capacity` pages (MR-40); it gets its token for life (MR-46).
    ///
    /// `domain` is the adapter instance whose mappings the pages come from; `remote`: remote rights may be given (MR-48).
    ///
    /// # Safety
    /// `list` has room for `capacity` page addresses, is used for nothing else, and stays until the slot is released.
    pub unsafe fn initialise_fast(
        &self,
        index: SlotIndex,
        pd: u32,
        domain: u32,
        remote: bool,
        list: NonNull<u64>,
        capacity: u32,
    ) -> Result<Token, StateError> {
        let slot = self.slot(index).ok_or(StateError::WrongState)?;
        if slot.word().ready() {
            return Err(StateError::WrongState);
        }
        let claimed = claim(slot, |kind| kind == Kind::Fast)?;
        // SAFETY: claimed.
        unsafe { slot.keep(Lasting { list: Some(list), capacity, remote, pd, domain, region: 0 }) };
        let key = self.next_key(index, claimed);
        self.settle(slot, |word| {
            let word = word.with_key(key).with_rights(Access::empty()).with_state(State::Invalid);
            Word(word.0 | Word::READY)
        });
        Ok(self.sealed(index, key))
    }

    /// Prepares a Window slot of protection domain `pd`; no token yet (MW-05).
    pub fn initialise_window(&self, index: SlotIndex, pd: u32) -> Result<(), StateError> {
        let slot = self.slot(index).ok_or(StateError::WrongState)?;
        claim(slot, |kind| kind == Kind::Window)?;
        // SAFETY: claimed.
        unsafe { slot.keep(Lasting { list: None, capacity: 0, remote: true, pd, domain: 0, region: 0 }) };
        self.settle(slot, |word| Word(word.with_state(State::Invalid).0 | Word::READY));
        Ok(())
    }

    /// The token that the window's next bind gives it; each call plans another one. For the poster of a Bind (MW-04).
    pub fn plan_window_token(&self, index: SlotIndex) -> Option<Token> {
        let slot = self.slot(index)?;
        if slot.word().kind() != Some(Kind::Window) {
            return None;
        }
        loop {
            let planned = slot.planned.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
            // Runs through all keys, from one that the slot's place decides.
            let key = (planned & u32::from(KEY_MASK)) as u16 ^ self.first_key(index);
            let token = self.sealed(index, key);
            if token.0 != 0 {
                return Some(token);
            }
        }
    }

    /// The slot's token; 0 before it first had one (MR-35).
    pub fn token(&self, index: SlotIndex) -> Token {
        match self.slot(index).map(Slot::word) {
            Some(word) if word.keyed() => self.sealed(index, word.key()),
            _ => Token(0),
        }
    }

    /// The logical address of the first byte of a registered mapping.
    pub fn logical_address(&self, index: SlotIndex) -> Option<u64> {
        let word = self.slot(index)?.word();
        (word.kind() == Some(Kind::Mapping) && word.state() == State::Valid)
            .then(|| (u64::from(index.0) << MAPPING_AT) | (u64::from(word.key() & MAPPING_KEY) << u32::BITS))
    }

    /// Which mapping a logical address names, whether it is valid or not.
    pub const fn mapping_of(address: u64) -> SlotIndex {
        SlotIndex(((address >> MAPPING_AT) & (MAX_SLOTS - 1) as u64) as u32)
    }

    /// Ends all access through the slot, from now on (MR-23). Refused while windows are bound (MR-25).
    pub fn invalidate(&self, index: SlotIndex, sink: &impl Sink) -> Result<Drained, StateError> {
        let slot = self.slot(index).ok_or(StateError::WrongState)?;
        let before = slot.update(|word| {
            if word.state() != State::Valid || word.bound() != 0 {
                return None;
            }
            let next = word.with_state(State::Invalid);
            Some(if word.pins() == 0 { next } else { Word(next.0 | Word::DYING) })
        });
        match before {
            Ok(before) if before.pins() != 0 => Ok(Drained::Later),
            Ok(_) => {
                self.let_go(slot, sink);
                Ok(Drained::Now)
            }
            Err(word) if word.state() == State::Valid => Err(StateError::Bound),
            Err(_) => Err(StateError::WrongState),
        }
    }

    /// The close of an MR or MW: as [`Table::invalidate`], in any state, and windows bound to it are waited for (LIFE-28, LIFE-37).
    ///
    /// Until the last window is gone a region keeps working (LIFE-12). After `Now`, or [`Sink::drained`], release the slot.
    pub fn retire(&self, index: SlotIndex, sink: &impl Sink) -> Drained {
        let Some(slot) = self.slot(index) else { return Drained::Now };
        let busy = |word: Word| word.used() || word.state() == State::Claimed;
        let before = slot.update(|word| {
            let ends = word.state() == State::Valid && word.bound() == 0;
            let next = if ends { word.with_state(State::Invalid) } else { word };
            Some(if busy(word) { Word(next.0 | Word::DYING) } else { next })
        });
        let (Ok(before) | Err(before)) = before;
        if busy(before) {
            return Drained::Later;
        }
        self.let_go(slot, sink);
        Drained::Now
    }

    fn directory_entry(&self, chunk: u32) -> Option<&AtomicPtr<Slot>> {
        if chunk >= self.directory_len {
            return None;
        }
        // SAFETY: within the directory (`new`).
        let entry = unsafe { self.directory.add(chunk as usize) };
        // SAFETY: the directory outlives the table, and zeroed memory is a valid null `AtomicPtr`.
        Some(unsafe { entry.as_ref() })
    }

    #[inline]
    fn slot(&self, index: SlotIndex) -> Option<&Slot> {
        let chunk = NonNull::new(self.directory_entry(index.0 / CHUNK_SLOTS)?.load(Ordering::Acquire))?;
        // SAFETY: a chunk has `CHUNK_SLOTS` slots.
        let slot = unsafe { chunk.add((index.0 % CHUNK_SLOTS) as usize) };
        // SAFETY: chunks live as long as the table (`add_chunk`).
        Some(unsafe { slot.as_ref() })
    }

    fn sealed(&self, index: SlotIndex, key: u16) -> Token {
        Token(self.cipher.seal((index.0 << KEY_BITS) | u32::from(key & KEY_MASK)))
    }

    /// Index and key of a token.
    #[inline]
    fn opened(&self, token: Token) -> (SlotIndex, u16) {
        let plain = self.cipher.open(token.0);
        (SlotIndex(plain >> KEY_BITS), (plain as u16) & KEY_MASK)
    }

    /// Where a slot's keys start: not at 0, so that first tokens differ in more than the index.
    fn first_key(&self, index: SlotIndex) -> u16 {
        (self.cipher.seal(index.0) as u16) & KEY_MASK
    }

    fn next_key(&self, index: SlotIndex, word: Word) -> u16 {
        let after = |key: u16| key.wrapping_add(1) & KEY_MASK;
        let key = if word.keyed() { after(word.key()) } else { self.first_key(index) };
        if self.sealed(index, key).0 == 0 { after(key) } else { key }
    }

    /// Ends a claim. Others may have set DYING meanwhile, nothing else.
    fn settle(&self, slot: &Slot, change: impl Fn(Word) -> Word) {
        let _ = slot.update(|word| Some(change(word)));
    }

    /// An invalid window without pins lets go of its region; one caller of many does it.
    fn let_go(&self, slot: &Slot, sink: &impl Sink) {
        let taken = slot.update(|word| {
            let due = word.state() == State::Invalid && word.holds() && word.pins() == 0;
            due.then(|| word.with_state(State::Claimed))
        });
        if taken.is_err() {
            return;
        }
        // SAFETY: claimed, and it holds a region, so it was initialised.
        let region = SlotIndex(unsafe { slot.lasting() }.region);
        self.settle(slot, |word| Word(word.with_state(State::Invalid).0 & !Word::HOLDS));
        self.uncount(region, sink);
    }

    /// One window fewer on the region; a dying region may come to its end.
    fn uncount(&self, region: SlotIndex, sink: &impl Sink) {
        let Some(slot) = self.slot(region) else { return };
        let _ = slot.update(|word| {
            let next = Word(word.0.wrapping_sub(Word::BOUND_ONE));
            let last = next.bound() == 0 && next.dying() && next.state() == State::Valid;
            Some(if last { next.with_state(State::Invalid) } else { next })
        });
        self.report(slot, region, sink);
    }

    /// Tells whoever waits that the slot is at rest; once.
    fn report(&self, slot: &Slot, index: SlotIndex, sink: &impl Sink) {
        let done = slot.update(|word| (word.dying() && word.at_rest()).then_some(Word(word.0 & !Word::DYING)));
        if done.is_ok() {
            sink.drained(self.owner.load(Ordering::Acquire), index.0);
        }
    }

    /// The last pin of an invalid slot is gone.
    #[cold]
    fn last_unpin(&self, slot: &Slot, index: SlotIndex, sink: &impl Sink) {
        self.let_go(slot, sink);
        self.report(slot, index, sink);
    }
}

/// Takes a slot that is at rest, for writing.
fn claim(slot: &Slot, allowed: impl Fn(Kind) -> bool) -> Result<Word, StateError> {
    slot.update(|word| {
        let free = word.at_rest() && !word.dying() && word.kind().is_some_and(&allowed);
        free.then(|| word.with_state(State::Claimed))
    })
    .map_err(|_| StateError::WrongState)
}
