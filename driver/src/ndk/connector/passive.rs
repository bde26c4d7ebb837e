//! The passive side: NdkAccept and NdkReject.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    NDK_CONNECTOR, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION,
    NDK_QP, NTSTATUS, ULONG,
};
use softndk_abi::cm::ReadLimits;
use softndk_nt::irql::{AtMostDispatch, Cx};
use softndk_provider::{
    Failure,
    effects::Effects,
    status::{Outcome, of_outcome, of_result},
};

use super::{Connector, Event, Request, form};
use crate::{
    ndk::{convert, enter, qp::Qp, same_device},
    run::{
        cm,
        control::CONTROL,
        effects::{Aftermath, perform},
        object::Object,
    },
};

/// NdkAccept.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn accept(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    inbound: ULONG,
    outbound: ULONG,
    data: *mut c_void,
    data_length: ULONG,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    let event = event.map(|_| Event::Plain(event, event_context));
    let limits = ReadLimits { inbound, outbound };
    start_accept(connector, qp, limits, (data, data_length), event, completion, context)
}

/// NdkAcceptEx.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn accept_ex(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    inbound: ULONG,
    outbound: ULONG,
    data: *mut c_void,
    data_length: ULONG,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    let event = event.map(|_| Event::Ex(event, event_context));
    let limits = ReadLimits { inbound, outbound };
    start_accept(connector, qp, limits, (data, data_length), event, completion, context)
}

fn start_accept(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    limits: ReadLimits,
    data: (*const c_void, ULONG),
    event: Option<Event>,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        // SAFETY: the consumer's open QP, possibly of another open of the miniport (VER-14).
        let qp = unsafe { Object::<Qp>::from_face(qp) };
        let request = Request { completion, context, _hold: this.reference() };
        of_outcome(try_accept(this, qp, limits, data, event, request, cx))
    })
}

fn try_accept(
    this: &Object<Connector>,
    qp: &Object<Qp>,
    limits: ReadLimits,
    data: (*const c_void, ULONG),
    event: Option<Event>,
    request: Request,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<Outcome, Failure> {
    let device = this.device();
    same_device(device, qp.device())?;
    // SAFETY: the consumer's private data, read until the call returns.
    let data = unsafe { convert::private_data(data.0, data.1, device.info().max_callee_data) }?;
    device.check_present()?;
    let mut effects = Effects::new();
    let mut after = Aftermath::new();
    let mut control = CONTROL.lock(cx);
    this.body().state.get(&control).end.check_pending(Failure::InvalidDeviceState)?;
    qp.body().link.claim()?;
    qp.body().set_connector(Some(NonNull::from(this)), &mut control);
    let state = this.body().state.get_mut(&mut control);
    state.event = event;
    state.qp = Some(qp.reference());
    state.request = Some(request);
    state.deadline = cm::accept_deadline(device);
    let told = state.end.accept(limits, form(event), &mut effects);
    if let Some(peer) = state.peer {
        // SAFETY: both ends are open while they know each other.
        let peer = unsafe { peer.as_ref() };
        peer.body().state.get_mut(&mut control).end.load_answer(told, data);
    }
    perform(this, &effects, &mut control, &mut after);
    device.cm().wake();
    drop(control);
    after.run(cx);
    Ok(Outcome::Pending)
}

/// NdkReject.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn reject(
    connector: *mut NDK_CONNECTOR,
    data: *mut c_void,
    length: ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        // SAFETY: the consumer's private data, read until the call returns.
        let data = match unsafe { convert::private_data(data, length, this.device().info().max_callee_data) } {
            Ok(data) => data,
            Err(failure) => return failure.status(),
        };
        let mut effects = Effects::new();
        let mut after = Aftermath::new();
        let mut control = CONTROL.lock(cx);
        let state = this.body().state.get_mut(&mut control);
        let result = state.end.reject(&mut effects);
        if let Some(peer) = state.peer.filter(|_| result.is_ok()) {
            // SAFETY: both ends are open while they know each other.
            let peer = unsafe { peer.as_ref() };
            peer.body().state.get_mut(&mut control).end.load_rejection(data);
        }
        perform(this, &effects, &mut control, &mut after);
        drop(control);
        after.run(cx);
        of_result(result)
    })
}
