//! `KUSER_SHARED_DATA`: the page at a fixed address that drivers read without a call.
//!
//! No process of the host can have memory there. Each read faults and is carried out on a copy
//! (see `host::emulate`), whose clocks are set just before.

use super::time;
use crate::host::memory::{self, Protection};
use std::sync::LazyLock;

/// Where Windows has it.
pub const ADDRESS: usize = 0xFFFF_F780_0000_0000;
/// Its size.
pub const SIZE: usize = 4096;

/// Offsets of what is filled in.
mod offset {
    pub(super) const TICK_COUNT_MULTIPLIER: usize = 0x004;
    pub(super) const INTERRUPT_TIME: usize = 0x008;
    pub(super) const SYSTEM_TIME: usize = 0x014;
    pub(super) const SYSTEM_ROOT: usize = 0x030;
    pub(super) const LARGE_PAGE_MINIMUM: usize = 0x244;
    pub(super) const BUILD_NUMBER: usize = 0x260;
    pub(super) const PRODUCT_TYPE: usize = 0x264;
    pub(super) const PRODUCT_TYPE_IS_VALID: usize = 0x268;
    pub(super) const ARCHITECTURE: usize = 0x26A;
    pub(super) const MAJOR_VERSION: usize = 0x26C;
    pub(super) const MINOR_VERSION: usize = 0x270;
    pub(super) const PROCESSOR_FEATURES: usize = 0x274;
    pub(super) const SUITE_MASK: usize = 0x2D0;
    pub(super) const QPC_FREQUENCY: usize = 0x300;
    pub(super) const TICK_COUNT: usize = 0x320;
    pub(super) const ACTIVE_PROCESSORS: usize = 0x3C0;
    pub(super) const ACTIVE_GROUPS: usize = 0x3C4;
}

/// 100 ns for each tick.
const TICK: u64 = 156_250;
/// Milliseconds for each tick, with 24 bits behind the point.
const MULTIPLIER: u32 = 0x0FA0_0000;
/// Compare-exchange of 16 bytes, SSE, SSE2, time stamp counter, NX, and the like that every x64 has.
const FEATURES: [usize; 8] = [2, 3, 6, 8, 9, 10, 12, 14];

static PAGE: LazyLock<Option<usize>> = LazyLock::new(|| {
    let page = memory::map(SIZE, Protection::ReadWrite).ok()?;
    // SAFETY: a fresh page; all offsets lie inside.
    unsafe {
        let word = |at: usize, value: u32| page.add(at).cast::<u32>().write_unaligned(value);
        let (major, minor, build) = crate::ps::VERSION;
        word(offset::TICK_COUNT_MULTIPLIER, MULTIPLIER);
        word(offset::LARGE_PAGE_MINIMUM, 2 << 20);
        word(offset::BUILD_NUMBER, build | 0xF000_0000);
        word(offset::PRODUCT_TYPE, 3);
        word(offset::MAJOR_VERSION, major);
        word(offset::MINOR_VERSION, minor);
        word(offset::SUITE_MASK, 0x110);
        word(offset::ACTIVE_PROCESSORS, super::cpu::count());
        page.add(offset::PRODUCT_TYPE_IS_VALID).write(1);
        page.add(offset::ARCHITECTURE).cast::<u16>().write_unaligned(9);
        page.add(offset::ACTIVE_GROUPS).cast::<u16>().write_unaligned(1);
        page.add(offset::QPC_FREQUENCY).cast::<i64>().write_unaligned(time::FREQUENCY);
        for feature in FEATURES {
            page.add(offset::PROCESSOR_FEATURES + feature).write(1);
        }
        for (index, unit) in r"C:\Windows".encode_utf16().enumerate() {
            page.add(offset::SYSTEM_ROOT + index * 2).cast::<u16>().write_unaligned(unit);
        }
    }
    Some(page as usize)
});

/// Whether an address lies in the page.
pub(crate) fn contains(address: usize) -> bool {
    address.wrapping_sub(ADDRESS) < SIZE
}

/// Before the first fault: makes the page, and starts the clocks.
pub(crate) fn prepare() {
    LazyLock::force(&PAGE);
    time::interrupt_time();
}

/// What a seeded machine does at a read: as if the clock's routine were called.
pub(crate) fn switch_point() {
    crate::sched::seeded::called(&time::KeQueryInterruptTimePrecise::ROW);
    time::read();
}

/// Our copy with the present time; `None` if the host had no memory for it.
pub(crate) fn fresh() -> Option<usize> {
    let page = (*PAGE)?;
    let now = time::interrupt_time();
    // SAFETY: inside the page. Several threads may write at once: each writes a valid time, and
    // words of eight bytes that a cache line holds are whole.
    unsafe {
        clock(page + offset::INTERRUPT_TIME, now);
        clock(page + offset::SYSTEM_TIME, time::system_time() as u64);
        clock(page + offset::TICK_COUNT, now / TICK);
    }
    Some(page)
}

/// Low word, high word, high word again: readers compare the two.
unsafe fn clock(at: usize, value: u64) {
    // SAFETY: by contract of the caller.
    unsafe {
        (at as *mut u32).add(2).write_volatile((value >> 32) as u32);
        (at as *mut u64).write_unaligned(value);
    }
}
