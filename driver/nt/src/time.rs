//! Clocks that never go back (KP-TMR-05). Units are in the names; IRQL: any.

use wdk_sys::ntddk::{KeQueryInterruptTimePrecise, KeQueryPerformanceCounter, KeQueryUnbiasedInterruptTime};

/// A span of time in 100 ns units, as kernel timers take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// From 100 ns units.
    #[must_use]
    pub const fn from_100ns(units: u64) -> Self {
        Self(units)
    }

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(10))
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(10_000))
    }

    /// In 100 ns units.
    #[must_use]
    pub const fn as_100ns(self) -> u64 {
        self.0
    }

    /// As the kernel wants relative times: negative, and never zero, which would be absolute.
    pub(crate) const fn relative(self) -> wdk_sys::LARGE_INTEGER {
        let units = if self.0 == 0 { 1 } else { self.0 };
        let units = if units > i64::MAX as u64 { i64::MAX } else { units as i64 };
        wdk_sys::LARGE_INTEGER { QuadPart: -units }
    }
}

/// Time since boot without sleep, in 100 ns units, advanced by the clock interrupt: cheap, coarse.
#[must_use]
pub fn coarse_100ns() -> u64 {
    // SAFETY: the routine has no preconditions.
    unsafe { KeQueryUnbiasedInterruptTime() }
}

/// Time since boot in 100 ns units, exact.
#[must_use]
pub fn precise_100ns() -> u64 {
    let mut counter = 0;
    // SAFETY: the out-parameter lives across the call.
    unsafe { KeQueryInterruptTimePrecise(&raw mut counter) }
}

/// The performance counter and its frequency in ticks per second.
#[must_use]
pub fn counter() -> (u64, u64) {
    let mut frequency = wdk_sys::LARGE_INTEGER { QuadPart: 0 };
    // SAFETY: the out-parameter lives across the call.
    let now = unsafe { KeQueryPerformanceCounter(&raw mut frequency) };
    // SAFETY: all 64 bits of the union were written by the kernel.
    let now = unsafe { now.QuadPart };
    // SAFETY: as above.
    let frequency = unsafe { frequency.QuadPart };
    (now.unsigned_abs(), frequency.unsigned_abs())
}
