//! How long an object lives, and when its close completes.
//!
//! One counter. References are: the open handle; each successor (`LIFE-13` to `LIFE-28`); each
//! request in flight; each upcall in progress; the device while it may still touch the object.
//!
//! ```text
//!  create          successor +1   upcall +1        close: -1        -1      -1
//!    1 ──────────────► 2 ───────────► 3 ───────────────► 2 ────────► 1 ────► 0  tear down,
//!                                         STATUS_PENDING                        close completion,
//!                                                                               release antecedents
//! ```
//!
//! Whoever brings the counter to zero tears the object down. If that is the close call itself the
//! close is done (`LIFE-02`); otherwise it returned pending and the one who reached zero owes the
//! completion (`LIFE-03`). A successor lets go of its antecedents only after its own completion has
//! returned, which is all that `LIFE-11` asks.

use softndk_abi::sync::{AtomicU32, Ordering, fence};

/// The reference counter of one NDK object.
///
/// # Invariants
/// The counter never grows from zero: a reference is only taken by somebody who holds one.
#[derive(Debug)]
pub struct Life {
    references: AtomicU32,
}

/// What dropping a reference came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the last holder tears the object down"]
pub enum Dropped {
    /// Others still hold the object: do not touch it any more.
    Shared,
    /// It was the last one: the caller owns the object now and tears it down.
    Last,
}

impl Life {
    /// A new object, held by its open handle.
    #[must_use]
    pub fn new() -> Self {
        Self { references: AtomicU32::new(1) }
    }

    /// Takes one more reference on behalf of somebody who already holds one.
    pub fn acquire(&self) {
        // Relaxed is enough: the caller's own reference keeps the object alive meanwhile.
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a reference unless the object is already on its way out.
    ///
    /// For look-ups through a list that does not hold references, under the lock that guards it.
    pub fn try_acquire(&self) -> bool {
        let mut now = self.references.load(Ordering::Relaxed);
        while now != 0 {
            match self.references.compare_exchange(now, now.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
        false
    }

    /// Drops one reference. After [`Dropped::Shared`] the object may be gone at any moment.
    pub fn release(&self) -> Dropped {
        // Release: what this holder did happens before the tear-down by the last one.
        if self.references.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            Dropped::Last
        } else {
            Dropped::Shared
        }
    }

    /// The present count, for checks and tests only.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.references.load(Ordering::Relaxed)
    }
}

impl Default for Life {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_release_is_told_so() {
        let life = Life::new();
        life.acquire();
        assert_eq!(life.release(), Dropped::Shared);
        assert_eq!(life.release(), Dropped::Last);
    }

    #[test]
    fn a_dead_object_is_not_revived() {
        let life = Life::new();
        assert!(life.try_acquire());
        assert_eq!(life.release(), Dropped::Shared);
        assert_eq!(life.release(), Dropped::Last);
        assert!(!life.try_acquire());
    }
}
