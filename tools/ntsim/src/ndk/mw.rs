//! `NDK_MW_DISPATCH` as consumers see it.

use std::ffi::c_void;

use super::call::{Call, forward};
use super::close::close;
use super::kind::Kind;
use super::tables::{Entry, cold};
use ndkpi_sys::*;

/// The table's entries in order.
pub(super) static ENTRIES: &[Entry] =
    &[cold(&NdkCloseMw::ROW), cold(&NdkQueryExtension::ROW), cold(&NdkGetRemoteTokenFromMw::ROW)];

unsafe fn close_object(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter_cold(&NdkCloseMw::ROW, Kind::Mw, object);
    // SAFETY: the object of this call, whose table begins with the close function.
    unsafe { close(call, object, completion, context) }
}

unsafe fn query_extension(
    object: *mut NDK_OBJECT_HEADER,
    id: *mut GUID,
    version: NDK_VERSION,
    interface: *mut NDK_EXTENSION_INTERFACE,
) -> i32 {
    let call = Call::enter_cold(&NdkQueryExtension::ROW, Kind::Mw, object);
    let status = forward!(call, NDK_MW_DISPATCH, NdkQueryExtension(object, id, version, interface));
    call.not_pending(status)
}

unsafe fn get_remote_token(mw: *mut NDK_MW) -> u32 {
    let call = Call::enter_cold(&NdkGetRemoteTokenFromMw::ROW, Kind::Mw, mw);
    forward!(call, NDK_MW_DISPATCH, NdkGetRemoteTokenFromMw(mw))
}

crate::routines! { "tcpip.sys";
    fn NdkCloseMw(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: *mut c_void) -> i32
        = close_object: PASSIVE..=DISPATCH;
    fn NdkQueryExtension(object: *mut NDK_OBJECT_HEADER, id: *mut GUID, version: NDK_VERSION,
        interface: *mut NDK_EXTENSION_INTERFACE) -> i32 = query_extension: PASSIVE..=DISPATCH;
    fn NdkGetRemoteTokenFromMw(mw: *mut NDK_MW) -> u32 = get_remote_token: PASSIVE..=DISPATCH;
}
