//! Memory, random numbers, stacks, features.

use crate::symbols::{Raw, Stack};
use std::sync::atomic::{AtomicU32, Ordering};

crate::routines! { "ntoskrnl.exe";
    raising RtlCompareMemory(a: *const u8, b: *const u8, length: usize) -> usize = compare: PASSIVE..=HIGH, local;
    fn RtlRandomEx(seed: *mut u32) -> u32 = random: PASSIVE..=APC;
    fn RtlCaptureStackBackTrace(skip: u32, count: u32, trace: *mut usize, hash: *mut u32) -> u16 = capture: PASSIVE..=HIGH;
    fn RtlGetEnabledExtendedFeatures(mask: u64) -> u64 = extended_features: PASSIVE..=PASSIVE;
}

/// How many bytes are equal from the begin.
unsafe fn compare(a: *const u8, b: *const u8, length: usize) -> usize {
    // SAFETY: the driver's buffers of that length.
    let (a, b) = unsafe { (std::slice::from_raw_parts(a, length), std::slice::from_raw_parts(b, length)) };
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Values from 0 to 2^31 - 2; the seed moves on. A counter keeps equal seeds of several threads apart,
/// as the shared table of the real routine does.
unsafe fn random(seed: *mut u32) -> u32 {
    static SHARED: AtomicU32 = AtomicU32::new(0x2545_f491);
    // SAFETY: the driver's seed.
    unsafe {
        let mut state = u64::from(seed.read()) << 32 | u64::from(SHARED.fetch_add(0x9e37_79b9, Ordering::Relaxed));
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
        seed.write((state >> 32) as u32 & 0x7fff_ffff);
        (state as u32 & 0x7fff_ffff).min(0x7fff_fffe)
    }
}

unsafe fn capture(skip: u32, count: u32, trace: *mut usize, hash: *mut u32) -> u16 {
    let stack = Stack::capture();
    let mut sum = 0u32;
    let mut written = 0u16;
    let code =
        stack.frames().iter().filter_map(|frame| if let Raw::Code(address) = frame { Some(*address) } else { None });
    for address in code.skip(skip as usize).take(count.min(u32::from(u16::MAX)) as usize) {
        // SAFETY: the driver's array of `count` pointers.
        unsafe { trace.add(usize::from(written)).write(address) };
        sum = sum.wrapping_add(address as u32);
        written += 1;
    }
    if !hash.is_null() {
        // SAFETY: the driver's optional out-parameter.
        unsafe { hash.write(sum) };
    }
    written
}

unsafe fn extended_features(mask: u64) -> u64 {
    // x87, SSE and, where the host has it, AVX.
    let avx = if std::arch::is_x86_feature_detected!("avx") { 4 } else { 0 };
    mask & (3 | avx)
}
