//! From a fault of the host to an exception.

use super::layout::{CONTEXT, EXCEPTION_RECORD};
use super::search::search;
use super::state::{AtEntry, is_stack};
use super::unwind::resume;
use crate::context::{self, Context};
use crate::host::{Fault, Work};
use crate::types::{DISPATCH_LEVEL, KIRQL};
use crate::{ex, io, ke};

/// What the signal handler leaves on the stack of the driver code that it interrupted.
#[repr(C, align(16))]
pub(crate) struct Delivery {
    pub(crate) machine: CONTEXT,
    pub(crate) fault: Fault,
    pub(crate) work: Work,
}

/// What a handler and its callees may need below a delivery.
const ROOM: usize = 48 << 10;

/// Whether a stack has room to work on it.
pub(crate) fn is_sane(context: &Context, rsp: usize) -> bool {
    rsp & 7 == 0 && is_stack(context, rsp) && is_stack(context, rsp.wrapping_sub(ROOM))
}

/// Where the signal handler sends the thread: the driver's stack, no signal pending.
///
/// # Safety
/// `delivery` lies on the running stack, just below what it describes.
pub(crate) unsafe extern "sysv64" fn begin(delivery: *mut Delivery) -> ! {
    let context = context::current();
    // SAFETY: by contract; nobody else knows it.
    let delivery = unsafe { &mut *delivery };
    let registers = delivery.machine.registers();
    match delivery.work {
        Work::SetIrql { irql, next } => {
            stop(context, &raw const registers);
            set_irql(irql);
            delivery.machine.Rip = next as u64;
            // SAFETY: the interrupted state, behind the instruction.
            unsafe { resume(&raw const delivery.machine) }
        }
        Work::ReadClock => {
            stop(context, &raw const registers);
            ke::shared_data::switch_point();
            context.shared_read.set(true);
            // SAFETY: the interrupted state; the instruction faults again, and is carried out.
            unsafe { resume(&raw const delivery.machine) }
        }
        Work::Exception { in_routine: false } => stop(context, &raw const registers),
        Work::Exception { in_routine: true } => {}
    }
    let note = raise(context, &delivery.fault, delivery.machine);
    context.stopped.set(std::ptr::null());
    crate::host::describe(&delivery.fault, note)
}

/// The thread has stopped in driver code: the routine entered last has returned.
fn stop(context: &Context, registers: *const crate::symbols::Registers) {
    context.routine.set(std::ptr::null());
    context.entry_rsp.set(0);
    context.stopped.set(registers);
}

/// `mov cr8, reg`.
fn set_irql(new: KIRQL) {
    if new >= context::irql() {
        ke::irql::raise(new);
    } else {
        ke::irql::lower(new);
    }
}

/// Comes back only when nobody takes the exception; says what there is to say about that.
fn raise(context: &Context, fault: &Fault, interrupted: CONTEXT) -> String {
    let Some(mut record) = record_of(fault, context) else {
        return String::new();
    };
    let mut machine = match AtEntry::of(context) {
        Some(caller) => caller,
        None => interrupted,
    };
    if fault.is_fetch() {
        // A call to nowhere: the exception is the caller's.
        // SAFETY: the call has just pushed its return address on a stack that was checked.
        machine.Rip = unsafe { (machine.rsp() as *const u64).read() };
        machine.General[4] += 8;
    }
    if record.ExceptionCode == status::BREAKPOINT {
        machine.Rip = record.ExceptionAddress;
    }
    // SAFETY: the interrupted state or the caller's, above this frame.
    unsafe { search(&raw mut record, &raw mut machine) }.note()
}

mod status {
    pub(super) const BREAKPOINT: u32 = 0x8000_0003;
    pub(super) const ACCESS_VIOLATION: u32 = 0xC000_0005;
    pub(super) const ILLEGAL_INSTRUCTION: u32 = 0xC000_001D;
    pub(super) const FLOAT_DIVIDE_BY_ZERO: u32 = 0xC000_008E;
    pub(super) const INTEGER_DIVIDE_BY_ZERO: u32 = 0xC000_0094;
    pub(super) const INTEGER_OVERFLOW: u32 = 0xC000_0095;
    pub(super) const PRIVILEGED_INSTRUCTION: u32 = 0xC000_0096;
    pub(super) const FLOAT_MULTIPLE_TRAPS: u32 = 0xC000_02B5;
    pub(super) const ASSERTION_FAILURE: u32 = 0xC000_0420;
}

/// The exception that Windows makes of the fault; `None` if it bugchecks at once.
fn record_of(fault: &Fault, context: &Context) -> Option<EXCEPTION_RECORD> {
    let rip = fault.registers.rip as u64;
    let plain = |code| Some(EXCEPTION_RECORD::new(code, 0, rip));
    match fault.signal {
        libc::SIGFPE => plain(match fault.code {
            1 => status::INTEGER_DIVIDE_BY_ZERO,
            2 => status::INTEGER_OVERFLOW,
            3 => status::FLOAT_DIVIDE_BY_ZERO,
            _ => status::FLOAT_MULTIPLE_TRAPS,
        }),
        libc::SIGTRAP => {
            let mut record = EXCEPTION_RECORD::new(status::BREAKPOINT, 0, rip - 1);
            record.NumberParameters = 1;
            Some(record)
        }
        libc::SIGILL => plain(status::ILLEGAL_INSTRUCTION),
        _ if fault.is_protection() => match fault.code_bytes() {
            [0xcd, 0x29] => None,
            [0xcd, 0x2c] => plain(status::ASSERTION_FAILURE),
            bytes if crate::host::is_privileged(bytes) => plain(status::PRIVILEGED_INSTRUCTION),
            _ => Some(access_violation(rip, 0, u64::MAX)),
        },
        _ if is_fatal(fault, context) => None,
        _ => Some(access_violation(rip, fault.kind_of_access(), fault.address as u64)),
    }
}

fn access_violation(rip: u64, kind: u64, address: u64) -> EXCEPTION_RECORD {
    let mut record = EXCEPTION_RECORD::new(status::ACCESS_VIOLATION, 0, rip);
    record.NumberParameters = 2;
    record.ExceptionInformation[..2].copy_from_slice(&[kind, address]);
    record
}

/// A page fault that no handler is asked about: at raised IRQL, or on the kernel's own memory.
/// Only what would be a user's address on Windows can be caught.
fn is_fatal(fault: &Fault, context: &Context) -> bool {
    let address = fault.address;
    context.irql.get() >= DISPATCH_LEVEL
        || address >> 47 != 0
        || is_stack(context, address)
        || crate::Kernel::get().images.containing(address).is_some()
        || ex::pool::explain(address).is_some()
        || io::memory::explain(address).is_some_and(|(_, is_kernel)| is_kernel)
}
