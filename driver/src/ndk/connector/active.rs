//! The active side: NdkConnect, from an address or a shared endpoint, and NdkCompleteConnect.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    NDK_CONNECTOR, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION,
    NDK_QP, NDK_SHARED_ENDPOINT, NTSTATUS, SOCKADDR, ULONG,
};
use softndk_abi::cm::ReadLimits;
use softndk_nt::irql::{AtMostDispatch, Cx};
use softndk_provider::{
    Failure,
    connector::cap,
    port::{self, Wildcard},
    status::{Outcome, of_outcome},
};

use super::{Connector, Event, Request, form, transition};
use crate::{
    ndk::{convert, endpoint::Endpoint, enter, qp::Qp, same_device},
    run::{cm, control::CONTROL, object::Object},
};

/// Where an active connection starts from.
enum From {
    Address(*const SOCKADDR, ULONG),
    Endpoint(*mut NDK_SHARED_ENDPOINT),
}

/// The parameters that both forms of connect share.
struct ConnectArguments {
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    from: From,
    to: (*const SOCKADDR, ULONG),
    limits: ReadLimits,
    data: (*const c_void, ULONG),
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
}

/// NdkConnect.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn connect(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    source: *mut SOCKADDR,
    source_length: ULONG,
    destination: *mut SOCKADDR,
    destination_length: ULONG,
    inbound: ULONG,
    outbound: ULONG,
    data: *mut c_void,
    data_length: ULONG,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    start_connect(ConnectArguments {
        connector,
        qp,
        from: From::Address(source, source_length),
        to: (destination, destination_length),
        limits: ReadLimits { inbound, outbound },
        data: (data, data_length),
        completion,
        context,
    })
}

/// NdkConnectWithSharedEndpoint.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn connect_with_shared_endpoint(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    endpoint: *mut NDK_SHARED_ENDPOINT,
    destination: *mut SOCKADDR,
    destination_length: ULONG,
    inbound: ULONG,
    outbound: ULONG,
    data: *mut c_void,
    data_length: ULONG,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    start_connect(ConnectArguments {
        connector,
        qp,
        from: From::Endpoint(endpoint),
        to: (destination, destination_length),
        limits: ReadLimits { inbound, outbound },
        data: (data, data_length),
        completion,
        context,
    })
}

fn start_connect(arguments: ConnectArguments) -> NTSTATUS {
    enter(|cx| of_outcome(try_connect(&arguments, cx)))
}

fn try_connect(arguments: &ConnectArguments, cx: &mut Cx<AtMostDispatch>) -> Result<Outcome, Failure> {
    // SAFETY: the consumer's open connector.
    let this = unsafe { Object::<Connector>::from_face(arguments.connector) };
    // SAFETY: the consumer's open QP.
    let qp = unsafe { Object::<Qp>::from_face(arguments.qp) };
    let device = this.device();
    let info = device.info();
    same_device(device, qp.device())?;
    // SAFETY: the consumer's address buffers, read until the call returns (CMP-16).
    let remote = unsafe { convert::address(arguments.to.0, arguments.to.1) }?;
    let (mut local, endpoint) = match arguments.from {
        From::Address(address, length) => {
            // SAFETY: as above.
            (unsafe { convert::address(address, length) }?, None)
        }
        From::Endpoint(endpoint) => {
            // SAFETY: the consumer's open endpoint.
            let endpoint = unsafe { Object::<Endpoint>::from_face(endpoint) };
            same_device(device, endpoint.device())?;
            (endpoint.body().address, Some(endpoint))
        }
    };
    softndk_provider::address::same_family(local, remote)?;
    // SAFETY: the consumer's private data, read until the call returns.
    let data = unsafe { convert::private_data(arguments.data.0, arguments.data.1, info.max_caller_data) }?;
    let asked = cap(arguments.limits, device.read_limits());

    device.check_present()?;
    let start = device.random16(cx);
    let mut control = CONTROL.lock(cx);
    this.body().state.get(&control).end.check_connect()?;
    if device.is_connected(local, remote, &control) {
        return Err(Failure::AddressAlreadyExists);
    }
    if endpoint.is_none() {
        port::check_local(local, Wildcard::Refused, |ip| device.owns(ip, &control))?;
        local = port::settle(local, device.ports(), start, |wanted| device.holds(wanted, &control))?;
    }
    qp.body().link.claim()?;
    qp.body().set_connector(Some(NonNull::from(this)), &mut control);
    let state = this.body().state.get_mut(&mut control);
    state.end.connect(local, remote, asked);
    state.qp = Some(qp.reference());
    state.unclaimed = false;
    state.endpoint = endpoint.map(Object::reference);
    state.holds_address = endpoint.is_none();
    state.outgoing = data;
    state.request =
        Some(Request { completion: arguments.completion, context: arguments.context, _hold: this.reference() });
    cm::send_request(this, remote, &mut control);
    Ok(Outcome::Pending)
}

/// NdkCompleteConnect.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn complete_connect(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    finish_connect(connector, event.map(|_| Event::Plain(event, event_context)))
}

/// NdkCompleteConnectEx.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn complete_connect_ex(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
    event_context: *mut c_void,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    finish_connect(connector, event.map(|_| Event::Ex(event, event_context)))
}

/// NdkCompleteConnect: done at once, since the loopback wire needs no answer to its last message.
fn finish_connect(connector: *mut NDK_CONNECTOR, event: Option<Event>) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        transition(this, cx, |state, effects| {
            state.event = event;
            state.end.complete_connect(form(event), effects)
        })
    })
}
