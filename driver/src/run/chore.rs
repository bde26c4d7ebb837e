//! Work that the engine leaves to the device's worker threads, at PASSIVE_LEVEL.
//!
//! ```text
//!  post ──lock-free──► inbox (stack) ──turned round──► ready (FIFO, leaf lock) ──one by one──► worker
//! ```
//! A [`Chore`] is part of the object that it is about, and carries bits that say what to do: posting
//! twice before a worker comes is one visit. A posted chore holds its object.
//!
//! `unsafe` is here because chores are embedded in their objects.

use core::{
    cell::UnsafeCell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use softndk_nt::{
    event::{Event, Kind as EventKind},
    irql::{AtMostDispatch, Cx, Passive},
    lock::{Leaf, Spin},
};

/// Does what the bits say; gives back the reference that posting took.
///
/// # Safety
/// Called once for each post that found no bits set, with the chore that was posted.
pub type Perform = unsafe fn(NonNull<Chore>, u32, &mut Cx<AtMostDispatch>);

/// An object's place in the queue of chores.
pub struct Chore {
    perform: Perform,
    bits: AtomicU32,
    next: UnsafeCell<*mut Chore>,
}

// SAFETY: `next` belongs to whoever has the chore: the poster that set the first bit, the stack, the
// holder of the FIFO's lock, the worker, in this order.
unsafe impl Sync for Chore {}
// SAFETY: as above.
unsafe impl Send for Chore {}

impl Chore {
    /// Nothing to do.
    pub const fn new(perform: Perform) -> Self {
        Self { perform, bits: AtomicU32::new(0), next: UnsafeCell::new(ptr::null_mut()) }
    }

    /// Adds bits. True when there were none: the caller takes a reference and hands the chore to
    /// [`Chores::push`].
    #[must_use]
    pub fn add(&self, bits: u32) -> bool {
        self.bits.fetch_or(bits, Ordering::AcqRel) == 0
    }
}

struct Fifo {
    first: *mut Chore,
    last: *mut Chore,
}

// SAFETY: followed under its lock only.
unsafe impl Send for Fifo {}

/// The queue and the event on which workers wait.
pub struct Chores {
    inbox: AtomicPtr<Chore>,
    ready: Spin<Fifo, Leaf>,
    event: Event,
    stopping: AtomicBool,
}

impl Chores {
    /// An empty queue.
    ///
    /// # Safety
    /// [`Chores::init`] is called at the final address before anything else.
    pub const unsafe fn new() -> Self {
        Self {
            inbox: AtomicPtr::new(ptr::null_mut()),
            ready: Spin::new(Fifo { first: ptr::null_mut(), last: ptr::null_mut() }),
            // SAFETY: the caller calls `init`.
            event: unsafe { Event::uninit() },
            stopping: AtomicBool::new(false),
        }
    }

    /// Prepares the event.
    ///
    /// # Safety
    /// Called once, at the final address.
    pub unsafe fn init(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.event.init(EventKind::Synchronization, false) };
    }

    /// Queues a chore to which the caller has just added the first bit. IRQL: at most DISPATCH_LEVEL,
    /// locks allowed.
    pub fn push(&self, chore: NonNull<Chore>) {
        let mut head = self.inbox.load(Ordering::Relaxed);
        loop {
            // SAFETY: the first bit made the link ours.
            unsafe { *chore.as_ref().next.get() = head };
            match self.inbox.compare_exchange_weak(head, chore.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(seen) => head = seen,
            }
        }
        self.event.set();
    }

    /// Ends the workers, after what is queued has been done.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.event.set();
    }

    /// A worker's life: does chores until stopped.
    pub fn serve(&self, cx: &mut Cx<Passive>) {
        loop {
            while let Some(chore) = self.take(cx) {
                // SAFETY: taken out of the queue by us alone.
                let here = unsafe { chore.as_ref() };
                let perform = here.perform;
                // From here on it may be posted again.
                let bits = here.bits.swap(0, Ordering::AcqRel);
                // SAFETY: the poster's reference is handed on.
                unsafe { perform(chore, bits, cx.lend()) };
            }
            if self.stopping.load(Ordering::Acquire) {
                // The event wakes one worker at a time.
                self.event.set();
                return;
            }
            self.event.wait(cx);
        }
    }

    /// The oldest chore; wakes another worker when more are there.
    fn take(&self, cx: &mut Cx<Passive>) -> Option<NonNull<Chore>> {
        let mut ready = self.ready.lock(cx);
        if ready.first.is_null() {
            let mut newest = self.inbox.swap(ptr::null_mut(), Ordering::Acquire);
            ready.last = newest;
            while let Some(here) = NonNull::new(newest) {
                // SAFETY: the swap made the chain ours.
                let link = unsafe { here.as_ref() }.next.get();
                // SAFETY: as above.
                newest = unsafe { ptr::replace(link, ready.first) };
                ready.first = here.as_ptr();
            }
        }
        let first = NonNull::new(ready.first)?;
        // SAFETY: what is in the FIFO is alive and guarded by the lock.
        ready.first = unsafe { *first.as_ref().next.get() };
        let more = !ready.first.is_null();
        drop(ready);
        if more || !self.inbox.load(Ordering::Relaxed).is_null() {
            self.event.set();
        }
        Some(first)
    }
}
