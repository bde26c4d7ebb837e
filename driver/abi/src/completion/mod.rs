//! The completion queue: many producers, one consumer, no lock; arming, moderation, failure, resizing.
//!
//! ```text
//!   producer: reserve a position (CAS on the ring's tail, only below the depth)   consumer: slot at head has
//!             write the CQE, set the slot's sequence to position + 1                        sequence head + 1? take it
//!             full fence, look at the notification word  <- Dekker ->  arm: set the word, full fence, look at the slots
//! ```
//!
//! A full CQ fails (CQ-33), it never overwrites. Each arm gives at most one [`Alarm::Raise`] (CQ-16), and no
//! completion slips between an empty poll and an arm (CQ-21). The queue calls nobody: an alarm is a wish that
//! the shell turns into a DPC or a timer.
//!
//! Lines touched per push: the ring's description (read only), its tail, the slot, the notification word (read
//! only unless armed). Per pop: the ring's description, the consumer's line, the slot, the notification word
//! (read only). Two locked instructions per push: the reservation and the fence.
//!
//! Carries: CQ-01, CQ-10 to CQ-28, CQ-33 to CQ-36, CQ-40, CQ-52 to CQ-56, CQ-60 to CQ-72, WR-32.
//! `unsafe` here: ring slots are raw memory.

mod notify;
mod ring;

use core::ptr::NonNull;

pub use notify::{Alarm, ArmKind, Failed, MixRefused, NotifyReason};
use notify::{Class, Notifier};
use ring::{Reservation, Rings};

use crate::Cqe;

/// What became of a pushed completion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Pushed {
    /// This push found the CQ full and failed it: its QPs are to end (CQ-35). Only the first one says so.
    pub overflow: bool,
    /// What the shell is to do.
    pub alarm: Alarm,
}

/// Why a resize was refused; the CQ is as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplaceError {
    /// More completions wait than the new depth holds (CQ-55).
    TooSmall,
    /// Several resizes came at the same time, and took all rings that there are.
    Busy,
}

/// What a resize needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Plan {
    /// Nothing: the ring has the room, and the depth is changed.
    Done,
    /// Memory for this many completions, for [`CompletionQueue::replace`].
    Memory {
        /// For [`CompletionQueue::bytes`].
        capacity: u32,
    },
}

/// Most rings of a queue.
pub const RINGS: usize = ring::RINGS;

/// A completion queue.
#[derive(Debug)]
pub struct CompletionQueue {
    rings: Rings,
    notifier: Notifier,
}

impl CompletionQueue {
    /// Bytes of memory for a ring of `depth`: 64 for each slot, the depth rounded up to a power of two.
    pub const fn bytes(depth: u32) -> usize {
        Rings::bytes(depth)
    }

    /// A queue that holds `depth` completions, exactly (CQ-01); not armed (CQ-10), not moderated (CQ-62).
    ///
    /// # Safety
    /// `memory` is `bytes(depth)` long, 64-byte aligned, zeroed, used for nothing else, and outlives the queue
    /// (or is given back by [`CompletionQueue::reclaim`]). At any time at most one thread is in `pop`
    /// (CQ-51), at most one in `take_notification` (CQ-23), and at most one in `plan_resize`, `replace` or `reclaim`.
    pub unsafe fn new(memory: NonNull<u8>, depth: u32) -> Self {
        // SAFETY: passed on.
        Self { rings: unsafe { Rings::new(memory, depth) }, notifier: Notifier::new() }
    }

    /// Completions that fit.
    pub fn depth(&self) -> u32 {
        self.rings.depth()
    }

    /// Completions in the queue; a snapshot.
    pub fn len(&self) -> u32 {
        u32::try_from(self.rings.occupied()).unwrap_or(u32::MAX)
    }

    /// Whether [`CompletionQueue::len`] is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Any thread: appends a completion. On a failed queue it is dropped (CQ-33).
    #[inline]
    pub fn push(&self, cqe: &Cqe) -> Pushed {
        if self.notifier.failed().is_some() {
            return Pushed { overflow: false, alarm: Alarm::None };
        }
        match self.rings.reserve() {
            Reservation::At(place) => {
                let class = Class::of(cqe);
                self.notifier.note(class, place.position());
                self.rings.publish(place, cqe);
                Pushed { overflow: false, alarm: self.notifier.published(&self.rings, class, place.position()) }
            }
            Reservation::Full => {
                let (first, alarm) = self.notifier.fail(Failed::Overflow);
                Pushed { overflow: first, alarm }
            }
        }
    }

    /// Consumer: the oldest completion (CQ-40); nothing on a failed queue.
    #[inline]
    pub fn pop(&self) -> Option<Cqe> {
        if self.notifier.failed().is_some() {
            return None;
        }
        self.rings.pop()
    }

    /// Arms the notification; merges with an arm that waits (CQ-25); satisfied at once by what came since the last callback (CQ-19).
    pub fn arm(&self, kind: ArmKind) -> Alarm {
        self.notifier.arm(&self.rings, kind)
    }

    /// Fails the queue (CQ-33, CQ-34). Only the first failure counts.
    pub fn fail(&self, reason: Failed) -> Alarm {
        self.notifier.fail(reason).1
    }

    /// Why the queue failed, if it did.
    pub fn failed(&self) -> Option<Failed> {
        self.notifier.failed()
    }

    /// Sets interrupt moderation, for a waiting notification too (CQ-63 to CQ-70); `interval` in microseconds.
    pub fn moderate(&self, count: u32, interval: u32) -> Result<Alarm, MixRefused> {
        self.notifier.moderate(&self.rings, count, interval)
    }

    /// The moderation timer ran out.
    pub fn due(&self) -> Alarm {
        self.notifier.due(&self.rings)
    }

    /// Notifier: why to call back now, just before the call; `None` when nothing was raised. The arm is spent by then (CQ-16).
    pub fn take_notification(&self) -> Option<NotifyReason> {
        self.notifier.take(&self.rings)
    }

    /// Whether a raised notification has not been taken yet.
    pub fn notification_due(&self) -> bool {
        self.notifier.is_due()
    }

    /// Begins a resize to `depth`; `most` is the greatest depth that there can be.
    ///
    /// While completions from before a resize wait, each further one takes another ring. The last ring is made for
    /// the greatest depth, so that from then on every resize finds the room it needs (CQ-56).
    ///
    /// # Errors
    /// [`ReplaceError`]; the queue is as before.
    pub fn plan_resize(&self, depth: u32, most: u32) -> Result<Plan, ReplaceError> {
        let unused = self.rings.unused();
        if self.rings.set_depth(depth, unused != 0)? {
            return Ok(Plan::Done);
        }
        match unused {
            0 => Err(ReplaceError::Busy),
            1 => Ok(Plan::Memory { capacity: most.max(depth) }),
            _ => Ok(Plan::Memory { capacity: depth }),
        }
    }

    /// Gives the queue a new ring of `capacity`, of which `depth` are used, under traffic; nothing is lost, doubled
    /// or reordered, arms stay (CQ-56).
    ///
    /// Completions that wait in older rings are fetched first; then [`CompletionQueue::reclaim`] hands their memory
    /// back.
    ///
    /// # Errors
    /// [`ReplaceError`]; the queue is as before, and the memory stays the caller's.
    ///
    /// # Safety
    /// As [`CompletionQueue::new`] for `memory`, which is `bytes(capacity)` long.
    pub unsafe fn replace(&self, memory: NonNull<u8>, capacity: u32, depth: u32) -> Result<(), ReplaceError> {
        // SAFETY: passed on.
        unsafe { self.rings.replace(memory, capacity, depth) }
    }

    /// The memory of a ring from before a resize, once it is empty and nobody looks at it; else `None`, ask again later.
    pub fn reclaim(&self) -> Option<NonNull<u8>> {
        self.rings.reclaim()
    }

    /// All rings' memory that was not reclaimed, for freeing with the queue.
    pub fn memory(&self) -> [Option<NonNull<u8>>; RINGS] {
        self.rings.memory()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
