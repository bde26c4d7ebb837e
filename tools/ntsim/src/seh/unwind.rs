//! Second pass: leave the frames below the one that took the exception.

use super::layout::{CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_RECORD, TARGET_UNWIND, UNWINDING, disposition};
use super::search::Language;
use super::state::{AtEntry, Here, Outer, Walk, called_through};
use crate::bugcheck::codes;
use crate::context::{self, CallSite, call_handler};
use crate::symbols::unwind::TERMINATION;

crate::routines! { "ntoskrnl.exe";
    raising _local_unwind(frame: usize, target: usize) = local_unwind: PASSIVE..=HIGH;
    raising RtlUnwind(frame: usize, target: usize, record: *mut EXCEPTION_RECORD, value: u64) = unwind_by_driver: PASSIVE..=HIGH;
}

/// `STATUS_UNWIND`
const STATUS_UNWIND: u32 = 0xC000_0027;

/// Leaves all frames from `machine` up to `frame`, running their termination handlers, and goes on
/// at `target` in that frame with `value` in rax.
///
/// # Safety
/// As for [`super::search::search`]; `frame` and `target` are a handler's own.
pub(super) unsafe fn unwind(
    machine: *const CONTEXT,
    frame: usize,
    target: usize,
    record: *mut EXCEPTION_RECORD,
    value: u64,
) -> ! {
    let context = context::current();
    // SAFETY: by contract.
    let mut at = unsafe { *machine };
    // SAFETY: by contract.
    unsafe { (*record).ExceptionFlags |= UNWINDING };
    let mut transition = called_through(context.transition.get(), at.rsp());
    let mut scope = 0;
    for _ in 0..100_000 {
        let Some(here) = Here::look(context, &at) else {
            let Some(outer) = Outer::of(transition) else { break };
            (at, scope, transition) = (outer.machine, outer.scope, outer.transition);
            if outer.is_handler {
                // SAFETY: by contract.
                unsafe { (*record).ExceptionFlags |= super::layout::COLLIDED_UNWIND };
            }
            continue;
        };
        let is_target = here.frame.establisher == frame;
        let handler = here.frame.handler.filter(|handler| handler.kinds & TERMINATION != 0);
        if let (Some(handler), Some(function)) = (handler, here.frame.function) {
            if is_target {
                // SAFETY: by contract.
                unsafe { (*record).ExceptionFlags |= TARGET_UNWIND };
            }
            let mut state = at;
            let mut dispatcher = DISPATCHER_CONTEXT {
                ControlPc: at.Rip,
                ImageBase: here.image.base as u64,
                FunctionEntry: &raw const function,
                EstablisherFrame: here.frame.establisher as u64,
                TargetIp: target as u64,
                ContextRecord: &raw mut state,
                LanguageHandler: handler.routine as u64,
                HandlerData: handler.data as u64,
                HistoryTable: 0,
                ScopeIndex: scope,
                Fill0: 0,
            };
            let dispatcher = &raw mut dispatcher;
            let walk = Walk::Unwind { frame: dispatcher };
            let site = CallSite::new("termination handler", handler.routine);
            let answer = call_handler(site, &raw const walk, || {
                // SAFETY: the image's own handler with arguments as Windows passes them.
                unsafe {
                    let language: Language = std::mem::transmute(handler.routine);
                    language(record, here.frame.establisher as u64, &raw mut state, dispatcher)
                }
            });
            if answer != disposition::CONTINUE_SEARCH {
                bugcheck!(
                    codes::BAD_UNWIND,
                    [answer as u64, handler.routine as u64, 0, 0],
                    "a language handler answered {answer} while the stack was unwound"
                );
            }
        }
        if is_target {
            at.General[0] = value;
            at.Rip = target as u64;
            // SAFETY: the state of the frame that goes on, at the place that its handler named.
            unsafe { resume(&raw const at) }
        }
        at = here.next;
        scope = 0;
    }
    bugcheck!(
        codes::BAD_UNWIND,
        [frame as u64, target as u64, 0, 0],
        "the stack was to be unwound to the frame {frame:#x}, which is not on it"
    )
}

/// Goes on in driver code with this state; whatever ntsim did below is over.
///
/// # Safety
/// `machine` must be a state of driver code on this thread's stack, above the running frame.
pub(crate) unsafe fn resume(machine: *const CONTEXT) -> ! {
    let context = context::current();
    // SAFETY: by contract.
    let transition = called_through(context.transition.get(), unsafe { (*machine).rsp() });
    context.transition.set(transition);
    context.routine.set(std::ptr::null());
    context.entry_rsp.set(0);
    context.stopped.set(std::ptr::null());
    // SAFETY: by contract.
    unsafe { load(machine) }
}

/// Loads all registers. The last three pass over the stack, below the new stack pointer: driver
/// code keeps nothing there.
#[unsafe(naked)]
unsafe extern "sysv64" fn load(machine: *const CONTEXT) -> ! {
    std::arch::naked_asm!(
        "mov rcx, rdi",
        "ldmxcsr dword ptr [rcx + 0x34]",
        "movaps xmm0, xmmword ptr [rcx + 0x1a0]",
        "movaps xmm1, xmmword ptr [rcx + 0x1b0]",
        "movaps xmm2, xmmword ptr [rcx + 0x1c0]",
        "movaps xmm3, xmmword ptr [rcx + 0x1d0]",
        "movaps xmm4, xmmword ptr [rcx + 0x1e0]",
        "movaps xmm5, xmmword ptr [rcx + 0x1f0]",
        "movaps xmm6, xmmword ptr [rcx + 0x200]",
        "movaps xmm7, xmmword ptr [rcx + 0x210]",
        "movaps xmm8, xmmword ptr [rcx + 0x220]",
        "movaps xmm9, xmmword ptr [rcx + 0x230]",
        "movaps xmm10, xmmword ptr [rcx + 0x240]",
        "movaps xmm11, xmmword ptr [rcx + 0x250]",
        "movaps xmm12, xmmword ptr [rcx + 0x260]",
        "movaps xmm13, xmmword ptr [rcx + 0x270]",
        "movaps xmm14, xmmword ptr [rcx + 0x280]",
        "movaps xmm15, xmmword ptr [rcx + 0x290]",
        "mov rax, qword ptr [rcx + 0x98]",
        "mov rdx, qword ptr [rcx + 0xf8]",
        "mov qword ptr [rax - 8], rdx",
        "mov edx, dword ptr [rcx + 0x44]",
        "mov qword ptr [rax - 16], rdx",
        "mov rdx, qword ptr [rcx + 0x80]",
        "mov qword ptr [rax - 24], rdx",
        "lea rsp, [rax - 24]",
        "mov rax, qword ptr [rcx + 0x78]",
        "mov rdx, qword ptr [rcx + 0x88]",
        "mov rbx, qword ptr [rcx + 0x90]",
        "mov rbp, qword ptr [rcx + 0xa0]",
        "mov rsi, qword ptr [rcx + 0xa8]",
        "mov rdi, qword ptr [rcx + 0xb0]",
        "mov r8, qword ptr [rcx + 0xb8]",
        "mov r9, qword ptr [rcx + 0xc0]",
        "mov r10, qword ptr [rcx + 0xc8]",
        "mov r11, qword ptr [rcx + 0xd0]",
        "mov r12, qword ptr [rcx + 0xd8]",
        "mov r13, qword ptr [rcx + 0xe0]",
        "mov r14, qword ptr [rcx + 0xe8]",
        "mov r15, qword ptr [rcx + 0xf0]",
        "pop rcx",
        "popfq",
        "ret",
    )
}

/// What compilers call when control leaves a `__try` with a `__finally` by a jump.
unsafe fn local_unwind(frame: usize, target: usize) {
    // SAFETY: as given.
    unsafe { unwind_by_driver(frame, target, std::ptr::null_mut(), 0) };
}

unsafe fn unwind_by_driver(frame: usize, target: usize, record: *mut EXCEPTION_RECORD, value: u64) {
    let context = context::current();
    let Some(machine) = AtEntry::of(context) else { return };
    let mut own = EXCEPTION_RECORD::new(STATUS_UNWIND, 0, machine.Rip);
    let record = if record.is_null() { &raw mut own } else { record };
    // SAFETY: the caller's frame; what is above it is the driver's business.
    unsafe { unwind(&raw const machine, frame, target, record, value) }
}
