//! The last calls of the machine, for reports.

use crate::table::Row;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// One call of a routine.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The thread's ID.
    pub thread: u32,
    /// The routine.
    pub row: &'static Row,
    /// The IRQL.
    pub irql: u8,
    /// Return address in the driver.
    pub caller: usize,
}

const KEPT: usize = 256;

static LAST: Mutex<VecDeque<Call>> = Mutex::new(VecDeque::new());

/// Notes a call. Called from win64 code: so that the short way there saves no vector registers,
/// this has that convention too.
#[cold]
pub(crate) extern "win64-unwind" fn call(row: &'static Row) {
    let context = crate::context::current();
    // SAFETY: a non-null thread pointer is a leaked box.
    let thread = unsafe { context.thread.get().as_ref() }.map_or(0, crate::ke::thread::Thread::id);
    let call = Call { thread, row, irql: context.irql.get(), caller: context.caller() };
    let mut last = LAST.lock();
    if last.len() == KEPT {
        last.pop_front();
    }
    last.push_back(call);
}

/// The calls logged last, oldest first.
pub fn last() -> Vec<Call> {
    LAST.lock().iter().copied().collect()
}
