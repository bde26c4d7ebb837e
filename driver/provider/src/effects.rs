//! What a state machine wants done after the lock is dropped.
//!
//! The lists have a fixed room, so that asking for something can never fail for lack of memory; the
//! longest transition asks for five things.

use crate::status::NtStatus;
use arrayvec::ArrayVec;

/// One wish of a connector's state machine to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Put this message into the peer's inbox and wake its adapter's connection worker.
    Tell(Message),
    /// Put these requests' completions and events on the connector's list of owed upcalls.
    Owe(Upcall),
    /// The two QPs may exchange messages: make each the other's peer.
    Join,
    /// The own QP may post initiator requests (`WR-11`).
    BringUp,
    /// The own QP takes no more requests (`WR-13`); what it holds stays (`CONN-76`).
    BringDown,
    /// The own QP is finished: flush both queues and part it from its peer (`CONN-65`, `LIFE-35`).
    Break,
    /// The attempt failed before it was a connection: the QP is free again (`CONN-30`).
    ReleaseQp,
    /// The connector is closed before there was a connection: the QP is free for others, although the
    /// connector holds it until its close is complete (`LIFE-25`).
    UnclaimQp,
    /// The local address and port are free again (`CONN-84`).
    FreeAddress,
    /// One more of this in the NDK counters (`OID-13` to `OID-17`).
    Count(Counter),
}

/// What one end of a connection says to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The passive side accepted; limits and private data stand in the receiver's end already.
    Accept,
    /// The passive side rejected.
    Reject,
    /// The active side has completed the connect.
    Ready,
    /// The sender disconnected, or closed its connector.
    Bye,
    /// The connection failed, or the sender gave up before there was one.
    Abort,
}

/// A call that is owed to the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upcall {
    /// The completion of the one request that was waiting.
    Completion(NtStatus),
    /// The disconnect event, plain or with this reason (`CONN-80`).
    Disconnected {
        /// 0 when the peer left by itself, else a provider code.
        reason: u32,
    },
}

/// NDK counters that connection state machines move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// `Connect` (`OID-13`), and one more active connection.
    Connect,
    /// `Accept` (`OID-14`), and one more active connection.
    Accept,
    /// `ConnectFailure` (`OID-15`).
    ConnectFailure,
    /// `ConnectionError` (`OID-16`).
    ConnectionError,
    /// One active connection less (`OID-17`).
    Ended,
}

/// Room for the wishes of one transition.
#[derive(Debug, Default)]
pub struct Effects {
    list: ArrayVec<Effect, 8>,
}

impl Effects {
    /// Nothing wished yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a wish.
    pub fn push(&mut self, effect: Effect) {
        let kept = self.list.try_push(effect);
        debug_assert!(kept.is_ok(), "a transition wished for more than the list holds");
    }

    /// The wishes, in the order in which they are carried out.
    pub fn iter(&self) -> impl Iterator<Item = Effect> + '_ {
        self.list.iter().copied()
    }

    /// True when `effect` is among them.
    #[must_use]
    pub fn contains(&self, effect: Effect) -> bool {
        self.list.contains(&effect)
    }
}
