//! The side that listens: the request, accept and reject (`CONN-31` to `CONN-45`).

use super::{End, EventForm, Phase, agree, cap};
use crate::{
    Failure,
    effects::{Counter, Effect, Effects, Message},
};
use softndk_abi::cm::{Address, PrivateData, ReadLimits};

impl End {
    /// The end that a connect event delivers (`LSN-11`): the peer at `remote` asked for `local`.
    ///
    /// `peer` is what the active side asked for, `adapter` what this side's adapter can do; both are
    /// known to the consumer before it accepts (`CONN-49`).
    #[must_use]
    pub fn from_request(
        local: Address,
        remote: Address,
        peer: ReadLimits,
        adapter: ReadLimits,
        data: PrivateData,
    ) -> Self {
        Self {
            phase: Phase::Pending,
            local: Some(local),
            remote: Some(remote),
            // Until the accept names its own wishes, those of the adapter stand in for them.
            asked: adapter,
            agreed: agree(adapter, peer),
            received: data,
            has_data: true,
            ..Self::new()
        }
    }

    /// May NdkAccept or NdkReject be called now?
    ///
    /// # Errors
    /// [`Failure::Aborted`] when the active side gave up (`LSN-15`, `CONN-42`), else `wrong_state`.
    pub fn check_pending(&self, wrong_state: Failure) -> Result<(), Failure> {
        match self.phase {
            Phase::Pending => Ok(()),
            Phase::GivenUp => Err(Failure::Aborted),
            _ => Err(wrong_state),
        }
    }

    /// NdkAccept with what the consumer asked for; returns what the active side is told. Its
    /// completion is owed when the active side has completed (`CONN-32`). Call
    /// [`End::check_pending`] first.
    pub fn accept(&mut self, asked: ReadLimits, event: EventForm, effects: &mut Effects) -> ReadLimits {
        let capped = cap(asked, self.asked);
        self.agreed = cap(capped, self.agreed);
        self.asked = capped;
        self.phase = Phase::Accepting;
        self.event = event;
        self.waiting = true;
        effects.push(Effect::Tell(Message::Accept));
        capped
    }

    /// NdkReject of a request, or of an answered connect (`CONN-40`, `CONN-41`).
    ///
    /// # Errors
    /// [`Failure::Aborted`] when the other side gave up (`CONN-42`), [`Failure::ConnectionInvalid`] in
    /// other states (`CONN-03`).
    pub fn reject(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match self.phase {
            Phase::Pending => {
                self.phase = Phase::Closed;
                effects.push(Effect::Tell(Message::Reject));
            }
            Phase::Answered => {
                self.phase = Phase::Closed;
                effects.push(Effect::Tell(Message::Abort));
                effects.push(Effect::ReleaseQp);
                effects.push(Effect::FreeAddress);
            }
            Phase::GivenUp => {
                self.phase = Phase::Closed;
                return Err(Failure::Aborted);
            }
            _ => return Err(Failure::ConnectionInvalid),
        }
        effects.push(Effect::Count(Counter::ConnectFailure));
        Ok(())
    }

    pub(super) fn on_ready(&mut self, effects: &mut Effects) {
        if self.phase == Phase::Accepting {
            self.phase = Phase::Connected;
            self.event_due = true;
            self.established = true;
            effects.push(Effect::BringUp);
            effects.push(Effect::Count(Counter::Accept));
            self.complete(Ok(()), effects);
        }
    }
}
