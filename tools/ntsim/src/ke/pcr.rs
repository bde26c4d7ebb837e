//! The processor control region, which inlined code reads through `gs`.
//!
//! A thread has one of its own, so that `gs:[0x188]` is the thread and `gs:[0x1A4]` the processor
//! it runs on (or ran on last, below DISPATCH_LEVEL). Drivers must not touch more of it than the
//! kit's headers do; what those read is filled in, the rest is zero.

use crate::context::Context;
use crate::host::memory::{self, Protection};

/// Covers what headers read.
const SIZE: usize = 8192;

mod offset {
    pub(super) const SELF: usize = 0x18;
    pub(super) const CURRENT_PRCB: usize = 0x20;
    pub(super) const MAJOR_VERSION: usize = 0x60;
    pub(super) const MINOR_VERSION: usize = 0x62;
    pub(super) const PRCB: usize = 0x180;
    pub(super) const MXCSR: usize = 0x180;
    pub(super) const LEGACY_NUMBER: usize = 0x184;
    pub(super) const CURRENT_THREAD: usize = 0x188;
    pub(super) const NUMBER: usize = 0x1A4;
}

/// Makes the thread's region and points `gs` at it.
pub(crate) fn create(context: &Context) -> Option<*mut u8> {
    let region = memory::map(SIZE, Protection::ReadWrite).ok()?;
    // SAFETY: a fresh mapping; all offsets lie inside. gs is not used by the host's own code.
    unsafe {
        region.add(offset::SELF).cast::<usize>().write(region as usize);
        region.add(offset::CURRENT_PRCB).cast::<usize>().write(region as usize + offset::PRCB);
        region.add(offset::MAJOR_VERSION).cast::<u16>().write(1);
        region.add(offset::MINOR_VERSION).cast::<u16>().write(1);
        region.add(offset::MXCSR).cast::<u32>().write(0x1F80);
        region.add(offset::CURRENT_THREAD).cast::<usize>().write(context.thread.get() as usize);
        if !crate::host::set_gs(region as usize) {
            memory::unmap(region, SIZE);
            return None;
        }
    }
    context.pcr.set(region);
    note_processor(context, context.last_cpu.get());
    Some(region)
}

/// At the thread's end.
///
/// # Safety
/// `region` is from [`create`], and no driver code runs on the thread any more.
pub(crate) unsafe fn release(region: *mut u8) {
    // SAFETY: by contract.
    unsafe { memory::unmap(region, SIZE) };
}

/// The thread runs on another processor now.
#[inline]
pub(crate) fn note_processor(context: &Context, index: u32) {
    let region = context.pcr.get();
    if !region.is_null() {
        // SAFETY: the thread's own region.
        unsafe {
            region.add(offset::LEGACY_NUMBER).write(index as u8);
            region.add(offset::NUMBER).cast::<u32>().write(index);
        }
    }
}
