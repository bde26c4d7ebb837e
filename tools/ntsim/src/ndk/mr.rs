//! `NDK_MR_DISPATCH` as consumers see it.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::kind::Kind;
use super::request::{Purpose, request_callback, submit};
use super::tables::{Entry, cold};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] = &[
    cold(&NdkCloseMr::ROW),
    cold(&NdkQueryExtension::ROW),
    cold(&NdkRegisterMr::ROW),
    cold(&NdkDeregisterMr::ROW),
    cold(&NdkInitializeFastRegisterMr::ROW),
    cold(&NdkGetRemoteTokenFromMr::ROW),
    cold(&NdkGetLocalTokenFromMr::ROW),
];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseMr::ROW, Kind::Mr, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Mr, object);
    let status = forward!(call, NDK_MR_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn register(
    mr: *mut NDK_MR,
    mdl: *mut MDL,
    length: usize,
    flags: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkRegisterMr::ROW, Kind::Mr, mr);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_MR_DISPATCH, NdkRegisterMr(mr, mdl, length, flags, done, context))
    })
}

unsafe fn deregister(mr: *mut NDK_MR, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32 {
    let call = Call::enter_cold(&NdkDeregisterMr::ROW, Kind::Mr, mr);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_MR_DISPATCH, NdkDeregisterMr(mr, done, context))
    })
}

unsafe fn initialize_fast_register(
    mr: *mut NDK_MR,
    page_count: u32,
    remote_access: u8,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkInitializeFastRegisterMr::ROW, Kind::Mr, mr);
    submit(&call, completion.map_or(0, |f| f as usize), context, Purpose::Plain, |context| {
        let done = request_callback();
        forward!(call, NDK_MR_DISPATCH, NdkInitializeFastRegisterMr(mr, page_count, remote_access, done, context))
    })
}

unsafe fn get_remote_token(mr: *mut NDK_MR) -> u32 {
    let call = Call::enter_cold(&NdkGetRemoteTokenFromMr::ROW, Kind::Mr, mr);
    forward!(call, NDK_MR_DISPATCH, NdkGetRemoteTokenFromMr(mr))
}

unsafe fn get_local_token(mr: *mut NDK_MR) -> u32 {
    let call = Call::enter_cold(&NdkGetLocalTokenFromMr::ROW, Kind::Mr, mr);
    forward!(call, NDK_MR_DISPATCH, NdkGetLocalTokenFromMr(mr))
}

crate::routines! { "tcpip.sys";
    fn NdkCloseMr(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkRegisterMr(mr: *mut NDK_MR, mdl: *mut MDL, length: usize, flags: u32, completion: NDK_FN_REQUEST_COMPLETION,
        context: *mut c_void) -> i32 = register: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkDeregisterMr(mr: *mut NDK_MR, completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32
        = deregister: PASSIVE..=DISPATCH;
    fn NdkInitializeFastRegisterMr(mr: *mut NDK_MR, page_count: u32, remote_access: u8,
        completion: NDK_FN_REQUEST_COMPLETION, context: *mut c_void) -> i32 = initialize_fast_register: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn NdkGetRemoteTokenFromMr(mr: *mut NDK_MR) -> u32 = get_remote_token: PASSIVE..=DISPATCH;
    fn NdkGetLocalTokenFromMr(mr: *mut NDK_MR) -> u32 = get_local_token: PASSIVE..=DISPATCH;
}
