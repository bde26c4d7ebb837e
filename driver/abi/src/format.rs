//! Plain formats: tokens, scatter/gather elements, opcodes, flags, rights, completions.

use bitflags::bitflags;

/// A steering tag (STag) as it stands in an SGE or travels to the peer. 0 is never valid (MR-31).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Token(pub u32);

/// One scatter/gather element: `length` bytes at `address` under `token`.
///
/// With the privileged token of the QP's PD the address is a logical address of a LAM, with any other a
/// virtual address inside the region of that token (WR-23). It is an index, never dereferenced (WR-24).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Sge {
    /// First byte, in the address space that the token chooses.
    pub address: u64,
    /// Number of bytes; 0 is legal and skipped (WR-22).
    pub length: u32,
    /// Which memory.
    pub token: Token,
}

bitflags! {
    /// Rights of a region or window. Remote write comes with local write (FLAG-25); whoever builds the value sees to it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Access: u16 {
        /// Source of Send and Write; always granted (FLAG-27).
        const LOCAL_READ = 1;
        /// Sink of Receive and Read (WR-27).
        const LOCAL_WRITE = 2;
        /// The peer may read.
        const REMOTE_READ = 4;
        /// The peer may write.
        const REMOTE_WRITE = 8;
    }
}

bitflags! {
    /// Flags of a WQE.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct WqeFlags: u16 {
        /// No CQE when it succeeds (FLAG-02).
        const SILENT = 1;
        /// Starts only when all earlier Reads are complete (FLAG-05).
        const FENCE = 2;
        /// The receive that it completes is solicited (FLAG-07).
        const SOLICIT = 4;
        /// The payload stands in the WQE itself (FLAG-10).
        const INLINE = 8;
        /// A Read that leaves the token of its first SGE invalid (FLAG-16).
        const LOCAL_INVALIDATE = 16;
    }
}

/// What a WQE asks for, and what a CQE reports. Receives have their own queue; the code stands in their CQEs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// One message to the peer.
    Send = 1,
    /// The same, and the peer's token in `remote_token` dies with it (SINV-01). Completes as a Send (SINV-02).
    SendAndInvalidate = 2,
    /// From the peer's memory into the SGEs.
    Read = 3,
    /// From the SGEs into the peer's memory.
    Write = 4,
    /// Makes a window a view of a region.
    Bind = 5,
    /// Makes an FRMR valid over a page list.
    FastRegister = 6,
    /// Makes an FRMR or a window invalid.
    Invalidate = 7,
    /// A buffer list for one message.
    Receive = 8,
}

impl Opcode {
    /// The opcode of a code, or `None` when no opcode has it.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Send,
            2 => Self::SendAndInvalidate,
            3 => Self::Read,
            4 => Self::Write,
            5 => Self::Bind,
            6 => Self::FastRegister,
            7 => Self::Invalidate,
            8 => Self::Receive,
            _ => return None,
        })
    }
}

/// How a request ended. The provider alone knows the NTSTATUS of each (WR-36).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CompletionStatus {
    /// Done.
    Success = 0,
    /// Flushed, or behind a failed request of the same QP (WR-29).
    Cancelled = 1,
    /// The SGL references more than can be sent.
    DataOverrun = 2,
    /// The message was longer than the receive (SND-04).
    BufferOverflow = 3,
    /// A local token, range or right was wrong (WR-26).
    AccessViolation = 4,
    /// The request makes no sense now, e.g. invalidating what is not valid (INV-06).
    InvalidRequest = 5,
    /// The device failed.
    InternalError = 6,
    /// The peer or the connection did not answer.
    Timeout = 7,
    /// The request caused an error at the peer (RD-08, WRT-06).
    RemoteError = 8,
}

impl CompletionStatus {
    /// The status of a code; codes that nobody writes read as `InternalError`.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::Cancelled,
            2 => Self::DataOverrun,
            3 => Self::BufferOverflow,
            4 => Self::AccessViolation,
            5 => Self::InvalidRequest,
            7 => Self::Timeout,
            8 => Self::RemoteError,
            _ => Self::InternalError,
        }
    }
}

/// One completion, as the CQ hands it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cqe {
    /// The QP's context, unchanged (WR-04); stays right after the QP is gone (LIFE-34).
    pub qp_context: u64,
    /// The request's context, unchanged (WR-04).
    pub request_context: u64,
    /// What completed, right for failures too (CQ-50). The receive side says `Receive`.
    pub opcode: Opcode,
    /// Receive side: the token that the peer's Send invalidated (ReceiveAndInvalidate, CQ-46).
    pub invalidated: Option<Token>,
    /// How it ended.
    pub status: CompletionStatus,
    /// Successful receives: length of the message in bytes; else 0 (CQ-43).
    pub bytes: u32,
    /// The provider's own diagnostic; 0 on success (VER-17).
    pub error_code: u32,
    /// A receive that a solicited Send completed: satisfies a SOLICITED arm (CQ-12).
    pub solicited: bool,
}
