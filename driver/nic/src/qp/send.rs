//! The engine: executes the send queue of one QP, in order, a bounded amount at a time. Callers hold the send gate.

use softndk_abi::work::{Wqe, WqeHeader};
use softndk_abi::{Access, CompletionStatus, Cqe, Opcode, WqeFlags};

use super::receive::Arrival;
use super::transfer::{Culprit, List, Local, Remote, Side, transfer};
use super::{
    CHUNK, Cursor, ERROR, FLUSH_RECEIVE, FLUSH_SEND, KICK_PEER, PEER_GONE, Progress, Qp, SEND_QUIET, SendState,
};
use crate::sink::{Loss, Sink};
use crate::token::WorkError;
use softndk_abi::sync::Ordering;

/// Budget that a request costs besides its bytes, so that small ones are bounded too.
const CHARGE: u32 = 256;

/// What one step on the front request came to.
enum Step {
    /// Complete, with success.
    Done,
    /// A chunk further.
    Partial,
    /// No receive at the peer.
    Starved,
    /// Somebody drains the peer's receives, and kicks us when that is done.
    Blocked,
    /// An invalidated token still has a copy in progress.
    Draining,
    /// The peer is in error: what is left is cancelled.
    PeerGone,
    Failed(Fault),
}

/// A failed request: it ends the connection (WR-29).
struct Fault {
    own: CompletionStatus,
    /// Status of the peer's receive that the message was going into; cancelled ones are left to the drain.
    peers: CompletionStatus,
    loss: Loss,
}

impl Fault {
    const fn local(own: CompletionStatus) -> Step {
        Step::Failed(Self { own, peers: CompletionStatus::Cancelled, loss: Loss::Local })
    }

    const fn remote(peers: CompletionStatus) -> Step {
        Step::Failed(Self { own: CompletionStatus::RemoteError, peers, loss: Loss::Remote })
    }
}

impl Qp {
    /// Executes the send queue within the budget.
    ///
    /// # Safety
    /// The caller holds the send gate.
    pub(super) unsafe fn service_send(&self, budget: &mut u32, sink: &impl Sink) -> Progress {
        // SAFETY: the gate guards the cell.
        let state = unsafe { &mut *self.send.get() };
        let progress = self.serve(state, budget, sink);
        // Between messages the peer's receives are free for its drain.
        if state.holding && !state.active {
            self.let_receives_go(state, sink);
        }
        progress
    }

    fn serve(&self, state: &mut SendState, budget: &mut u32, sink: &impl Sink) -> Progress {
        loop {
            let control = self.control();
            if control & (ERROR | PEER_GONE | FLUSH_SEND | KICK_PEER) != 0 {
                if control & KICK_PEER != 0 {
                    self.control.fetch_and(!KICK_PEER, Ordering::AcqRel);
                    if let Some(peer) = self.linked() {
                        sink.kick(peer.parts.cookie);
                    }
                    continue;
                }
                self.drain_send(control, state, sink);
                if control & (ERROR | PEER_GONE) != 0 {
                    return Progress::Idle;
                }
                continue;
            }
            let Some(wqe) = self.parts.sq.front() else { return Progress::Idle };
            let Some(peer) = self.linked() else { return Progress::Idle };
            if *budget == 0 {
                return Progress::More;
            }
            let header = wqe.header();
            match self.step(peer, state, &wqe, &header, budget, sink) {
                Step::Done => {
                    state.next();
                    self.complete(&header, CompletionStatus::Success, sink);
                }
                Step::Partial => {}
                Step::Starved => {
                    sink.starved(self.parts.cookie);
                    return Progress::Starved;
                }
                Step::Blocked => return Progress::Idle,
                Step::Draining => return Progress::More,
                Step::PeerGone => {
                    self.control.fetch_or(PEER_GONE, Ordering::AcqRel);
                }
                Step::Failed(fault) => self.fail(peer, state, &header, &fault, sink),
            }
        }
    }

    #[inline]
    fn step(
        &self,
        peer: &Qp,
        state: &mut SendState,
        wqe: &Wqe<'_>,
        header: &WqeHeader,
        budget: &mut u32,
        sink: &impl Sink,
    ) -> Step {
        if !state.active {
            *budget = budget.saturating_sub(CHARGE);
        }
        match header.opcode {
            Opcode::Send | Opcode::SendAndInvalidate => self.send(peer, state, wqe, header, budget, sink),
            Opcode::Read | Opcode::Write => self.rdma(peer, state, wqe, header, budget, sink),
            Opcode::Bind | Opcode::FastRegister | Opcode::Invalidate => self.object(state, wqe, header, sink),
            Opcode::Receive => Fault::local(CompletionStatus::InvalidRequest),
        }
    }

    /// Bytes of the next chunk; it may overdraw the budget by a little, so that a small rest always gets on.
    fn chunk(length: u32, done: u32, budget: &mut u32) -> u32 {
        let chunk = length.saturating_sub(done).min(CHUNK).min((*budget).max(CHARGE));
        *budget = budget.saturating_sub(chunk);
        chunk
    }

    fn own_side<'a, S: Sink>(
        &'a self,
        wqe: &Wqe<'a>,
        header: &WqeHeader,
        (cursor, done): (&'a mut Cursor, u32),
        need: Access,
        sink: &'a S,
    ) -> Side<'a, S> {
        if header.flags.contains(WqeFlags::INLINE) {
            return Side::Inline { start: wqe.inline(), offset: done };
        }
        Side::Local(Local::new(self, List::Wqe(*wqe), cursor, need, sink))
    }

    fn rdma(
        &self,
        peer: &Qp,
        state: &mut SendState,
        wqe: &Wqe<'_>,
        header: &WqeHeader,
        budget: &mut u32,
        sink: &impl Sink,
    ) -> Step {
        let read = header.opcode == Opcode::Read;
        let kills = read && header.flags.contains(WqeFlags::LOCAL_INVALIDATE);
        if peer.in_error() {
            return Step::PeerGone;
        }
        if kills && !state.active && !self.first_is_fast_region(wqe, sink) {
            return Fault::local(CompletionStatus::AccessViolation);
        }
        let begins = !core::mem::replace(&mut state.active, true);
        if begins && read {
            sink.asked(self.parts.cookie, peer.parts.cookie);
        }
        if begins && header.length == 0 {
            let (from, to) = if read { (peer, self) } else { (self, peer) };
            sink.moved(from.parts.cookie, to.parts.cookie, 0, 0);
        }
        if state.done < header.length {
            let chunk = Self::chunk(header.length, state.done, budget);
            let need = if read { Access::LOCAL_WRITE } else { Access::LOCAL_READ };
            let right = if read { Access::REMOTE_READ } else { Access::REMOTE_WRITE };
            let range = (header.remote_token, header.remote_address, header.length);
            let mut theirs = Side::Remote(Remote::new(peer, range, state.done, right, sink));
            let mut own = self.own_side(wqe, header, (&mut state.local, state.done), need, sink);
            let (moved, remote) = if read {
                (transfer(&mut theirs, &mut own, chunk), Culprit::Source)
            } else {
                (transfer(&mut own, &mut theirs, chunk), Culprit::Destination)
            };
            match moved {
                Ok(()) => {}
                Err(culprit) if culprit == remote => return Fault::remote(CompletionStatus::Cancelled),
                Err(_) => return Fault::local(CompletionStatus::AccessViolation),
            }
            let (from, to) = if read { (peer, self) } else { (self, peer) };
            sink.moved(from.parts.cookie, to.parts.cookie, state.done.into(), chunk.into());
            state.done = state.done.saturating_add(chunk);
            if state.done < header.length {
                return Step::Partial;
            }
        }
        if kills && state.draining.is_none() {
            let token = wqe.sge(0).map(|sge| sge.token).unwrap_or_default();
            match self.table().invalidate_token(token, self.parts.pd, self.parts.id, sink) {
                Ok(slot) => state.draining = Some(slot),
                Err(_) => return Fault::local(CompletionStatus::AccessViolation),
            }
        }
        match state.draining {
            Some(slot) if !self.table().is_at_rest(slot) => Step::Draining,
            _ => Step::Done,
        }
    }

    /// RDMA_READ_LOCAL_INVALIDATE wants an FRMR in the first SGE (RD-14).
    fn first_is_fast_region(&self, wqe: &Wqe<'_>, sink: &impl Sink) -> bool {
        wqe.sge(0).is_some_and(|sge| self.table().is_fast_region(sge.token, self.parts.pd, sink))
    }

    fn send(
        &self,
        peer: &Qp,
        state: &mut SendState,
        wqe: &Wqe<'_>,
        header: &WqeHeader,
        budget: &mut u32,
        sink: &impl Sink,
    ) -> Step {
        if !state.holding {
            if !peer.receive_gate.enter() {
                return Step::Blocked;
            }
            state.holding = true;
        }
        let control = peer.control();
        if control & ERROR != 0 {
            return Step::PeerGone;
        }
        if control & FLUSH_RECEIVE != 0 {
            if state.active {
                return Step::Failed(Fault {
                    own: CompletionStatus::Cancelled,
                    peers: CompletionStatus::Cancelled,
                    loss: Loss::Cut,
                });
            }
            // SAFETY: we hold its receive gate, between messages.
            unsafe { peer.service_receive(sink) };
        }
        // SAFETY: we hold its receive gate.
        let Some(receive) = (unsafe { peer.front_receive(sink) }) else {
            return if peer.starve() { Step::Partial } else { Step::Starved };
        };
        if header.length > receive.length {
            return Fault::remote(CompletionStatus::BufferOverflow);
        }
        let begins = !core::mem::replace(&mut state.active, true);
        state.in_message = true;
        if begins && header.length == 0 {
            sink.moved(self.parts.cookie, peer.parts.cookie, 0, 0);
        }
        if state.done < header.length {
            let chunk = Self::chunk(header.length, state.done, budget);
            let mut from = self.own_side(wqe, header, (&mut state.local, state.done), Access::LOCAL_READ, sink);
            let into = Local::new(peer, receive.list, &mut state.remote, Access::LOCAL_WRITE, sink);
            match transfer(&mut from, &mut Side::Local(into), chunk) {
                Ok(()) => {}
                Err(Culprit::Source) => return Fault::local(CompletionStatus::AccessViolation),
                Err(Culprit::Destination) => return Fault::remote(CompletionStatus::AccessViolation),
            }
            sink.moved(self.parts.cookie, peer.parts.cookie, state.done.into(), chunk.into());
            state.done = state.done.saturating_add(chunk);
            if state.done < header.length {
                return Step::Partial;
            }
        }
        let mut arrival =
            Arrival { bytes: header.length, invalidated: None, solicited: header.flags.contains(WqeFlags::SOLICIT) };
        if header.opcode == Opcode::SendAndInvalidate {
            let slot = match state.draining {
                Some(slot) => slot,
                None => {
                    let at = &peer.parts;
                    match peer.table().invalidate_token(header.remote_token, at.pd, at.id, sink) {
                        Ok(slot) => *state.draining.insert(slot),
                        Err(_) => return Fault::remote(CompletionStatus::Cancelled),
                    }
                }
            };
            if !peer.table().is_at_rest(slot) {
                return Step::Draining;
            }
            arrival.invalidated = Some(header.remote_token);
        }
        // SAFETY: we hold its receive gate, and `receive` is not used any more.
        unsafe { peer.end_receive(CompletionStatus::Success, arrival, sink) };
        Step::Done
    }

    fn object(&self, state: &mut SendState, wqe: &Wqe<'_>, header: &WqeHeader, sink: &impl Sink) -> Step {
        let work = wqe.object_work();
        let (table, pd, id) = (self.table(), self.parts.pd, self.parts.id);
        let outcome = match header.opcode {
            // SAFETY: the provider has staged `page_count` addresses at `pages`, until `unstage`.
            Opcode::FastRegister => unsafe { table.fast_register(&work, pd, sink) },
            Opcode::Bind => table.bind(&work, pd, id, sink),
            _ if state.active => Ok(()),
            _ => table.invalidate_object(&work, pd, id, sink),
        };
        match outcome {
            Err(WorkError::Invalid) => return Fault::local(CompletionStatus::InvalidRequest),
            Err(WorkError::Access) => return Fault::local(CompletionStatus::AccessViolation),
            Ok(()) => {}
        }
        if header.opcode == Opcode::Invalidate {
            state.active = true;
            if !table.is_at_rest(crate::token::SlotIndex(work.object)) {
                return Step::Draining;
            }
        }
        Step::Done
    }

    /// Ends the front request: frees its slot, then tells (WR-17). A silent success tells nothing (FLAG-02).
    #[inline]
    fn complete(&self, header: &WqeHeader, status: CompletionStatus, sink: &impl Sink) {
        if header.opcode == Opcode::FastRegister {
            let pages = self.parts.sq.front_written().map_or(0, |wqe| wqe.object_work().pages);
            if pages != 0 {
                sink.unstage(self.parts.cookie, pages);
            }
        }
        self.parts.sq.complete();
        if status == CompletionStatus::Success && header.flags.contains(WqeFlags::SILENT) {
            return;
        }
        let opcode = match header.opcode {
            Opcode::SendAndInvalidate => Opcode::Send,
            other => other,
        };
        let cqe = Cqe {
            qp_context: self.parts.context,
            request_context: header.request_context,
            opcode,
            invalidated: None,
            status,
            bytes: 0,
            error_code: 0,
            solicited: false,
        };
        self.push(&self.parts.initiator_cq, &cqe, sink);
    }

    /// The front request failed: both ends go into error before anything is told, then the statuses, then the wishes.
    /// An end that was in error before has had its one true status (WR-30).
    #[cold]
    fn fail(&self, peer: &Qp, state: &mut SendState, header: &WqeHeader, fault: &Fault, sink: &impl Sink) {
        let own = self.control.fetch_or(ERROR, Ordering::AcqRel) & ERROR == 0;
        let theirs = peer.control.fetch_or(ERROR, Ordering::AcqRel) & ERROR == 0;
        // Before any completion can be fetched: from then on nothing more may be posted (WR-13).
        if own {
            sink.lost(self.parts.cookie, fault.loss);
        }
        if theirs {
            sink.lost(peer.parts.cookie, if fault.loss == Loss::Cut { Loss::Cut } else { Loss::Remote });
        }
        let status = |first: bool, status| if first { status } else { CompletionStatus::Cancelled };
        if state.holding && (state.in_message || fault.peers != CompletionStatus::Cancelled) {
            // SAFETY: we hold its receive gate.
            unsafe { peer.end_receive(status(theirs, fault.peers), Arrival::default(), sink) };
        }
        state.next();
        if state.holding {
            self.let_receives_go(state, sink);
        }
        self.complete(header, status(own, fault.own), sink);
        // Our send queue is drained by the caller's loop, which sees the error; the rest in runs of their own.
        sink.kick(peer.parts.cookie);
        sink.kick(self.parts.cookie);
    }

    /// Cancels what is in the send queue, deferred requests included (FLAG-24). In error or without a peer the link goes too.
    #[cold]
    fn drain_send(&self, control: u32, state: &mut SendState, sink: &impl Sink) {
        let mut dead = control & (ERROR | PEER_GONE) != 0;
        // Before the drain: a flush that comes now asks for another look.
        self.control.fetch_and(!FLUSH_SEND, Ordering::AcqRel);
        if state.active && (!dead || state.in_message) {
            // Something is cut short: the connection is unfit from now on, at both ends (FLUSH-09).
            if let (Some(peer), Some(wqe)) = (self.linked(), self.parts.sq.front_written()) {
                let cut =
                    Fault { own: CompletionStatus::Cancelled, peers: CompletionStatus::Cancelled, loss: Loss::Cut };
                self.fail(peer, state, &wqe.header(), &cut, sink);
                dead = true;
            }
        }
        state.next();
        if state.holding {
            self.let_receives_go(state, sink);
        }
        while let Some(wqe) = self.parts.sq.front_written() {
            self.complete(&wqe.header(), CompletionStatus::Cancelled, sink);
        }
        if dead {
            self.unlink(sink);
        }
        if self.control() & ERROR != 0 {
            self.quieten(SEND_QUIET, sink);
        }
    }

    /// Leaves the peer's receive gate, draining its receives if it has asked for that meanwhile.
    fn let_receives_go(&self, state: &mut SendState, sink: &impl Sink) {
        state.holding = false;
        if let Some(peer) = self.linked() {
            peer.leave_receive(sink);
        }
    }

    fn unlink(&self, sink: &impl Sink) {
        let peer = self.peer.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if let Some(peer) = core::ptr::NonNull::new(peer) {
            // SAFETY: alive until we have said that we let it go.
            let cookie = unsafe { peer.as_ref() }.parts.cookie;
            sink.unlinked(self.parts.cookie, cookie);
        }
    }

    /// The peer; alive while the caller holds the send gate and has not unlinked.
    #[inline]
    fn linked(&self) -> Option<&Qp> {
        let peer = core::ptr::NonNull::new(self.peer.load(Ordering::Acquire))?;
        // SAFETY: type invariant; all callers hold the send gate.
        Some(unsafe { peer.as_ref() })
    }
}
