//! Waiting of host-side code for what a driver completes later.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::sched::{self, Parker};

/// A value that is set once and waited for by any number of threads.
#[derive(Debug)]
pub(crate) struct Latch<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    waiters: Vec<Arc<Parker>>,
}

impl<T: Clone> Latch<T> {
    /// Nothing set yet.
    pub fn new() -> Self {
        Latch { state: Mutex::new(State { value: None, waiters: Vec::new() }) }
    }

    /// Sets the value; false if it was set before.
    pub fn set(&self, value: T) -> bool {
        let mut state = self.state.lock();
        if state.value.is_some() {
            return false;
        }
        state.value = Some(value);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            waiter.unpark();
        }
        true
    }

    /// Waits for the value, at most `patience`.
    pub fn wait(&self, patience: Duration) -> Option<T> {
        let deadline = sched::now() + patience;
        let parker = Arc::new(Parker::new());
        {
            let mut state = self.state.lock();
            if state.value.is_some() {
                return state.value.clone();
            }
            state.waiters.push(Arc::clone(&parker));
        }
        parker.park(Some(deadline));
        self.state.lock().value.clone()
    }
}

/// Waits until `condition` holds, at most `patience` (for ever if `None`); looks every half millisecond.
pub(crate) fn wait_until(patience: Option<Duration>, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = patience.map(|patience| sched::now() + patience);
    loop {
        if condition() {
            return true;
        }
        if deadline.is_some_and(|deadline| sched::now() >= deadline) {
            return condition();
        }
        sched::sleep(Duration::from_micros(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latch_is_set_once_and_wakes_its_waiter() {
        let latch = Arc::new(Latch::new());
        assert_eq!(latch.wait(Duration::from_millis(1)), None);
        let other = Arc::clone(&latch);
        let thread = std::thread::spawn(move || other.wait(Duration::from_secs(10)));
        assert!(latch.set(7));
        assert!(!latch.set(8));
        assert_eq!(thread.join().unwrap(), Some(7));
        assert_eq!(latch.wait(Duration::ZERO), Some(7));
    }
}
