//! Time that only goes forward.

use crate::kernel::{event, irql};
use wdk_sys::{
    _MODE::KernelMode,
    LARGE_INTEGER,
    ntddk::{KeDelayExecutionThread, KeQueryPerformanceCounter},
};

const NANOSECONDS: u64 = 1_000_000_000;

/// Nanoseconds since some point in the past. Any IRQL.
pub fn now() -> u64 {
    let mut frequency = LARGE_INTEGER::default();
    // SAFETY: the frequency is written to a local.
    let counter = unsafe { KeQueryPerformanceCounter(&mut frequency) };
    // SAFETY: `QuadPart` covers the whole union.
    let (ticks, frequency) = unsafe { (counter.QuadPart, frequency.QuadPart) };
    let (ticks, frequency) = (ticks.unsigned_abs(), frequency.unsigned_abs().max(1));
    let (whole, rest) = (ticks / frequency, ticks % frequency);
    whole.wrapping_mul(NANOSECONDS).wrapping_add(rest.saturating_mul(NANOSECONDS) / frequency)
}

/// Lets time pass at PASSIVE_LEVEL.
pub fn sleep(milliseconds: u32) {
    irql::assert_passive();
    let mut interval = event::relative(milliseconds);
    // SAFETY: the interval is a local; the wait is not alertable.
    let _ = unsafe { KeDelayExecutionThread(KernelMode as i8, 0, &mut interval) };
}
