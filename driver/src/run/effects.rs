//! Carries out what a connector's state machine wishes.
//!
//! Messages, states and owed callbacks are settled under the connection lock ([`perform`]); what may
//! run the device's engine waits for [`Aftermath::run`], after the lock.

use arrayvec::ArrayVec;
use core::{ptr::NonNull, sync::atomic::Ordering};
use softndk_nt::irql::{AtMostDispatch, Cx};
use softndk_provider::effects::{Effect, Effects};

use super::{
    cm,
    control::Connections,
    engine,
    object::{Object, Ref},
};
use crate::ndk::{
    connector::{self, Connector},
    qp::Qp,
};

/// What is left to do without the lock.
pub struct Aftermath {
    broken: ArrayVec<Ref<Qp>, 4>,
    parted: ArrayVec<Ref<Qp>, 4>,
}

impl Aftermath {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { broken: ArrayVec::new_const(), parted: ArrayVec::new_const() }
    }

    /// Flushes and parts the QPs concerned. IRQL: at most DISPATCH_LEVEL, no lock.
    pub fn run(self, cx: &mut Cx<AtMostDispatch>) {
        for qp in &self.broken {
            engine::break_down(qp, cx);
        }
        for qp in &self.parted {
            engine::part(qp, cx);
        }
    }
}

/// Carries out `effects` of `this` under the connection lock.
pub fn perform(this: &Object<Connector>, effects: &Effects, control: &mut Connections, after: &mut Aftermath) {
    for effect in effects.iter() {
        match effect {
            Effect::Tell(message) => {
                if let Some(peer) = peer(this, control) {
                    peer.body().state.get_mut(control).end.receive(message);
                    cm::post(peer, cm::message_due(peer.device()), control);
                }
            }
            Effect::Owe(upcall) => {
                connector::owe(this, upcall, control);
                cm::post(this, 0, control);
            }
            Effect::Join => {
                let other = peer(this, control).and_then(|peer| peer.body().state.get(control).qp.clone());
                let own = this.body().state.get(control).qp.clone();
                if let (Some(own), Some(other)) = (own, other) {
                    engine::join(&own, &other);
                }
            }
            Effect::BringUp => {
                let reads = this.body().state.get(control).end.agreed().outbound;
                with_qp(this, control, |qp| qp.body().link.bring_up(reads));
            }
            Effect::BringDown => with_qp(this, control, |qp| qp.body().link.bring_down()),
            Effect::Break => {
                if let Some(own) = this.body().state.get(control).qp.clone() {
                    own.body().link.bring_down();
                    let _ = after.broken.try_push(own);
                }
                // The peer's QP must not reach into ours any more; what it holds is its own affair.
                if let Some(other) = peer(this, control).and_then(|peer| peer.body().state.get(control).qp.clone()) {
                    let _ = after.parted.try_push(other);
                }
            }
            Effect::ReleaseQp => {
                let state = this.body().state.get_mut(control);
                let released = state.qp.take();
                state.endpoint = None;
                if let Some(qp) = released {
                    unclaim(qp, control, after);
                }
            }
            Effect::UnclaimQp => {
                let state = this.body().state.get_mut(control);
                state.unclaimed = true;
                if let Some(qp) = state.qp.clone() {
                    unclaim(qp, control, after);
                }
            }
            Effect::FreeAddress => this.body().state.get_mut(control).holds_address = false,
            Effect::Count(counter) => this.device().counters().connection(counter),
        }
    }
}

/// Takes a QP off its connector: another may have it, unless its own close has waited for this.
fn unclaim(qp: Ref<Qp>, control: &mut Connections, after: &mut Aftermath) {
    qp.body().set_connector(None, control);
    if qp.body().closed.load(Ordering::Acquire) {
        qp.body().link.bring_down();
        let _ = after.broken.try_push(qp);
    } else {
        qp.body().link.unclaim();
    }
}

/// The other end, if both connectors are open.
fn peer<'a>(this: &Object<Connector>, control: &Connections) -> Option<&'a Object<Connector>> {
    let peer: Option<NonNull<Object<Connector>>> = this.body().state.get(control).peer;
    // SAFETY: both ends forget each other, under the lock, before either can go.
    peer.map(|peer| unsafe { peer.as_ref() })
}

fn with_qp(this: &Object<Connector>, control: &Connections, act: impl FnOnce(&Object<Qp>)) {
    if let Some(qp) = &this.body().state.get(control).qp {
        act(qp);
    }
}
