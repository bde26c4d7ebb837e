//! Posting work requests: the hot path (`WR-*`, `FLAG-*`).
//!
//! A post checks, writes one WQE and, unless it is deferred, publishes it. No lock, no allocation:
//! the consumer serialises the calls on one queue (`WR-06`, `WR-07`). Tokens, ranges and rights are
//! the device's business when the request runs (`WR-25`).

use crate::{
    Failure,
    info::AdapterInfo,
    qp::{QpLimits, QpLink},
};
use softndk_abi::{
    Access, Opcode, Sge, Token, WqeFlags,
    work::{ObjectWork, Publish, WorkQueue, WqeHeader},
};

/// `NDK_OP_FLAG_*` (`FLAG-01`).
pub mod flag {
    /// No completion for a success.
    pub const SILENT_SUCCESS: u32 = 0x1;
    /// Not begun before all earlier Reads are complete.
    pub const READ_FENCE: u32 = 0x2;
    /// Satisfies a SOLICITED arm at the peer.
    pub const SOLICIT: u32 = 0x4;
    /// Remote read for FastRegister and Bind.
    pub const ALLOW_REMOTE_READ: u32 = 0x8;
    /// Local write for FastRegister.
    pub const ALLOW_LOCAL_WRITE: u32 = 0x10;
    /// Remote write, which contains local write (`FLAG-25`).
    pub const ALLOW_REMOTE_WRITE: u32 = 0x30;
    /// The payload is read before the call returns.
    pub const INLINE: u32 = 0x40;
    /// The region will be a Read sink.
    pub const READ_SINK: u32 = 0x80;
    /// A Read that invalidates its sink.
    pub const READ_LOCAL_INVALIDATE: u32 = 0x100;
    /// More requests follow.
    pub const DEFER: u32 = 0x200;

    /// The flags that every initiator request takes.
    const COMMON: u32 = SILENT_SUCCESS | READ_FENCE | DEFER;
    /// Send and SendAndInvalidate.
    pub const SEND: u32 = COMMON | SOLICIT | INLINE;
    /// Write (`FLAG-14`).
    pub const WRITE: u32 = COMMON | INLINE;
    /// Read.
    pub const READ: u32 = COMMON | READ_LOCAL_INVALIDATE;
    /// Bind.
    pub const BIND: u32 = COMMON | ALLOW_REMOTE_READ | ALLOW_REMOTE_WRITE;
    /// FastRegister.
    pub const FAST_REGISTER: u32 = COMMON | ALLOW_REMOTE_READ | ALLOW_REMOTE_WRITE | READ_SINK;
    /// Invalidate.
    pub const INVALIDATE: u32 = COMMON;
}

/// What posting functions of one QP need to know.
#[derive(Debug, Clone, Copy)]
pub struct Poster<'a> {
    /// The adapter's limits.
    pub info: &'a AdapterInfo,
    /// The QP's limits.
    pub limits: &'a QpLimits,
    /// The QP's place in its connection.
    pub link: &'a QpLink,
}

/// A data transfer as the consumer asked for it.
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// Send, SendAndInvalidate, Read or Write.
    pub opcode: Opcode,
    /// Given back in the completion.
    pub request_context: u64,
    /// `NDK_OP_FLAG_*`.
    pub flags: u32,
    /// Address at the peer (Read, Write).
    pub remote_address: u64,
    /// Token at the peer (Read, Write, SendAndInvalidate).
    pub remote_token: Token,
}

/// Reads the consumer's SGL; its memory may change meanwhile, so each element is copied once.
pub trait Sgl {
    /// Number of elements.
    fn len(&self) -> u32;
    /// Element `index`, below [`Sgl::len`].
    fn get(&self, index: u32) -> Sge;
    /// Copies the bytes at an element's virtual address (`FLAG-11`) into `to`.
    fn gather(&self, element: Sge, to: &mut [u8]);
    /// True without elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Poster<'_> {
    /// Posts a Send, SendAndInvalidate, Read or Write.
    ///
    /// Whatever it returns, the caller rings the doorbell unless the request was deferred
    /// successfully: an inline failure starts what was deferred before it (`FLAG-21`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] (`WR-10`), [`Failure::InvalidParameter`] for foreign flags
    /// (`WR-20`), [`Failure::TooManySges`] (`WR-18`), [`Failure::BufferOverflow`] (`WR-19`,
    /// `FLAG-13`), [`Failure::QueueFull`] (`WR-16`). Nothing has happened then (`WR-03`).
    pub fn transfer(&self, queue: &WorkQueue, request: Transfer, sgl: &impl Sgl) -> Result<Publish, Failure> {
        let result = self.try_transfer(queue, request, sgl);
        if result.is_err() {
            queue.publish();
        }
        result
    }

    fn try_transfer(&self, queue: &WorkQueue, mut request: Transfer, sgl: &impl Sgl) -> Result<Publish, Failure> {
        if request.opcode == Opcode::Read { self.link.check_read() } else { self.link.check_initiator() }?;
        let (allowed, most_sges) = match request.opcode {
            Opcode::Read => (flag::READ, self.info.max_read_sge),
            Opcode::Write => (flag::WRITE, self.limits.initiator_sge),
            _ => (flag::SEND, self.limits.initiator_sge),
        };
        check_flags(request.flags, allowed)?;
        if self.info.flags & crate::info::flag::READ_LOCAL_INVALIDATE == 0 {
            // Taken, and without effect (FLAG-17).
            request.flags &= !flag::READ_LOCAL_INVALIDATE;
        }
        let inline = request.flags & flag::INLINE != 0;
        if !inline && sgl.len() > most_sges {
            return Err(Failure::TooManySges);
        }
        let mut slot = queue.reserve().ok_or(Failure::QueueFull)?;
        let mut header = WqeHeader {
            request_context: request.request_context,
            opcode: request.opcode,
            flags: wqe_flags(request.flags),
            remote_address: request.remote_address,
            remote_token: request.remote_token,
            sge_count: 0,
            length: 0,
        };
        if inline {
            let total = sum(sgl, u64::from(self.limits.inline))?;
            let area = slot.inline_area(total).ok_or(Failure::BufferOverflow)?;
            gather(sgl, area)?;
            header.length = total;
        } else {
            let mut total = 0_u64;
            for index in 0..sgl.len() {
                let sge = sgl.get(index);
                total += u64::from(sge.length);
                if !slot.sge(index, sge) {
                    return Err(Failure::TooManySges);
                }
            }
            header.length = checked_length(total, u64::from(self.info.max_transfer_length))?;
            header.sge_count = u16::try_from(sgl.len()).map_err(|_| Failure::TooManySges)?;
        }
        slot.header(&header);
        let publish = publish(request.flags);
        slot.commit(publish);
        Ok(publish)
    }

    /// Posts a Receive to the QP's own receive queue.
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] once the connection is over (`WR-15`), else as
    /// [`receive`].
    pub fn receive(&self, queue: &WorkQueue, context: u64, sgl: &impl Sgl) -> Result<(), Failure> {
        self.link.check_receive()?;
        receive(self.info, queue, self.limits.receive_sge, context, sgl)
    }

    /// Posts a FastRegister, Bind or Invalidate (`opcode`) on the objects of `work`.
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] (`WR-10`), [`Failure::InvalidParameter`] for foreign flags
    /// (`WR-20`), [`Failure::QueueFull`] (`WR-16`).
    pub fn object(
        &self,
        queue: &WorkQueue,
        opcode: Opcode,
        context: u64,
        flags: u32,
        work: &ObjectWork,
    ) -> Result<Publish, Failure> {
        let allowed = match opcode {
            Opcode::Bind => flag::BIND,
            Opcode::FastRegister => flag::FAST_REGISTER,
            _ => flag::INVALIDATE,
        };
        let result = self.link.check_initiator().and_then(|()| {
            check_flags(flags, allowed)?;
            let mut slot = queue.reserve().ok_or(Failure::QueueFull)?;
            slot.object_work(context, opcode, wqe_flags(flags), work);
            let publish = publish(flags);
            slot.commit(publish);
            Ok(publish)
        });
        if result.is_err() {
            queue.publish();
        }
        result
    }
}

/// Posts a receive of at most `most_sges` elements.
///
/// # Errors
/// [`Failure::TooManySges`] (`WR-18`), [`Failure::BufferOverflow`] (`WR-19`), [`Failure::QueueFull`]
/// (`WR-16`).
pub fn receive(
    info: &AdapterInfo,
    queue: &WorkQueue,
    most_sges: u32,
    context: u64,
    sgl: &impl Sgl,
) -> Result<(), Failure> {
    if sgl.len() > most_sges {
        return Err(Failure::TooManySges);
    }
    let mut slot = queue.reserve().ok_or(Failure::QueueFull)?;
    let mut total = 0_u64;
    for index in 0..sgl.len() {
        let sge = sgl.get(index);
        total += u64::from(sge.length);
        if !slot.sge(index, sge) {
            return Err(Failure::TooManySges);
        }
    }
    slot.header(&WqeHeader {
        request_context: context,
        opcode: Opcode::Receive,
        length: checked_length(total, u64::from(info.max_transfer_length))?,
        sge_count: u16::try_from(sgl.len()).map_err(|_| Failure::TooManySges)?,
        flags: WqeFlags::empty(),
        remote_address: 0,
        remote_token: Token(0),
    });
    slot.commit(Publish::Now);
    Ok(())
}

/// The rights that FastRegister's flags ask for; local read is always granted (`FLAG-27`).
///
/// # Errors
/// [`Failure::InvalidParameter`] for the stray half of remote write (`FLAG-26`).
pub fn fast_register_rights(flags: u32) -> Result<Access, Failure> {
    let write = flags & flag::ALLOW_REMOTE_WRITE;
    if write == flag::ALLOW_REMOTE_WRITE & !flag::ALLOW_LOCAL_WRITE {
        return Err(Failure::InvalidParameter);
    }
    let mut rights = Access::LOCAL_READ;
    rights.set(Access::LOCAL_WRITE, write != 0);
    rights.set(Access::REMOTE_WRITE, write == flag::ALLOW_REMOTE_WRITE);
    rights.set(Access::REMOTE_READ, flags & flag::ALLOW_REMOTE_READ != 0);
    Ok(rights)
}

const fn check_flags(flags: u32, allowed: u32) -> Result<(), Failure> {
    if flags & !allowed == 0 { Ok(()) } else { Err(Failure::InvalidParameter) }
}

const fn publish(flags: u32) -> Publish {
    if flags & flag::DEFER == 0 { Publish::Now } else { Publish::Defer }
}

fn wqe_flags(flags: u32) -> WqeFlags {
    let mut out = WqeFlags::empty();
    out.set(WqeFlags::SILENT, flags & flag::SILENT_SUCCESS != 0);
    out.set(WqeFlags::FENCE, flags & flag::READ_FENCE != 0);
    out.set(WqeFlags::SOLICIT, flags & flag::SOLICIT != 0);
    out.set(WqeFlags::INLINE, flags & flag::INLINE != 0);
    out.set(WqeFlags::LOCAL_INVALIDATE, flags & flag::READ_LOCAL_INVALIDATE != 0);
    out
}

/// The sum of an SGL's lengths, refused as soon as it passes `limit` (`WR-19`, `WR-35`).
fn sum(sgl: &impl Sgl, limit: u64) -> Result<u32, Failure> {
    let mut total = 0_u64;
    for index in 0..sgl.len() {
        total += u64::from(sgl.get(index).length);
        if total > limit {
            return Err(Failure::BufferOverflow);
        }
    }
    checked_length(total, limit)
}

fn checked_length(total: u64, limit: u64) -> Result<u32, Failure> {
    if total > limit { Err(Failure::BufferOverflow) } else { u32::try_from(total).map_err(|_| Failure::BufferOverflow) }
}

/// Copies the payload of an inline request. The elements are read a second time here: one that grew
/// since the sum was taken does not fit and is refused.
fn gather(sgl: &impl Sgl, mut area: &mut [u8]) -> Result<(), Failure> {
    for index in 0..sgl.len() {
        let sge = sgl.get(index);
        let length = usize::try_from(sge.length).map_err(|_| Failure::BufferOverflow)?;
        let (here, rest) = area.split_at_mut_checked(length).ok_or(Failure::BufferOverflow)?;
        sgl.gather(sge, here);
        area = rest;
    }
    Ok(())
}
