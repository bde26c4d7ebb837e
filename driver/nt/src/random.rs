//! A seed that nobody outside can guess, and the generator that stretches it.
//!
//! `unsafe` is here for the two instructions.

use core::arch::x86_64::{__cpuid, __cpuid_count, _rdrand64_step, _rdseed64_step};

pub use softndk_pure::random::Generator;

use crate::time;

/// A generator with a fresh seed: hardware randomness where the processor has it, mixed with clocks
/// and addresses in any case. IRQL: any.
#[must_use]
pub fn generator() -> Generator {
    let local = 0_u8;
    let (counter, frequency) = time::counter();
    let mut seed = [
        counter,
        time::precise_100ns().rotate_left(32) ^ frequency,
        (&raw const local).addr() as u64,
        (generator as fn() -> Generator as *const ()).addr() as u64,
    ];
    let (has_seed, has_random) = features();
    for word in &mut seed {
        let hardware = if has_seed { seed64() } else { None };
        let hardware = hardware.or_else(|| if has_random { random64() } else { None });
        *word ^= hardware.unwrap_or_else(|| time::counter().0.rotate_left(17));
    }
    Generator::new(seed)
}

/// Whether there are RDSEED and RDRAND.
fn features() -> (bool, bool) {
    let highest = __cpuid(0).eax;
    let random = __cpuid(1).ecx & (1 << 30) != 0;
    let seed = highest >= 7 && __cpuid_count(7, 0).ebx & (1 << 18) != 0;
    (seed, random)
}

/// The instruction may come up empty for a moment; more tries than that are a broken unit.
const TRIES: usize = 16;

fn seed64() -> Option<u64> {
    (0..TRIES).find_map(|_| {
        let mut word = 0;
        // SAFETY: called only where CPUID shows RDSEED.
        (unsafe { _rdseed64_step(&mut word) } == 1).then_some(word)
    })
}

fn random64() -> Option<u64> {
    (0..TRIES).find_map(|_| {
        let mut word = 0;
        // SAFETY: called only where CPUID shows RDRAND.
        (unsafe { _rdrand64_step(&mut word) } == 1).then_some(word)
    })
}
