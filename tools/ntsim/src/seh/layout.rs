//! The structures that handlers see, with their x64 layout.
#![expect(non_snake_case, reason = "the names of the public headers")]

use crate::symbols::Registers;
use crate::symbols::unwind::Vectors;
use std::mem::{offset_of, size_of};

/// The exception cannot be continued.
pub(crate) const NONCONTINUABLE: u32 = 0x01;
/// The stack is being unwound.
pub(crate) const UNWINDING: u32 = 0x02;
/// This frame is where unwinding ends.
pub(crate) const TARGET_UNWIND: u32 = 0x20;
/// The exception came while another one was being handled.
pub(crate) const NESTED_CALL: u32 = 0x10;
/// The unwinding took over from another one.
pub(crate) const COLLIDED_UNWIND: u32 = 0x40;

/// `CONTEXT_AMD64`, control, integer, segments, floating point.
const CONTEXT_FULL: u32 = 0x0010_000F;
const EFLAGS: u32 = 0x202;
const MXCSR: u32 = 0x1F80;

/// The state of a processor.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy)]
pub struct CONTEXT {
    /// Room for register arguments.
    pub Home: [u64; 6],
    /// What is valid.
    pub ContextFlags: u32,
    /// SSE control and status.
    pub MxCsr: u32,
    /// cs ds es fs gs ss.
    pub Segments: [u16; 6],
    /// Flags.
    pub EFlags: u32,
    /// dr0..dr3, dr6, dr7.
    pub Debug: [u64; 6],
    /// rax rcx rdx rbx rsp rbp rsi rdi r8..r15.
    pub General: [u64; 16],
    /// The instruction.
    pub Rip: u64,
    /// The begin of FXSAVE's area: x87.
    pub FloatHead: [u64; 20],
    /// xmm0..xmm15.
    pub Xmm: Vectors,
    /// The end of FXSAVE's area.
    pub FloatTail: [u64; 12],
    /// Not used on this processor mode.
    pub VectorRegister: [[u64; 2]; 26],
    /// Vector and branch trace control.
    pub Control: [u64; 6],
}

const _: () = assert!(size_of::<CONTEXT>() == 1232);
const _: () = assert!(offset_of!(CONTEXT, MxCsr) == 0x34 && offset_of!(CONTEXT, EFlags) == 0x44);
const _: () = assert!(offset_of!(CONTEXT, General) == 0x78 && offset_of!(CONTEXT, Rip) == 0xF8);
const _: () = assert!(offset_of!(CONTEXT, Xmm) == 0x1A0 && offset_of!(CONTEXT, VectorRegister) == 0x300);

impl CONTEXT {
    /// A context with these registers.
    pub(crate) fn new(registers: &Registers, vectors: &Vectors) -> Self {
        Self {
            Home: [0; 6],
            ContextFlags: CONTEXT_FULL,
            MxCsr: MXCSR,
            Segments: [0x10, 0x2B, 0x2B, 0x53, 0x2B, 0x18],
            EFlags: EFLAGS,
            Debug: [0; 6],
            General: registers.general.map(|value| value as u64),
            Rip: registers.rip as u64,
            FloatHead: [0; 20],
            Xmm: *vectors,
            FloatTail: [0; 12],
            VectorRegister: [[0; 2]; 26],
            Control: [0; 6],
        }
    }

    /// The general registers and the instruction.
    pub(crate) fn registers(&self) -> Registers {
        Registers { rip: self.Rip as usize, general: self.General.map(|value| value as usize) }
    }

    /// Replaces the general registers and the instruction.
    pub(crate) fn set_registers(&mut self, registers: &Registers) {
        self.General = registers.general.map(|value| value as u64);
        self.Rip = registers.rip as u64;
    }

    /// The stack pointer.
    pub(crate) fn rsp(&self) -> usize {
        self.General[4] as usize
    }
}

/// What happened.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EXCEPTION_RECORD {
    /// An NTSTATUS.
    pub ExceptionCode: u32,
    /// `EXCEPTION_NONCONTINUABLE` and, while unwinding, others.
    pub ExceptionFlags: u32,
    /// The exception during whose handling this one came.
    pub ExceptionRecord: *mut EXCEPTION_RECORD,
    /// The instruction.
    pub ExceptionAddress: u64,
    /// How many words of `ExceptionInformation` are valid.
    pub NumberParameters: u32,
    /// For an access violation: 0 read, 1 write, 8 execute; then the address.
    pub ExceptionInformation: [u64; 15],
}

const _: () = assert!(size_of::<EXCEPTION_RECORD>() == 152);
const _: () = assert!(offset_of!(EXCEPTION_RECORD, ExceptionInformation) == 32);

impl EXCEPTION_RECORD {
    /// A record without parameters.
    pub(crate) fn new(code: u32, flags: u32, address: u64) -> Self {
        Self {
            ExceptionCode: code,
            ExceptionFlags: flags,
            ExceptionRecord: std::ptr::null_mut(),
            ExceptionAddress: address,
            NumberParameters: 0,
            ExceptionInformation: [0; 15],
        }
    }
}

/// What a filter gets.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct EXCEPTION_POINTERS {
    /// What happened.
    pub ExceptionRecord: *mut EXCEPTION_RECORD,
    /// Where; a filter may change it and continue.
    pub ContextRecord: *mut CONTEXT,
}

/// What a language handler gets beside the record.
#[repr(C)]
#[derive(Debug)]
pub struct DISPATCHER_CONTEXT {
    /// The instruction in the handler's frame.
    pub ControlPc: u64,
    /// Its image.
    pub ImageBase: u64,
    /// Its row of `.pdata`.
    pub FunctionEntry: *const [u32; 3],
    /// Its frame.
    pub EstablisherFrame: u64,
    /// While unwinding: where it will go on.
    pub TargetIp: u64,
    /// The registers; while unwinding those in the frame, while searching those of its caller.
    pub ContextRecord: *mut CONTEXT,
    /// The handler.
    pub LanguageHandler: u64,
    /// Its data.
    pub HandlerData: u64,
    /// Not used.
    pub HistoryTable: u64,
    /// The next scope to look at.
    pub ScopeIndex: u32,
    /// Padding.
    pub Fill0: u32,
}

const _: () = assert!(size_of::<DISPATCHER_CONTEXT>() == 80);

/// What a language handler answers.
pub(crate) mod disposition {
    pub(crate) const CONTINUE_EXECUTION: i32 = 0;
    pub(crate) const CONTINUE_SEARCH: i32 = 1;
}
