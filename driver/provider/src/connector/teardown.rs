//! How a connection ends: disconnect, the peer's leave, failures, close (`CONN-61` to `CONN-81`).

use super::{End, Phase};
use crate::{
    Failure,
    effects::{Counter, Effect, Effects, Message},
};

/// `ProviderDisconnectReason` of a connection that failed instead of being left (`CONN-80`).
pub const REASON_FAILURE: u32 = 1;

impl End {
    /// NdkDisconnect: tells the peer, flushes the QP; its completion is owed by [`End::settle`].
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] when there is no connection, or a second time (`CONN-69`).
    pub fn disconnect(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match self.phase {
            Phase::Connected => {
                self.answer = None;
                effects.push(Effect::Tell(Message::Bye));
            }
            // The peer has left already: nothing to wait for but the own copies (CONN-68).
            // It may be waiting for this answer, though (CONN-61).
            Phase::PeerGone => {
                self.answer = Some(self.answer.unwrap_or(Ok(())));
                effects.push(Effect::Tell(Message::Bye));
            }
            _ => return Err(Failure::ConnectionInvalid),
        }
        self.phase = Phase::Disconnecting;
        self.waiting = true;
        // The local consumer went first: no event (CONN-74).
        self.event_due = false;
        self.ended(effects);
        effects.push(Effect::Break);
        Ok(())
    }

    /// Looks whether a pending disconnect can complete: the peer has answered and `quiet`, no copy of
    /// the QP's requests goes on and all its completions are in the CQ (`CONN-61`, `CONN-65`).
    pub fn settle(&mut self, quiet: bool, effects: &mut Effects) {
        if self.phase != Phase::Disconnecting || !quiet {
            return;
        }
        if let Some(result) = self.answer.take() {
            self.phase = Phase::Closed;
            self.complete(result, effects);
        }
    }

    /// The peer did not answer the disconnect in time (`CONN-62`), or the active side never completed
    /// (`CONN-34`).
    pub fn time_out(&mut self, effects: &mut Effects) {
        match self.phase {
            Phase::Disconnecting => self.answer = self.answer.or(Some(Err(Failure::Timeout))),
            Phase::Accepting => {
                self.phase = Phase::Closed;
                effects.push(Effect::Tell(Message::Abort));
                effects.push(Effect::Break);
                effects.push(Effect::Count(Counter::ConnectFailure));
                self.complete(Err(Failure::Timeout), effects);
            }
            _ => {}
        }
    }

    /// The device ended the connection because a request failed (`WR-29`): the peer is told, the
    /// consumer gets its event (`CONN-72`), the QP is already in error.
    pub fn lost(&mut self, effects: &mut Effects) {
        match self.phase {
            Phase::Connected => {
                self.phase = Phase::PeerGone;
                self.answer = Some(Err(Failure::Aborted));
                self.ended(effects);
                effects.push(Effect::Count(Counter::ConnectionError));
                effects.push(Effect::Break);
                effects.push(Effect::Tell(Message::Abort));
                self.disconnected(REASON_FAILURE, effects);
            }
            // The peer has left and waits for an answer, which will not come gracefully (CONN-63).
            Phase::PeerGone if self.answer == Some(Ok(())) => {
                self.answer = Some(Err(Failure::Aborted));
                effects.push(Effect::Break);
                effects.push(Effect::Tell(Message::Abort));
            }
            // The peer's message broke on our receive before the accept was finished.
            Phase::Accepting => {
                self.phase = Phase::Closed;
                effects.push(Effect::Tell(Message::Abort));
                effects.push(Effect::Break);
                effects.push(Effect::Count(Counter::ConnectFailure));
                self.complete(Err(Failure::Aborted), effects);
            }
            _ => {}
        }
    }

    /// The adapter, or the local address, is gone: whatever goes on ends with `failure` or as a
    /// connection that broke, and the peer is told (`PNP-04`, `PNP-09`).
    pub fn cut_off(&mut self, failure: Failure, effects: &mut Effects) {
        match self.phase {
            Phase::Connecting => {
                effects.push(Effect::Tell(Message::Abort));
                self.attempt_failed(failure, effects);
            }
            Phase::Pending => {
                effects.push(Effect::Tell(Message::Reject));
                effects.push(Effect::Count(Counter::ConnectFailure));
                self.phase = Phase::GivenUp;
            }
            // The failure counts when the consumer completes the connect, or closes.
            Phase::Answered => {
                effects.push(Effect::Tell(Message::Abort));
                self.phase = Phase::GivenUp;
            }
            Phase::Disconnecting => self.answer = self.answer.or(Some(Err(Failure::Aborted))),
            _ => self.lost(effects),
        }
    }

    /// The consumer closes the connector: whatever goes on is given up (`LIFE-05`, `LIFE-06`,
    /// `LIFE-35`, `LIFE-36`, `CONN-45`). The peer cannot be reached through this end afterwards.
    pub fn close(&mut self, effects: &mut Effects) {
        self.event_due = false;
        match self.phase {
            Phase::Idle | Phase::Closed => {}
            Phase::GivenUp => effects.push(Effect::UnclaimQp),
            Phase::Connecting | Phase::Answered => {
                effects.push(Effect::Tell(Message::Abort));
                effects.push(Effect::UnclaimQp);
                effects.push(Effect::Count(Counter::ConnectFailure));
            }
            Phase::Pending => {
                effects.push(Effect::Tell(Message::Reject));
                effects.push(Effect::Count(Counter::ConnectFailure));
            }
            Phase::Accepting => {
                effects.push(Effect::Tell(Message::Abort));
                effects.push(Effect::Break);
                effects.push(Effect::Count(Counter::ConnectFailure));
            }
            Phase::Connected => {
                effects.push(Effect::Tell(Message::Bye));
                self.ended(effects);
                effects.push(Effect::Break);
            }
            Phase::PeerGone => {
                // A peer that disconnected waits for this (CONN-71).
                effects.push(Effect::Tell(Message::Bye));
                effects.push(Effect::Break);
            }
            Phase::Disconnecting => effects.push(Effect::Break),
        }
        self.phase = Phase::Closed;
        self.inbox.clear();
        self.complete(Err(Failure::Cancelled), effects);
    }

    pub(super) fn on_bye(&mut self, effects: &mut Effects) {
        match self.phase {
            Phase::Connected => {
                self.phase = Phase::PeerGone;
                self.answer = Some(Ok(()));
                self.ended(effects);
                // What the peer sent is in the receives; those still waiting stay (CONN-76, CONN-77).
                effects.push(Effect::BringDown);
                self.disconnected(0, effects);
            }
            Phase::Disconnecting => self.answer = self.answer.or(Some(Ok(()))),
            Phase::Accepting => self.given_up_while_accepting(effects),
            _ => {}
        }
    }

    pub(super) fn on_abort(&mut self, effects: &mut Effects) {
        match self.phase {
            Phase::Connected => {
                self.phase = Phase::PeerGone;
                self.answer = Some(Err(Failure::Aborted));
                self.ended(effects);
                effects.push(Effect::Count(Counter::ConnectionError));
                effects.push(Effect::Break);
                self.disconnected(REASON_FAILURE, effects);
            }
            Phase::Disconnecting => self.answer = self.answer.or(Some(Err(Failure::Aborted))),
            Phase::Accepting => self.given_up_while_accepting(effects),
            Phase::Pending | Phase::Answered => self.phase = Phase::GivenUp,
            _ => {}
        }
    }

    fn given_up_while_accepting(&mut self, effects: &mut Effects) {
        self.phase = Phase::Closed;
        effects.push(Effect::Break);
        effects.push(Effect::Count(Counter::ConnectFailure));
        self.complete(Err(Failure::Aborted), effects);
    }

    fn ended(&mut self, effects: &mut Effects) {
        if core::mem::take(&mut self.established) {
            effects.push(Effect::Count(Counter::Ended));
        }
    }
}
