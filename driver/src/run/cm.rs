//! The connection worker of one device: carries messages between ends, pays the owed callbacks,
//! watches deadlines (`CONN-*`, field notes on connection set-up).
//!
//! ```text
//!  transition ──post──► mail list ──(due)──► step the state machine ──► owed callbacks, no lock held
//!  NdkConnect ─────────► incoming list ────► request::arrive
//! ```
//! Messages take the configured delay (1 ms unless told otherwise), as on a real wire: consumers
//! have races that rely on it. One thread for each device, at PASSIVE_LEVEL; the events of one
//! listener therefore never overlap (`LSN-12`).

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

use arrayvec::ArrayVec;
use softndk_abi::cm::Address;
use softndk_nt::{
    event::{Event, Kind as EventKind},
    irql::{AtMostDispatch, Cx, Passive},
    thread::Main,
    time::{self, Span},
};
use softndk_provider::{Failure, connector::Phase, effects::Effects};

use super::{
    control::{CONTROL, Connections, DEVICES},
    device::Device,
    effects::{Aftermath, perform},
    engine, list,
    object::Object,
    request,
};
use crate::ndk::connector::{Connector, Event as DisconnectEvent, Mail, Owed};

/// How long NdkDisconnect waits for the peer's answer (`CONN-62`), in 100 ns.
const DISCONNECT_LIMIT: u64 = 5 * 10_000_000;

/// The worker's state.
pub struct Worker {
    event: Event,
    stop: AtomicBool,
}

impl Worker {
    /// A worker that has not started.
    ///
    /// # Safety
    /// [`Worker::init`] is called at the final address before anything else.
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller calls `init`.
        Self { event: unsafe { Event::uninit() }, stop: AtomicBool::new(false) }
    }

    /// Prepares the event.
    ///
    /// # Safety
    /// Called once, at the final address.
    pub unsafe fn init(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.event.init(EventKind::Synchronization, false) };
    }

    /// Makes the worker look again. IRQL: at most DISPATCH_LEVEL, locks allowed.
    pub fn wake(&self) {
        self.event.set();
    }

    /// Ends the worker's loop; the caller then joins its thread.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.event.set();
    }
}

/// The thread's body.
pub struct Run;

impl Main for Run {
    type Context = Device;

    fn run(device: &Device, cx: &mut Cx<Passive>) {
        let worker = device.cm();
        while !worker.stop.load(Ordering::Acquire) {
            match pass(device, cx.lend()) {
                None => worker.event.wait(cx),
                Some(0) => {}
                Some(after) => {
                    let _ = worker.event.wait_for(Span::from_100ns(after), cx);
                }
            }
        }
    }
}

/// Does what is due. Returns after how many 100 ns something will be, or `None` when nothing waits.
fn pass(device: &Device, cx: &mut Cx<AtMostDispatch>) -> Option<u64> {
    loop {
        let now = time::precise_100ns();
        expire(device, now, cx);
        let mut control = CONTROL.lock(cx);
        if let Some(connector) = device.take_incoming(now, &mut control) {
            drop(control);
            request::arrive(device, connector, cx);
            continue;
        }
        if let Some(connector) = device.take_mail(now, &mut control) {
            drop(control);
            deliver(&connector, cx);
            continue;
        }
        let next = device.next_due(&control);
        return next.map(|due| due.saturating_sub(now));
    }
}

/// Steps one connector's state machine and pays what it owes.
fn deliver(this: &Object<Connector>, cx: &mut Cx<AtMostDispatch>) {
    let mut after = Aftermath::new();
    let mut control = CONTROL.lock(cx);
    let state = this.body().state.get_mut(&mut control);
    let mut effects = Effects::new();
    if let Some(failure) = state.verdict.take() {
        state.end.request_failed(failure, &mut effects);
        perform(this, &effects, &mut control, &mut after);
    }
    loop {
        let mut effects = Effects::new();
        if !this.body().state.get_mut(&mut control).end.step(&mut effects) {
            break;
        }
        perform(this, &effects, &mut control, &mut after);
    }
    let mut effects = Effects::new();
    let state = this.body().state.get_mut(&mut control);
    if core::mem::take(&mut state.lost) {
        state.end.lost(&mut effects);
        perform(this, &effects, &mut control, &mut after);
    }
    if let Some(failure) = this.body().state.get_mut(&mut control).cut.take() {
        cut_off(this, failure, &mut control, &mut after);
    }
    let quiet = this.body().state.get(&control).qp.as_ref().is_none_or(|qp| engine::is_quiet(qp));
    let mut effects = Effects::new();
    this.body().state.get_mut(&mut control).end.settle(quiet, &mut effects);
    perform(this, &effects, &mut control, &mut after);
    let owed = core::mem::take(&mut this.body().state.get_mut(&mut control).owed);
    drop(control);
    after.run(cx);
    pay(owed);
}

/// Ends what goes on at a connector whose adapter or address is gone.
fn cut_off(this: &Object<Connector>, failure: Failure, control: &mut Connections, after: &mut Aftermath) {
    super::device::recall_incoming(this, control);
    let mut effects = Effects::new();
    this.body().state.get_mut(control).end.cut_off(failure, &mut effects);
    perform(this, &effects, control, after);
    if this.body().state.get(control).end.phase() == Phase::Idle {
        // It may try again, and an answer to this attempt must not reach the next one.
        part(this, control);
    }
}

/// Makes the callbacks, in the order in which they came to be owed; no lock is held.
fn pay(owed: ArrayVec<Owed, 4>) {
    for call in owed {
        match call {
            Owed::Completion(request, status) => {
                if let Some(completion) = request.completion {
                    // SAFETY: the consumer's function and context, at PASSIVE_LEVEL; its reference delays the
                    // close until it has returned.
                    unsafe { completion(request.context, status) };
                }
            }
            Owed::Disconnected(DisconnectEvent::Plain(event, context), _, _hold) => {
                if let Some(event) = event {
                    // SAFETY: as above.
                    unsafe { event(context) };
                }
            }
            Owed::Disconnected(DisconnectEvent::Ex(event, context), reason, _hold) => {
                if let Some(event) = event {
                    // SAFETY: as above.
                    unsafe { event(context, reason) };
                }
            }
        }
    }
}

/// Ends states that have lasted too long.
fn expire(device: &Device, now: u64, cx: &mut Cx<AtMostDispatch>) {
    loop {
        let mut after = Aftermath::new();
        let mut control = CONTROL.lock(cx);
        let Some(this) = device.take_expired(now, &mut control) else { return };
        let mut effects = Effects::new();
        this.body().state.get_mut(&mut control).end.time_out(&mut effects);
        perform(&this, &effects, &mut control, &mut after);
        post(&this, 0, &mut control);
        drop(control);
        after.run(cx);
    }
}

/// Puts a connector on its device's mail list, to be looked at from `due` on (0: at once).
pub fn post(this: &Object<Connector>, due: u64, control: &mut Connections) {
    let device = this.device();
    // SAFETY: the list's reference is given back by `take_mail`, which takes the connector out.
    let fresh = unsafe { list::append::<_, Mail>(NonNull::from(this), control, device.mail()) };
    let state = this.body().state.get_mut(control);
    state.mail_due = if fresh { due } else { state.mail_due.min(due) };
    if fresh {
        core::mem::forget(this.reference());
    }
    device.cm().wake();
}

/// When a message to a connector of `device` arrives.
pub fn message_due(device: &Device) -> u64 {
    time::precise_100ns().saturating_add(device.connect_delay().as_100ns())
}

/// When an accept on `device` gives up waiting for the active side (`CONN-34`).
pub fn accept_deadline(device: &Device) -> u64 {
    time::precise_100ns().saturating_add(device.accept_limit().as_100ns())
}

/// When a disconnect gives up waiting.
pub fn disconnect_deadline() -> u64 {
    time::precise_100ns().saturating_add(DISCONNECT_LIMIT)
}

/// Sends the request of an active connector on its way: to the device that owns the remote address,
/// or back with the reason why nobody does (`CONN-12`, `CONN-13`).
pub fn send_request(this: &Object<Connector>, remote: Address, control: &mut Connections) {
    let target = DEVICES.get(control).iter(control).find(|device| device.owns(remote.ip, control)).map(NonNull::from);
    let due = message_due(this.device());
    match target {
        Some(target) => {
            this.body().state.get_mut(control).incoming_due = due;
            // SAFETY: a device in the list is alive while the lock is held.
            let target = unsafe { target.as_ref() };
            target.put_incoming(this, control);
            target.cm().wake();
        }
        None => answer_request(this, this.device().unreachable(remote.ip, control), control),
    }
}

/// Tells an active connector that its request came to nothing.
pub fn answer_request(this: &Object<Connector>, failure: Failure, control: &mut Connections) {
    this.body().state.get_mut(control).verdict = Some(failure);
    post(this, message_due(this.device()), control);
}

/// Makes both ends forget each other, and takes a request that is on its way off the road: the first
/// thing after a close's transition.
pub fn part(this: &Object<Connector>, control: &mut Connections) {
    if let Some(peer) = this.body().state.get_mut(control).peer.take() {
        // SAFETY: both ends forget each other, under the lock, before either can go.
        unsafe { peer.as_ref() }.body().state.get_mut(control).peer = None;
    }
    super::device::recall_incoming(this, control);
}

/// The device says that the connection of `qp` is over, or that its QP has become quiet: has the
/// connector looked at. IRQL: at most DISPATCH_LEVEL, no lock.
pub fn poke(qp: &Object<crate::ndk::qp::Qp>, lost: bool, cx: &mut Cx<AtMostDispatch>) {
    let mut control = CONTROL.lock(cx);
    let Some(this) = qp.body().connector(&control) else { return };
    // SAFETY: the connector takes itself off its QP, under the lock, before it goes.
    let this = unsafe { this.as_ref() };
    let Some(hold) = this.try_reference() else { return };
    if lost {
        hold.body().state.get_mut(&mut control).lost = true;
    }
    post(&hold, 0, &mut control);
}
