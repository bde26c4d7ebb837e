//! The interrupt request level, for debug checks and for tests that call at DISPATCH_LEVEL.

use wdk_sys::{DISPATCH_LEVEL, KIRQL, PASSIVE_LEVEL};

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    // A header inline reads CR8; the export is the same and exists on x64.
    fn KeGetCurrentIrql() -> KIRQL;
}

/// The level of this processor.
pub fn current() -> KIRQL {
    // SAFETY: takes nothing and may be called at any level.
    unsafe { KeGetCurrentIrql() }
}

/// Stops a debug build that is about to wait above PASSIVE_LEVEL.
#[inline]
pub fn assert_passive() {
    debug_assert!(u32::from(current()) == PASSIVE_LEVEL, "waits need PASSIVE_LEVEL");
}

/// Calls a function at DISPATCH_LEVEL, as many consumers call the provider. Needs DISPATCH_LEVEL or below;
/// the function may not wait.
pub fn at_dispatch<R>(function: impl FnOnce() -> R) -> R {
    const LEVEL: KIRQL = DISPATCH_LEVEL as KIRQL;
    // SAFETY: raising from at most DISPATCH_LEVEL is always allowed.
    let old = unsafe { wdk_sys::ntddk::KfRaiseIrql(LEVEL) };
    let result = function();
    // SAFETY: `old` is the level that was raised from on this very processor.
    unsafe { wdk_sys::ntddk::KeLowerIrql(old) };
    result
}
