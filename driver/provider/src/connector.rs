//! Connector: one end of a connection (`CONN-*`).
//!
//! ```text
//! active   Idle ─connect─► Connecting ─Accept─► Answered ─complete_connect─► Connected
//! passive  Pending ─accept─► Accepting ─Ready─────────────────────────────► Connected
//!
//! Connected ─disconnect─► Disconnecting ─Bye and quiet─► Closed
//!     └──Bye, Abort, failure──► PeerGone ─disconnect─► Disconnecting
//! ```
//!
//! The two ends never look at each other: they send [`Message`]s, which the shell carries (over the
//! loopback wire by the connection worker, after the configured delay). Consumer completions and
//! events are wishes, [`Effect::Owe`], that the same worker performs with no lock held; so the one
//! that answers a request always comes before the event that follows it (`CONN-75`).
//!
//! All functions run under the connection lock.

mod active;
mod data;
mod passive;
mod teardown;
#[cfg(test)]
mod tests;

pub use data::DataAnswer;

use crate::{
    Failure,
    effects::{Effect, Effects, Message, Upcall},
    status,
};
use arrayvec::ArrayVec;
use softndk_abi::cm::{Address, PrivateData, ReadLimits};

/// Where an end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Created, or after an attempt that may be repeated (`CONN-30`).
    Idle,
    /// The request is on its way; NdkConnect is pending.
    Connecting,
    /// The peer has accepted; NdkCompleteConnect is due.
    Answered,
    /// Delivered by a connect event, neither accepted nor rejected.
    Pending,
    /// Accepted; waiting for the active side to complete.
    Accepting,
    /// Requests flow.
    Connected,
    /// The peer has left or the connection broke; the local consumer has not reacted yet.
    PeerGone,
    /// NdkDisconnect is pending.
    Disconnecting,
    /// The other side gave up before there was a connection (`CONN-23`, `LSN-15`).
    GivenUp,
    /// Over.
    Closed,
}

/// Which disconnect callback the consumer gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventForm {
    /// None: no event (`CONN-26`).
    None,
    /// Plain or Ex; the shell knows which pointer.
    Given,
}

/// One end of a connection.
///
/// # Invariants
/// At most one request waits for its completion (`waiting`), because no state allows a second one.
#[derive(Debug)]
pub struct End {
    phase: Phase,
    local: Option<Address>,
    remote: Option<Address>,
    /// What this side asked for, capped at its adapter's limits (`CONN-47`).
    asked: ReadLimits,
    /// What holds; before the peer has answered, what follows from the request so far (`CONN-49`).
    agreed: ReadLimits,
    received: PrivateData,
    has_data: bool,
    waiting: bool,
    event: EventForm,
    event_due: bool,
    /// NdkDisconnect: the peer's answer has come, with this result.
    answer: Option<Result<(), Failure>>,
    established: bool,
    inbox: ArrayVec<Message, 6>,
}

impl End {
    /// An idle connector (`CONN-01`).
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: Phase::Idle,
            local: None,
            remote: None,
            asked: ReadLimits::default(),
            agreed: ReadLimits::default(),
            received: PrivateData::EMPTY,
            has_data: false,
            waiting: false,
            event: EventForm::None,
            event_due: false,
            answer: None,
            established: false,
            inbox: ArrayVec::new_const(),
        }
    }

    /// Where the end stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// True while the connection counts as established (`OID-31`).
    #[must_use]
    pub const fn is_established(&self) -> bool {
        self.established
    }

    /// Puts a message of the peer into the inbox, in the order of arrival.
    pub fn receive(&mut self, message: Message) {
        let kept = self.inbox.try_push(message);
        debug_assert!(kept.is_ok(), "a peer says at most five things");
    }

    /// Takes the oldest message, if any, and acts on it; false when the inbox was empty.
    pub fn step(&mut self, effects: &mut Effects) -> bool {
        let Some(message) = self.inbox.pop_at(0) else { return false };
        match message {
            Message::Accept => self.on_accept(effects),
            Message::Reject => self.on_reject(effects),
            Message::Ready => self.on_ready(effects),
            Message::Bye => self.on_bye(effects),
            Message::Abort => self.on_abort(effects),
        }
        true
    }

    /// Owes the completion of the waiting request.
    fn complete(&mut self, result: Result<(), Failure>, effects: &mut Effects) {
        if core::mem::take(&mut self.waiting) {
            effects.push(Effect::Owe(Upcall::Completion(status::of_result(result))));
        }
    }

    /// Owes the disconnect event, once and only if one was given (`CONN-72`, `CONN-73`).
    fn disconnected(&mut self, reason: u32, effects: &mut Effects) {
        if core::mem::take(&mut self.event_due) && self.event == EventForm::Given {
            effects.push(Effect::Owe(Upcall::Disconnected { reason }));
        }
    }
}

impl Default for End {
    fn default() -> Self {
        Self::new()
    }
}

/// Caps what a consumer asks for at what the adapter can do, silently (`CONN-47`, `CONN-48`).
#[must_use]
pub fn cap(asked: ReadLimits, adapter: ReadLimits) -> ReadLimits {
    ReadLimits { inbound: asked.inbound.min(adapter.inbound), outbound: asked.outbound.min(adapter.outbound) }
}

/// The limits that hold for a side that asked for `own` when the peer asked for `peer` (`CONN-46`,
/// `CONN-51`).
#[must_use]
pub fn agree(own: ReadLimits, peer: ReadLimits) -> ReadLimits {
    ReadLimits { inbound: own.inbound.min(peer.outbound), outbound: own.outbound.min(peer.inbound) }
}
