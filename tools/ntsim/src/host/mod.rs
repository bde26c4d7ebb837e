//! What depends on the host system: memory, threads, faults. Linux on x86_64.

mod fault;
mod futex;
pub mod memory;

pub use fault::prepare_thread;
pub use futex::{futex_wait, futex_wake};

/// Once per process: fault handlers and the reporter thread.
pub(crate) fn start() {
    fault::install();
}
