//! Queue pairs: two queues, two gates, a link to the peer, and the engine that runs them.
//!
//! ```text
//!   send gate of A     guards  consumption of A's send queue, A's progress, A's link to B
//!   receive gate of B  guards  consumption of B's receives
//!
//!   runner of A (holds send gate A) --Send--> enters receive gate B (never waits: busy means that B's drain will kick A)
//!   B's drain enters receive gate B too; if a Send holds it, that runner drains B when it leaves
//! ```
//!
//! States of a QP are bits that are only added: connected (a peer is linked), peer gone (sends are cancelled,
//! receives wait on), error (everything is cancelled, WR-29). The device links a QP once in its life (QP-14).
//!
//! A first failure is decided in one place (`send::Qp::fail`): own status for the request, at most one status at
//! the peer, both ends in error, everything else cancelled (WR-29, WR-30).
//!
//! Carries: WR-05, WR-17, WR-25 to WR-34, FLAG-02 to FLAG-09, FLAG-16, FLUSH-*, SND-*, SINV-*, RCV-*, RD-*, WRT-*,
//! BND-*, FRG-*, INV-* as far as they are about execution. `unsafe` here: the cell under the gate, and the links.

mod receive;
mod send;
mod transfer;

use core::cell::UnsafeCell;
use core::ptr::NonNull;

use softndk_abi::completion::{Alarm, CompletionQueue};
use softndk_abi::sync::{AtomicBool, AtomicPtr, AtomicU32, Gap, Ordering, full_fence};
use softndk_abi::work::WorkQueue;
use softndk_abi::{Cqe, Sge, Token};

use crate::gate::Gate;
use crate::sink::Sink;
use crate::srq::{Srq, Taken};
use crate::token::{SlotIndex, Table};
use transfer::Cursor;

/// Bytes that are copied between two looks at flags and budget: some 1.5 microseconds' worth.
pub const CHUNK: u32 = 64 * 1024;

/// What a run left behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[must_use]
pub enum Progress {
    /// Nothing to do, or another runner does it.
    Idle,
    /// The front Send waits for a receive ([`Sink::starved`] was called).
    Starved,
    /// The budget is used up, or a copy on another processor has to end first: run again, best from a worker.
    More,
}

/// A CQ, as a QP refers to it.
#[derive(Clone, Copy, Debug)]
pub struct CqLink {
    /// The queue.
    pub queue: NonNull<CompletionQueue>,
    /// The shell's cookie of it.
    pub cookie: usize,
}

/// Where a QP's receives come from.
#[derive(Debug)]
pub enum Receives {
    /// Its own queue.
    Own(WorkQueue),
    /// A shared one.
    Shared {
        /// The queue.
        srq: NonNull<Srq>,
        /// Memory for the SGEs of the receive that this QP has taken: `max_sge` of them.
        taken: NonNull<Sge>,
    },
}

/// What a QP is made of.
#[derive(Debug)]
pub struct QpParts {
    /// The send queue.
    pub sq: WorkQueue,
    /// The receives.
    pub receives: Receives,
    /// The table of its tokens.
    pub table: NonNull<Table>,
    /// Protection domain.
    pub pd: u32,
    /// Adapter instance, whose mappings count for the privileged token (LAM-16).
    pub domain: u32,
    /// The PD's privileged token.
    pub privileged: Token,
    /// A number that no other QP of the table has; windows remember it (MW-07).
    pub id: u32,
    /// For the CQEs (WR-04).
    pub context: u64,
    /// The shell's cookie, for [`Sink`].
    pub cookie: usize,
    /// Where sends complete.
    pub initiator_cq: CqLink,
    /// Where receives complete.
    pub receive_cq: CqLink,
}

/// Nothing works any more: all requests are cancelled.
const ERROR: u32 = 1;
/// The peer has left: initiator requests are cancelled, receives wait on (CONN-76).
const PEER_GONE: u32 = 2;
/// A flush of the send queue, of the receives, is asked for.
const FLUSH_SEND: u32 = 4;
const FLUSH_RECEIVE: u32 = 8;
/// The peer's runner waits for something that has come about here.
const KICK_PEER: u32 = 16;
/// In error, and the queue was drained.
const SEND_QUIET: u32 = 32;
const RECEIVE_QUIET: u32 = 64;

/// What the front request of the send queue has come to; guarded by the send gate.
#[derive(Debug)]
struct SendState {
    /// The front request has begun.
    active: bool,
    /// We hold the peer's receive gate.
    holding: bool,
    /// The front request is a message that has begun to fill the peer's front receive.
    in_message: bool,
    /// Bytes moved.
    done: u32,
    /// Place in the own SGEs, and in the peer's receive.
    local: Cursor,
    remote: Cursor,
    /// All bytes moved; this slot has been invalidated and must come to rest.
    draining: Option<SlotIndex>,
}

impl SendState {
    const IDLE: Self = Self {
        active: false,
        holding: false,
        in_message: false,
        done: 0,
        local: Cursor::START,
        remote: Cursor::START,
        draining: None,
    };

    /// Ready for the next request; the peer's receive gate stays as it is.
    fn next(&mut self) {
        let holding = self.holding;
        *self = Self { holding, ..Self::IDLE };
    }
}

/// A queue pair of the device.
///
/// # Invariants
/// `send` is touched only by the holder of `send_gate`, `taken` only by the holder of `receive_gate`. `peer`, if
/// not null, is alive: it is set by `connect` and cleared by the holder of `send_gate` before [`Sink::unlinked`].
#[derive(Debug)]
pub struct Qp {
    parts: QpParts,
    _gap: Gap,
    control: AtomicU32,
    hungry: AtomicBool,
    peer: AtomicPtr<Qp>,
    send_gate: Gate,
    send: UnsafeCell<SendState>,
    _gap2: Gap,
    receive_gate: Gate,
    taken: UnsafeCell<Option<Taken>>,
}

// SAFETY: the cells are guarded by the gates, the rest is shared through atomics or read only.
unsafe impl Send for Qp {}
// SAFETY: as above; what the pointers in `parts` lead to is `Sync` and alive (`new`).
unsafe impl Sync for Qp {}

impl Qp {
    /// A QP that is not connected; its receives wait (WR-12).
    ///
    /// # Safety
    /// What `parts` points to (table, CQs, SRQ, memory for taken SGEs) outlives the QP, and is used as its types demand.
    /// The consumer sides of the work queues are used by this QP alone.
    pub unsafe fn new(parts: QpParts) -> Self {
        Self {
            parts,
            _gap: Gap::new(),
            control: AtomicU32::new(0),
            hungry: AtomicBool::new(false),
            peer: AtomicPtr::new(core::ptr::null_mut()),
            send_gate: Gate::new(),
            send: UnsafeCell::new(SendState::IDLE),
            _gap2: Gap::new(),
            receive_gate: Gate::new(),
            taken: UnsafeCell::new(None),
        }
    }

    /// The send queue, for its producer.
    pub fn send_queue(&self) -> &WorkQueue {
        &self.parts.sq
    }

    /// The own receive queue, for its producer; `None` with an SRQ (QP-11).
    pub fn receive_queue(&self) -> Option<&WorkQueue> {
        match &self.parts.receives {
            Receives::Own(queue) => Some(queue),
            Receives::Shared { .. } => None,
        }
    }

    /// Whether everything is cancelled (a failure or [`Qp::stop`]).
    pub fn in_error(&self) -> bool {
        self.control() & ERROR != 0
    }

    /// Whether initiator requests can still succeed.
    pub fn can_send(&self) -> bool {
        self.control() & (ERROR | PEER_GONE) == 0 && !self.peer.load(Ordering::Acquire).is_null()
    }

    /// Links the QP to its peer: from now on it can send. Each end is linked by a call of its own. `false` when it is in error or was linked before.
    ///
    /// # Safety
    /// `peer` stays alive until [`Sink::unlinked`] has been called for this QP (the shell holds a reference meanwhile).
    /// Called once in the life of the QP.
    pub unsafe fn connect(&self, peer: NonNull<Qp>) -> bool {
        if self.in_error() {
            return false;
        }
        self.peer.compare_exchange(core::ptr::null_mut(), peer.as_ptr(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Runs the QP: its send queue with at most `budget` bytes (plus a charge per request), and a drain that is due.
    ///
    /// Doorbell, kick, retry after starving and budget hand-over are all this call, from any context up to DISPATCH_LEVEL.
    pub fn run(&self, budget: u32, sink: &impl Sink) -> Progress {
        let sent = self.run_send(budget, sink);
        if self.control() & (ERROR | FLUSH_RECEIVE) == 0 {
            return sent;
        }
        sent.max(self.run_receive(budget, sink))
    }

    /// Doorbell of the send queue.
    #[inline]
    pub fn run_send(&self, budget: u32, sink: &impl Sink) -> Progress {
        if !self.send_gate.enter() {
            return Progress::Idle;
        }
        let mut left = budget;
        loop {
            // SAFETY: we hold the send gate.
            let progress = unsafe { self.service_send(&mut left, sink) };
            if !self.send_gate.leave() {
                return progress;
            }
            if left == 0 {
                while self.send_gate.leave() {}
                return Progress::More;
            }
        }
    }

    /// Doorbell of the own receive queue: after a receive was posted. Wakes a peer that starves, drains a QP in error.
    #[inline]
    pub fn receive_posted(&self, budget: u32, sink: &impl Sink) -> Progress {
        // Either the failing side's drain sees the receive, or we see its mark; likewise a starving peer.
        full_fence();
        if self.control() & (ERROR | FLUSH_RECEIVE) != 0 {
            return self.run_receive(budget, sink);
        }
        if self.hungry.load(Ordering::Acquire) && self.hungry.swap(false, Ordering::AcqRel) {
            self.control.fetch_or(KICK_PEER, Ordering::AcqRel);
            return self.run_send(budget, sink);
        }
        Progress::Idle
    }

    /// Drains the receives if that is due.
    fn run_receive(&self, budget: u32, sink: &impl Sink) -> Progress {
        if !self.receive_gate.enter() {
            return Progress::Idle;
        }
        if !self.leave_receive(sink) {
            return Progress::Idle;
        }
        // The peer's runner may have found the gate shut.
        self.control.fetch_or(KICK_PEER, Ordering::AcqRel);
        self.run_send(budget, sink)
    }

    /// Holder of the receive gate: drains if that is due, and leaves; `true` when others asked meanwhile.
    fn leave_receive(&self, sink: &impl Sink) -> bool {
        let mut asked = false;
        loop {
            // SAFETY: the caller holds the receive gate.
            unsafe { self.service_receive(sink) };
            if !self.receive_gate.leave() {
                return asked;
            }
            asked = true;
        }
    }

    /// NdkFlush: everything posted so far completes, cancelled if it has not finished (FLUSH-01). Traffic may go on
    /// unless something was cut short (FLUSH-09).
    pub fn flush(&self, budget: u32, sink: &impl Sink) -> Progress {
        self.control.fetch_or(FLUSH_SEND | FLUSH_RECEIVE, Ordering::AcqRel);
        self.run_send(budget, sink).max(self.run_receive(budget, sink))
    }

    /// The local end of the connection (disconnect, close): everything is cancelled, now and later. [`Sink::lost`] is not called.
    ///
    /// [`Sink::quiet`] tells when both queues are drained and the link is gone.
    pub fn stop(&self, budget: u32, sink: &impl Sink) -> Progress {
        self.control.fetch_or(ERROR, Ordering::AcqRel);
        self.run_send(budget, sink).max(self.run_receive(budget, sink))
    }

    /// The peer has left gracefully: initiator requests are cancelled from now on (WR-14), receives wait (CONN-76).
    pub fn peer_left(&self, budget: u32, sink: &impl Sink) -> Progress {
        self.control.fetch_or(PEER_GONE, Ordering::AcqRel);
        self.run_send(budget, sink)
    }

    #[inline]
    fn control(&self) -> u32 {
        self.control.load(Ordering::Acquire)
    }

    #[inline]
    fn table(&self) -> &Table {
        // SAFETY: outlives the QP (`new`).
        unsafe { self.parts.table.as_ref() }
    }

    #[inline]
    fn push(&self, to: &CqLink, cqe: &Cqe, sink: &impl Sink) {
        // SAFETY: outlives the QP (`new`).
        let pushed = unsafe { to.queue.as_ref() }.push(cqe);
        if pushed.alarm != Alarm::None {
            sink.alarm(to.cookie, pushed.alarm);
        }
        if pushed.overflow {
            sink.cq_overflow(to.cookie);
        }
    }

    /// One queue of a QP in error was drained; both: it is quiet.
    fn quieten(&self, which: u32, sink: &impl Sink) {
        let both = SEND_QUIET | RECEIVE_QUIET;
        let before = self.control.fetch_or(which, Ordering::AcqRel);
        if before & both != both && (before | which) & both == both {
            sink.quiet(self.parts.cookie);
        }
    }
}
