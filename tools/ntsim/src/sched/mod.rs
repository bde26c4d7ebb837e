//! Every place where a kernel thread may block, spin or hand over goes through here.
//!
//! Two ways to run: free, on host threads and host time, and seeded ([`seeded`]), where one thread
//! runs at a time, a seed chooses which, and time is virtual. A free machine pays one branch for it.

pub(crate) mod atomics;
mod choose;
mod core;
mod log;
mod report;
pub(crate) mod seeded;
mod strategy;

pub use choose::Decision;
pub use report::CODES;
pub(crate) use report::notes;
pub use strategy::{Schedule, Strategy};

use parking_lot::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

static SEEDED: AtomicBool = AtomicBool::new(false);

/// Whether a seed chooses who runs.
#[inline(always)]
pub fn is_seeded() -> bool {
    SEEDED.load(Ordering::Relaxed)
}

/// A host thread enters the kernel by itself: in a seeded machine it waits for its turn.
pub(crate) fn take_part() {
    if is_seeded() {
        seeded::me();
    }
}

/// The moment: of the host, or of the virtual clock.
#[inline]
pub fn now() -> Instant {
    if is_seeded() { seeded::now() } else { Instant::now() }
}

/// 64 random bits: of the host, or of the seed.
pub fn random() -> u64 {
    use std::hash::BuildHasher;
    if is_seeded() { seeded::random() } else { std::collections::hash_map::RandomState::new().hash_one(0) }
}

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
        if is_seeded() {
            return self.park_seeded(deadline);
        }
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

    fn park_seeded(&self, deadline: Option<Instant>) -> bool {
        loop {
            if self.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED {
                return true;
            }
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return false;
            }
            seeded::block(self.key(), deadline);
        }
    }

    /// Wakes the waiter, or lets its next wait return at once.
    pub fn unpark(&self) {
        let before = self.state.swap(NOTIFIED, Ordering::Release);
        if is_seeded() {
            seeded::wake_all(self.key());
        } else if before == PARKED {
            crate::host::futex_wake(&self.state);
        }
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// A condition variable.
#[derive(Debug)]
pub struct Condition {
    inner: parking_lot::Condvar,
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl Condition {
    /// A condition that nobody waits for.
    pub const fn new() -> Self {
        Self { inner: parking_lot::Condvar::new() }
    }

    /// Lets go of the lock and waits for a notice, at most until `deadline`; may return early. False
    /// means that the deadline passed.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Option<Instant>) -> bool {
        if is_seeded() {
            MutexGuard::unlocked(guard, || seeded::block(self.key(), deadline));
            return deadline.is_none_or(|deadline| now() < deadline);
        }
        match deadline {
            None => {
                self.inner.wait(guard);
                true
            }
            Some(deadline) => !self.inner.wait_until(guard, deadline).timed_out(),
        }
    }

    /// Wakes one that waits.
    pub fn notify_one(&self) {
        if is_seeded() {
            seeded::wake_one(self.key());
        } else {
            self.inner.notify_one();
        }
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        if is_seeded() {
            seeded::wake_all(self.key());
        } else {
            self.inner.notify_all();
        }
    }

    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// One step of a busy wait; `round` counts up from 0.
#[inline]
pub fn spin(round: u32) {
    if is_seeded() {
        seeded::spin();
    } else if round < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Sleeps.
pub fn sleep(time: Duration) {
    if is_seeded() {
        seeded::sleep(time);
    } else {
        std::thread::sleep(time);
    }
}

/// Starts a host thread that will be a kernel thread. The caller attaches it.
///
/// # Errors
/// The host has no more threads.
pub fn spawn(name: String, f: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let ticket = Ticket::new(&name);
    let spawned = std::thread::Builder::new().name(name).stack_size(1 << 20).spawn(move || ticket.run(f));
    if spawned.is_err() {
        ticket.give_up();
    }
    spawned.map(|_| ())
}

/// The place of a host thread in the schedule, taken before the thread starts: so the order of
/// threads does not depend on the host.
#[derive(Debug, Clone, Copy)]
#[must_use = "a place that nobody takes stops a seeded machine"]
pub struct Ticket(Option<usize>);

impl Ticket {
    /// A place for a thread that is about to start.
    pub fn new(name: &str) -> Self {
        Self(is_seeded().then(|| seeded::announce(name)))
    }

    /// Runs `f` in this place; on the new thread.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        let Some(task) = self.0 else { return f() };
        seeded::begin(task);
        let result = f();
        seeded::end();
        result
    }

    /// Waits until [`Ticket::run`] is over; then the host's join takes no time. Nothing in a free machine.
    pub fn wait(self) {
        if let Some(task) = self.0 {
            seeded::wait_for_end(task);
        }
    }

    /// The thread could not be started.
    pub fn give_up(self) {
        if let Some(task) = self.0 {
            seeded::forget(task);
        }
    }
}

/// Waits until `ready` says yes; whoever changes what it looks at calls [`notify`] with the same
/// address. For rare, long waits of locks that have no object to wait for.
pub fn wait_on(address: usize, mut ready: impl FnMut() -> bool) {
    if is_seeded() {
        while !ready() {
            seeded::block(address, None);
        }
        return;
    }
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
    if is_seeded() {
        seeded::wake_all(address);
        return;
    }
    let waiting = ADDRESSES.lock();
    if waiting.contains(&address) {
        CHANGED.notify_all();
    }
}

static ADDRESSES: parking_lot::Mutex<Vec<usize>> = parking_lot::Mutex::new(Vec::new());
static CHANGED: parking_lot::Condvar = parking_lot::Condvar::new();
