//! Walks driver frames by the x64 unwind data of their image (`.pdata`, `.xdata`).

use crate::loader::Image;

/// What a walk needs to know of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    /// The instruction, or the return address into this frame.
    pub rip: usize,
    /// By number: rax rcx rdx rbx rsp rbp rsi rdi r8..r15.
    pub general: [usize; 16],
}

const RSP: usize = 4;
const RBP: usize = 5;

/// The frame that called a routine.
pub(super) fn at_entry(rsp: usize, rbp: usize) -> Option<Registers> {
    if rsp == 0 {
        return None;
    }
    let mut general = [0; 16];
    general[RSP] = rsp + 8;
    general[RBP] = rbp;
    Some(Registers { rip: read(rsp)?, general })
}

/// The caller's frame.
pub(super) fn step(image: &Image, mut registers: Registers) -> Option<Registers> {
    let rva = registers.rip.checked_sub(image.base)? as u32;
    if let Some(function) = image.function_at(rva) {
        unwind_function(image, rva, function, &mut registers)?;
    }
    let rsp = registers.general[RSP];
    registers.rip = read(rsp)?;
    registers.general[RSP] = rsp + 8;
    Some(registers)
}

/// Undoes the prologue. A leaf function without unwind data needs nothing of it.
fn unwind_function(image: &Image, rva: u32, mut function: [u32; 3], registers: &mut Registers) -> Option<()> {
    let mut first = true;
    // Chained infos are at most a few deep; the bound stops a corrupt chain.
    for _ in 0..32 {
        let info = image.base + function[2] as usize;
        let head = read(info)?;
        let flags = (head >> 3) as u8 & 0x1f;
        let count = (head >> 16) as u8 as usize;
        let frame_register = (head >> 24) as u8 & 0x0f;
        let frame_offset = ((head >> 28) as u8 & 0x0f) as usize * 16;
        let offset_in_function = rva.wrapping_sub(function[0]);
        let mut index = 0;
        while index < count {
            let slot = read_u16(info + 4 + index * 2)?;
            let (at, operation, operand) = (slot as u8, (slot >> 8) as u8 & 0x0f, (slot >> 12) as usize);
            let done = !first || u32::from(at) <= offset_in_function;
            index += match operation {
                1 if operand == 0 => 2,
                1 => 3,
                4 | 8 => 2,
                5 | 9 => 3,
                _ => 1,
            };
            if !done {
                continue;
            }
            let next = |distance: usize| read_u16(info + 4 + (index - distance) * 2);
            let rsp = registers.general[RSP];
            match operation {
                0 => {
                    registers.general[operand] = read(rsp)?;
                    registers.general[RSP] = rsp + 8;
                }
                1 if operand == 0 => registers.general[RSP] = rsp + usize::from(next(1)?) * 8,
                1 => registers.general[RSP] = rsp + (usize::from(next(2)?) | usize::from(next(1)?) << 16),
                2 => registers.general[RSP] = rsp + operand * 8 + 8,
                3 => registers.general[RSP] = registers.general[usize::from(frame_register)].wrapping_sub(frame_offset),
                4 => registers.general[operand] = read(rsp + usize::from(next(1)?) * 8)?,
                5 => registers.general[operand] = read(rsp + (usize::from(next(2)?) | usize::from(next(1)?) << 16))?,
                10 => registers.general[RSP] = rsp + if operand == 1 { 8 } else { 0 },
                _ => {}
            }
        }
        if flags & 4 == 0 {
            return Some(());
        }
        let chained = info + 4 + (count + (count & 1)) * 2;
        function = [read(chained)? as u32, (read(chained)? >> 32) as u32, read(chained + 8)? as u32];
        first = false;
    }
    None
}

fn read(address: usize) -> Option<usize> {
    if !(0x10000..0x7fff_ffff_f000).contains(&address) {
        return None;
    }
    // SAFETY: stack slots and image data of a running thread; addresses that cannot be either are
    // refused above. A corrupt stack faults, and the fault reporter then prints what it has.
    Some(unsafe { (address as *const usize).read_unaligned() })
}

fn read_u16(address: usize) -> Option<u16> {
    // SAFETY: unwind data inside an image whose size the loader has checked.
    Some(unsafe { (address as *const u16).read_unaligned() })
}
