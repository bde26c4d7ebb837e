//! What a slot of a work queue holds: the requests as both sides name them, and their raw form.

use core::mem::size_of;

use crate::{Access, Opcode, Token, WqeFlags};

/// What stands in every WQE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WqeHeader {
    /// Given back in the CQE (WR-04).
    pub request_context: u64,
    /// What to do.
    pub opcode: Opcode,
    /// How.
    pub flags: WqeFlags,
    /// SGEs that follow; 0 for inline payloads.
    pub sge_count: u16,
    /// Sum of the SGE lengths, or of the inline bytes; checked by the producer (WR-19).
    pub length: u32,
    /// Read, Write: the peer's address.
    pub remote_address: u64,
    /// Read, Write: the peer's token. SendAndInvalidate: the token that dies at the peer.
    pub remote_token: Token,
}

/// The arguments of Bind, FastRegister and Invalidate; each uses the fields named for it, the rest is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectWork {
    /// All three: token-table index of the FRMR (FastRegister, Invalidate) or window (Bind, Invalidate).
    pub object: u32,
    /// Bind: the token that the region has when the request is posted.
    pub second: u32,
    /// Bind: first virtual address of the view. FastRegister: virtual address of the first byte (FRG-02).
    pub base: u64,
    /// Bind, FastRegister: bytes.
    pub span: u64,
    /// Bind, FastRegister: rights.
    pub rights: Access,
    /// FastRegister: offset of the first byte in the first page.
    pub first_byte_offset: u32,
    /// FastRegister: system address of the staged list of logical page addresses (`u64` each), or 0 for one run.
    pub pages: u64,
    /// FastRegister: pages.
    pub page_count: u32,
    /// FastRegister with `pages` 0: logical address of the first page of the run.
    pub run_base: u64,
    /// Bind: the token that the window gets, chosen when the request is posted (MW-04). FastRegister, Invalidate: the
    /// token that the object has by then, so that a slot reused after a close is not taken for it.
    pub token: Token,
}

impl ObjectWork {
    /// All fields 0: the start of a literal that names only what its opcode uses.
    pub const EMPTY: Self = Self {
        object: 0,
        second: 0,
        base: 0,
        span: 0,
        rights: Access::empty(),
        first_byte_offset: 0,
        pages: 0,
        page_count: 0,
        run_base: 0,
        token: Token(0),
    };
}

/// Whether a commit shows the WQE to the device at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Publish {
    /// This one and everything deferred before it.
    Now,
    /// With a later commit or [`WorkQueue::publish`] (FLAG-20).
    Defer,
}

/// First 32 bytes of a slot. Object work uses the last three fields for `second` (Bind) or `token`, `object` and `base`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct RawWqe {
    pub(super) request_context: u64,
    pub(super) opcode: u8,
    pub(super) reserved: u8,
    pub(super) flags: u16,
    pub(super) sge_count: u16,
    pub(super) rights: u16,
    pub(super) length: u32,
    pub(super) remote_token: u32,
    pub(super) remote_address: u64,
}

/// Second 32 bytes of a slot for object work.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct RawArguments {
    pub(super) span: u64,
    pub(super) pages: u64,
    pub(super) run_base: u64,
    /// First byte offset (FastRegister), token (Bind).
    pub(super) offset_or_token: u32,
    pub(super) page_count: u32,
}

const _: () = assert!(size_of::<RawWqe>() == 32 && size_of::<RawArguments>() == 32);
