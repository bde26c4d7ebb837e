//! Puts a processor fault into words.

use crate::bugcheck::{Code, Violation, codes, raise_fault};
use crate::context::Context;
use crate::ex::pool;
use crate::kernel::Kernel;
use crate::symbols::{Registers, describe as name};
use crate::types::DISPATCH_LEVEL;

/// A fault as the handler saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) signal: i32,
    pub(crate) code: i32,
    pub(crate) address: usize,
    pub(crate) error: usize,
    pub(crate) registers: Registers,
    pub(crate) context: *const Context,
}

impl Fault {
    /// The processor was sent to an address that is no code.
    pub(crate) fn is_fetch(&self) -> bool {
        self.signal == libc::SIGSEGV && self.error & FETCH != 0
    }

    /// General protection: no address.
    pub(crate) fn is_protection(&self) -> bool {
        self.signal == libc::SIGSEGV && self.code == SI_KERNEL
    }

    /// As Windows counts: 0 read, 1 write, 8 execute.
    pub(crate) fn kind_of_access(&self) -> u64 {
        match self.error {
            error if error & FETCH != 0 => 8,
            error if error & WRITE != 0 => 1,
            _ => 0,
        }
    }

    /// The first bytes of the instruction; zeroes outside drivers.
    pub(crate) fn code_bytes(&self) -> [u8; 2] {
        let rip = self.registers.rip;
        if Kernel::get().images.containing(rip).is_some() {
            // SAFETY: the instruction was just fetched; two bytes of it are readable.
            unsafe { (rip as *const [u8; 2]).read() }
        } else {
            [0; 2]
        }
    }
}

/// Whether an instruction that begins so is for the kernel's privilege.
pub(crate) fn is_privileged(code: [u8; 2]) -> bool {
    matches!(code, [0xfa | 0xfb | 0xf4, _] | [0x0f, 0x20..=0x23 | 0x30 | 0x32] | [0x40..=0x4f, 0x0f])
}

const WRITE: usize = 2;
const FETCH: usize = 16;
/// si_code of faults without an address: general protection.
const SI_KERNEL: i32 = 128;
const RSP: usize = 4;
const RCX: usize = 1;

/// Raises the violation that the fault stands for; `note` is added unless it is empty.
pub(crate) fn describe(fault: &Fault, note: String) -> ! {
    // SAFETY: the faulting thread waits in its handler; its context stays.
    let context = unsafe { &*fault.context };
    let rip = fault.registers.rip;
    let images = &Kernel::get().images;
    let noted = |violation: Violation| if note.is_empty() { violation } else { violation.note(&note) };
    if fault.is_fetch() {
        let (violation, at) = bad_call(fault, context);
        raise_fault(noted(violation), context, at);
    }
    if let Some(image) = images.containing(rip) {
        // The routine entered last has returned: the driver's own code faulted.
        context.routine.set(std::ptr::null());
        let violation = instruction(fault, context, &format!("the instruction at {}", name(rip)));
        raise_fault(noted(violation).guilty(image.base), context, Some(fault.registers));
    }
    if context.entry_rsp.get() != 0 {
        // SAFETY: rows are statics.
        let routine = unsafe { context.routine.get().as_ref() }.map_or("a kernel routine", |row| row.name);
        let violation = instruction(fault, context, &format!("{routine}, working for the driver,"));
        raise_fault(noted(violation), context, None);
    }
    let violation = Violation::new(&codes::NTSIM_FAULT)
        .params([fault.address as u64, rip as u64, fault.signal as u64, 0])
        .text(format!(
            "ntsim itself faulted (signal {}) at {rip:#x}, address {:#x}; please report this",
            fault.signal, fault.address
        ));
    raise_fault(violation, context, None)
}

/// The processor was sent to an address that is no code; the caller's frame is on the stack.
fn bad_call(fault: &Fault, context: &Context) -> (Violation, Option<Registers>) {
    let target = fault.registers.rip;
    let mut registers = fault.registers;
    // SAFETY: a call has just pushed the return address; if the stack is bad the handler's time
    // limit ends the process.
    registers.rip = unsafe { (registers.general[RSP] as *const usize).read() };
    registers.general[RSP] += 8;
    context.routine.set(std::ptr::null());
    let images = &Kernel::get().images;
    let (code, what) = match images.containing(target) {
        Some(image) if image.is_unloaded() => {
            (&codes::UNLOADED_DRIVER, format!("code of {}, which has been unloaded", image.name))
        }
        Some(image) => {
            let section = image.section_at(target).map_or("no section", |section| section.name.as_str());
            (&codes::BAD_INSTRUCTION, format!("{target:#x} in {section} of {}, which is not executable", image.name))
        }
        None if target < 0x10000 => (&codes::NULL_CALL, format!("{target:#x}: a call through a null function pointer")),
        None => (&codes::NULL_CALL, format!("{target:#x}, where there is no code")),
    };
    let from = name(registers.rip);
    let violation = Violation::new(code)
        .params([0xC000_0005, target as u64, registers.rip as u64, 0])
        .text(format!("the driver called {what} (the call returns to {from})"));
    let at = images.containing(registers.rip).is_some().then_some(registers);
    (violation, at)
}

fn instruction(fault: &Fault, context: &Context, who: &str) -> Violation {
    let rip = fault.registers.rip;
    let irql = context.irql.get();
    match fault.signal {
        libc::SIGFPE => plain(
            &codes::DIVISION_FAULT,
            [0xC000_0094, rip as u64, 0, 0],
            format!("{who} divided by zero, or the quotient does not fit"),
        ),
        libc::SIGTRAP => plain(
            &codes::BREAKPOINT,
            [0x8000_0003, rip as u64, 0, 0],
            format!("{who} is a breakpoint (int 3), and no debugger is there"),
        ),
        libc::SIGILL => plain(
            &codes::BAD_INSTRUCTION,
            [0xC000_001D, rip as u64, 0, 0],
            format!("{who} does not exist (illegal instruction, such as ud2)"),
        ),
        _ if fault.is_protection() => protection(fault, who),
        _ => access(fault, context, irql, who),
    }
}

fn plain(code: &'static Code, params: [u64; 4], text: String) -> Violation {
    Violation::new(code).params(params).text(text)
}

/// General protection: software interrupts, privileged instructions, non-canonical addresses.
fn protection(fault: &Fault, who: &str) -> Violation {
    let rip = fault.registers.rip;
    let code = fault.code_bytes();
    let parameter = fault.registers.general[RCX] as u32;
    match code {
        [0xcd, 0x29] => plain(
            &codes::FAST_FAIL,
            [u64::from(parameter), 0, 0, 0],
            format!("{who} requested a fast fail (int 0x29) with code {parameter} ({})", fast_fail_name(parameter)),
        ),
        [0xcd, 0x2c] => plain(
            &codes::ASSERTION_FAILURE,
            [0xC000_0420, rip as u64, 0, 0],
            format!("{who} reports a failed assertion (int 0x2c)"),
        ),
        _ if is_privileged(code) => plain(
            &codes::BAD_INSTRUCTION,
            [0xC000_0096, rip as u64, 0, 0],
            format!("{who} is privileged (bytes {:02x} {:02x}); ntsim does not run it", code[0], code[1]),
        ),
        _ => plain(
            &codes::PAGE_FAULT,
            [u64::MAX, 0, rip as u64, 0],
            format!(
                "{who} used an address that is not canonical (such as a poisoned pointer) or is misaligned for an SSE access"
            ),
        ),
    }
}

fn access(fault: &Fault, context: &Context, irql: u8, who: &str) -> Violation {
    let address = fault.address;
    let verb = if fault.error & WRITE != 0 { "wrote to" } else { "read from" };
    let params = [address as u64, u64::from(irql), u64::from(fault.error & WRITE != 0), fault.registers.rip as u64];
    let low = context.stack_low.get();
    if low != 0 && address.wrapping_sub(low - 0x10000) < 0x11000 {
        return plain(
            &codes::STACK_OVERFLOW,
            [8, address as u64, 0, 0],
            format!("{who} ran off the stack at {address:#x}"),
        );
    }
    if let Some(image) = Kernel::get().images.containing(address) {
        let code = if image.is_unloaded() { &codes::UNLOADED_DRIVER } else { page_fault(irql) };
        let what = if image.is_unloaded() {
            "which has been unloaded".to_owned()
        } else {
            image.section_at(address).map_or_else(
                || "outside its sections".to_owned(),
                |section| format!("section {} ({:?})", section.name, section.protection),
            )
        };
        return plain(code, params, format!("{who} {verb} {address:#x} in {}, {what}", image.name));
    }
    let mut violation = plain(page_fault(irql), params, format!("{who} {verb} {address:#x}, {}", place(address)));
    if let Some((text, _)) = crate::io::memory::explain(address) {
        violation = violation.note(text);
    }
    if let Some(explained) = pool::explain(address) {
        violation = violation.note(explained.text);
        if let Some(freed) = explained.freed {
            violation = violation.related("freed at", freed);
        }
        violation = violation.related("allocated at", explained.allocated);
    }
    violation
}

fn page_fault(irql: u8) -> &'static Code {
    if irql >= DISPATCH_LEVEL { &codes::PAGE_FAULT_AT_RAISED_IRQL } else { &codes::PAGE_FAULT }
}

fn place(address: usize) -> &'static str {
    match address {
        0..0x10000 => "near the null pointer",
        _ if crate::ke::shared_data::contains(address) => {
            "the shared user page (KUSER_SHARED_DATA), which drivers read with plain instructions and never write"
        }
        _ if address >> 47 != 0 => "which lies in kernel space and is mapped to nothing in ntsim",
        _ => "which is not mapped, or not with these rights",
    }
}

fn fast_fail_name(code: u32) -> &'static str {
    match code {
        2 => "stack cookie check failed",
        3 => "corrupt list entry",
        5 => "invalid argument",
        7 => "fatal application exit",
        10 => "control flow guard check failed",
        _ => "see the FAST_FAIL codes",
    }
}
