//! Lines for rare events, through DbgPrintEx under component IHVNETWORK.
//!
//! No formatting of ours and no allocation: the text is fixed, with at most two numbers. Not for hot
//! paths. IRQL: at most DISPATCH_LEVEL (only narrow strings are printed, KP-RS-04).

use core::ffi::CStr;

use wdk_sys::ntddk::DbgPrintEx;

/// DPFLTR_IHVNETWORK_ID.
const COMPONENT: u32 = 80;

/// How much it matters: the filter level of DbgPrintEx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// Something failed.
    Error = 0,
    /// Something odd was put right.
    Warning = 1,
    /// Steps of the life of driver and adapter.
    Trace = 2,
    /// More than most want to see.
    Info = 3,
}

/// Writes `softndk: <text>`.
pub fn say(level: Level, text: &CStr) {
    // SAFETY: the format has one narrow string, which is given and NUL-terminated.
    unsafe { DbgPrintEx(COMPONENT, level as u32, c"softndk: %s\n".as_ptr(), text.as_ptr()) };
}

/// Writes `softndk: <text>: <first> <second>`, both in hexadecimal.
pub fn say_with(level: Level, text: &CStr, first: u64, second: u64) {
    // SAFETY: the format has one narrow string and two 64-bit numbers, which are given.
    unsafe {
        DbgPrintEx(COMPONENT, level as u32, c"softndk: %s: 0x%I64x 0x%I64x\n".as_ptr(), text.as_ptr(), first, second)
    };
}
