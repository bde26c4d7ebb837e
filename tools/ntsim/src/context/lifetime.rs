//! How host threads come into the kernel.

use super::{NO_CPU, current};
use crate::ke::thread::Thread;

/// Whether the running host thread has a kernel thread.
pub fn is_entered() -> bool {
    !current().thread.get().is_null()
}

/// Runs `f` in kernel context at PASSIVE_LEVEL; the host thread gets a kernel thread that lives
/// as long as it does. Nested calls are free.
pub fn enter<R>(f: impl FnOnce() -> R) -> R {
    if !is_entered() {
        crate::sched::take_part();
        attach(Thread::for_host_thread());
    }
    f()
}

/// Makes `thread` the kernel thread of the running host thread.
pub(crate) fn attach(thread: &'static Thread) {
    let context = current();
    context.cpu.set(NO_CPU);
    context.irql.set(crate::types::PASSIVE_LEVEL);
    context.last_cpu.set(thread.initial_cpu());
    context.thread.set(thread);
    crate::host::prepare_thread();
}
