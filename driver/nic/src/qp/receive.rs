//! The receive side of a QP: the front receive for the peer's Sends, and drains. Callers hold the receive gate.

use softndk_abi::{CompletionStatus, Cqe, Opcode, Sge, Token};

use super::transfer::List;
use super::{ERROR, FLUSH_RECEIVE, Qp, RECEIVE_QUIET, Receives};
use crate::sink::Sink;
use crate::srq::Taken;
use softndk_abi::sync::{Ordering, full_fence};

/// The receive that a message goes into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front<'a> {
    /// Bytes that it takes.
    pub(super) length: u32,
    pub(super) list: List<'a>,
}

/// How a receive ended, apart from its status.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    pub(super) bytes: u32,
    pub(super) invalidated: Option<Token>,
    pub(super) solicited: bool,
}

impl Qp {
    /// The oldest receive; from an SRQ it is taken for this QP, once.
    ///
    /// # Safety
    /// The caller holds the receive gate, and uses the answer only until it ends the receive or leaves.
    #[inline]
    pub(super) unsafe fn front_receive(&self, sink: &impl Sink) -> Option<Front<'_>> {
        match &self.parts.receives {
            Receives::Own(queue) => {
                let wqe = queue.front()?;
                Some(Front { length: wqe.header().length, list: List::Wqe(wqe) })
            }
            Receives::Shared { srq, taken } => {
                // SAFETY: the gate guards the cell.
                let cell = unsafe { &mut *self.taken.get() };
                if cell.is_none() {
                    // SAFETY: outlives the QP (`new`).
                    let srq = unsafe { srq.as_ref() };
                    // SAFETY: the memory has room for the SRQ's `max_sge`, and the gate makes it ours.
                    *cell = unsafe { srq.take(*taken, sink) };
                }
                let Taken { length, count, .. } = (*cell)?;
                // SAFETY: `count` SGEs were written there by `take`; the gate keeps them.
                let sges: &[Sge] = unsafe { core::slice::from_raw_parts(taken.as_ptr(), count as usize) };
                Some(Front { length, list: List::Taken(sges) })
            }
        }
    }

    /// Ends the oldest receive, if there is one.
    ///
    /// # Safety
    /// The caller holds the receive gate.
    #[inline]
    pub(super) unsafe fn end_receive(&self, status: CompletionStatus, arrival: Arrival, sink: &impl Sink) -> bool {
        let context = match &self.parts.receives {
            Receives::Own(queue) => {
                let Some(wqe) = queue.front_written() else { return false };
                let context = wqe.header().request_context;
                // First, so that whoever fetches the completion finds the slot free (WR-17).
                queue.complete();
                context
            }
            Receives::Shared { .. } => {
                // SAFETY: the gate guards the cell.
                let cell = unsafe { &mut *self.taken.get() };
                let Some(taken) = cell.take() else { return false };
                taken.context
            }
        };
        let success = status == CompletionStatus::Success;
        let cqe = Cqe {
            qp_context: self.parts.context,
            request_context: context,
            opcode: Opcode::Receive,
            invalidated: arrival.invalidated.filter(|_| success),
            status,
            bytes: if success { arrival.bytes } else { 0 },
            error_code: 0,
            solicited: arrival.solicited && success,
        };
        self.push(&self.parts.receive_cq, &cqe, sink);
        true
    }

    /// A Send found no receive: `true` when one has come in between. Else the next post kicks the sender.
    pub(super) fn starve(&self) -> bool {
        self.hungry.store(true, Ordering::Release);
        match &self.parts.receives {
            Receives::Own(queue) => {
                full_fence();
                !queue.is_empty()
            }
            // SAFETY: outlives the QP (`new`).
            Receives::Shared { srq, .. } => unsafe { srq.as_ref() }.starve(),
        }
    }

    /// Drains the receives, if that is due; those waiting in an SRQ stay (FLUSH-05).
    ///
    /// # Safety
    /// The caller holds the receive gate and is not in the middle of a message.
    #[inline]
    pub(super) unsafe fn service_receive(&self, sink: &impl Sink) {
        let control = self.control();
        if control & (ERROR | FLUSH_RECEIVE) == 0 {
            return;
        }
        // Before the drain: a flush that comes now asks for another look.
        self.control.fetch_and(!FLUSH_RECEIVE, Ordering::AcqRel);
        // Either we see a receive posted just now, or its poster sees our mark (`receive_posted`).
        full_fence();
        // SAFETY: passed on.
        while unsafe { self.end_receive(CompletionStatus::Cancelled, Arrival::default(), sink) } {}
        if control & ERROR != 0 {
            self.quieten(RECEIVE_QUIET, sink);
        }
    }
}
