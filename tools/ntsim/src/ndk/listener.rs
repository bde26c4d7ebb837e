//! `NDK_LISTENER_DISPATCH` as consumers see it, and the connect event as providers do.

use std::ffi::c_void;

use super::call::{Call, forward, provider_violation};
use super::close::close;
use super::event::{Event, Order};
use super::kind::Kind;
use super::record::Record;
use super::request::{Purpose, request_callback, submit};
use super::tables::{Entry, cold};
use super::{create, rules};
use crate::context::{CallSite, call_driver};
use crate::symbols::Stack;
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkCloseListener::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkListen::ROW),
    cold(&NdkGetLocalAddress::ROW),
    cold(&NdkControlConnectEvents::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseListener::ROW, Kind::Listener, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Listener, object);
    let status = forward!(call, NDK_LISTENER_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn listen(
    listener: *mut NDK_LISTENER,
    address: PSOCKADDR,
    length: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkListen::ROW, Kind::Listener, listener);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_LISTENER_DISPATCH, NdkListen(listener, address, length, done, context))
    })
}

unsafe fn get_local_address(listener: *mut NDK_LISTENER, address: PSOCKADDR, length: *mut u32) -> i32 {
    let call = Call::enter_cold(&NdkGetLocalAddress::ROW, Kind::Listener, listener);
    let status = forward!(call, NDK_LISTENER_DISPATCH, NdkGetLocalAddress(listener, address, length));
    call.not_pending(status)
}

unsafe fn control_connect_events(listener: *mut NDK_LISTENER, pause: u8) {
    let call = Call::enter_cold(&NdkControlConnectEvents::ROW, Kind::Listener, listener);
    forward!(call, NDK_LISTENER_DISPATCH, NdkControlConnectEvents(listener, pause));
}

unsafe fn connect_event(context: *mut c_void, connector: *mut NDK_CONNECTOR) {
    // SAFETY: the context of NdkCreateListener.
    let record = unsafe { Record::from_context(context) };
    let event = Event::begin(record, "connect event callback", Order::Parallel);
    if connector.is_null() {
        let text = "the provider calls the connect event callback without a connector".to_owned();
        provider_violation(record, &rules::NDK_CREATE_WITHOUT_OBJECT, text);
    }
    let child = Record::reserve(Kind::Connector);
    // The listener is the connector's antecedent (LIFE-27), and through it the adapter.
    let stack = Stack::capture();
    create::adopt(record, "connect event", child, &[record.id()], connector.expose_provenance(), stack);
    let (target, context) = record.callback();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void, *mut NDK_CONNECTOR) = unsafe { std::mem::transmute(target) };
    // SAFETY: with the consumer's own context.
    call_driver(CallSite::new("connect event callback", target), || unsafe { function(context, connector) });
    drop(event);
}

/// What the provider gets as the connect event callback.
pub(super) fn connect_event_callback() -> NDK_FN_CONNECT_EVENT_CALLBACK {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute(NdkConnectEvent::ROW.target.address()) }
}

crate::routines! { "tcpip.sys";
    fn NdkCloseListener(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkListen(listener: *mut NDK_LISTENER, address: PSOCKADDR, length: u32, completion: NDK_FN_REQUEST_COMPLETION,
        context: *mut c_void) -> i32 = listen: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkGetLocalAddress(listener: *mut NDK_LISTENER, address: PSOCKADDR, length: *mut u32) -> i32
        = get_local_address: PASSIVE..=DISPATCH;
    fn NdkControlConnectEvents(listener: *mut NDK_LISTENER, pause: u8) = control_connect_events: PASSIVE..=DISPATCH;
    fn NdkConnectEvent(context: *mut c_void, connector: *mut NDK_CONNECTOR) = connect_event: PASSIVE..=DISPATCH;
}
