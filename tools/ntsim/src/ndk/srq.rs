//! `NDK_SRQ_DISPATCH` as consumers see it, and its notification as providers do.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::event::{Event, Order};
use super::kind::Kind;
use super::record::{Queue, Record};
use super::request::{Purpose, request_callback, submit};
use super::tables::{Entry, cold, hot};
use crate::context::{CallSite, call_driver};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] =
    &[cold(&NdkCloseSrq::ROW), cold(&NdkQueryExtension::ROW), cold(&NdkModifySrq::ROW), hot(&NdkSrqReceive::ROW)];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseSrq::ROW, Kind::Srq, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Srq, object);
    let status = forward!(call, NDK_SRQ_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn modify(
    srq: *mut NDK_SRQ,
    depth: u32,
    threshold: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkModifySrq::ROW, Kind::Srq, srq);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_SRQ_DISPATCH, NdkModifySrq(srq, depth, threshold, done, context))
    })
}

unsafe fn receive(srq: *mut NDK_SRQ, context: *mut c_void, sgl: *const NDK_SGE, count: u32) -> i32 {
    let call = Call::enter_queue(&NdkSrqReceive::ROW, Kind::Srq, srq, Queue::First);
    let status = forward!(call, NDK_SRQ_DISPATCH, NdkSrqReceive(srq, context, sgl, count));
    call.not_pending(status)
}

unsafe fn notification(context: *mut c_void, status: i32) {
    // SAFETY: the context of NdkCreateSrq.
    let record = unsafe { Record::from_context(context) };
    let event = Event::begin(record, "SRQ notification callback", Order::Serial);
    let (target, context) = record.callback();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void, i32) = unsafe { std::mem::transmute(target) };
    // SAFETY: with the consumer's own context.
    call_driver(CallSite::new("SRQ notification callback", target), || unsafe { function(context, status) });
    drop(event);
}

/// What the provider gets as the notification callback.
pub(super) fn notification_callback() -> NDK_FN_SRQ_NOTIFICATION_CALLBACK {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute(NdkSrqNotification::ROW.target.address()) }
}

crate::routines! { "tcpip.sys";
    fn NdkCloseSrq(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkModifySrq(srq: *mut NDK_SRQ, depth: u32, threshold: u32, completion: NDK_FN_REQUEST_COMPLETION,
        context: *mut c_void) -> i32 = modify: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkSrqReceive(srq: *mut NDK_SRQ, context: *mut c_void, sgl: *const NDK_SGE, count: u32) -> i32
        = receive: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkSrqNotification(context: *mut c_void, status: i32) = notification: PASSIVE..=DISPATCH;
}
