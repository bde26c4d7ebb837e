//! `NDK_QP_DISPATCH` as consumers see it: the data path.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::kind::Kind;
use super::record::Queue;
use super::tables::{Entry, cold, hot};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkCloseQp::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkFlush::ROW),
    hot(&NdkSend::ROW),
    hot(&NdkReceive::ROW),
    hot(&NdkBind::ROW),
    hot(&NdkFastRegister::ROW),
    hot(&NdkInvalidate::ROW),
    hot(&NdkRead::ROW),
    hot(&NdkWrite::ROW),
    hot(&NdkSendAndInvalidate::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseQp::ROW, Kind::Qp, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Qp, object);
    let status = forward!(call, NDK_QP_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn flush(qp: *mut NDK_QP) {
    let call = Call::enter_cold(&NdkFlush::ROW, Kind::Qp, qp);
    forward!(call, NDK_QP_DISPATCH, NdkFlush(qp));
}

unsafe fn send(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32, flags: u32) -> i32 {
    let call = Call::enter_queue(&NdkSend::ROW, Kind::Qp, qp, Queue::First);
    let status = forward!(call, NDK_QP_DISPATCH, NdkSend(qp, context, sgl, count, flags));
    call.not_pending(status)
}

unsafe fn receive(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32) -> i32 {
    let call = Call::enter_queue(&NdkReceive::ROW, Kind::Qp, qp, Queue::Receive);
    let status = forward!(call, NDK_QP_DISPATCH, NdkReceive(qp, context, sgl, count));
    call.not_pending(status)
}

unsafe fn bind(
    qp: *mut NDK_QP,
    context: *mut c_void,
    mr: *mut NDK_MR,
    mw: *mut NDK_MW,
    address: *mut c_void,
    length: usize,
    flags: u32,
) -> i32 {
    let call = Call::enter_queue(&NdkBind::ROW, Kind::Qp, qp, Queue::First);
    call.argument(Kind::Mr, mr);
    call.argument(Kind::Mw, mw);
    let status = forward!(call, NDK_QP_DISPATCH, NdkBind(qp, context, mr, mw, address, length, flags));
    call.not_pending(status)
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn fast_register(
    qp: *mut NDK_QP,
    context: *mut c_void,
    mr: *mut NDK_MR,
    page_count: u32,
    pages: *const NDK_LOGICAL_ADDRESS,
    fbo: u32,
    length: usize,
    base: *mut c_void,
    flags: u32,
) -> i32 {
    let call = Call::enter_queue(&NdkFastRegister::ROW, Kind::Qp, qp, Queue::First);
    call.argument(Kind::Mr, mr);
    let status =
        forward!(call, NDK_QP_DISPATCH, NdkFastRegister(qp, context, mr, page_count, pages, fbo, length, base, flags));
    call.not_pending(status)
}

unsafe fn invalidate(qp: *mut NDK_QP, context: *mut c_void, object: *mut NDK_OBJECT_HEADER, flags: u32) -> i32 {
    let call = Call::enter_queue(&NdkInvalidate::ROW, Kind::Qp, qp, Queue::First);
    let status = forward!(call, NDK_QP_DISPATCH, NdkInvalidate(qp, context, object, flags));
    call.not_pending(status)
}

unsafe fn read(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sgl: *const NDK_SGE,
    count: u32,
    remote: u64,
    token: u32,
    flags: u32,
) -> i32 {
    let call = Call::enter_queue(&NdkRead::ROW, Kind::Qp, qp, Queue::First);
    let status = forward!(call, NDK_QP_DISPATCH, NdkRead(qp, context, sgl, count, remote, token, flags));
    call.not_pending(status)
}

unsafe fn write(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sgl: *const NDK_SGE,
    count: u32,
    remote: u64,
    token: u32,
    flags: u32,
) -> i32 {
    let call = Call::enter_queue(&NdkWrite::ROW, Kind::Qp, qp, Queue::First);
    let status = forward!(call, NDK_QP_DISPATCH, NdkWrite(qp, context, sgl, count, remote, token, flags));
    call.not_pending(status)
}

unsafe fn send_and_invalidate(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sgl: *const NDK_SGE,
    count: u32,
    flags: u32,
    token: u32,
) -> i32 {
    let call = Call::enter_queue(&NdkSendAndInvalidate::ROW, Kind::Qp, qp, Queue::First);
    let status = forward!(call, NDK_QP_DISPATCH, NdkSendAndInvalidate(qp, context, sgl, count, flags, token));
    call.not_pending(status)
}

crate::routines! { "tcpip.sys";
    fn NdkCloseQp(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkFlush(qp: *mut NDK_QP) = flush: PASSIVE..=DISPATCH;
    fn NdkSend(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32, flags: u32) -> i32
        = send: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkReceive(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32) -> i32
        = receive: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkBind(qp: *mut NDK_QP, context: *mut c_void, mr: *mut NDK_MR, mw: *mut NDK_MW, address: *mut c_void, length: usize, flags: u32) -> i32
        = bind: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkFastRegister(qp: *mut NDK_QP, context: *mut c_void, mr: *mut NDK_MR, page_count: u32, pages: *const NDK_LOGICAL_ADDRESS, fbo: u32, length: usize, base: *mut c_void, flags: u32) -> i32
        = fast_register: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkInvalidate(qp: *mut NDK_QP, context: *mut c_void, object: *mut NDK_OBJECT_HEADER, flags: u32) -> i32
        = invalidate: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkRead(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32, remote: u64, token: u32, flags: u32) -> i32
        = read: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkWrite(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32, remote: u64, token: u32, flags: u32) -> i32
        = write: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkSendAndInvalidate(qp: *mut NDK_QP, context: *mut c_void, sgl: *const NDK_SGE, count: u32, flags: u32, token: u32) -> i32
        = send_and_invalidate: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
}
