//! MiniportDirectOidRequest: not serialised, at most DISPATCH_LEVEL. Only the NDK statistics come this
//! way (`OID-10`, `MP-OID-10`).

use core::ffi::c_void;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, AtMostDispatch};
use softndk_nt::ndis::oid::Request;

use super::{Miniport, ndk_oid};

/// MiniportDirectOidRequest. IRQL: at most DISPATCH_LEVEL.
pub unsafe extern "system" fn request(context: *mut c_void, request: *mut sys::NDIS_OID_REQUEST) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at DISPATCH_LEVEL or below.
    let _cx = unsafe { irql::enter::<AtMostDispatch>(c"MiniportDirectOidRequest") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    if miniport.is_removed() {
        return sys::NDIS_STATUS_NOT_ACCEPTED;
    }
    // SAFETY: NDIS's request, the driver's until this returns.
    match unsafe { Request::new(request) } {
        Request::Query(mut query) if query.oid() == sys::OID_NDK_STATISTICS => {
            ndk_oid::statistics(miniport, &mut query)
        }
        _ => sys::NDIS_STATUS_NOT_SUPPORTED,
    }
}

/// MiniportCancelDirectOidRequest. IRQL: at most DISPATCH_LEVEL. No request ever pends.
pub unsafe extern "system" fn cancel(_context: *mut c_void, _id: *mut c_void) {}
