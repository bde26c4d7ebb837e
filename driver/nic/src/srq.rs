//! The shared receive queue: one producer (posts are serialised, SRQ-14), many consumers, no lock.
//!
//! ```text
//!   consumer: read the words of the slot at head, then take it by compare-and-swap on head
//!   producer: reuses a slot only when head has passed it: a torn read belongs to a lost race, and is thrown away
//! ```
//!
//! Slots are words of relaxed atomics, so a lost race is no data race. A consumer copies the request out, because
//! its message may take long and others go on behind it.
//!
//! Carries: SRQ-08 to SRQ-14, SRQ-17, SRQ-24 to SRQ-28, SRQ-32. `unsafe` here: the ring is raw memory.

use core::ptr::NonNull;

use softndk_abi::sync::{AtomicBool, AtomicU64, Gap, Ordering, full_fence};
use softndk_abi::{Sge, Token};

use crate::sink::Sink;

/// Why a receive was not posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PostError {
    /// The depth is reached (WR-16, SRQ-13).
    Full,
    /// More SGEs than the queue was made for (WR-18).
    TooManySges,
    /// The lengths add up to more than 32 bits.
    TooLong,
}

/// A depth below the number of receives queued, or above the capacity (SRQ-21, SRQ-22).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DepthRefused;

/// A receive taken out of the queue; its SGEs stand in the taker's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Taken {
    pub(crate) context: u64,
    pub(crate) length: u32,
    pub(crate) count: u32,
}

/// Threshold word: armed (waiting for the count to reach the threshold first), ready, or off.
const ARMED: u64 = 1 << 32;
const READY: u64 = 1 << 33;
const THRESHOLD: u64 = u32::MAX as u64;

/// A shared receive queue.
///
/// # Invariants
/// `memory` is `mask + 1` slots of `stride` words; positions `head..tail` hold receives. `tail` is written by the producer alone.
#[derive(Debug)]
pub struct Srq {
    memory: NonNull<AtomicU64>,
    mask: u64,
    stride: usize,
    max_sge: u32,
    cookie: usize,
    depth: AtomicU64,
    threshold: AtomicU64,
    _gap: Gap,
    tail: AtomicU64,
    _gap2: Gap,
    head: AtomicU64,
    hungry: AtomicBool,
}

// SAFETY: the ring is shared through atomics only.
unsafe impl Send for Srq {}
// SAFETY: as above; that posts are serialised is promised to `new`.
unsafe impl Sync for Srq {}

impl Srq {
    const FIXED: usize = 2;

    const fn words(max_sge: u32) -> usize {
        (max_sge as usize).saturating_mul(2).saturating_add(Self::FIXED)
    }

    const fn slots(capacity: u32) -> u32 {
        match capacity {
            0 => 1,
            capacity if capacity > 1 << 31 => 1 << 31,
            capacity => capacity.next_power_of_two(),
        }
    }

    /// Bytes of memory for receives of up to `max_sge` SGEs; `capacity` is the largest depth that will be set.
    pub const fn bytes(capacity: u32, max_sge: u32) -> usize {
        (Self::slots(capacity) as usize).saturating_mul(Self::words(max_sge)).saturating_mul(size_of::<AtomicU64>())
    }

    /// A queue of `capacity` receives, its depth as well. `threshold` 0 leaves it unarmed, else it arms (SRQ-08, SRQ-09).
    ///
    /// # Safety
    /// `memory` is `bytes(capacity, max_sge)` long, aligned to 8, zeroed, used for nothing else, and outlives the queue.
    /// `post`, `set_depth` and `arm` are called by one thread at a time.
    pub unsafe fn new(memory: NonNull<u8>, capacity: u32, max_sge: u32, threshold: u32, cookie: usize) -> Self {
        let memory = memory.cast::<AtomicU64>();
        if cfg!(loom) {
            for index in 0..Self::slots(capacity) as usize * Self::words(max_sge) {
                // SAFETY: within `bytes`.
                let word = unsafe { memory.add(index) };
                // SAFETY: ours alone. (In the product zeroed memory is an array of zero atomics.)
                unsafe { word.write(AtomicU64::new(0)) };
            }
        }
        Self {
            memory,
            mask: u64::from(Self::slots(capacity)).wrapping_sub(1),
            stride: Self::words(max_sge),
            max_sge,
            cookie,
            depth: AtomicU64::new(u64::from(capacity.min(Self::slots(capacity)))),
            threshold: AtomicU64::new(if threshold == 0 { 0 } else { ARMED | u64::from(threshold) }),
            _gap: Gap::new(),
            tail: AtomicU64::new(0),
            _gap2: Gap::new(),
            head: AtomicU64::new(0),
            hungry: AtomicBool::new(false),
        }
    }

    /// SGEs that fit into one receive.
    pub fn max_sge(&self) -> u32 {
        self.max_sge
    }

    /// Receives queued; a snapshot.
    pub fn len(&self) -> u32 {
        let head = self.head.load(Ordering::Acquire);
        u32::try_from(self.tail.load(Ordering::Acquire).saturating_sub(head)).unwrap_or(u32::MAX)
    }

    /// Whether [`Srq::len`] is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Producer: queues a receive (SRQ-10).
    pub fn post(&self, request_context: u64, sges: &[Sge], sink: &impl Sink) -> Result<(), PostError> {
        let count = u32::try_from(sges.len()).ok().filter(|count| *count <= self.max_sge);
        let count = count.ok_or(PostError::TooManySges)?;
        let mut length = 0u32;
        for sge in sges {
            length = length.checked_add(sge.length).ok_or(PostError::TooLong)?;
        }
        let tail = self.tail.load(Ordering::Relaxed);
        // Acquire: whoever moved `head` has read the slot.
        if tail.saturating_sub(self.head.load(Ordering::Acquire)) >= self.depth.load(Ordering::Relaxed) {
            return Err(PostError::Full);
        }
        self.store(tail, 0, request_context);
        self.store(tail, 1, u64::from(length) | (u64::from(count) << 32));
        for (index, sge) in sges.iter().enumerate() {
            let word = Self::FIXED.wrapping_add(index.wrapping_mul(2));
            self.store(tail, word, sge.address);
            self.store(tail, word.wrapping_add(1), u64::from(sge.length) | (u64::from(sge.token.0) << 32));
        }
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        full_fence();
        self.mark_ready();
        if self.hungry.load(Ordering::Relaxed) && self.hungry.swap(false, Ordering::AcqRel) {
            sink.srq_fed(self.cookie);
        }
        Ok(())
    }

    /// Producer: another depth, up to the capacity (SRQ-20).
    pub fn set_depth(&self, depth: u32) -> Result<(), DepthRefused> {
        if depth < self.len() || u64::from(depth) > self.mask.wrapping_add(1) {
            return Err(DepthRefused);
        }
        self.depth.store(u64::from(depth), Ordering::Relaxed);
        Ok(())
    }

    /// Producer: sets the threshold and arms (SRQ-24); due at once when fewer are queued (SRQ-25).
    pub fn arm(&self, threshold: u32, sink: &impl Sink) {
        self.threshold.store(READY | u64::from(threshold), Ordering::Release);
        full_fence();
        self.check_low(sink);
    }

    /// The count has reached the threshold: from now on falling below it notifies.
    fn mark_ready(&self) {
        let word = self.threshold.load(Ordering::Acquire);
        if word & ARMED != 0 && u64::from(self.len()) >= word & THRESHOLD {
            // Failing means that somebody else did it.
            let ready = READY | (word & THRESHOLD);
            let _ = self.threshold.compare_exchange(word, ready, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    fn check_low(&self, sink: &impl Sink) {
        let word = self.threshold.load(Ordering::Acquire);
        if word & READY == 0 || u64::from(self.len()) >= word & THRESHOLD {
            return;
        }
        if self.threshold.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            sink.srq_low(self.cookie);
        }
    }

    /// Any consumer: takes the oldest receive, its SGEs to `sges`.
    ///
    /// # Safety
    /// `sges` has room for `max_sge` SGEs and is the caller's.
    pub(crate) unsafe fn take(&self, sges: NonNull<Sge>, sink: &impl Sink) -> Option<Taken> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if self.tail.load(Ordering::Acquire) == head {
                return None;
            }
            let shape = self.load(head, 1);
            let count = (shape >> 32) as u32;
            let taken = Taken {
                context: self.load(head, 0),
                length: (shape & u64::from(u32::MAX)) as u32,
                // A torn read must not run out of bounds before it is thrown away.
                count: count.min(self.max_sge),
            };
            for index in 0..taken.count as usize {
                let word = Self::FIXED.wrapping_add(index.wrapping_mul(2));
                let rest = self.load(head, word.wrapping_add(1));
                let sge = Sge {
                    address: self.load(head, word),
                    length: (rest & u64::from(u32::MAX)) as u32,
                    token: Token((rest >> 32) as u32),
                };
                // SAFETY: below `max_sge`.
                let place = unsafe { sges.add(index) };
                // SAFETY: the caller's memory.
                unsafe { place.write(sge) };
            }
            // Release: the reads above before the producer's next use of the slot.
            match self.head.compare_exchange(head, head.wrapping_add(1), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.check_low(sink);
                    return Some(taken);
                }
                Err(now) => head = now,
            }
        }
    }

    /// A QP found the queue empty and starves; `true` when a receive has come in between, so that it looks again.
    pub(crate) fn starve(&self) -> bool {
        self.hungry.store(true, Ordering::Release);
        full_fence();
        !self.is_empty()
    }

    fn word(&self, position: u64, word: usize) -> &AtomicU64 {
        let offset = (position & self.mask) as usize * self.stride + word.min(self.stride.wrapping_sub(1));
        // SAFETY: masked position times stride plus a word of the slot lies within the ring.
        let place = unsafe { self.memory.add(offset) };
        // SAFETY: the ring outlives the queue and is only used as atomics.
        unsafe { place.as_ref() }
    }

    fn store(&self, position: u64, word: usize, value: u64) {
        self.word(position, word).store(value, Ordering::Relaxed);
    }

    fn load(&self, position: u64, word: usize) -> u64 {
        self.word(position, word).load(Ordering::Relaxed)
    }
}
