//! The gate: one runner, no doorbell lost.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;
use softndk_nic::gate::Gate;

use crate::harness::explore;

struct Shared {
    gate: Gate,
    posted: AtomicU32,
    /// Loom checks that nobody else is in it.
    done: UnsafeCell<u32>,
}

fn ring(shared: &Shared) {
    // Relaxed: the gate alone makes it visible.
    shared.posted.fetch_add(1, Ordering::Relaxed);
    if !shared.gate.enter() {
        return;
    }
    loop {
        let seen = shared.posted.load(Ordering::Relaxed);
        // SAFETY: only the runner is here.
        shared.done.with_mut(|done| unsafe { *done = seen });
        if !shared.gate.leave() {
            return;
        }
    }
}

#[test]
fn every_doorbell_is_seen_by_one_runner_at_a_time() {
    for others in [1, 2] {
        explore(3, move || {
            let shared = Arc::new(Shared { gate: Gate::new(), posted: AtomicU32::new(0), done: UnsafeCell::new(0) });
            let threads: Vec<_> = (0..others)
                .map(|_| {
                    let shared = shared.clone();
                    thread::spawn(move || ring(&shared))
                })
                .collect();
            ring(&shared);
            for thread in threads {
                thread.join().expect("asker");
            }
            assert!(!shared.gate.is_busy());
            // SAFETY: all have left.
            assert_eq!(shared.done.with(|done| unsafe { *done }), others + 1);
        });
    }
}
