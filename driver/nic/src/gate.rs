//! Exactly one runner, and no doorbell lost.
//!
//! ```text
//!        enter            enter (by others)
//!   idle -----> running ----------------> again
//!     ^            | leave: nobody asked     | leave: somebody asked
//!     '------------'      (false)            '--> running (true: run once more)
//! ```
//!
//! A loser of `enter` has made its work visible before it asks (the exchange releases it), and the runner sees it
//! after the `leave` that tells it to look again. Nobody waits. Two locked instructions per uncontended doorbell.

use softndk_abi::sync::{AtomicU32, Ordering};

const IDLE: u32 = 0;
const RUNNING: u32 = 1;
const AGAIN: u32 = 2;

/// The gate of a queue's consumer side.
#[derive(Debug)]
pub struct Gate {
    state: AtomicU32,
}

impl Gate {
    /// A gate with nobody inside.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(IDLE) }
    }

    /// A gate with nobody inside.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(IDLE) }
    }

    /// `true`: the caller is the runner now and owes a [`Gate::leave`]. `false`: the runner has been told to look again.
    #[inline]
    pub fn enter(&self) -> bool {
        let mut state = IDLE;
        loop {
            let next = if state == IDLE { RUNNING } else { AGAIN };
            // Also AGAIN to AGAIN: each asker's work must be released to the runner by an exchange of its own.
            match self.state.compare_exchange_weak(state, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return state == IDLE,
                Err(now) => state = now,
            }
        }
    }

    /// Runner: `false`: out. `true`: somebody asked meanwhile; the caller is still the runner and looks again.
    #[inline]
    pub fn leave(&self) -> bool {
        if self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return false;
        }
        // Only askers change the word now, and only to AGAIN.
        self.state.swap(RUNNING, Ordering::AcqRel);
        true
    }

    /// Whether somebody is inside; a snapshot.
    pub fn is_busy(&self) -> bool {
        self.state.load(Ordering::Acquire) != IDLE
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_doorbell_during_a_run_asks_for_another() {
        let gate = Gate::new();
        assert!(gate.enter());
        assert!(!gate.enter());
        assert!(!gate.enter());
        assert!(gate.leave());
        assert!(gate.is_busy());
        assert!(!gate.leave());
        assert!(gate.enter());
        assert!(!gate.leave());
    }
}
