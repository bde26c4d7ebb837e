//! `NDK_ADAPTER_DISPATCH` as consumers see it.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::create::{create, no_object};
use super::kind::Kind;
use super::lam::Mapping;
use super::record::Record;
use super::request::{Purpose, create_callback, request_callback, submit};
use super::tables::{Entry, cold};
use super::{cq, listener, rules};
use crate::bugcheck::Violation;
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkQueryExtension::ROW),
    cold(&NdkQueryAdapterInfo::ROW),
    cold(&NdkCreateCq::ROW),
    cold(&NdkCreatePd::ROW),
    cold(&NdkCreateSharedEndpoint::ROW),
    cold(&NdkCreateConnector::ROW),
    cold(&NdkCreateListener::ROW),
    cold(&NdkBuildLAM::ROW),
    cold(&NdkReleaseLAM::ROW),
];

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Adapter, object);
    let status = forward!(call, NDK_ADAPTER_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn query_adapter_info(adapter: *mut NDK_ADAPTER, info: *mut NDK_ADAPTER_INFO, size: *mut u32) -> i32 {
    let call = Call::enter_cold(&NdkQueryAdapterInfo::ROW, Kind::Adapter, adapter);
    let status = forward!(call, NDK_ADAPTER_DISPATCH, NdkQueryAdapterInfo(adapter, info, size));
    call.not_pending(status)
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn create_cq(
    adapter: *mut NDK_ADAPTER,
    depth: u32,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_CQ,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateCq::ROW, Kind::Adapter, adapter);
    let child = Record::reserve(Kind::Cq);
    child.set_callback(notification.map_or(0, |f| f as usize), notification_context);
    let events = notification.and(cq::notification_callback());
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(
            call,
            NDK_ADAPTER_DISPATCH,
            NdkCreateCq(adapter, depth, events, child.as_context(), affinity, done, context, out)
        )
    };
    let antecedents = vec![call.record.id()];
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

unsafe fn create_pd(
    adapter: *mut NDK_ADAPTER,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_PD,
) -> i32 {
    let call = Call::enter_cold(&NdkCreatePd::ROW, Kind::Adapter, adapter);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_ADAPTER_DISPATCH, NdkCreatePd(adapter, done, context, out))
    };
    let (child, antecedents) = (Record::reserve(Kind::Pd), vec![call.record.id()]);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

unsafe fn create_shared_endpoint(
    adapter: *mut NDK_ADAPTER,
    address: PSOCKADDR,
    length: u32,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_SHARED_ENDPOINT,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateSharedEndpoint::ROW, Kind::Adapter, adapter);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_ADAPTER_DISPATCH, NdkCreateSharedEndpoint(adapter, address, length, done, context, out))
    };
    let (child, antecedents) = (Record::reserve(Kind::SharedEndpoint), vec![call.record.id()]);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

unsafe fn create_connector(
    adapter: *mut NDK_ADAPTER,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_CONNECTOR,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateConnector::ROW, Kind::Adapter, adapter);
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_ADAPTER_DISPATCH, NdkCreateConnector(adapter, done, context, out))
    };
    let (child, antecedents) = (Record::reserve(Kind::Connector), vec![call.record.id()]);
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

unsafe fn create_listener(
    adapter: *mut NDK_ADAPTER,
    event: NDK_FN_CONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_LISTENER,
) -> i32 {
    let call = Call::enter_cold(&NdkCreateListener::ROW, Kind::Adapter, adapter);
    let child = Record::reserve(Kind::Listener);
    child.set_callback(event.map_or(0, |f| f as usize), event_context);
    let events = event.and(listener::connect_event_callback());
    let forward = |context: *mut c_void, out| {
        let done = create_callback();
        forward!(call, NDK_ADAPTER_DISPATCH, NdkCreateListener(adapter, events, child.as_context(), done, context, out))
    };
    let antecedents = vec![call.record.id()];
    // SAFETY: the consumer's out-parameter.
    unsafe { create(&call, child, antecedents, completion.map_or(0, |f| f as usize), context, out, forward) }
}

#[expect(clippy::too_many_arguments, reason = "the interface has them")]
unsafe fn build_lam(
    adapter: *mut NDK_ADAPTER,
    mdl: *mut MDL,
    length: usize,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
    lam: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    lam_size: *mut u32,
    fbo: *mut u32,
) -> i32 {
    let call = Call::enter_cold(&NdkBuildLAM::ROW, Kind::Adapter, adapter);
    submit(
        &call,
        completion.map_or(0, |f| f as usize),
        context,
        Purpose::BuildLam(lam.expose_provenance()),
        |context| {
            let done = request_callback();
            forward!(call, NDK_ADAPTER_DISPATCH, NdkBuildLAM(adapter, mdl, length, done, context, lam, lam_size, fbo))
        },
    )
}

unsafe fn release_lam(adapter: *mut NDK_ADAPTER, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
    // The adapter's close waits for its mappings, so they are released while it is closing (LIFE-18).
    let call = Call::enter_closing(&NdkReleaseLAM::ROW, Kind::Adapter, adapter);
    // SAFETY: the consumer says that it is one; a wild pointer faults, and the fault names the consumer's call.
    let mapping = unsafe { Mapping::read(lam) };
    let known = call.record.session().is_none_or(|session| session.lams.lock().released(&mapping));
    if !known {
        Violation::new(&rules::NDK_LAM_NOT_BUILT)
            .params([lam.addr() as u64, mapping.context as u64, 0, 0])
            .text(format!("NdkReleaseLAM was called with {lam:p}, which is no logical address mapping that was built"))
            .raise();
    }
    forward!(call, NDK_ADAPTER_DISPATCH, NdkReleaseLAM(adapter, lam));
}

crate::routines! { "tcpip.sys";
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkQueryAdapterInfo(adapter: *mut NDK_ADAPTER, info: *mut NDK_ADAPTER_INFO, size: *mut u32) -> i32
        = query_adapter_info: PASSIVE..=PASSIVE, blocks;
    fn NdkCreateCq(adapter: *mut NDK_ADAPTER, depth: u32, notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
        notification_context: *mut c_void, affinity: *mut GROUP_AFFINITY, completion: NDK_FN_CREATE_COMPLETION,
        context: *mut c_void, out: *mut *mut NDK_CQ) -> i32 = create_cq: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreatePd(adapter: *mut NDK_ADAPTER, completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void,
        out: *mut *mut NDK_PD) -> i32 = create_pd: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateSharedEndpoint(adapter: *mut NDK_ADAPTER, address: PSOCKADDR, length: u32,
        completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void, out: *mut *mut NDK_SHARED_ENDPOINT) -> i32
        = create_shared_endpoint: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateConnector(adapter: *mut NDK_ADAPTER, completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void,
        out: *mut *mut NDK_CONNECTOR) -> i32 = create_connector: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkCreateListener(adapter: *mut NDK_ADAPTER, event: NDK_FN_CONNECT_EVENT_CALLBACK, event_context: *mut c_void,
        completion: NDK_FN_CREATE_COMPLETION, context: *mut c_void, out: *mut *mut NDK_LISTENER) -> i32
        = create_listener: PASSIVE..=DISPATCH, fails(unsafe { no_object(out, STATUS_INSUFFICIENT_RESOURCES) });
    fn NdkBuildLAM(adapter: *mut NDK_ADAPTER, mdl: *mut MDL, length: usize, completion: NDK_FN_REQUEST_COMPLETION,
        context: *mut c_void, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING, lam_size: *mut u32, fbo: *mut u32) -> i32
        = build_lam: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkReleaseLAM(adapter: *mut NDK_ADAPTER, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) = release_lam: PASSIVE..=DISPATCH;
}
