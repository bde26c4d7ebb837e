//! Processor faults of the host become bugchecks.
//!
//! The handler runs on a stack of its own, leaves a description for the reporter thread and
//! never returns; the reporter walks the faulting thread's stack, names it and ends the process.

use super::describe::{Fault, describe};
use super::emulate::{self, Emulated};
use super::memory::{self, Protection};
use crate::context::{self, Context};
use crate::ke::pcr;
use crate::sched::atomics;
use crate::seh;
use crate::symbols::Registers;
use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

const SIGNALS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
const STACK: usize = 256 << 10;
const RSP: usize = 4;

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
    let context = context::current();
    let (low, high) = super::stack_bounds();
    context.stack_low.set(low);
    context.stack_high.set(high);
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
    PCR.with(|slot| {
        if slot.0.get().is_none() {
            slot.0.set(pcr::create(context));
        }
    });
}

/// A thread's control region; unmapped when the thread ends.
struct Pcr(Cell<Option<*mut u8>>);

impl Drop for Pcr {
    fn drop(&mut self) {
        if let Some(region) = self.0.take() {
            context::current().pcr.set(std::ptr::null_mut());
            // SAFETY: driver code has left the thread.
            unsafe { pcr::release(region) };
        }
    }
}

thread_local! {
    static PCR: Pcr = const { Pcr(Cell::new(None)) };
}

unsafe extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, machine: *mut libc::c_void) {
    let context = context::current();
    // SAFETY: the kernel passes valid structures.
    unsafe {
        let machine = machine.cast::<libc::ucontext_t>();
        if super::cpuid::emulate(signal, &mut *machine) {
            return;
        }
        if context.thread.get().is_null() {
            return pass_on(signal, info, machine.cast());
        }
        if signal == libc::SIGTRAP && atomics::trapped((*machine).uc_mcontext.gregs[libc::REG_RIP as usize] as usize) {
            return;
        }
        let mut fault = Fault {
            signal,
            code: (*info).si_code,
            address: (*info).si_addr() as usize,
            error: (*machine).uc_mcontext.gregs[libc::REG_ERR as usize] as usize,
            registers: registers(&*machine),
            context: std::ptr::from_ref(context),
        };
        let stepped = signal == libc::SIGTRAP && emulate::finish_step(&mut fault, context);
        let outcome = if stepped { Emulated::Done } else { emulate::emulate(&mut fault, context) };
        let work = match outcome {
            Emulated::Done => {
                restore(&mut *machine, &fault.registers);
                (*machine).uc_mcontext.gregs[libc::REG_EFL as usize] &= !emulate::TRAP;
                return;
            }
            Emulated::Stepping => {
                restore(&mut *machine, &fault.registers);
                (*machine).uc_mcontext.gregs[libc::REG_EFL as usize] |= emulate::TRAP;
                return;
            }
            Emulated::Later(work) => Some(work),
            Emulated::No if !seh::is_sane(context, fault.registers.general[RSP]) => None,
            Emulated::No => exception(&fault, context),
        };
        if let Some(work) = work.filter(|_| seh::is_sane(context, fault.registers.general[RSP])) {
            return redirect(&mut *machine, &fault, work);
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

/// What is left to do on the driver's own stack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// A write to CR8; `next` is the instruction behind.
    SetIrql { irql: u8, next: usize },
    /// A read of the shared user page in a seeded machine: a switch point, then the read.
    ReadClock,
    /// The fault may be an exception that the driver handles.
    Exception {
        /// It came inside a routine, not in driver code.
        in_routine: bool,
    },
}

/// Whether the thread can go on in [`seh::begin`], and what for.
fn exception(fault: &Fault, context: &Context) -> Option<Work> {
    let images = &crate::Kernel::get().images;
    let in_driver = |rip| images.containing(rip).is_some_and(|image| !image.is_unloaded());
    let rsp = fault.registers.general[RSP];
    if in_driver(fault.registers.rip) && !fault.is_fetch() {
        return Some(Work::Exception { in_routine: false });
    }
    // SAFETY: a sane stack pointer is readable.
    if fault.is_fetch() && in_driver(unsafe { (rsp as *const usize).read() }) {
        return Some(Work::Exception { in_routine: false });
    }
    // SAFETY: rows are statics.
    let raises = unsafe { context.routine.get().as_ref() }.is_some_and(|row| row.raises);
    (raises && context.entry_rsp.get() > rsp && images.containing(fault.registers.rip).is_none())
        .then_some(Work::Exception { in_routine: true })
}

/// Sends the thread to [`seh::begin`] when the signal is over: on the stack that it had, below
/// what it had there.
unsafe fn redirect(machine: &mut libc::ucontext_t, fault: &Fault, work: Work) {
    /// Host code keeps 128 bytes below its stack pointer.
    const BELOW: usize = 256;
    const CLEARED: i64 = emulate::TRAP | 0x400 | 0x40000;
    let size = std::mem::size_of::<seh::Delivery>();
    let place = (fault.registers.general[RSP] - BELOW - size) & !63;
    // SAFETY: the caller has checked that the stack has room; the kernel's structure is valid.
    unsafe {
        let state = &*machine.uc_mcontext.fpregs;
        let mut saved = seh::CONTEXT::new(
            &fault.registers,
            &state._xmm.map(|register| {
                let [a, b, c, d] = register.element.map(u64::from);
                [a | b << 32, c | d << 32]
            }),
        );
        let gregs = &mut machine.uc_mcontext.gregs;
        saved.MxCsr = state.mxcsr;
        saved.EFlags = gregs[libc::REG_EFL as usize] as u32;
        (place as *mut seh::Delivery).write(seh::Delivery { machine: saved, fault: *fault, work });
        gregs[libc::REG_RIP as usize] = seh::begin as *const () as i64;
        gregs[libc::REG_RDI as usize] = place as i64;
        // As after a call.
        gregs[libc::REG_RSP as usize] = place as i64 - 8;
        gregs[libc::REG_EFL as usize] &= !CLEARED;
    }
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
    describe(fault, String::new())
}
