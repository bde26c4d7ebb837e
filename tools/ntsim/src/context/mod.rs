//! What ntsim knows about the thread that runs: IRQL, processor, held locks, how it got here.
//!
//! The context lies in static thread-local storage at a fixed distance from `fs`, so that the
//! entry of each routine can store the driver's stack pointer in two instructions and a signal
//! handler can read everything without taking a lock.
//!
//! ```text
//!   host thread   Kernel::enter ---> [context with a KTHREAD]
//!                    call_driver ---> driver ---> routine (entry stored) ---> call_driver ---> driver
//!                        Transition <---------------------------------------------- Transition
//! ```
//! A stack is walked from the last entry by the image's unwind data; when the walk leaves driver
//! code, the innermost `Transition` tells where the driver code below it had called us.

mod driver_call;
mod lifetime;

pub(crate) use driver_call::call_handler;
pub use driver_call::{CallSite, Transition, call_driver};
pub(crate) use lifetime::attach as attach_thread;
pub use lifetime::{enter, is_entered};

use crate::ke::thread::Thread;
use crate::symbols::Registers;
use crate::table::Row;
use crate::trace::Recorder;
use crate::types::{KIRQL, KSPIN_LOCK};
use std::cell::Cell;

/// How many spin locks one thread may hold at a time.
pub const MAX_HELD_LOCKS: usize = 24;
/// "No processor" in [`Context::cpu`].
pub const NO_CPU: u32 = u32::MAX;

std::arch::global_asm!(
    ".section .tbss.ntsim_thread_context,\"awT\",@nobits",
    ".balign 64",
    ".globl ntsim_thread_context",
    ".hidden ntsim_thread_context",
    ".type ntsim_thread_context, @object",
    ".size ntsim_thread_context, 1024",
    "ntsim_thread_context:",
    ".zero 1024",
    ".text",
);

/// How a lock was taken; release has to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LockKind {
    /// `KeAcquireSpinLockRaiseToDpc` and the AtDpcLevel forms.
    Spin,
    /// In-stack queued.
    Queued,
    /// `EX_SPIN_LOCK` exclusive.
    Exclusive,
    /// `EX_SPIN_LOCK` shared.
    Shared,
}

/// A lock held by this thread.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The lock word's address.
    pub lock: *mut KSPIN_LOCK,
    /// Where it was taken: return address in the driver, 0 if by ntsim itself.
    pub taken_at: usize,
    /// How.
    pub kind: LockKind,
}

/// A register that was changed for one instruction.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its number.
    pub register: u8,
    /// Its value before.
    pub before: usize,
    /// The bits that the instruction itself writes.
    pub written: usize,
}

/// The state of one thread. All zero until the thread enters the kernel.
#[repr(C)]
#[derive(Debug)]
pub struct Context {
    /// Stack pointer at the last entry into a routine: `[entry_rsp]` is the return address.
    pub entry_rsp: Cell<usize>,
    /// `rbp` at that time, for functions with a frame pointer.
    pub entry_rbp: Cell<usize>,
    /// The routine entered last; null while driver code has not called anything yet.
    pub routine: Cell<*const Row>,
    /// The innermost call into driver code.
    pub transition: Cell<*const driver_call::Transition>,
    /// The thread object; null outside the kernel.
    pub thread: Cell<*const Thread>,
    /// Current IRQL.
    pub irql: Cell<KIRQL>,
    /// Whether a DPC runs on this thread.
    pub in_dpc: Cell<bool>,
    /// The virtual processor that this thread occupies (IRQL >= DISPATCH), or [`NO_CPU`].
    pub cpu: Cell<u32>,
    /// The processor it ran on last.
    pub last_cpu: Cell<u32>,
    /// Depth of critical regions.
    pub critical: Cell<u32>,
    /// Depth of guarded regions.
    pub guarded: Cell<u32>,
    /// Number of valid elements in `held`.
    pub held_count: Cell<u32>,
    /// Reserved.
    pub spare: Cell<u32>,
    /// The lowest address of its stack.
    pub stack_low: Cell<usize>,
    /// The end of its stack.
    pub stack_high: Cell<usize>,
    /// The registers of driver code that stopped at an instruction, while ntsim works for that
    /// instruction (an exception, a write to CR8); null when a routine was called.
    pub stopped: Cell<*const Registers>,
    /// The thread's KPCR.
    pub pcr: Cell<*mut u8>,
    /// A seeded machine has had its switch point for the read of the shared user page that comes.
    pub shared_read: Cell<bool>,
    /// Where the thread's events go, once it has recorded one.
    pub recorder: Cell<Option<&'static Recorder>>,
    /// A single step in progress: the register that was changed for it.
    pub step: Cell<Option<Step>>,
    /// Spin locks held, oldest first.
    pub held: [Cell<Held>; MAX_HELD_LOCKS],
}

const _: () = assert!(std::mem::size_of::<Context>() <= 1024);
const _: () = assert!(std::mem::offset_of!(Context, entry_rbp) == 8);

/// The context of the running thread. Costs two instructions.
#[inline(always)]
pub fn current() -> &'static Context {
    let address: *const Context;
    // SAFETY: reads the thread pointer and a link-time constant. The block above is zeroed for
    // each thread, large enough, and lives as long as the thread.
    unsafe {
        std::arch::asm!(
            "mov {0}, qword ptr fs:[0]",
            "add {0}, qword ptr [rip + ntsim_thread_context@GOTTPOFF]",
            out(reg) address,
            options(pure, nomem, nostack)
        );
        &*address
    }
}

impl Context {
    /// Where driver code called the current routine: the return address, or 0.
    #[inline(always)]
    pub fn caller(&self) -> usize {
        // SAFETY: what a stopped thread points at lives while it is stopped.
        if let Some(stopped) = unsafe { self.stopped.get().as_ref() } {
            return stopped.rip;
        }
        let rsp = self.entry_rsp.get() as *const usize;
        if rsp.is_null() {
            return 0;
        }
        // SAFETY: a non-null entry_rsp was stored by the entry of a routine that has not returned
        // (call_driver restores the outer one), so the stack slot holds its return address.
        unsafe { rsp.read() }
    }

    /// Whether a driver's function of a kind is on the stack: one whose [`CallSite::what`] begins so.
    pub fn is_inside(&self, kind: &str) -> bool {
        let mut at = self.transition.get();
        // SAFETY: transitions are on this thread's stack, the outer ones above; calls that have returned took theirs out.
        while let Some(transition) = unsafe { at.as_ref() } {
            if transition.site.what.starts_with(kind) {
                return true;
            }
            at = transition.outer;
        }
        false
    }

    /// The locks held, oldest first.
    pub fn held_locks(&self) -> impl DoubleEndedIterator<Item = Held> + '_ {
        self.held.iter().take(self.held_count.get() as usize).map(Cell::get)
    }
}

/// The current IRQL.
#[inline(always)]
pub fn irql() -> KIRQL {
    current().irql.get()
}
