//! What depends on the host system: memory, threads, faults. Linux on x86_64.

mod describe;
mod fault;
mod futex;
pub mod memory;

pub use fault::prepare_thread;
pub use futex::{futex_wait, futex_wake};

/// Once per process: fault handlers and the reporter thread.
pub(crate) fn start() {
    fault::install();
}

/// The stack of the running thread: lowest and highest address.
pub fn stack_bounds() -> (usize, usize) {
    // SAFETY: fills an attribute object for the running thread, reads it, frees it.
    unsafe {
        let mut attributes = std::mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return (0, 0);
        }
        let mut base = std::ptr::null_mut();
        let mut size = 0;
        libc::pthread_attr_getstack(&raw const attributes, &raw mut base, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        (base as usize, base as usize + size)
    }
}
