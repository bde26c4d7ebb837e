//! Memory on line boundaries, and a sink that counts.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Mutex;

use softndk_abi::completion::Alarm;
use softndk_nic::sink::{Loss, Sink};

/// Zeroed memory, aligned to lines.
pub struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: plain memory.
unsafe impl Send for Block {}
// SAFETY: plain memory; who uses it synchronises.
unsafe impl Sync for Block {}

impl Block {
    pub fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(1), 128).expect("small");
        // SAFETY: not of size 0.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("memory");
        Self { start, layout }
    }

    pub fn pointer(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// What the device said; a std mutex, which loom does not see as a switch point.
#[derive(Default)]
pub struct Log {
    pub kicks: Mutex<Vec<usize>>,
    pub drained: Mutex<Vec<u32>>,
    pub quiet: Mutex<Vec<usize>>,
}

impl Sink for Log {
    fn alarm(&self, _: usize, _: Alarm) {}
    fn cq_overflow(&self, _: usize) {
        panic!("no CQ overflows here");
    }
    fn lost(&self, _: usize, _: Loss) {}
    fn starved(&self, _: usize) {}
    fn kick(&self, qp: usize) {
        self.kicks.lock().expect("log").push(qp);
    }
    fn unlinked(&self, _: usize, _: usize) {}
    fn quiet(&self, qp: usize) {
        self.quiet.lock().expect("log").push(qp);
    }
    fn drained(&self, _owner: usize, object: u32) {
        self.drained.lock().expect("log").push(object);
    }
    fn srq_low(&self, _: usize) {}
    fn srq_fed(&self, _: usize) {}
    fn unstage(&self, _: usize, _: u64) {}
}

/// Explores with at most `preemptions` forced switches: two or three find nearly all that there is to find.
pub fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}
