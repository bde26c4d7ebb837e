//! What depends on the host system: memory, threads, faults. Linux on x86_64.

mod cpuid;
mod describe;
mod emulate;
mod fault;
mod futex;
pub mod memory;

pub(crate) use cpuid::hide_random_instructions;
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

/// Keeps this thread and those that it will start on the processor where it runs now: threads that
/// take turns wake each other faster there.
pub(crate) fn stay_on_processor() {
    // SAFETY: fills a set on the stack and passes it on; failure leaves things as they are.
    unsafe {
        let cpu = libc::sched_getcpu();
        if cpu < 0 {
            return;
        }
        let mut set = std::mem::zeroed::<libc::cpu_set_t>();
        libc::CPU_SET(cpu as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// Starts this program again without random placement of memory, if the host lets it: then addresses,
/// and what drivers make of them, are the same in equal runs. Call it first thing in `main`.
pub fn fix_addresses() {
    use std::os::unix::process::CommandExt;
    const QUERY: libc::c_ulong = 0xffff_ffff;
    let wanted = libc::ADDR_NO_RANDOMIZE;
    // SAFETY: asks for, and sets, the personality of this process.
    let before = unsafe { libc::personality(QUERY) };
    if before < 0 || before & wanted != 0 {
        return;
    }
    // SAFETY: as above.
    if unsafe { libc::personality((before | wanted) as libc::c_ulong) } < 0 {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    // Returns only if it fails; then addresses are as random as before.
    let _ = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
}
