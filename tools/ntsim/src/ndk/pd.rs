//! `NDK_PD_DISPATCH` as consumers see it.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::create::{create, no_object};
use super::kind::Kind;
use super::record::Record;
use super::request::create_callback;
use super::srq;
use super::tables::{Entry, cold};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkClosePd::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkCreateMr::ROW),
    cold(&NdkCreateMw::ROW),
    cold(&NdkCreateSrq::ROW),
    cold(&NdkCreateQp::ROW),
    cold(&NdkCreateQpWithSrq::ROW),
    cold(&NdkGetPrivilegedMemoryRegionToken::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkClosePd::ROW, Kind::Pd, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Pd, object);
    let status = forward!(call, NDK_PD_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn create_mr(
    pd: *mut NDK_PD,
    fast_register: u8,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_MR,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateMr::ROW, Kind::Pd, pd);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_PD_DISPATCH, NdkCreateMr(pd, fast_register, done, context, out))
    };
    let (child, antecedents) = (Record::reserve(Kind::Mr), vec![call.record.id()]);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

unsafe fn create_mw(
    pd: *mut NDK_PD,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_MW,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateMw::ROW, Kind::Pd, pd);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_PD_DISPATCH, NdkCreateMw(pd, done, context, out))
    };
    let (child, antecedents) = (Record::reserve(Kind::Mw), vec![call.record.id()]);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn create_srq(
    pd: *mut NDK_PD,
    depth: u32,
    max_sge: u32,
    threshold: u32,
    notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_SRQ,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateSrq::ROW, Kind::Pd, pd);
    let child = Record::reserve(Kind::Srq);
    child.set_callback(notification.map_or(0, |f| f as usize), notification_context);
    let events = notification.and(srq::notification_callback());
    let own = child.as_context();
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(
            call,
            NDK_PD_DISPATCH,
            NdkCreateSrq(pd, depth, max_sge, threshold, events, own, affinity, done, context, out)
        )
    };
    let antecedents = vec![call.record.id()];
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn create_qp(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    qp_context: *mut c_void,
    receive_depth: u32,
    initiator_depth: u32,
    receive_sge: u32,
    initiator_sge: u32,
    inline_size: u32,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateQp::ROW, Kind::Pd, pd);
    let antecedents = antecedents_of_qp(&call, receive_cq, initiator_cq);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(
            call,
            NDK_PD_DISPATCH,
            NdkCreateQp(
                pd,
                receive_cq,
                initiator_cq,
                qp_context,
                receive_depth,
                initiator_depth,
                receive_sge,
                initiator_sge,
                inline_size,
                done,
                context,
                out
            )
        )
    };
    let child = Record::reserve(Kind::Qp);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn create_qp_with_srq(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    srq: *mut NDK_SRQ,
    qp_context: *mut c_void,
    initiator_depth: u32,
    initiator_sge: u32,
    inline_size: u32,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateQpWithSrq::ROW, Kind::Pd, pd);
    let mut antecedents = antecedents_of_qp(&call, receive_cq, initiator_cq);
    if !srq.is_null() {
        antecedents.push(call.argument(Kind::Srq, srq).id());
    }
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(
            call,
            NDK_PD_DISPATCH,
            NdkCreateQpWithSrq(
                pd,
                receive_cq,
                initiator_cq,
                srq,
                qp_context,
                initiator_depth,
                initiator_sge,
                inline_size,
                done,
                context,
                out
            )
        )
    };
    let child = Record::reserve(Kind::Qp);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

/// PD and CQs (LIFE-22, LIFE-23). A NULL CQ is the provider's to refuse.
fn antecedents_of_qp(call: &Call, receive_cq: *mut NDK_CQ, initiator_cq: *mut NDK_CQ) -> Vec<super::life::Id> {
    let mut antecedents = vec![call.record.id()];
    for cq in [receive_cq, initiator_cq] {
        if !cq.is_null() {
            antecedents.push(call.argument(Kind::Cq, cq).id());
        }
    }
    antecedents
}

unsafe fn get_privileged_token(pd: *mut NDK_PD, token: *mut u32) {
    let call = Call::enter_cold(&NdkGetPrivilegedMemoryRegionToken::ROW, Kind::Pd, pd);
    forward!(call, NDK_PD_DISPATCH, NdkGetPrivilegedMemoryRegionToken(pd, token));
}

crate::routines! { "tcpip.sys";
    fn NdkClosePd(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkCreateMr(pd: *mut NDK_PD, fast_register: u8, completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void,
        out: *mut *mut NDK_MR) -> i32 = create_mr: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateMw(pd: *mut NDK_PD, completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void,
        out: *mut *mut NDK_MW) -> i32 = create_mw: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateSrq(pd: *mut NDK_PD, depth: u32, max_sge: u32, threshold: u32,
        notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK, notification_context: *mut c_void,
        affinity: *mut GROUP_AFFINITY, completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void,
        out: *mut *mut NDK_SRQ) -> i32 = create_srq: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateQp(pd: *mut NDK_PD, receive_cq: *mut NDK_CQ, initiator_cq: *mut NDK_CQ, qp_context: *mut c_void,
        receive_depth: u32, initiator_depth: u32, receive_sge: u32, initiator_sge: u32, inline_size: u32,
        completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void, out: *mut *mut NDK_QP) -> i32
        = create_qp: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateQpWithSrq(pd: *mut NDK_PD, receive_cq: *mut NDK_CQ, initiator_cq: *mut NDK_CQ, srq: *mut NDK_SRQ,
        qp_context: *mut c_void, initiator_depth: u32, initiator_sge: u32, inline_size: u32,
        completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void, out: *mut *mut NDK_QP) -> i32
        = create_qp_with_srq: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkGetPrivilegedMemoryRegionToken(pd: *mut NDK_PD, token: *mut u32) = get_privileged_token: PASSIVE..=DISPATCH;
}
