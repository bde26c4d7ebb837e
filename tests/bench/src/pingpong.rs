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
