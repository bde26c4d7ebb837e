//! `NDK_CQ_DISPATCH` as consumers see it, and its notification as providers do.

use std::ffi::c_void;

use super::call::{Call, forward, provider_violation};
use super::close::close;
use super::event::{Event, Order};
use super::kind::Kind;
use super::record::{Queue, Record};
use super::request::{Purpose, request_callback, submit};
use super::tables::{Entry, cold, hot};
use super::{Checks, rules};
use crate::context::{CallSite, call_driver};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkCloseCq::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkResizeCq::ROW),
    hot(&NdkArmCq::ROW),
    hot(&NdkGetCqResults::ROW),
    cold(&NdkControlCqInterruptModeration::ROW),
    hot(&NdkGetCqResultsEx::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseCq::ROW, Kind::Cq, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Cq, object);
    let status = forward!(call, NDK_CQ_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn resize(cq: *mut NDK_CQ, depth: u32, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32 {
    let call = Call::enter_cold(&NdkResizeCq::ROW, Kind::Cq, cq);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_CQ_DISPATCH, NdkResizeCq(cq, depth, done, context))
    })
}

unsafe fn arm(cq: *mut NDK_CQ, kind: u32) {
    let call = Call::enter_queue(&NdkArmCq::ROW, Kind::Cq, cq, Queue::First);
    call.record.arm();
    forward!(call, NDK_CQ_DISPATCH, NdkArmCq(cq, kind));
}

unsafe fn get_results(cq: *mut NDK_CQ, results: *mut NDK_RESULT, count: u32) -> u32 {
    let call = Call::enter_queue(&NdkGetCqResults::ROW, Kind::Cq, cq, Queue::First);
    let found = forward!(call, NDK_CQ_DISPATCH, NdkGetCqResults(cq, results, count));
    check_count(&call, found, count)
}

unsafe fn get_results_ex(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, count: u32) -> u32 {
    let call = Call::enter_queue(&NdkGetCqResultsEx::ROW, Kind::Cq, cq, Queue::First);
    let found = forward!(call, NDK_CQ_DISPATCH, NdkGetCqResultsEx(cq, results, count));
    check_count(&call, found, count)
}

fn check_count(call: &Call, found: u32, count: u32) -> u32 {
    if found > count {
        let text = format!("it returned {found} results for an array of {count}");
        call.provider_violation(&rules::NDK_TOO_MANY_RESULTS, &text);
    }
    found
}

unsafe fn control_moderation(cq: *mut NDK_CQ, interval: u32, count: u32) -> i32 {
    let call = Call::enter_cold(&NdkControlCqInterruptModeration::ROW, Kind::Cq, cq);
    let status = forward!(call, NDK_CQ_DISPATCH, NdkControlCqInterruptModeration(cq, interval, count));
    call.not_pending(status)
}

unsafe fn notification(context: *mut c_void, status: i32) {
    // SAFETY: the context of NdkCreateCq.
    let record = unsafe { Record::from_context(context) };
    let event = Event::begin(record, "CQ notification callback", Order::Serial);
    let full = record.session().is_some_and(|session| session.checks == Checks::Full);
    if full && !record.take_arm() {
        let text = format!("the provider notifies the NDK_CQ at {:#x}, which is not armed", record.address());
        provider_violation(record, &rules::NDK_NOTIFY_WITHOUT_ARM, text);
    }
    let (target, context) = record.callback();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void, i32) = unsafe { std::mem::transmute(target) };
    // SAFETY: with the consumer's own context.
    call_driver(CallSite::new("CQ notification callback", target), || unsafe { function(context, status) });
    drop(event);
}

/// What the provider gets as the notification callback.
pub(super) fn notification_callback() -> NDK_FN_CQ_NOTIFICATION_CALLBACK {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute(NdkCqNotification::ROW.target.address()) }
}

crate::routines! { "tcpip.sys";
    fn NdkCloseCq(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkResizeCq(cq: *mut NDK_CQ, depth: u32, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = resize: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkArmCq(cq: *mut NDK_CQ, kind: u32) = arm: PASSIVE..=DISPATCH;
    fn NdkGetCqResults(cq: *mut NDK_CQ, results: *mut NDK_RESULT, count: u32) -> u32 = get_results: PASSIVE..=DISPATCH;
    fn NdkControlCqInterruptModeration(cq: *mut NDK_CQ, interval: u32, count: u32) -> i32
        = control_moderation: PASSIVE..=DISPATCH;
    fn NdkGetCqResultsEx(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, count: u32) -> u32
        = get_results_ex: PASSIVE..=DISPATCH;
    fn NdkCqNotification(context: *mut c_void, status: i32) = notification: PASSIVE..=DISPATCH;
}
