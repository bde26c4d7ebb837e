//! Debug output goes to standard error, a line at a time.

use crate::bugcheck::{Violation, codes};
use crate::crt::{bytes, format::format};
use crate::table::{Arguments, Row};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[ROWS];

crate::routines! { "ntoskrnl.exe";
    variadic DbgPrint(arguments: Arguments) -> u32 = print: PASSIVE..=HIGH;
    variadic DbgPrintEx(arguments: Arguments) -> u32 = print_ex: PASSIVE..=HIGH;
    fn vDbgPrintEx(component: u32, level: u32, text: *const u8, arguments: *const u64) -> u32 = print_list: PASSIVE..=HIGH;
    fn DbgBreakPoint() = break_point: PASSIVE..=HIGH;
    data KdDebuggerEnabled = debugger_enabled;
    data KdDebuggerNotPresent = debugger_not_present;
}

static QUIET: AtomicBool = AtomicBool::new(false);
static DEBUGGER_ENABLED: u8 = 0;
static DEBUGGER_NOT_PRESENT: u8 = 1;

/// Debug output is thrown away from now on (or not).
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

fn debugger_enabled() -> *const u8 {
    &raw const DEBUGGER_ENABLED
}

fn debugger_not_present() -> *const u8 {
    &raw const DEBUGGER_NOT_PRESENT
}

unsafe fn print(mut arguments: Arguments) -> u32 {
    // SAFETY: the format comes first, its arguments follow.
    unsafe {
        let text = arguments.pointer();
        emit(text, arguments)
    }
}

unsafe fn print_ex(mut arguments: Arguments) -> u32 {
    // SAFETY: component, level and format come first.
    unsafe {
        arguments.word();
        arguments.word();
        let text = arguments.pointer();
        emit(text, arguments)
    }
}

unsafe fn print_list(_component: u32, _level: u32, text: *const u8, arguments: *const u64) -> u32 {
    // SAFETY: the driver's format and va_list.
    unsafe { emit(text, Arguments::new(arguments)) }
}

unsafe fn emit(text: *const u8, arguments: Arguments) -> u32 {
    if QUIET.load(Ordering::Relaxed) || text.is_null() {
        return 0;
    }
    // SAFETY: the driver's format.
    let wide = unsafe { bytes(text) }
        .windows(3)
        .any(|part| matches!(part, [b'%', b'w', b's' | b'Z'] | [b'%', b'l', b's'] | [b'%', b'S', _]));
    if wide && crate::context::irql() > 0 {
        bugcheck!(
            codes::ROUTINE_AT_WRONG_IRQL,
            [text as u64, u64::from(crate::context::irql()), 0, 0],
            "a debug print with a wide string was made at IRQL {}; the conversion is pageable and needs PASSIVE_LEVEL",
            crate::context::irql()
        );
    }
    // SAFETY: the driver's format and arguments.
    let out = unsafe { format(bytes(text), arguments, false) };
    let mut stderr = std::io::stderr().lock();
    // Output that nobody reads is no fault of the driver.
    let _ = stderr.write_all(&out);
    if out.last() != Some(&b'\n') {
        let _ = stderr.write_all(b"\n");
    }
    0
}

unsafe fn break_point() {
    Violation::new(&codes::BREAKPOINT).text("the driver called DbgBreakPoint, and no debugger is there").raise()
}
