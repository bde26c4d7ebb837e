//! Every place where a kernel thread may block, spin or hand over goes through here, so that a
//! seeded scheduler can take over the choice. Now: host threads, host time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Lets one thread wait until another wakes it; a wake before the wait is not lost.
#[derive(Debug, Default)]
pub struct Parker {
    state: AtomicU32,
}

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

impl Parker {
    /// A parker that nobody has woken.
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY) }
    }

    /// Waits for a wake, at most until `deadline`. False means the deadline passed.
    pub fn park(&self, deadline: Option<Instant>) -> bool {
        loop {
            if self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED {
                return true;
            }
            if self.state.compare_exchange(EMPTY, PARKED, Ordering::Acquire, Ordering::Acquire).is_err() {
                continue;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED;
            }
            crate::host::futex_wait(&self.state, PARKED, left);
        }
    }

    /// Wakes the waiter, or lets its next wait return at once.
    pub fn unpark(&self) {
        if self.state.swap(NOTIFIED, Ordering::Release) == PARKED {
            crate::host::futex_wake(&self.state);
        }
    }
}

/// One step of a busy wait; `round` counts up from 0.
#[inline]
pub fn spin(round: u32) {
    if round < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Sleeps.
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a host thread that will be a kernel thread. The caller attaches it.
///
/// # Errors
/// The host has no more threads.
pub fn spawn(name: String, f: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name).stack_size(1 << 20).spawn(f).map(|_| ())
}

/// Waits until `ready` says yes; whoever changes what it looks at calls [`notify`] with the same
/// address. For rare, long waits of locks that have no object to wait for.
pub fn wait_on(address: usize, mut ready: impl FnMut() -> bool) {
    let mut waiting = ADDRESSES.lock();
    while !ready() {
        waiting.push(address);
        CHANGED.wait(&mut waiting);
        if let Some(index) = waiting.iter().position(|other| *other == address) {
            waiting.swap_remove(index);
        }
    }
}

/// Wakes who waits on `address`.
pub fn notify(address: usize) {
    let waiting = ADDRESSES.lock();
    if waiting.contains(&address) {
        CHANGED.notify_all();
    }
}

static ADDRESSES: parking_lot::Mutex<Vec<usize>> = parking_lot::Mutex::new(Vec::new());
static CHANGED: parking_lot::Condvar = parking_lot::Condvar::new();
