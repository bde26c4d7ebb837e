//! The side that connects: connect, the peer's answer, complete-connect (`CONN-04` to `CONN-30`).

use super::{End, EventForm, Phase, agree};
use crate::{
    Failure,
    effects::{Counter, Effect, Effects, Message},
};
use softndk_abi::cm::{Address, PrivateData, ReadLimits};

impl End {
    /// May NdkConnect be called now?
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceState`] (`CONN-03`).
    pub fn check_connect(&self) -> Result<(), Failure> {
        if self.phase == Phase::Idle { Ok(()) } else { Err(Failure::InvalidDeviceState) }
    }

    /// The request is on its way from `local` to `remote`; its completion is owed later.
    ///
    /// `asked` is already capped (`CONN-47`). Call [`End::check_connect`] first.
    pub fn connect(&mut self, local: Address, remote: Address, asked: ReadLimits) {
        self.phase = Phase::Connecting;
        self.local = Some(local);
        self.remote = Some(remote);
        self.asked = asked;
        self.has_data = false;
        self.waiting = true;
    }

    /// Nobody took the request (`CONN-11` to `CONN-14`): the connector may try again (`CONN-30`).
    pub fn request_failed(&mut self, failure: Failure, effects: &mut Effects) {
        if self.phase == Phase::Connecting {
            self.attempt_failed(failure, effects);
        }
    }

    /// The passive side's accept, as it is sent: what the active side will find in its end when the
    /// message arrives.
    pub fn load_answer(&mut self, peer_asked: ReadLimits, data: PrivateData) {
        self.agreed = agree(self.asked, peer_asked);
        self.received = data;
    }

    /// The passive side's reject data, as it is sent (`CONN-52`).
    pub fn load_rejection(&mut self, data: PrivateData) {
        self.received = data;
    }

    /// NdkCompleteConnect (`CONN-21`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] when no answer stands (`CONN-22`), [`Failure::Aborted`] when the
    /// peer gave up meanwhile (`CONN-23`).
    pub fn complete_connect(&mut self, event: EventForm, effects: &mut Effects) -> Result<(), Failure> {
        match self.phase {
            Phase::Answered => {
                self.phase = Phase::Connected;
                self.event = event;
                self.event_due = true;
                self.established = true;
                effects.push(Effect::Join);
                effects.push(Effect::BringUp);
                effects.push(Effect::Tell(Message::Ready));
                effects.push(Effect::Count(Counter::Connect));
                Ok(())
            }
            Phase::GivenUp => {
                self.phase = Phase::Closed;
                effects.push(Effect::ReleaseQp);
                effects.push(Effect::FreeAddress);
                effects.push(Effect::Count(Counter::ConnectFailure));
                Err(Failure::Aborted)
            }
            _ => Err(Failure::ConnectionInvalid),
        }
    }

    pub(super) fn on_accept(&mut self, effects: &mut Effects) {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Answered;
            self.has_data = true;
            self.complete(Ok(()), effects);
        }
    }

    pub(super) fn on_reject(&mut self, effects: &mut Effects) {
        if self.phase == Phase::Connecting {
            self.has_data = true;
            self.attempt_failed(Failure::Refused, effects);
        }
    }

    pub(super) fn attempt_failed(&mut self, failure: Failure, effects: &mut Effects) {
        self.phase = Phase::Idle;
        effects.push(Effect::ReleaseQp);
        effects.push(Effect::FreeAddress);
        effects.push(Effect::Count(Counter::ConnectFailure));
        self.complete(Err(failure), effects);
    }
}
