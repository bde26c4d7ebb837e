//! Processor faults of the host become bugchecks.
//!
//! The handler runs on a stack of its own, leaves a description for the reporter thread and
//! never returns; the reporter walks the faulting thread's stack, names it and ends the process.

use super::describe::{Fault, describe};
use super::memory::{self, Protection};
use crate::context::{self, Context};
use crate::symbols::Registers;
use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

const SIGNALS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
const STACK: usize = 64 << 10;

static INSTALL: Once = Once::new();
static CLAIMED: AtomicBool = AtomicBool::new(false);
static FAULT: AtomicPtr<Fault> = AtomicPtr::new(std::ptr::null_mut());
static READY: AtomicU32 = AtomicU32::new(0);
static mut BEFORE: [Option<libc::sigaction>; 5] = [None; 5];

/// Once per process.
pub(crate) fn install() {
    INSTALL.call_once(|| {
        if let Err(error) = std::thread::Builder::new().name("reporter".into()).spawn(report) {
            eprintln!("ntsim: no thread to report faults: {error}");
        }
        for (index, signal) in SIGNALS.iter().enumerate() {
            // SAFETY: installs a handler that only uses what signal handlers may use. BEFORE is
            // written here only, before any handler can run.
            unsafe {
                let mut action = std::mem::zeroed::<libc::sigaction>();
                action.sa_sigaction = handle as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                let mut before = std::mem::zeroed::<libc::sigaction>();
                if libc::sigaction(*signal, &raw const action, &raw mut before) == 0 {
                    (&raw mut BEFORE[index]).write(Some(before));
                }
            }
        }
    });
}

/// A thread's signal stack; unmapped when the thread ends.
struct SignalStack(Cell<*mut u8>);

impl Drop for SignalStack {
    fn drop(&mut self) {
        if self.0.get().is_null() {
            return;
        }
        // SAFETY: switches the signal stack off before its memory goes.
        unsafe {
            let off = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: STACK };
            libc::sigaltstack(&raw const off, std::ptr::null_mut());
            memory::unmap(self.0.get(), STACK);
        }
    }
}

thread_local! {
    static SIGNAL_STACK: SignalStack = const { SignalStack(Cell::new(std::ptr::null_mut())) };
}

/// Once per thread that enters the kernel: a stack for the handler.
pub fn prepare_thread() {
    context::current().stack_low.set(super::stack_bounds().0);
    SIGNAL_STACK.with(|slot| {
        if !slot.0.get().is_null() {
            return;
        }
        let Ok(base) = memory::map(STACK, Protection::ReadWrite) else {
            return;
        };
        let stack = libc::stack_t { ss_sp: base.cast(), ss_flags: 0, ss_size: STACK };
        // SAFETY: the memory lives until the slot is dropped at the thread's end.
        unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
        slot.0.set(base);
    });
}

unsafe extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, machine: *mut libc::c_void) {
    let context = context::current();
    // SAFETY: the kernel passes valid structures.
    unsafe {
        let machine = machine.cast::<libc::ucontext_t>();
        if context.thread.get().is_null() {
            return pass_on(signal, info, machine.cast());
        }
        let mut fault = Fault {
            signal,
            code: (*info).si_code,
            address: (*info).si_addr() as usize,
            error: (*machine).uc_mcontext.gregs[libc::REG_ERR as usize] as usize,
            registers: registers(&*machine),
            context: std::ptr::from_ref(context),
        };
        if emulate(&mut fault, context) {
            restore(&mut *machine, &fault.registers);
            return;
        }
        if !CLAIMED.swap(true, Ordering::SeqCst) {
            FAULT.store(&raw mut fault, Ordering::SeqCst);
            READY.store(1, Ordering::SeqCst);
            super::futex_wake(&READY);
        }
        // The reporter ends the process. Should it hang, so does this.
        libc::sleep(60);
        libc::_exit(crate::bugcheck::EXIT_CODE);
    }
}

/// What the headers of the kit inline: reading CR8 is reading the IRQL.
fn emulate(fault: &mut Fault, context: &Context) -> bool {
    let rip = fault.registers.rip;
    if fault.signal != libc::SIGSEGV || crate::Kernel::get().images.containing(rip).is_none() {
        return false;
    }
    // SAFETY: the instruction that was just executed is readable for its length of four bytes.
    let code = unsafe { (rip as *const [u8; 4]).read() };
    // mov r64, cr8: REX with R set, 0F 20, mod 3 and register field 0.
    if code[0] & 0xfc == 0x44 && code[1] == 0x0f && code[2] == 0x20 && code[3] & 0xf8 == 0xc0 {
        let register = usize::from(code[3] & 7) | usize::from(code[0] & 1) << 3;
        fault.registers.general[register] = usize::from(context.irql.get());
        fault.registers.rip = rip + 4;
        return true;
    }
    false
}

/// The order of general registers in instructions, as indices of `gregs`.
const ORDER: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

fn registers(machine: &libc::ucontext_t) -> Registers {
    let gregs = &machine.uc_mcontext.gregs;
    Registers {
        rip: gregs[libc::REG_RIP as usize] as usize,
        general: ORDER.map(|index| gregs[index as usize] as usize),
    }
}

fn restore(machine: &mut libc::ucontext_t, registers: &Registers) {
    let gregs = &mut machine.uc_mcontext.gregs;
    gregs[libc::REG_RIP as usize] = registers.rip as i64;
    for (index, value) in ORDER.iter().zip(registers.general) {
        gregs[*index as usize] = value as i64;
    }
}

/// A fault of a host thread that is not ours: what was there before handles it.
unsafe fn pass_on(signal: i32, info: *mut libc::siginfo_t, machine: *mut libc::c_void) {
    let index = SIGNALS.iter().position(|other| *other == signal).unwrap_or(0);
    // SAFETY: BEFORE is not written any more.
    let before = unsafe { (&raw const BEFORE[index]).read() };
    match before {
        Some(before) if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN => {
            // SAFETY: a handler that was installed with SA_SIGINFO, as std's are.
            unsafe {
                let handler: unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(before.sa_sigaction);
                handler(signal, info, machine);
            }
        }
        _ => {
            // SAFETY: back to the default; the instruction faults again and ends the process.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

/// The reporter thread.
fn report() {
    while READY.load(Ordering::SeqCst) == 0 {
        super::futex_wait(&READY, 0, None);
    }
    // SAFETY: the handler has published the fault and stays in its frame.
    let fault = unsafe { &*FAULT.load(Ordering::SeqCst) };
    describe(fault)
}
