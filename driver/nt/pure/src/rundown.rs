//! A door that can be closed once: whoever is inside is waited for.

use core::sync::atomic::{AtomicU32, Ordering};

/// The bit that says closed; below it, how many are inside.
const CLOSED: u32 = 1 << 31;

/// The door.
#[derive(Debug)]
pub struct Rundown(AtomicU32);

/// What going out, or closing, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Inside {
    /// Somebody is still inside, or the door is open.
    Somebody,
    /// The door is closed and nobody is inside: tell who waits.
    Nobody,
}

impl Rundown {
    /// An open door.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Goes in. False: closed.
    #[must_use]
    pub fn enter(&self) -> bool {
        let mut state = self.0.load(Ordering::Relaxed);
        loop {
            if state & CLOSED != 0 || state == CLOSED - 1 {
                return false;
            }
            match self.0.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }

    /// Goes out.
    pub fn leave(&self) -> Inside {
        if self.0.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 { Inside::Nobody } else { Inside::Somebody }
    }

    /// Closes, once.
    pub fn close(&self) -> Inside {
        if self.0.fetch_or(CLOSED, Ordering::AcqRel) == 0 { Inside::Nobody } else { Inside::Somebody }
    }
}

impl Default for Rundown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_out_is_told() {
        let door = Rundown::new();
        assert!(door.enter() && door.enter());
        assert_eq!(door.leave(), Inside::Somebody);
        assert_eq!(door.close(), Inside::Somebody);
        assert!(!door.enter());
        assert_eq!(door.leave(), Inside::Nobody);
    }

    #[test]
    fn an_empty_room_closes_at_once() {
        let door = Rundown::new();
        assert!(door.enter());
        assert_eq!(door.leave(), Inside::Somebody);
        assert_eq!(door.close(), Inside::Nobody);
    }
}
