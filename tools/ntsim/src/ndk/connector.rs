//! `NDK_CONNECTOR_DISPATCH` as consumers see it, and the disconnect event as providers do.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::event::{Event, Order};
use super::kind::Kind;
use super::life::Id;
use super::record::Record;
use super::request::{Purpose, request_callback, submit};
use super::session::LIVES;
use super::tables::{Entry, cold};
use crate::context::{CallSite, call_driver};
use ndkpi_sys::*;

/// The table's entries in order; the last two since 2.1.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkCloseConnector::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkConnect::ROW),
    cold(&NdkConnectWithSharedEndpoint::ROW),
    cold(&NdkCompleteConnect::ROW),
    cold(&NdkAccept::ROW),
    cold(&NdkReject::ROW),
    cold(&NdkGetConnectionData::ROW),
    cold(&NdkGetLocalAddress::ROW),
    cold(&NdkGetPeerAddress::ROW),
    cold(&NdkDisconnect::ROW),
    cold(&NdkCompleteConnectEx::ROW),
    cold(&NdkAcceptEx::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseConnector::ROW, Kind::Connector, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Connector, object);
    let status = forward!(call, NDK_CONNECTOR_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

/// The connector depends on the QP and the endpoint from this call on (LIFE-25, LIFE-26).
fn tie(call: &Call, antecedents: Vec<Id>) -> Purpose {
    let connector = call.record.id();
    let mut lives = LIVES.lock();
    for antecedent in &antecedents {
        lives.depend(connector, *antecedent);
    }
    Purpose::Connect { connector, antecedents }
}

fn qp_of(call: &Call, qp: *mut NDK_QP) -> Vec<Id> {
    if qp.is_null() { Vec::new() } else { vec![call.argument(Kind::Qp, qp).id()] }
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn connect(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    source: PSOCKADDR,
    source_length: u32,
    destination: PSOCKADDR,
    destination_length: u32,
    inbound_reads: u32,
    outbound_reads: u32,
    data: *mut c_void,
    data_length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkConnect::ROW, Kind::Connector, connector);
    let purpose = tie(&call, qp_of(&call, qp));
    submit(&call, completion.map_or(0, |f| f as usize), context, purpose, |context| {
        let done = request_callback();
        forward!(
            call,
            NDK_CONNECTOR_DISPATCH,
            NdkConnect(
                connector,
                qp,
                source,
                source_length,
                destination,
                destination_length,
                inbound_reads,
                outbound_reads,
                data,
                data_length,
                done,
                context
            )
        )
    })
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn connect_with_shared_endpoint(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    endpoint: *mut NDK_SHARED_ENDPOINT,
    destination: PSOCKADDR,
    destination_length: u32,
    inbound_reads: u32,
    outbound_reads: u32,
    data: *mut c_void,
    data_length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkConnectWithSharedEndpoint::ROW, Kind::Connector, connector);
    let mut antecedents = qp_of(&call, qp);
    if !endpoint.is_null() {
        antecedents.push(call.argument(Kind::SharedEndpoint, endpoint).id());
    }
    let purpose = tie(&call, antecedents);
    submit(&call, completion.map_or(0, |f| f as usize), context, purpose, |context| {
        let done = request_callback();
        forward!(
            call,
            NDK_CONNECTOR_DISPATCH,
            NdkConnectWithSharedEndpoint(
                connector,
                qp,
                endpoint,
                destination,
                destination_length,
                inbound_reads,
                outbound_reads,
                data,
                data_length,
                done,
                context
            )
        )
    })
}

unsafe fn complete_connect(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCompleteConnect::ROW, Kind::Connector, connector);
    call.record.set_callback(event.map_or(0, |f| f as usize), event_context);
    let events = event.and(disconnect_callback());
    let own = call.record.as_context();
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_CONNECTOR_DISPATCH, NdkCompleteConnect(connector, events, own, done, context))
    })
}

unsafe fn complete_connect_ex(
    connector: *mut NDK_CONNECTOR,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCompleteConnectEx::ROW, Kind::Connector, connector);
    call.record.set_callback(event.map_or(0, |f| f as usize), event_context);
    let events = event.and(disconnect_callback_ex());
    let own = call.record.as_context();
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_CONNECTOR_DISPATCH, NdkCompleteConnectEx(connector, events, own, done, context))
    })
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn accept(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    inbound_reads: u32,
    outbound_reads: u32,
    data: *mut c_void,
    data_length: u32,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkAccept::ROW, Kind::Connector, connector);
    call.record.set_callback(event.map_or(0, |f| f as usize), event_context);
    let events = event.and(disconnect_callback());
    let own = call.record.as_context();
    let purpose = tie(&call, qp_of(&call, qp));
    submit(&call, completion.map_or(0, |f| f as usize), context, purpose, |context| {
        let done = request_callback();
        forward!(
            call,
            NDK_CONNECTOR_DISPATCH,
            NdkAccept(connector, qp, inbound_reads, outbound_reads, data, data_length, events, own, done, context)
        )
    })
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn accept_ex(
    connector: *mut NDK_CONNECTOR,
    qp: *mut NDK_QP,
    inbound_reads: u32,
    outbound_reads: u32,
    data: *mut c_void,
    data_length: u32,
    event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
    event_context: *mut c_void,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkAcceptEx::ROW, Kind::Connector, connector);
    call.record.set_callback(event.map_or(0, |f| f as usize), event_context);
    let events = event.and(disconnect_callback_ex());
    let own = call.record.as_context();
    let purpose = tie(&call, qp_of(&call, qp));
    submit(&call, completion.map_or(0, |f| f as usize), context, purpose, |context| {
        let done = request_callback();
        forward!(
            call,
            NDK_CONNECTOR_DISPATCH,
            NdkAcceptEx(connector, qp, inbound_reads, outbound_reads, data, data_length, events, own, done, context)
        )
    })
}

unsafe fn reject(connector: *mut NDK_CONNECTOR, data: *mut c_void, length: u32) -> i32 {
    let call = Call::enter_cold(&NdkReject::ROW, Kind::Connector, connector);
    let status = forward!(call, NDK_CONNECTOR_DISPATCH, NdkReject(connector, data, length));
    call.not_pending(status)
}

unsafe fn get_connection_data(
    connector: *mut NDK_CONNECTOR,
    inbound_reads: *mut u32,
    outbound_reads: *mut u32,
    data: *mut c_void,
    length: *mut u32,
) -> i32 {
    let call = Call::enter_cold(&NdkGetConnectionData::ROW, Kind::Connector, connector);
    let status = forward!(
        call,
        NDK_CONNECTOR_DISPATCH,
        NdkGetConnectionData(connector, inbound_reads, outbound_reads, data, length)
    );
    call.not_pending(status)
}

unsafe fn get_local_address(connector: *mut NDK_CONNECTOR, address: PSOCKADDR, length: *mut u32) -> i32 {
    let call = Call::enter_cold(&NdkGetLocalAddress::ROW, Kind::Connector, connector);
    let status = forward!(call, NDK_CONNECTOR_DISPATCH, NdkGetLocalAddress(connector, address, length));
    call.not_pending(status)
}

unsafe fn get_peer_address(connector: *mut NDK_CONNECTOR, address: PSOCKADDR, length: *mut u32) -> i32 {
    let call = Call::enter_cold(&NdkGetPeerAddress::ROW, Kind::Connector, connector);
    let status = forward!(call, NDK_CONNECTOR_DISPATCH, NdkGetPeerAddress(connector, address, length));
    call.not_pending(status)
}

unsafe fn disconnect(
    connector: *mut NDK_CONNECTOR,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkDisconnect::ROW, Kind::Connector, connector);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_CONNECTOR_DISPATCH, NdkDisconnect(connector, done, context))
    })
}

unsafe fn disconnect_event(context: *mut c_void) {
    // SAFETY: the context of the accept or complete-connect.
    let record = unsafe { Record::from_context(context) };
    let event = Event::begin(record, "disconnect event callback", Order::Serial);
    let (target, context) = record.callback();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void) = unsafe { std::mem::transmute(target) };
    // SAFETY: with the consumer's own context.
    call_driver(CallSite::new("disconnect event callback", target), || unsafe { function(context) });
    drop(event);
}

unsafe fn disconnect_event_ex(context: *mut c_void, reason: u32) {
    // SAFETY: as above.
    let record = unsafe { Record::from_context(context) };
    let event = Event::begin(record, "disconnect event callback", Order::Serial);
    let (target, context) = record.callback();
    // SAFETY: as above.
    let function: unsafe extern "win64" fn(*mut c_void, u32) = unsafe { std::mem::transmute(target) };
    // SAFETY: as above.
    call_driver(CallSite::new("disconnect event callback", target), || unsafe { function(context, reason) });
    drop(event);
}

fn disconnect_callback() -> NDK_FN_DISCONNECT_EVENT_CALLBACK {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute(NdkDisconnectEvent::ROW.target.address()) }
}

fn disconnect_callback_ex() -> NDK_FN_DISCONNECT_EVENT_CALLBACK_EX {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute(NdkDisconnectEventEx::ROW.target.address()) }
}

crate::routines! { "tcpip.sys";
    fn NdkCloseConnector(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkConnect(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, source: PSOCKADDR, source_length: u32,
        destination: PSOCKADDR, destination_length: u32, inbound_reads: u32, outbound_reads: u32, data: *mut c_void,
        data_length: u32, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = connect: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkConnectWithSharedEndpoint(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, endpoint: *mut NDK_SHARED_ENDPOINT,
        destination: PSOCKADDR, destination_length: u32, inbound_reads: u32, outbound_reads: u32, data: *mut c_void,
        data_length: u32, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = connect_with_shared_endpoint: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkCompleteConnect(connector: *mut NDK_CONNECTOR, event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
        event_context: *mut c_void, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = complete_connect: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkAccept(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, inbound_reads: u32, outbound_reads: u32,
        data: *mut c_void, data_length: u32, event: NDK_FN_DISCONNECT_EVENT_CALLBACK, event_context: *mut c_void,
        completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32 = accept: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkReject(connector: *mut NDK_CONNECTOR, data: *mut c_void, length: u32) -> i32 = reject: PASSIVE..=DISPATCH;
    fn NdkGetConnectionData(connector: *mut NDK_CONNECTOR, inbound_reads: *mut u32, outbound_reads: *mut u32,
        data: *mut c_void, length: *mut u32) -> i32 = get_connection_data: PASSIVE..=DISPATCH;
    fn NdkGetLocalAddress(connector: *mut NDK_CONNECTOR, address: PSOCKADDR, length: *mut u32) -> i32
        = get_local_address: PASSIVE..=DISPATCH;
    fn NdkGetPeerAddress(connector: *mut NDK_CONNECTOR, address: PSOCKADDR, length: *mut u32) -> i32
        = get_peer_address: PASSIVE..=DISPATCH;
    fn NdkDisconnect(connector: *mut NDK_CONNECTOR, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = disconnect: PASSIVE..=DISPATCH;
    fn NdkCompleteConnectEx(connector: *mut NDK_CONNECTOR, event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
        event_context: *mut c_void, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = complete_connect_ex: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkAcceptEx(connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, inbound_reads: u32, outbound_reads: u32,
        data: *mut c_void, data_length: u32, event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, event_context: *mut c_void,
        completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32 = accept_ex: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkDisconnectEvent(context: *mut c_void) = disconnect_event: PASSIVE..=DISPATCH;
    fn NdkDisconnectEventEx(context: *mut c_void, reason: u32) = disconnect_event_ex: PASSIVE..=DISPATCH;
}
