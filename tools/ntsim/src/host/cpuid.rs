//! CPUID without random instructions, for drivers of seeded machines.
//!
//! RDRAND and RDSEED cannot be intercepted, but CPUID can be made to fault. A driver that asks whether
//! the processor has them, as each one must, hears no, and falls back to what the kernel gives it.

use std::arch::x86_64::__cpuid_count;
use std::sync::atomic::{AtomicBool, Ordering};

const ARCH_SET_CPUID: libc::c_int = 0x1012;
const OFF: libc::c_long = 0;
const ON: libc::c_long = 1;

/// Leaf 1, ECX.
const RDRAND: u32 = 1 << 30;
/// Leaf 7, EBX.
const RDSEED: u32 = 1 << 18;

static HIDDEN: AtomicBool = AtomicBool::new(false);

fn set(mode: libc::c_long) -> bool {
    // SAFETY: changes how CPUID runs on this thread, and on threads that it starts.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_CPUID, mode) == 0 }
}

/// Hides the random instructions from drivers on this thread and those that it will start. False where
/// the processor or the host cannot do it: then what drivers make of random numbers is not the seed's.
pub(crate) fn hide_random_instructions() -> bool {
    HIDDEN.store(true, Ordering::Relaxed);
    set(OFF)
}

/// Executes a CPUID that faulted. False if the fault is another one.
///
/// # Safety
/// `machine` is what the signal handler of this thread was given.
pub(super) unsafe fn emulate(signal: i32, machine: &mut libc::ucontext_t) -> bool {
    const SIZE: i64 = 2;
    if signal != libc::SIGSEGV || !HIDDEN.load(Ordering::Relaxed) {
        return false;
    }
    let registers = &mut machine.uc_mcontext.gregs;
    let rip = registers[libc::REG_RIP as usize] as usize;
    // A page fault has its error code and address; CPUID raises general protection, whose code is 0.
    let protection = registers[libc::REG_TRAPNO as usize] == 13 && registers[libc::REG_ERR as usize] == 0;
    // SAFETY: general protection came from executing the instruction there, so it can be read.
    if !protection || unsafe { (rip as *const [u8; 2]).read_unaligned() } != [0x0F, 0xA2] {
        return false;
    }
    let leaf = registers[libc::REG_RAX as usize] as u32;
    let part = registers[libc::REG_RCX as usize] as u32;
    set(ON);
    let mut result = __cpuid_count(leaf, part);
    set(OFF);
    if crate::Kernel::get().images.containing(rip).is_some() {
        match leaf {
            1 => result.ecx &= !RDRAND,
            7 => result.ebx &= !RDSEED,
            _ => {}
        }
    }
    for (register, value) in [
        (libc::REG_RAX, result.eax),
        (libc::REG_RBX, result.ebx),
        (libc::REG_RCX, result.ecx),
        (libc::REG_RDX, result.edx),
    ] {
        registers[register as usize] = i64::from(value);
    }
    registers[libc::REG_RIP as usize] += SIZE;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_sees_its_processor_as_it_is() {
        crate::Kernel::get();
        let ask = || [__cpuid_count(0, 0), __cpuid_count(7, 0)].map(|leaf| (leaf.eax, leaf.ebx, leaf.ecx));
        let before = ask();
        if hide_random_instructions() {
            assert_eq!(ask(), before);
            assert!(set(ON));
        }
    }
}
