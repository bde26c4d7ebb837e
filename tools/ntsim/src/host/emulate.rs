//! What the headers of the kit inline and a process may not do: CR8, the shared user page.

use super::describe::Fault;
use super::fault::Work;
use crate::context::{Context, Step};
use crate::ke::shared_data;
use iced_x86::{
    Code, Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

/// The trap flag.
pub(super) const TRAP: i64 = 0x100;
const RAX: usize = 0;

/// What became of a fault.
pub(super) enum Emulated {
    /// It is one: nothing to emulate.
    No,
    /// The registers are those after the instruction.
    Done,
    /// The registers are set up for the instruction to run once, alone.
    Stepping,
    /// To be done on the driver's own stack.
    Later(Work),
}

/// Looks at a fault of driver code.
pub(super) fn emulate(fault: &mut Fault, context: &Context) -> Emulated {
    if fault.signal != libc::SIGSEGV {
        return Emulated::No;
    }
    let Some(instruction) = decode(fault.registers.rip) else {
        return Emulated::No;
    };
    if fault.is_protection() {
        cr8(&instruction, fault, context)
    } else if shared_data::contains(fault.address) && fault.kind_of_access() == 0 {
        // A loop that polls the clock makes no call: without this nobody else would ever run.
        if crate::sched::is_seeded() && !context.shared_read.replace(false) {
            return Emulated::Later(Work::ReadClock);
        }
        shared_page(&instruction, fault, context)
    } else {
        Emulated::No
    }
}

/// The instruction at an address of a driver's code.
fn decode(rip: usize) -> Option<Instruction> {
    let image = crate::Kernel::get().images.containing(rip).filter(|image| !image.is_unloaded())?;
    let section = image.section_at(rip)?;
    let left = image.base + section.rva as usize + section.size as usize - rip;
    // SAFETY: inside a section of a loaded image; code is readable.
    let bytes = unsafe { std::slice::from_raw_parts(rip as *const u8, left.min(15)) };
    let instruction = Decoder::with_ip(64, bytes, rip as u64, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then_some(instruction)
}

fn cr8(instruction: &Instruction, fault: &mut Fault, context: &Context) -> Emulated {
    let next = instruction.next_ip() as usize;
    match instruction.code() {
        Code::Mov_r64_cr if instruction.op1_register() == Register::CR8 => {
            fault.registers.general[instruction.op0_register().number()] = usize::from(context.irql.get());
            fault.registers.rip = next;
            Emulated::Done
        }
        Code::Mov_cr_r64 if instruction.op0_register() == Register::CR8 => {
            let value = fault.registers.general[instruction.op1_register().number()];
            match u8::try_from(value) {
                Ok(irql) if irql <= crate::types::HIGH_LEVEL => Emulated::Later(Work::SetIrql { irql, next }),
                // As on a processor: a general protection fault.
                _ => Emulated::No,
            }
        }
        _ => Emulated::No,
    }
}

/// The page cannot lie where Windows has it. The instruction runs once with its base register moved
/// to our copy; the trap behind it moves the register back.
fn shared_page(instruction: &Instruction, fault: &mut Fault, context: &Context) -> Emulated {
    let Some(page) = shared_data::fresh() else {
        return Emulated::No;
    };
    let (base, index) = (instruction.memory_base(), instruction.memory_index());
    let moved = if base.is_gpr64() {
        base
    } else if base == Register::None && index.is_gpr64() && instruction.memory_index_scale() == 1 {
        index
    } else if base == Register::None && index == Register::None {
        return absolute(instruction, fault, page);
    } else {
        return Emulated::No;
    };
    let register = moved.number();
    let before = fault.registers.general[register];
    let written = written_bits(instruction, moved);
    context.step.set(Some(Step { register: register as u8, before, written }));
    fault.registers.general[register] = before.wrapping_add(page).wrapping_sub(shared_data::ADDRESS);
    Emulated::Stepping
}

/// `mov al|ax|eax|rax, [64-bit address]`, the only form without a register.
fn absolute(instruction: &Instruction, fault: &mut Fault, page: usize) -> Emulated {
    if instruction.mnemonic() != Mnemonic::Mov || instruction.op1_kind() != OpKind::Memory {
        return Emulated::No;
    }
    let offset = fault.address - shared_data::ADDRESS;
    let size = instruction.memory_size().size();
    if instruction.op0_register().full_register() != Register::RAX || offset + size > shared_data::SIZE {
        return Emulated::No;
    }
    // SAFETY: inside our copy of the page.
    let value = unsafe {
        let from = (page + offset) as *const u8;
        match size {
            1 => usize::from(from.read()),
            2 => usize::from(from.cast::<u16>().read_unaligned()),
            4 => from.cast::<u32>().read_unaligned() as usize,
            _ => from.cast::<usize>().read_unaligned(),
        }
    };
    let keep = match size {
        1 => !0xff,
        2 => !0xffff,
        // A 32-bit result clears the upper half.
        _ => 0,
    };
    fault.registers.general[RAX] = fault.registers.general[RAX] & keep | value;
    fault.registers.rip = instruction.next_ip() as usize;
    Emulated::Done
}

/// The bits of `register` that hold the instruction's result afterwards.
fn written_bits(instruction: &Instruction, register: Register) -> usize {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    let writes = |access| {
        matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
    };
    let used = info.used_registers().iter().filter(|used| used.register().full_register() == register);
    used.filter(|used| writes(used.access())).fold(0, |bits, used| {
        bits | match used.register() {
            Register::AH | Register::BH | Register::CH | Register::DH => 0xff00,
            narrow if narrow.size() == 1 => 0xff,
            narrow if narrow.size() == 2 => 0xffff,
            _ => usize::MAX,
        }
    })
}

/// The trap behind a stepped instruction: true if this was one.
pub(super) fn finish_step(fault: &mut Fault, context: &Context) -> bool {
    let Some(step) = context.step.take() else {
        return false;
    };
    let value = &mut fault.registers.general[usize::from(step.register)];
    *value = *value & step.written | step.before & !step.written;
    true
}
