//! The DPC that finishes objects: close completions come from here (`RE-11`, `LIFE-11`).
//!
//! ```text
//!  last Ref dropped ──push──► stack of nodes ──KDPC──► taken whole, oldest first: ended, completion, free
//! ```
//! Pushing takes no lock and allocates nothing, so a reference may be dropped anywhere, also under
//! the connection lock.
//!
//! `unsafe` is here because nodes are embedded in the objects they stand for.

use core::{
    cell::UnsafeCell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

use softndk_nt::{
    dpc::{Dpc, Routine},
    irql::{AtMostDispatch, Cx, Dispatch},
};

/// What a node does when its turn comes.
///
/// # Safety
/// Called once, with the node that was pushed and whose owner is handed over.
pub type Finish = unsafe fn(NonNull<Node>, &mut Cx<AtMostDispatch>);

/// The place of one object in an [`UpcallQueue`].
pub struct Node {
    next: UnsafeCell<*mut Node>,
    finish: Finish,
}

impl Node {
    /// A node that is in no queue.
    pub const fn new(finish: Finish) -> Self {
        Self { next: UnsafeCell::new(ptr::null_mut()), finish }
    }
}

/// Objects whose end is due.
pub struct UpcallQueue {
    head: AtomicPtr<Node>,
    dpc: Dpc,
}

impl UpcallQueue {
    /// An empty queue.
    ///
    /// # Safety
    /// [`UpcallQueue::start`] is called at the final address before anything else.
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller calls `start`, which initialises it.
        Self { head: AtomicPtr::new(ptr::null_mut()), dpc: unsafe { Dpc::uninit() } }
    }

    /// Prepares the DPC.
    ///
    /// # Safety
    /// Called once, at the final address; the queue lives until its DPCs are flushed.
    pub unsafe fn start(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.dpc.init::<Drain>(NonNull::from(self)) };
    }

    /// Hands over the object of `node`. IRQL: at most DISPATCH_LEVEL, locks allowed.
    pub fn push(&self, node: NonNull<Node>) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: until it is in the queue the node is its owner's alone.
            unsafe { *(*node.as_ptr()).next.get() = head };
            match self.head.compare_exchange_weak(head, node.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(seen) => head = seen,
            }
        }
        // Queued already is just as well: the run that follows takes everything.
        let _ = self.dpc.queue();
    }

    /// Finishes everything that is due, oldest first.
    fn drain(&self, cx: &mut Cx<Dispatch>) {
        loop {
            let taken = self.head.swap(ptr::null_mut(), Ordering::Acquire);
            if taken.is_null() {
                return;
            }
            let mut node = reverse(taken);
            while let Some(here) = NonNull::new(node) {
                // SAFETY: the swap made the chain ours; the next link is read before the object goes.
                node = unsafe { *here.as_ref().next.get() };
                // SAFETY: as above.
                let finish = unsafe { here.as_ref() }.finish;
                // SAFETY: the pusher handed the object over.
                unsafe { finish(here, cx.lend()) };
            }
        }
    }
}

/// Turns the chain round: the newest was on top.
fn reverse(mut node: *mut Node) -> *mut Node {
    let mut turned = ptr::null_mut();
    while let Some(here) = NonNull::new(node) {
        // SAFETY: the chain belongs to the caller of `drain` alone.
        let link = unsafe { here.as_ref() }.next.get();
        // SAFETY: as above.
        node = unsafe { ptr::replace(link, turned) };
        turned = here.as_ptr();
    }
    turned
}

struct Drain;

impl Routine for Drain {
    type Target = UpcallQueue;

    unsafe fn run(queue: NonNull<UpcallQueue>, cx: &mut Cx<Dispatch>) {
        // SAFETY: the device flushes its DPCs before it goes.
        unsafe { queue.as_ref() }.drain(cx);
    }
}
