//! Kernel threads of ntsim's own subsystems.

use crate::context;
use crate::ke::thread::Thread;
use crate::sched;
use crate::types::STATUS_SUCCESS;
use std::io;

/// Runs `f` at PASSIVE_LEVEL on a thread of its own.
///
/// # Errors
/// The host has no more threads.
pub fn spawn(name: &str, f: Box<dyn FnOnce() + Send>) -> io::Result<&'static Thread> {
    let thread = Thread::new(name.to_owned());
    sched::spawn(name.chars().take(15).collect(), move || {
        context::attach_thread(thread);
        f();
        thread.exit(STATUS_SUCCESS);
    })?;
    Ok(thread)
}
