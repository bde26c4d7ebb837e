//! `NDK_SHARED_ENDPOINT_DISPATCH` as consumers see it.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::kind::Kind;
use super::tables::{Entry, cold};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] =
    &[cold(&NdkCloseSharedEndpoint::ROW), cold(&NdkQueryExtension::ROW), cold(&NdkGetLocalAddress::ROW)];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseSharedEndpoint::ROW, Kind::SharedEndpoint, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::SharedEndpoint, object);
    let status = forward!(call, NDK_SHARED_ENDPOINT_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn get_local_address(endpoint: *mut NDK_SHARED_ENDPOINT, address: PSOCKADDR, length: *mut u32) -> i32 {
    let call = Call::enter_cold(&NdkGetLocalAddress::ROW, Kind::SharedEndpoint, endpoint);
    let status = forward!(call, NDK_SHARED_ENDPOINT_DISPATCH, NdkGetLocalAddress(endpoint, address, length));
    call.not_pending(status)
}

crate::routines! { "tcpip.sys";
    fn NdkCloseSharedEndpoint(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkGetLocalAddress(endpoint: *mut NDK_SHARED_ENDPOINT, address: PSOCKADDR, length: *mut u32) -> i32
        = get_local_address: PASSIVE..=DISPATCH;
}
