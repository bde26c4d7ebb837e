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

/// The sixteen vector registers, 128 bits each.
pub type Vectors = [[u64; 2]; 16];

/// What the unwind data says about a frame that was left.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// The function's row of `.pdata`; `None` for a leaf function, which has no data.
    pub function: Option<[u32; 3]>,
    /// The address that names the frame to its handlers.
    pub establisher: usize,
    /// The language handler, unless the instruction is inside the prologue.
    pub handler: Option<Handler>,
}

/// A language handler.
#[derive(Debug, Clone, Copy)]
pub struct Handler {
    /// Its address.
    pub routine: usize,
    /// Its data.
    pub data: usize,
    /// [`EXCEPTION`], [`TERMINATION`] or both.
    pub kinds: u8,
}

/// The handler wants to hear of exceptions (`UNW_FLAG_EHANDLER`).
pub const EXCEPTION: u8 = 1;
/// The handler wants to hear of unwinding (`UNW_FLAG_UHANDLER`).
pub const TERMINATION: u8 = 2;
const CHAINED: u8 = 4;

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
    leave(image, &mut registers, None)?;
    Some(registers)
}

/// Goes from a frame to its caller's; says what frame that was. Without `vectors` only general
/// registers are followed.
pub fn leave(image: &Image, registers: &mut Registers, vectors: Option<&mut Vectors>) -> Option<Frame> {
    let rva = registers.rip.checked_sub(image.base)? as u32;
    let mut frame = Frame { function: None, establisher: registers.general[RSP], handler: None };
    if let Some(function) = image.function_at(rva) {
        frame = undo_prologue(image, rva, function, registers, vectors)?;
    }
    let rsp = registers.general[RSP];
    registers.rip = read(rsp)?;
    registers.general[RSP] = rsp + 8;
    Some(frame)
}

/// The head of an unwind info.
struct Info {
    address: usize,
    flags: u8,
    prologue: u32,
    count: usize,
    register: usize,
    offset: usize,
}

impl Info {
    fn read(address: usize) -> Option<Self> {
        let head = read(address)?;
        Some(Self {
            address,
            flags: (head >> 3) as u8 & 0x1f,
            prologue: u32::from((head >> 8) as u8),
            count: (head >> 16) as u8 as usize,
            register: (head >> 24) & 0x0f,
            offset: ((head >> 28) & 0x0f) * 16,
        })
    }

    fn code(&self, index: usize) -> Option<u16> {
        read_u16(self.address + 4 + index * 2)
    }

    /// What follows the codes: the chained function, or the handler and its data.
    fn tail(&self) -> usize {
        self.address + 4 + (self.count + (self.count & 1)) * 2
    }

    /// Whether the frame register holds its value at this offset of the function.
    fn register_is_set(&self, at: u32) -> bool {
        const SET_FPREG: u16 = 3;
        let mut index = 0;
        while let Some(code) = (index < self.count).then(|| self.code(index)).flatten() {
            if code >> 8 & 0x0f == SET_FPREG {
                return at >= u32::from(code as u8);
            }
            index += slots(code);
        }
        false
    }
}

/// How many slots an unwind code takes.
fn slots(code: u16) -> usize {
    match (code >> 8 & 0x0f, code >> 12) {
        (1, 0) | (4 | 8, _) => 2,
        (1, _) | (5 | 9, _) => 3,
        _ => 1,
    }
}

/// Undoes the prologue. A leaf function without unwind data needs nothing of it.
fn undo_prologue(
    image: &Image,
    rva: u32,
    mut function: [u32; 3],
    registers: &mut Registers,
    mut vectors: Option<&mut Vectors>,
) -> Option<Frame> {
    let mut info = Info::read(image.base + function[2] as usize)?;
    let at = rva.wrapping_sub(function[0]);
    let inside = at < info.prologue;
    let established = info.register != 0 && (!inside || info.flags & CHAINED != 0 || info.register_is_set(at));
    // Saved registers lie at distances from this, whatever the stack pointer is by now.
    let base =
        if established { registers.general[info.register].wrapping_sub(info.offset) } else { registers.general[RSP] };
    let mut frame = Frame { function: Some(function), establisher: base, handler: None };
    let mut first = true;
    // Chained infos are at most a few deep; the bound stops a corrupt chain.
    for _ in 0..32 {
        let mut index = 0;
        while index < info.count {
            let slot = info.code(index)?;
            let (offset, operation, operand) = (slot as u8, slot >> 8 & 0x0f, usize::from(slot >> 12));
            let next = index + slots(slot);
            let (word, pair) = match next - index {
                2 => (usize::from(info.code(index + 1)?), 0),
                3 => (0, usize::from(info.code(index + 1)?) | usize::from(info.code(index + 2)?) << 16),
                _ => (0, 0),
            };
            index = next;
            if first && u32::from(offset) > at {
                continue;
            }
            let rsp = registers.general[RSP];
            match operation {
                0 => {
                    registers.general[operand] = read(rsp)?;
                    registers.general[RSP] = rsp + 8;
                }
                1 if operand == 0 => registers.general[RSP] = rsp + word * 8,
                1 => registers.general[RSP] = rsp + pair,
                2 => registers.general[RSP] = rsp + operand * 8 + 8,
                3 => registers.general[RSP] = registers.general[info.register].wrapping_sub(info.offset),
                4 => registers.general[operand] = read(base + word * 8)?,
                5 => registers.general[operand] = read(base + pair)?,
                8 | 9 => {
                    if let Some(vectors) = vectors.as_deref_mut() {
                        let place = base + if operation == 8 { word * 16 } else { pair };
                        vectors[operand] = [read(place)? as u64, read(place + 8)? as u64];
                    }
                }
                10 => registers.general[RSP] = rsp + if operand == 1 { 8 } else { 0 },
                _ => {}
            }
        }
        let tail = info.tail();
        if info.flags & CHAINED == 0 {
            let kinds = info.flags & (EXCEPTION | TERMINATION);
            if kinds != 0 && !(first && inside) {
                let routine = image.base + read(tail)? as u32 as usize;
                frame.handler = Some(Handler { routine, data: tail + 4, kinds });
            }
            return Some(frame);
        }
        function = [read(tail)? as u32, (read(tail)? >> 32) as u32, read(tail + 8)? as u32];
        info = Info::read(image.base + function[2] as usize)?;
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
