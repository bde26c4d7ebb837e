//! A connect request arrives at the device that owns its target (`LSN-11` to `LSN-18`, `CONN-11`).

use core::ptr::NonNull;

use softndk_nt::irql::{AtMostDispatch, Cx};
use softndk_provider::{
    Failure,
    connector::{End, Phase},
};

use super::{
    cm,
    control::{CONTROL, Connections},
    device::Device,
    object::{Object, Ref},
};
use crate::ndk::{
    connector::{self, Connector},
    listener::Listener,
};

/// Finds the listener, makes the passive connector and delivers it, or refuses the active one.
pub fn arrive(device: &Device, active: Ref<Connector>, cx: &mut Cx<AtMostDispatch>) {
    let Some(listener) = find(device, &active, cx) else { return };
    // The connector belongs to the open that listens (LIFE-15); made without the lock.
    let made = connector::create(&listener.body().open, End::new(), cx);
    let mut control = CONTROL.lock(cx);
    let Ok(passive) = made else {
        refuse(&active, &mut control);
        return;
    };
    if !marry(device, &active, &passive, &listener, &mut control) {
        drop(control);
        return;
    }
    drop(control);
    listener.body().deliver(passive);
    // The listener's reference goes only now: the event has returned (LIFE-08).
}

/// The listener that the request is for and that lets it in; refuses the active side without one.
fn find(device: &Device, active: &Ref<Connector>, cx: &mut Cx<AtMostDispatch>) -> Option<Ref<Listener>> {
    let mut control = CONTROL.lock(cx);
    let (_, target) = active.body().state.get(&control).end.addresses()?;
    let found = device.listener_for(target, &control).filter(|listener| listener.body().takes_events());
    if found.is_none() {
        refuse(active, &mut control);
    }
    found
}

fn refuse(active: &Ref<Connector>, control: &mut Connections) {
    if active.body().state.get(control).end.phase() == Phase::Connecting {
        cm::answer_request(active, Failure::Refused, control);
    }
}

/// Makes the two ends know each other, if the active side still wants it and the listener still lets
/// it in (`LSN-15`).
fn marry(
    device: &Device,
    active: &Ref<Connector>,
    passive: &Ref<Connector>,
    listener: &Ref<Listener>,
    control: &mut Connections,
) -> bool {
    let state = active.body().state.get(control);
    if state.end.phase() != Phase::Connecting {
        return false;
    }
    let Some((source, target)) = state.end.addresses() else { return false };
    if !listener.body().state.get(control).rules.admits(target) {
        refuse(active, control);
        return false;
    }
    let end = End::from_request(target, source, state.end.asked(), device.read_limits(), state.outgoing);
    active.body().state.get_mut(control).peer = Some(address_of(passive));
    let state = passive.body().state.get_mut(control);
    state.end = end;
    state.peer = Some(address_of(active));
    state.listener = Some(listener.clone());
    true
}

fn address_of(connector: &Ref<Connector>) -> NonNull<Object<Connector>> {
    connector.as_ptr()
}
