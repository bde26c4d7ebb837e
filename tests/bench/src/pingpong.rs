//! One cache line bounced between two threads: what the machine allows.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

#[repr(align(128))]
struct Line(AtomicU64);

/// Nanoseconds of half a round trip.
pub fn line(rounds: u64) -> f64 {
    let shared = Line(AtomicU64::new(0));
    let wait = |value: u64| {
        while shared.0.load(Ordering::Acquire) != value {
            spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                wait(2 * round + 1);
                shared.0.store(2 * round + 2, Ordering::Release);
            }
        });
        let start = Instant::now();
        for round in 0..rounds {
            shared.0.store(2 * round + 1, Ordering::Release);
            wait(2 * round + 2);
        }
        start.elapsed().as_nanos() as f64 / (2 * rounds) as f64
    })
}

/// Nanoseconds of a locked add on a line in the own cache; the fastest of many slices.
pub fn locked_add() -> f64 {
    let line = Line(AtomicU64::new(0));
    let slice = || {
        let start = Instant::now();
        for _ in 0..10_000 {
            line.0.fetch_add(1, Ordering::AcqRel);
        }
        start.elapsed().as_nanos() as f64 / 10_000.0
    };
    (0..200).map(|_| slice()).fold(f64::MAX, f64::min)
}
