//! Measures the data path of the device on the host: post, copy, CQE, poll; in one thread and in two.
//!
//! ```text
//! cargo run --release -p softndk-bench            all tables, about 20 seconds
//! cargo run --release -p softndk-bench -- quick   fewer and shorter runs
//! ```
//!
//! Two-thread figures depend on where the processors are (docs/contract/peers.md): a cache-line ping-pong is
//! measured beside them and labels the run near or far.

mod pair;
mod pingpong;

use std::time::Instant;

use pair::Pair;
use softndk_abi::Opcode;

const SIZES: [u32; 8] = [8, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let (runs, seconds) = if quick { (3, 0.02) } else { (7, 0.08) };
    println!("a locked add on a hot line: {:.1} ns", median(runs, pingpong::locked_add));
    println!("one thread, ns per operation (median of {runs}); the second figure with 32 posted per doorbell");
    println!("{:>9} {:>17} {:>17} {:>17} {:>17}", "bytes", "write", "read", "send", "send inline");
    for size in SIZES {
        let mut line = format!("{size:>9}");
        for (opcode, inline) in
            [(Opcode::Write, false), (Opcode::Read, false), (Opcode::Send, false), (Opcode::Send, true)]
        {
            if inline && size > pair::INLINE {
                line += &format!(" {:>17}", "-");
                continue;
            }
            let one = median(runs, || time(opcode, size, 1, inline, seconds));
            let many = median(runs, || time(opcode, size, 32, inline, seconds));
            line += &format!(" {one:>8.1} {many:>8.1}");
        }
        println!("{line}");
    }
    let (at, large) = (64 << 10, 1 << 20);
    for size in [at, large] {
        let ns = median(runs, || time(Opcode::Write, size, 1, false, seconds));
        println!("write of {size} bytes: {:.1} GB/s", f64::from(size) / ns);
    }
    println!();
    println!("two threads: ping-pong of a line, ns half round trip; Sends each way, ns half round trip; label");
    for _ in 0..if quick { 2 } else { 5 } {
        let line = pingpong::line(100_000);
        let half = pair::ping_pong(8, 50_000);
        let label = if line < 80.0 { "near" } else { "far" };
        println!("{line:>8.1} {half:>8.1}  {label}");
    }
}

/// Nanoseconds per operation, `batch` posted with one doorbell, over about `seconds`.
///
/// Taken in slices of some 50 microseconds, of which the fastest tenth decides: on a busy machine the others tell of
/// the neighbours.
fn time(opcode: Opcode, size: u32, batch: u32, inline: bool, seconds: f64) -> f64 {
    let pair = Pair::new(size);
    // Warm up, and learn how many rounds make a slice.
    let mut fastest = f64::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        pair.round(opcode, size, batch, inline);
        fastest = fastest.min(start.elapsed().as_nanos() as f64);
    }
    let rounds = ((50_000.0 / fastest.max(1.0)) as u64).max(1);
    let mut slices = Vec::new();
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < seconds || slices.len() < 10 {
        let start = Instant::now();
        for _ in 0..rounds {
            pair.round(opcode, size, batch, inline);
        }
        slices.push(start.elapsed().as_nanos() as f64 / (rounds * u64::from(batch)) as f64);
    }
    slices.sort_by(f64::total_cmp);
    slices[slices.len() / 10]
}

fn median(runs: usize, mut measure: impl FnMut() -> f64) -> f64 {
    let mut figures: Vec<f64> = (0..runs).map(|_| measure()).collect();
    figures.sort_by(f64::total_cmp);
    figures[runs / 2]
}
