//! Clocks. All run on the host's monotonic clock in 100 ns units; the performance counter has
//! 10 MHz, as on current Windows.

use crate::bugcheck::codes;
use crate::types::STATUS_SUCCESS;
use crate::types::{KPROCESSOR_MODE, NTSTATUS};
use crate::{context, sched};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

crate::routines! { "ntoskrnl.exe";
    fn KeQuerySystemTimePrecise(time: *mut i64) = query_system_time: PASSIVE..=HIGH;
    fn KeQueryInterruptTimePrecise(counter: *mut u64) -> u64 = query_interrupt_time: PASSIVE..=HIGH;
    fn KeQueryUnbiasedInterruptTime() -> u64 = query_unbiased: PASSIVE..=HIGH;
    fn KeQueryTimeIncrement() -> u32 = time_increment: PASSIVE..=HIGH;
    fn KeQueryPerformanceCounter(frequency: *mut i64) -> i64 = performance_counter: PASSIVE..=HIGH;
    fn KeStallExecutionProcessor(microseconds: u32) = stall: PASSIVE..=HIGH;
    fn KeDelayExecutionThread(mode: KPROCESSOR_MODE, alertable: u8, interval: *const i64) -> NTSTATUS = delay: PASSIVE..=APC, blocks;
    fn ExQueryTimerResolution(maximum: *mut u32, minimum: *mut u32, current: *mut u32) = timer_resolution: PASSIVE..=HIGH;
}

/// Counts per second of the performance counter.
pub const FREQUENCY: i64 = 10_000_000;

/// The machine has run for a while when the first driver loads.
const UPTIME: u64 = 600_000_000;

/// From 1601 to 1970 in 100 ns.
const EPOCH: i64 = 116_444_736_000_000_000;

/// When seeded machines boot: 1 January 2026.
const SEEDED_BOOT: i64 = EPOCH + 1_767_225_600 * 10_000_000;

static START: LazyLock<(Instant, i64)> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), EPOCH + (now.as_nanos() / 100) as i64)
});

/// Time since boot, 100 ns.
pub fn interrupt_time() -> u64 {
    let since_boot = if sched::is_seeded() { sched::seeded::now_ns() } else { START.0.elapsed().as_nanos() as u64 };
    since_boot / 100 + UPTIME
}

/// Time since 1601, 100 ns.
pub fn system_time() -> i64 {
    let boot = if sched::is_seeded() { SEEDED_BOOT } else { START.1 };
    boot + (interrupt_time() - UPTIME) as i64
}

/// The moment that an NT time-out means: negative is relative, else a system time.
pub(crate) fn deadline(timeout: i64) -> Instant {
    let relative = if timeout < 0 { timeout.unsigned_abs() } else { (timeout - system_time()).max(0) as u64 };
    // A thousand years are for ever, and do not overflow the host's clock.
    sched::now() + Duration::from_nanos(relative.min(30_000_000_000_000_000).saturating_mul(100))
}

/// A driver looks at a clock.
pub(super) fn read() {
    if sched::is_seeded() {
        sched::seeded::clock_read();
    }
}

unsafe fn query_system_time(time: *mut i64) {
    read();
    // SAFETY: the driver's out-parameter.
    unsafe { time.write(system_time()) };
}

unsafe fn query_interrupt_time(counter: *mut u64) -> u64 {
    read();
    let now = interrupt_time();
    // SAFETY: the driver's out-parameter.
    unsafe { counter.write(now) };
    now
}

unsafe fn query_unbiased() -> u64 {
    read();
    interrupt_time()
}

unsafe fn time_increment() -> u32 {
    156_250
}

unsafe fn performance_counter(frequency: *mut i64) -> i64 {
    if !frequency.is_null() {
        // SAFETY: the driver's out-parameter.
        unsafe { frequency.write(FREQUENCY) };
    }
    read();
    interrupt_time() as i64
}

unsafe fn stall(microseconds: u32) {
    if sched::is_seeded() {
        return sched::sleep(Duration::from_micros(u64::from(microseconds)));
    }
    let until = sched::now() + Duration::from_micros(u64::from(microseconds));
    while sched::now() < until {
        sched::spin(0);
    }
}

unsafe fn delay(mode: KPROCESSOR_MODE, _alertable: u8, interval: *const i64) -> NTSTATUS {
    if mode != 0 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [mode as u64, 0, 0, 0],
            "KeDelayExecutionThread was called with a mode other than KernelMode"
        );
    }
    // SAFETY: the driver's interval.
    let until = deadline(unsafe { interval.read() });
    debug_assert!(context::irql() < 2);
    sched::sleep(until.saturating_duration_since(sched::now()));
    STATUS_SUCCESS
}

unsafe fn timer_resolution(maximum: *mut u32, minimum: *mut u32, current: *mut u32) {
    // SAFETY: the driver's out-parameters.
    unsafe {
        maximum.write(156_250);
        minimum.write(5_000);
        current.write(10_000);
    }
}
