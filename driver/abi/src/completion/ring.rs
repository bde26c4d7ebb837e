//! The slots of a completion queue: in one ring or, after it was resized, in up to four that follow each other.
//!
//! Positions count completions since the start and never wrap (56 bits). A ring's tail word holds the next
//! position, a generation, and a seal:
//!
//! ```text
//!   ring A: open, generation 1, tail p      B, C, D: sealed, generations -2, -1, 0      (at the start)
//!   replace: describe B; seal A at F; open B, generation 2, tail F             (pushers help with the last step)
//!   positions below F stand in A, the others in B; A is free when the consumer has passed F
//!   another resize before that goes on to C, and so on in a circle
//! ```
//!
//! The ring after the newest one always has the generation of the lap before, so the newest is found by going
//! on from ring to ring. The generation makes a reservation on a recycled ring fail. Whoever looks into slots without owning one
//! counts itself in `inspectors`, so that the old ring is not freed under it. `unsafe`: slots are raw memory.

use core::cell::UnsafeCell;
use core::mem::size_of;
use core::ptr::NonNull;

use super::ReplaceError;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Gap, Ordering, Tracker, full_fence};
use crate::{CompletionStatus, Cqe, Opcode, Token};

/// Rings of a queue: the newest, and those that completions from before a resize are still in. A power of two,
/// so that a ring's place follows from its generation.
pub(super) const RINGS: usize = 4;

/// The next ring of the circle.
const fn after(index: usize) -> usize {
    index.wrapping_add(1) & (RINGS - 1)
}

/// The ring before in the circle.
const fn before(index: usize) -> usize {
    index.wrapping_sub(1) & (RINGS - 1)
}

/// A tail word: seal (1 bit), generation (7), position (56).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word(u64);

impl Word {
    const SEALED: u64 = 1 << 63;
    const POSITION: u64 = (1 << 56) - 1;

    const fn new(generation: u64, position: u64) -> Self {
        Self(((generation & 0x7f) << 56) | (position & Self::POSITION))
    }

    const fn position(self) -> u64 {
        self.0 & Self::POSITION
    }

    const fn generation(self) -> u64 {
        (self.0 >> 56) & 0x7f
    }

    const fn sealed(self) -> bool {
        self.0 & Self::SEALED != 0
    }

    /// Whether this ring, the next one of the circle, was opened after `before`.
    const fn follows(self, before: Self) -> bool {
        self.generation().wrapping_sub(before.generation()) & 0x7f == 1
    }

    /// Whether this ring, the next one of the circle, has not been opened since `before` was.
    const fn waits_behind(self, before: Self) -> bool {
        before.generation().wrapping_sub(self.generation()) & 0x7f == RINGS as u64 - 1
    }
}

/// What a producer or the consumer needs to find a slot; changes only while the ring is not in use.
#[derive(Debug)]
struct Ring {
    memory: AtomicPtr<u8>,
    mask: AtomicU32,
    depth: AtomicU32,
}

/// The words that producers contend for; one ring's at a time.
#[derive(Debug)]
struct Tail {
    word: AtomicU64,
    cached_head: AtomicU64,
}

/// One slot; a line of its own.
#[repr(C, align(64))]
struct Slot {
    /// Position + 1 of the completion that stands here; a producer sets it last.
    sequence: AtomicU64,
    data: UnsafeCell<RawCqe>,
    tracker: Tracker,
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct RawCqe {
    qp_context: u64,
    request_context: u64,
    bytes: u32,
    error_code: u32,
    invalidated: u32,
    opcode: u8,
    status: u8,
    flags: u8,
}

const SOLICITED: u8 = 1;
const INVALIDATED: u8 = 2;

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 64);

/// A reserved position, its slot not yet published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    ring: usize,
    position: u64,
}

impl Place {
    /// Completions reserved before this one.
    pub(super) fn position(self) -> u64 {
        self.position
    }
}

/// The answer to a reservation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reservation {
    At(Place),
    Full,
}

/// The rings and the consumer's place in them.
///
/// # Invariants
/// A ring whose positions are not all consumed has memory of `mask + 1` initialised slots. At most one ring is
/// open. `head` is written by the consumer alone; `known` and `consuming` too.
#[derive(Debug)]
pub(super) struct Rings {
    rings: [Ring; RINGS],
    /// Resizes begun; the consumer looks for a new ring only when it has not followed all of them.
    resizes: AtomicU32,
    _gap: Gap,
    tails: [Tail; RINGS],
    _gap2: Gap,
    head: AtomicU64,
    consuming: AtomicUsize,
    /// Resizes that the consumer has followed.
    known: AtomicU32,
    _gap3: Gap,
    inspectors: AtomicU32,
}

// SAFETY: slots are handed from one producer to the consumer by their sequence, and back by `head`; the rest is atomic.
unsafe impl Send for Rings {}
// SAFETY: as above; that there is one consumer at a time is promised to `new`.
unsafe impl Sync for Rings {}

impl Rings {
    const fn slots(depth: u32) -> u32 {
        match depth {
            0 => 1,
            depth if depth > 1 << 31 => 1 << 31,
            depth => depth.next_power_of_two(),
        }
    }

    pub(super) const fn bytes(depth: u32) -> usize {
        (Self::slots(depth) as usize).saturating_mul(size_of::<Slot>())
    }

    /// # Safety
    /// See `CompletionQueue::new`.
    pub(super) unsafe fn new(memory: NonNull<u8>, depth: u32) -> Self {
        let ring = || Ring {
            memory: AtomicPtr::new(core::ptr::null_mut()),
            mask: AtomicU32::new(0),
            depth: AtomicU32::new(0),
        };
        let tail = |word: u64| Tail { word: AtomicU64::new(word), cached_head: AtomicU64::new(0) };
        // The others look as if they had been used in the lap before.
        let later = |generation: u64| tail(Word::new(generation.wrapping_sub(RINGS as u64), 0).0 | Word::SEALED);
        let rings = Self {
            rings: [ring(), ring(), ring(), ring()],
            resizes: AtomicU32::new(0),
            _gap: Gap::new(),
            tails: [tail(Word::new(1, 0).0), later(2), later(3), later(4)],
            _gap2: Gap::new(),
            head: AtomicU64::new(0),
            consuming: AtomicUsize::new(0),
            known: AtomicU32::new(0),
            _gap3: Gap::new(),
            inspectors: AtomicU32::new(0),
        };
        // SAFETY: passed on; ring 0 is not in use yet.
        unsafe { rings.describe(0, memory, depth, depth) };
        rings
    }

    /// Gives ring `index`, which is not in use, memory for `capacity` completions, of which `depth` are used.
    ///
    /// # Safety
    /// See `CompletionQueue::new`; the ring is not in use.
    unsafe fn describe(&self, index: usize, memory: NonNull<u8>, capacity: u32, depth: u32) {
        if cfg!(loom) {
            for slot in 0..Self::slots(capacity) as usize {
                let new = Slot {
                    sequence: AtomicU64::new(0),
                    data: UnsafeCell::new(RawCqe::default()),
                    tracker: Tracker::new(),
                };
                // SAFETY: `bytes(capacity)` has room for this slot.
                let place = unsafe { memory.cast::<Slot>().add(slot) };
                // SAFETY: nobody else uses the memory. (In the product zeroed memory is an array of empty slots.)
                unsafe { place.write(new) };
            }
        }
        let ring = self.ring(index);
        ring.mask.store(Self::slots(capacity).wrapping_sub(1), Ordering::Relaxed);
        ring.depth.store(depth.min(Self::slots(capacity)), Ordering::Relaxed);
        ring.memory.store(memory.as_ptr(), Ordering::Release);
    }

    #[inline(always)]
    fn ring(&self, index: usize) -> &Ring {
        let [first, second, third, fourth] = &self.rings;
        match index & (RINGS - 1) {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }

    #[inline(always)]
    fn tail(&self, index: usize) -> &Tail {
        let [first, second, third, fourth] = &self.tails;
        match index & (RINGS - 1) {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }

    #[inline]
    fn word(&self, index: usize) -> Word {
        // Acquire: the description of the ring before it was opened, or of the other before this was sealed.
        Word(self.tail(index).word.load(Ordering::Acquire))
    }

    /// Where the newest ring is, or will be when a resize that has begun is through.
    #[inline]
    fn hint(&self) -> usize {
        (self.resizes.load(Ordering::Acquire) as usize) & (RINGS - 1)
    }

    /// The ring opened last, with its word.
    fn newest(&self) -> (usize, Word) {
        let mut index = self.hint();
        loop {
            let word = self.word(index);
            let next = self.word(after(index));
            // A ring is recycled only after the next one was opened, so `word` holds at the second look, too.
            if next.waits_behind(word) {
                return (index, word);
            }
            index = after(index);
            core::hint::spin_loop();
        }
    }

    /// Position of the next completion to fetch.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Completions that fit now.
    pub(super) fn depth(&self) -> u32 {
        self.ring(self.newest().0).depth.load(Ordering::Relaxed)
    }

    /// Completions reserved and not fetched.
    pub(super) fn occupied(&self) -> u64 {
        let head = self.head();
        let (_, word) = self.newest();
        word.position().saturating_sub(head)
    }

    #[inline]
    pub(super) fn reserve(&self) -> Reservation {
        let mut index = self.hint();
        loop {
            let tail = self.tail(index);
            let word = self.word(index);
            if word.sealed() {
                index = self.open_next(index, word);
                continue;
            }
            let position = word.position();
            let depth = u64::from(self.ring(index).depth.load(Ordering::Relaxed));
            // Acquire here, Release below: the consumer's reads of the slot come before our writes to it.
            if position.saturating_sub(tail.cached_head.load(Ordering::Acquire)) >= depth {
                let head = self.head.load(Ordering::Acquire);
                tail.cached_head.store(head, Ordering::Release);
                // `head` is younger than `position`: if even so the ring looks full, it is full.
                if position.saturating_sub(head) >= depth {
                    if self.word(index) == word {
                        return Reservation::Full;
                    }
                    continue;
                }
            }
            // Fails when another producer came first, or the ring was sealed, or recycled (generation).
            let next = word.0.wrapping_add(1);
            if tail.word.compare_exchange_weak(word.0, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Reservation::At(Place { ring: index, position });
            }
        }
    }

    /// `index` is sealed: the ring to look at instead. Opens it if whoever resizes has not come to that yet. From
    /// a ring whose turn has not come, this leads around the circle to the newest.
    #[cold]
    fn open_next(&self, index: usize, sealed: Word) -> usize {
        let next = after(index);
        let word = self.word(next);
        if word.sealed() && word.waits_behind(sealed) {
            let open = Word::new(sealed.generation().wrapping_add(1), sealed.position());
            // Failing means that another opened it.
            let _ = self.tail(next).word.compare_exchange(word.0, open.0, Ordering::AcqRel, Ordering::Acquire);
        }
        next
    }

    #[inline(always)]
    fn slot(&self, index: usize, position: u64) -> Option<NonNull<Slot>> {
        let ring = self.ring(index);
        let memory = NonNull::new(ring.memory.load(Ordering::Relaxed))?.cast::<Slot>();
        let offset = (position & u64::from(ring.mask.load(Ordering::Relaxed))) as usize;
        // SAFETY: masked, so within the ring's slots (type invariant).
        Some(unsafe { memory.add(offset) })
    }

    #[inline]
    pub(super) fn publish(&self, place: Place, cqe: &Cqe) {
        let Some(slot) = self.slot(place.ring, place.position) else { return };
        let mut flags = if cqe.solicited { SOLICITED } else { 0 };
        if cqe.invalidated.is_some() {
            flags |= INVALIDATED;
        }
        let raw = RawCqe {
            qp_context: cqe.qp_context,
            request_context: cqe.request_context,
            bytes: cqe.bytes,
            error_code: cqe.error_code,
            invalidated: cqe.invalidated.unwrap_or_default().0,
            opcode: cqe.opcode as u8,
            status: cqe.status as u8,
            flags,
        };
        // SAFETY: the ring is not freed before this position is fetched, and it is not fetched before it is published.
        let slot = unsafe { slot.as_ref() };
        slot.tracker.write();
        // SAFETY: the reservation gave this slot to us alone.
        unsafe { slot.data.get().write(raw) };
        // Release: the CQE, and the data it tells of (WR-32), before the sequence.
        slot.sequence.store(place.position.wrapping_add(1), Ordering::Release);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Cqe> {
        let head = self.head.load(Ordering::Relaxed);
        let mut slot = self.slot(self.consuming.load(Ordering::Relaxed), head)?;
        // SAFETY: `consuming` is the ring that holds `head`; it is freed only after the consumer has left it.
        while unsafe { slot.as_ref() }.sequence.load(Ordering::Acquire) != head.wrapping_add(1) {
            slot = self.slot(self.follow_resize(head)?, head)?;
        }
        // SAFETY: as above.
        let slot = unsafe { slot.as_ref() };
        slot.tracker.read();
        // SAFETY: published, and a producer writes here again only after `head` has moved on.
        let raw = unsafe { slot.data.get().read() };
        // Release: our reads before the producer's next use of the slot.
        self.head.store(head.wrapping_add(1), Ordering::Release);
        Some(Cqe {
            qp_context: raw.qp_context,
            request_context: raw.request_context,
            // Only `publish` writes these, from valid values.
            opcode: Opcode::from_code(raw.opcode).unwrap_or(Opcode::Receive),
            invalidated: (raw.flags & INVALIDATED != 0).then_some(Token(raw.invalidated)),
            status: CompletionStatus::from_code(raw.status),
            bytes: raw.bytes,
            error_code: raw.error_code,
            solicited: raw.flags & SOLICITED != 0,
        })
    }

    /// Consumer, nothing at `head`: the next ring, if this one was sealed at `head`.
    fn follow_resize(&self, head: u64) -> Option<usize> {
        let known = self.known.load(Ordering::Relaxed);
        if self.resizes.load(Ordering::Acquire) == known {
            return None;
        }
        let consuming = self.consuming.load(Ordering::Relaxed);
        let word = self.word(consuming);
        if !word.sealed() || word.position() != head {
            return None;
        }
        let next = after(consuming);
        // Release: our reads of the old ring before `reclaim` gives it away.
        self.consuming.store(next, Ordering::Release);
        self.known.store(known.wrapping_add(1), Ordering::Relaxed);
        Some(next)
    }

    /// Whether a fetch would find the completion at `position`, which is published, or an older one.
    pub(super) fn fetchable(&self, position: u64) -> bool {
        let head = self.head();
        head >= position || self.inspect(|| self.is_published(head))
    }

    /// Whether the completion at `position` is published (or has been fetched since).
    pub(super) fn has_published(&self, position: u64) -> bool {
        self.inspect(|| self.is_published(position))
    }

    /// The first position from `from` on that is not published; looks no further than the depth.
    pub(super) fn first_unpublished(&self, from: u64) -> u64 {
        let end = from.saturating_add(u64::from(self.depth()));
        self.inspect(|| {
            let mut position = from;
            while position < end && self.is_published(position) {
                position = position.wrapping_add(1);
            }
            position
        })
    }

    fn inspect<R>(&self, look: impl FnOnce() -> R) -> R {
        self.inspectors.fetch_add(1, Ordering::AcqRel);
        // Either the resizer sees us, or we see the head that has left the old ring.
        full_fence();
        let seen = look();
        self.inspectors.fetch_sub(1, Ordering::AcqRel);
        seen
    }

    /// The caller counts as inspector.
    fn is_published(&self, position: u64) -> bool {
        if self.head() > position {
            return true;
        }
        let (newest, word) = self.newest();
        if position >= word.position() {
            return false;
        }
        let mut index = newest;
        // A ring begins where the one before it was sealed.
        for _ in 1..RINGS {
            if position >= self.word(before(index)).position() {
                break;
            }
            index = before(index);
        }
        // A ring without memory has been left behind.
        let Some(slot) = self.slot(index, position) else { return self.head() > position };
        // SAFETY: `position` was not fetched when we came, so its ring is in use, and stays so while we inspect.
        unsafe { slot.as_ref() }.sequence.load(Ordering::Acquire) == position.wrapping_add(1) || self.head() > position
    }

    /// Rings that a resize can still take.
    pub(super) fn unused(&self) -> usize {
        self.rings.iter().filter(|ring| ring.memory.load(Ordering::Acquire).is_null()).count()
    }

    /// Changes the depth within the newest ring; `false` if it has not the slots, or `exactly` so many are wanted.
    pub(super) fn set_depth(&self, depth: u32, exactly: bool) -> Result<bool, ReplaceError> {
        let (current, word) = self.newest();
        let ring = self.ring(current);
        let slots = ring.mask.load(Ordering::Relaxed).wrapping_add(1);
        if Self::slots(depth) > slots || (exactly && Self::slots(depth) != slots) {
            return Ok(false);
        }
        if word.position().saturating_sub(self.head()) > u64::from(depth) {
            return Err(ReplaceError::TooSmall);
        }
        ring.depth.store(depth, Ordering::Relaxed);
        Ok(true)
    }

    /// # Safety
    /// See `CompletionQueue::replace`.
    pub(super) unsafe fn replace(&self, memory: NonNull<u8>, capacity: u32, depth: u32) -> Result<(), ReplaceError> {
        let (current, word) = self.newest();
        let next = after(current);
        if !self.ring(next).memory.load(Ordering::Acquire).is_null() {
            return Err(ReplaceError::Busy);
        }
        if word.position().saturating_sub(self.head()) > u64::from(depth) {
            return Err(ReplaceError::TooSmall);
        }
        // SAFETY: passed on; a sealed ring without memory is not in use.
        unsafe { self.describe(next, memory, capacity, depth) };
        // First, so that the consumer looks for the new ring as soon as something can stand in it.
        self.resizes.fetch_add(1, Ordering::AcqRel);
        // Release: the description, for whoever finds the seal.
        let sealed = Word(self.tail(current).word.fetch_or(Word::SEALED, Ordering::AcqRel));
        let _ = self.open_next(current, Word(sealed.0 | Word::SEALED));
        Ok(())
    }

    pub(super) fn reclaim(&self) -> Option<NonNull<u8>> {
        let consuming = self.consuming.load(Ordering::Acquire);
        // The rings before the consumer's, nearest first. It steps over when it next finds a ring empty; until it
        // does, it may look into it.
        let mut index = consuming;
        for _ in 1..RINGS {
            let later = self.word(index);
            index = before(index);
            if !later.follows(self.word(index)) {
                return None;
            }
            let old = self.ring(index);
            let Some(memory) = NonNull::new(old.memory.load(Ordering::Acquire)) else { continue };
            full_fence();
            if self.inspectors.load(Ordering::Acquire) != 0 {
                return None;
            }
            old.memory.store(core::ptr::null_mut(), Ordering::Release);
            return Some(memory);
        }
        None
    }

    pub(super) fn memory(&self) -> [Option<NonNull<u8>>; RINGS] {
        [0, 1, 2, 3].map(|index| NonNull::new(self.ring(index).memory.load(Ordering::Acquire)))
    }
}
