//! Prints what a sequence in hexadecimal spells, and what the oracle expects of each step.

use ndktest_sequence::{Oracle, Place, STEP_BYTES, decode};

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let bytes: Vec<u8> =
        (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    let mut oracle = Oracle::EMPTY;
    oracle.fill();
    for (context, step) in bytes.chunks_exact(STEP_BYTES).enumerate() {
        let Ok(bytes) = <[u8; STEP_BYTES]>::try_from(step) else { continue };
        let step = decode(bytes);
        println!("{} {step:?} -> {:?}", context + 1, oracle.apply(step, context + 1));
        for (link, end) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let place = Place { link, end };
            while let Some(due) = oracle.take_sent(place) {
                println!("      link {link} end {end} sent {due:?}");
            }
            while let Some(due) = oracle.take_received(place) {
                println!("      link {link} end {end} received {due:?}");
            }
        }
    }
}
