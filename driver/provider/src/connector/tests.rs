//! Two ends and a post between them: every transition of the connection state machine.

use super::*;
use crate::effects::Counter;
use softndk_abi::cm::Ip;

const HERE: Address = Address { ip: Ip::V4([10, 0, 0, 1]), port: 50_000 };
const THERE: Address = Address { ip: Ip::V4([10, 0, 0, 2]), port: 445 };
const ADAPTER: ReadLimits = ReadLimits { inbound: 128, outbound: 128 };

fn limits(inbound: u32, outbound: u32) -> ReadLimits {
    ReadLimits { inbound, outbound }
}

fn completion(result: Result<(), Failure>) -> Effect {
    Effect::Owe(Upcall::Completion(status::of_result(result)))
}

const EVENT: Effect = Effect::Owe(Upcall::Disconnected { reason: 0 });
const EVENT_FAILED: Effect = Effect::Owe(Upcall::Disconnected { reason: teardown::REASON_FAILURE });

/// Both ends and the effects of the latest call on each.
struct Pair {
    active: End,
    passive: End,
    effects: Effects,
}

impl Pair {
    fn requested() -> Self {
        let mut active = End::new();
        active.check_connect().unwrap();
        active.connect(HERE, THERE, cap(limits(16, 300), ADAPTER));
        let data = PrivateData::copy_of(b"hello").unwrap();
        let passive = End::from_request(THERE, HERE, active.asked(), ADAPTER, data);
        Self { active, passive, effects: Effects::new() }
    }

    fn accepted() -> Self {
        let mut pair = Self::requested();
        pair.passive.check_pending(Failure::InvalidDeviceState).unwrap();
        let told = pair.passive.accept(limits(8, 4), EventForm::Given, &mut pair.effects);
        pair.active.load_answer(told, PrivateData::copy_of(b"welcome").unwrap());
        pair.carry_to_active();
        assert!(pair.effects.contains(completion(Ok(()))));
        pair
    }

    fn connected() -> Self {
        let mut pair = Self::accepted();
        pair.fresh();
        pair.active.complete_connect(EventForm::Given, &mut pair.effects).unwrap();
        pair.carry_to_passive();
        assert!(pair.effects.contains(completion(Ok(()))) && pair.effects.contains(Effect::Count(Counter::Accept)));
        pair.fresh();
        pair
    }

    fn fresh(&mut self) {
        self.effects = Effects::new();
    }

    /// Carries what the last call told to the other end and makes that end act.
    fn carry(&mut self, to_active: bool) {
        let told: ArrayVec<Message, 4> = self
            .effects
            .iter()
            .filter_map(|effect| if let Effect::Tell(message) = effect { Some(message) } else { None })
            .collect();
        self.fresh();
        let end = if to_active { &mut self.active } else { &mut self.passive };
        for message in told {
            end.receive(message);
        }
        while end.step(&mut self.effects) {}
    }

    fn carry_to_active(&mut self) {
        self.carry(true);
    }

    fn carry_to_passive(&mut self) {
        self.carry(false);
    }
}

#[test]
fn conn_46_conn_51_limits_agree_on_both_sides() {
    let pair = Pair::connected();
    assert_eq!(pair.active.agreed(), limits(4, 8));
    assert_eq!(pair.passive.agreed(), limits(8, 4));
}

#[test]
fn conn_49_conn_50_conn_59_connection_data() {
    let pair = Pair::requested();
    assert_eq!(pair.passive.connection_data().unwrap().data.as_slice(), b"hello");
    assert_eq!(pair.passive.connection_data().unwrap().limits, limits(128, 16));
    assert_eq!(pair.active.connection_data().err(), Some(Failure::ConnectionInvalid));
    let pair = Pair::connected();
    assert_eq!(pair.active.connection_data().unwrap().data.as_slice(), b"welcome");
    assert_eq!(pair.passive.connection_data().unwrap().data.as_slice(), b"hello");
}

#[test]
fn conn_40_conn_52_reject_reaches_the_active_side_with_its_data() {
    let mut pair = Pair::requested();
    pair.passive.reject(&mut pair.effects).unwrap();
    pair.active.load_rejection(PrivateData::copy_of(b"no").unwrap());
    pair.carry_to_active();
    assert!(pair.effects.contains(completion(Err(Failure::Refused))));
    assert!(pair.effects.contains(Effect::ReleaseQp) && pair.effects.contains(Effect::FreeAddress));
    assert_eq!(pair.active.connection_data().unwrap().data.as_slice(), b"no");
    assert!(pair.active.check_connect().is_ok(), "CONN-30: it may try again");
    assert_eq!(pair.passive.reject(&mut pair.effects), Err(Failure::ConnectionInvalid));
}

#[test]
fn conn_41_active_reject_aborts_the_accept() {
    let mut pair = Pair::accepted();
    pair.fresh();
    pair.active.reject(&mut pair.effects).unwrap();
    pair.carry_to_passive();
    assert!(pair.effects.contains(completion(Err(Failure::Aborted))));
}

#[test]
fn conn_23_accept_given_up_before_complete_connect() {
    let mut pair = Pair::accepted();
    pair.fresh();
    pair.passive.close(&mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Cancelled))));
    pair.carry_to_active();
    assert_eq!(pair.active.complete_connect(EventForm::None, &mut pair.effects), Err(Failure::Aborted));
    assert_eq!(pair.active.complete_connect(EventForm::None, &mut pair.effects), Err(Failure::ConnectionInvalid));
}

#[test]
fn lsn_15_request_given_up_before_accept() {
    let mut pair = Pair::requested();
    pair.active.close(&mut pair.effects);
    pair.carry_to_passive();
    assert_eq!(pair.passive.check_pending(Failure::InvalidDeviceState), Err(Failure::Aborted));
    assert_eq!(pair.passive.reject(&mut pair.effects), Err(Failure::Aborted));
}

#[test]
fn conn_61_disconnect_waits_for_the_peers_own() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    assert!(pair.effects.contains(Effect::Break));
    assert_eq!(pair.active.disconnect(&mut Effects::new()), Err(Failure::ConnectionInvalid));
    pair.carry_to_passive();
    assert!(pair.effects.contains(EVENT) && pair.effects.contains(Effect::BringDown));
    assert!(!pair.effects.contains(Effect::Break), "CONN-76");
    pair.fresh();
    pair.active.settle(true, &mut pair.effects);
    assert!(!pair.effects.contains(completion(Ok(()))), "the peer has not answered yet");
    pair.passive.disconnect(&mut pair.effects).unwrap();
    pair.passive.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Ok(()))), "CONN-68");
    pair.carry_to_active();
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Ok(()))));
}

#[test]
fn conn_71_peer_that_only_closes_ends_the_disconnect() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    pair.carry_to_passive();
    pair.fresh();
    pair.passive.close(&mut pair.effects);
    pair.carry_to_active();
    pair.active.settle(false, &mut pair.effects);
    assert!(!pair.effects.contains(completion(Ok(()))), "copies still go on");
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Ok(()))));
}

#[test]
fn conn_67_both_sides_at_once() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    let mut other = Effects::new();
    pair.passive.disconnect(&mut other).unwrap();
    pair.carry_to_passive();
    pair.passive.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Ok(()))) && !pair.effects.contains(EVENT));
    pair.fresh();
    pair.active.receive(Message::Bye);
    while pair.active.step(&mut pair.effects) {}
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Ok(()))) && !pair.effects.contains(EVENT));
}

#[test]
fn conn_72_conn_73_failure_gives_one_event_on_each_side() {
    let mut pair = Pair::connected();
    pair.active.lost(&mut pair.effects);
    assert!(pair.effects.contains(EVENT_FAILED) && pair.effects.contains(Effect::Count(Counter::ConnectionError)));
    pair.carry_to_passive();
    assert!(pair.effects.contains(EVENT_FAILED) && pair.effects.contains(Effect::Break), "CONN-78");
    pair.fresh();
    pair.passive.lost(&mut pair.effects);
    pair.passive.receive(Message::Bye);
    while pair.passive.step(&mut pair.effects) {}
    assert!(!pair.effects.contains(EVENT_FAILED) && !pair.effects.contains(EVENT));
}

#[test]
fn conn_63_a_failure_answers_a_peer_that_waits() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    pair.carry_to_passive();
    pair.fresh();
    pair.passive.lost(&mut pair.effects);
    pair.carry_to_active();
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Aborted))));
}

#[test]
fn conn_62_silence_times_out() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    pair.active.time_out(&mut pair.effects);
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Timeout))));
}

#[test]
fn conn_34_active_side_that_never_completes() {
    let mut pair = Pair::accepted();
    pair.fresh();
    pair.passive.time_out(&mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Timeout))));
}

#[test]
fn life_36_close_in_every_state_ends_what_waits() {
    let mut idle = End::new();
    let mut effects = Effects::new();
    idle.close(&mut effects);
    assert_eq!(effects.iter().count(), 0);
    let mut pair = Pair::requested();
    pair.active.close(&mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Cancelled))));
    pair.fresh();
    pair.passive.close(&mut pair.effects);
    assert!(pair.effects.contains(Effect::Tell(Message::Reject)), "CONN-45");
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut Effects::new()).unwrap();
    pair.active.close(&mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Cancelled))));
    assert!(!pair.effects.contains(EVENT), "LIFE-35");
}

#[test]
fn conn_03_wrong_states() {
    let mut pair = Pair::requested();
    assert_eq!(pair.active.check_connect(), Err(Failure::InvalidDeviceState));
    assert_eq!(pair.active.check_pending(Failure::InvalidDeviceState), Err(Failure::InvalidDeviceState));
    assert_eq!(pair.active.disconnect(&mut pair.effects), Err(Failure::ConnectionInvalid));
    assert_eq!(pair.active.reject(&mut pair.effects), Err(Failure::ConnectionInvalid));
    assert_eq!(End::new().local_address(), Err(Failure::ConnectionInvalid));
}

#[test]
fn pnp_04_a_connection_that_is_cut_off_breaks_on_both_sides() {
    let mut pair = Pair::connected();
    pair.active.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert!(pair.effects.contains(EVENT_FAILED) && pair.effects.contains(Effect::Break));
    assert!(pair.effects.contains(Effect::Count(Counter::ConnectionError)));
    pair.carry_to_passive();
    assert!(pair.effects.contains(EVENT_FAILED));
    // Once only.
    pair.fresh();
    pair.active.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert!(!pair.effects.contains(EVENT_FAILED));
}

#[test]
fn pnp_04_a_pending_connect_ends_when_its_side_is_cut_off() {
    let mut pair = Pair::requested();
    pair.active.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::DeviceRemoved))));
    assert!(pair.effects.contains(Effect::Count(Counter::ConnectFailure)));
    assert_eq!(pair.active.phase(), Phase::Idle);
    pair.carry_to_passive();
    assert_eq!(pair.passive.phase(), Phase::GivenUp);
}

#[test]
fn pnp_04_a_request_whose_listener_is_cut_off_is_refused() {
    let mut pair = Pair::requested();
    pair.passive.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert_eq!(pair.passive.phase(), Phase::GivenUp);
    pair.carry_to_active();
    assert!(pair.effects.contains(completion(Err(Failure::Refused))));
}

#[test]
fn pnp_04_an_accept_ends_on_whichever_side_the_cut_is() {
    let mut pair = Pair::accepted();
    pair.fresh();
    pair.passive.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Aborted))));
    pair.carry_to_active();
    assert_eq!(pair.active.phase(), Phase::GivenUp);
    let mut pair = Pair::accepted();
    pair.fresh();
    pair.active.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    assert_eq!(pair.active.phase(), Phase::GivenUp);
    pair.carry_to_passive();
    assert!(pair.effects.contains(completion(Err(Failure::Aborted))));
}

#[test]
fn pnp_04_a_pending_disconnect_ends_when_its_side_is_cut_off() {
    let mut pair = Pair::connected();
    pair.active.disconnect(&mut pair.effects).unwrap();
    pair.fresh();
    pair.active.cut_off(Failure::DeviceRemoved, &mut pair.effects);
    pair.active.settle(true, &mut pair.effects);
    assert!(pair.effects.contains(completion(Err(Failure::Aborted))));
}
