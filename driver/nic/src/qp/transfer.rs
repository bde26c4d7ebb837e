//! Moving the bytes of one chunk from one side to the other, whatever the sides are.

use softndk_abi::work::Wqe;
use softndk_abi::{Access, Sge, Token};

use super::Qp;
use crate::memory;
use crate::sink::Sink;
use crate::token::{AccessError, Pin, Table};

/// A place in an SGE list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    index: u32,
    offset: u32,
}

impl Cursor {
    pub(super) const START: Self = Self { index: 0, offset: 0 };
}

/// An SGE list: in a WQE, or taken out of an SRQ.
#[derive(Clone, Copy, Debug)]
pub(super) enum List<'a> {
    Wqe(Wqe<'a>),
    Taken(&'a [Sge]),
}

impl List<'_> {
    #[inline]
    fn get(&self, index: u32) -> Option<Sge> {
        match self {
            Self::Wqe(wqe) => wqe.sge(index),
            Self::Taken(sges) => sges.get(index as usize).copied(),
        }
    }
}

/// SGEs of a QP, from a cursor on.
pub(super) struct Local<'a, S: Sink> {
    pub(super) owner: &'a Qp,
    pub(super) list: List<'a>,
    pub(super) cursor: &'a mut Cursor,
    pub(super) need: Access,
    pub(super) sink: &'a S,
    pin: Option<Pin<'a, S>>,
    /// The mapping under the piece handed out last, if it is an FRMR's.
    mapping: Option<Pin<'a, S>>,
}

impl<'a, S: Sink> Local<'a, S> {
    pub(super) fn new(owner: &'a Qp, list: List<'a>, cursor: &'a mut Cursor, need: Access, sink: &'a S) -> Self {
        Self { owner, list, cursor, need, sink, pin: None, mapping: None }
    }
}

/// A range of the memory of QP `owner`, as its peer names it.
pub(super) struct Remote<'a, S: Sink> {
    pub(super) owner: &'a Qp,
    pub(super) token: Token,
    pub(super) address: u64,
    /// The whole range of the request; all of it is checked, each time.
    pub(super) length: u32,
    pub(super) offset: u32,
    pub(super) need: Access,
    pub(super) sink: &'a S,
    pin: Option<Pin<'a, S>>,
    /// The mapping under the piece handed out last, if it is an FRMR's.
    mapping: Option<Pin<'a, S>>,
}

impl<'a, S: Sink> Remote<'a, S> {
    pub(super) fn new(
        owner: &'a Qp,
        (token, address, length): (Token, u64, u32),
        offset: u32,
        need: Access,
        sink: &'a S,
    ) -> Self {
        Self { owner, token, address, length, offset, need, sink, pin: None, mapping: None }
    }
}

/// Where bytes come from or go to.
pub(super) enum Side<'a, S: Sink> {
    Local(Local<'a, S>),
    Remote(Remote<'a, S>),
    /// The inline area of the WQE, from an offset on.
    Inline {
        start: *const u8,
        offset: u32,
    },
}

/// Bytes in one piece; its side holds them in place until the next piece is asked for.
#[derive(Clone, Copy)]
struct Piece {
    pointer: *mut u8,
    length: u32,
}

impl Piece {
    const NONE: Self = Self { pointer: core::ptr::null_mut(), length: 0 };

    /// Drops `step` bytes at the front.
    #[inline(always)]
    fn take_front(&mut self, step: u32) {
        self.pointer = self.pointer.wrapping_add(step as usize);
        self.length = self.length.saturating_sub(step);
    }
}

/// Which side of a transfer was not allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Culprit {
    Source,
    Destination,
}

/// Moves `count` bytes. On an error some bytes before the culprit may have been moved (WRT-07).
#[inline]
pub(super) fn transfer<S: Sink>(
    source: &mut Side<'_, S>,
    destination: &mut Side<'_, S>,
    count: u32,
) -> Result<(), Culprit> {
    let mut left = count;
    let mut from = Piece::NONE;
    let mut to = Piece::NONE;
    while left != 0 {
        if from.length == 0 {
            from = source.piece(left).map_err(|AccessError| Culprit::Source)?;
        }
        if to.length == 0 {
            to = destination.piece(left).map_err(|AccessError| Culprit::Destination)?;
        }
        let step = from.length.min(to.length).min(left);
        // SAFETY: both pieces are at least `step` long and pinned (or in the WQE), with the rights that the side needs.
        unsafe { memory::copy(from.pointer, to.pointer, step as usize) };
        source.advance(step);
        destination.advance(step);
        left = left.wrapping_sub(step);
        from.take_front(step);
        to.take_front(step);
    }
    Ok(())
}

impl<'a, S: Sink> Side<'a, S> {
    /// The next piece, at most `want` bytes, at least one.
    #[inline]
    fn piece(&mut self, want: u32) -> Result<Piece, AccessError> {
        match self {
            Self::Local(local) => local.piece(want),
            Self::Remote(remote) => remote.piece(want),
            Self::Inline { start, offset } => {
                Ok(Piece { pointer: start.wrapping_add(*offset as usize).cast_mut(), length: want })
            }
        }
    }

    #[inline]
    fn advance(&mut self, step: u32) {
        match self {
            Self::Local(local) => local.cursor.offset = local.cursor.offset.saturating_add(step),
            Self::Remote(remote) => remote.offset = remote.offset.saturating_add(step),
            Self::Inline { offset, .. } => *offset = offset.saturating_add(step),
        }
    }
}

impl<'a, S: Sink> Local<'a, S> {
    #[inline]
    fn piece(&mut self, want: u32) -> Result<Piece, AccessError> {
        loop {
            let sge = self.list.get(self.cursor.index).ok_or(AccessError)?;
            let rest = sge.length.saturating_sub(self.cursor.offset);
            if rest == 0 {
                // Used up, or of length 0 (WR-22).
                self.cursor.index = self.cursor.index.saturating_add(1);
                self.cursor.offset = 0;
                self.pin = None;
                continue;
            }
            if self.pin.is_none() {
                self.pin = Some(self.pin_sge(&sge)?);
            }
            let Some(pin) = &self.pin else { return Err(AccessError) };
            return piece_of(pin, self.cursor.offset, want.min(rest), &mut self.mapping);
        }
    }

    #[inline]
    fn pin_sge(&self, sge: &Sge) -> Result<Pin<'a, S>, AccessError> {
        let parts = &self.owner.parts;
        let table: &'a Table = self.owner.table();
        let length = u64::from(sge.length);
        if sge.token == parts.privileged {
            return table.pin_logical(sge.address, length, parts.domain, self.sink);
        }
        table.pin_local(sge.token, sge.address, length, self.need, parts.pd, self.sink)
    }
}

impl<'a, S: Sink> Remote<'a, S> {
    #[inline]
    fn piece(&mut self, want: u32) -> Result<Piece, AccessError> {
        if self.pin.is_none() {
            let parts = &self.owner.parts;
            let table: &'a Table = self.owner.table();
            let length = u64::from(self.length);
            let pin = table.pin_remote(self.token, self.address, length, self.need, parts.pd, parts.id, self.sink)?;
            self.pin = Some(pin);
        }
        let Some(pin) = &self.pin else { return Err(AccessError) };
        piece_of(pin, self.offset, want, &mut self.mapping)
    }
}

#[inline(always)]
fn piece_of<'a, S: Sink>(
    pin: &Pin<'a, S>,
    offset: u32,
    want: u32,
    mapping: &mut Option<Pin<'a, S>>,
) -> Result<Piece, AccessError> {
    let raw = pin.run(u64::from(offset), u64::from(want), mapping)?;
    // At most `want`, so it fits.
    let length = u32::try_from(raw.length).unwrap_or(want);
    Ok(Piece { pointer: raw.pointer, length })
}
