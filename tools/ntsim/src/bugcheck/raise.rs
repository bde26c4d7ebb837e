//! Ends the machine.

use super::{Report, Violation};
use crate::context::{self, Context};
use crate::symbols::{Registers, Stack};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a process whose machine has bugchecked.
pub const EXIT_CODE: i32 = 3;

static STOPPED: AtomicBool = AtomicBool::new(false);

impl Violation {
    /// Prints the report and ends the process. When several threads raise at once, the first one
    /// reports and the others stop.
    #[cold]
    #[inline(never)]
    pub fn raise(self) -> ! {
        #[cfg(test)]
        if EXPECTING.with(std::cell::Cell::get) {
            std::panic::resume_unwind(Box::new(Caught { name: self.code.name, text: self.text }));
        }
        finish(self, context::current(), None)
    }
}

/// Raises for a thread that is stopped, from another thread: at `registers` in driver code, or
/// (`None`) inside the routine that it entered last.
pub fn raise_fault(violation: Violation, context: &Context, registers: Option<Registers>) -> ! {
    finish(violation, context, registers)
}

fn finish(violation: Violation, context: &Context, at: Option<Registers>) -> ! {
    if STOPPED.swap(true, Ordering::SeqCst) {
        loop {
            std::thread::park();
        }
    }
    crate::trace::stop();
    // Should naming the stack fault or hang, the process still ends as it should.
    // SAFETY: only sets a timer, whose default action is replaced by ending the process.
    unsafe {
        libc::signal(libc::SIGALRM, give_up as *const () as usize);
        libc::alarm(60);
    }
    let stack = Stack::of(context, at);
    let report = Report::new(violation, context, &stack);
    let mut out = std::io::stderr().lock();
    // Nothing is left to do if stderr is closed; the exit code still tells.
    let _ = write!(out, "{report}");
    let _ = out.flush();
    drop(out);
    crate::report::at_bugcheck(&report, context);
    // SAFETY: ends the process without running exit handlers, which other threads may be inside.
    unsafe { libc::_exit(EXIT_CODE) }
}

extern "C" fn give_up(_signal: i32) {
    // SAFETY: as in `finish`.
    unsafe { libc::_exit(EXIT_CODE) }
}

#[cfg(test)]
thread_local! {
    static EXPECTING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[cfg(test)]
#[derive(Debug)]
struct Caught {
    name: &'static str,
    text: String,
}

/// Runs `f`, which must raise a violation on this thread without driver code in between; gives
/// the code's name and the text. Panics if nothing is raised.
#[cfg(test)]
pub fn expect_violation(f: impl FnOnce()) -> (&'static str, String) {
    EXPECTING.with(|expecting| expecting.set(true));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    EXPECTING.with(|expecting| expecting.set(false));
    let payload = result.expect_err("no violation was raised");
    match payload.downcast::<Caught>() {
        Ok(caught) => (caught.name, caught.text),
        Err(other) => std::panic::resume_unwind(other),
    }
}
