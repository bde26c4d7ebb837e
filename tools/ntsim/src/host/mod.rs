//! What depends on the host system: memory, threads, faults. Linux on x86_64.

mod describe;
mod emulate;
mod fault;
mod futex;
pub mod memory;

pub(crate) use describe::{Fault, describe, is_privileged};
pub(crate) use fault::Work;
pub use fault::prepare_thread;
pub use futex::{futex_wait, futex_wake};

/// Once per process: fault handlers and the reporter thread.
pub(crate) fn start() {
    crate::ke::shared_data::prepare();
    fault::install();
}

/// Sets the running thread's gs base.
///
/// # Safety
/// Nothing on this thread may use gs but code that expects this base.
pub(crate) unsafe fn set_gs(base: usize) -> bool {
    const ARCH_SET_GS: i32 = 0x1001;
    // SAFETY: by contract.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base) == 0 }
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
