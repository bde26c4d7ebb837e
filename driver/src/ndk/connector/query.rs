//! What a consumer may ask a connector: connection data and addresses (`CONN-46` to `CONN-60`, `ADR-*`).

use core::ffi::c_void;

use ndkpi_sys::{NDK_CONNECTOR, NTSTATUS, SOCKADDR, ULONG};

use super::Connector;
use crate::{
    ndk::{convert, enter},
    run::{control::CONTROL, object::Object},
};

/// NdkGetConnectionData.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn get_connection_data(
    connector: *mut NDK_CONNECTOR,
    inbound: *mut ULONG,
    outbound: *mut ULONG,
    data: *mut c_void,
    length: *mut ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        let control = CONTROL.lock(cx);
        let answer = match this.body().state.get(&control).end.connection_data() {
            Ok(answer) => answer,
            Err(failure) => return failure.status(),
        };
        // SAFETY: the consumer's out-parameters; non-paged, since it may be at DISPATCH_LEVEL.
        unsafe {
            convert::put(inbound, answer.limits.inbound);
            convert::put(outbound, answer.limits.outbound);
            convert::put_data(answer.data.as_slice(), data, length)
        }
    })
}

/// NdkGetLocalAddress.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn get_local_address(
    connector: *mut NDK_CONNECTOR,
    address: *mut SOCKADDR,
    length: *mut ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        let control = CONTROL.lock(cx);
        let found = this.body().state.get(&control).end.local_address();
        // SAFETY: the consumer's out-parameters.
        unsafe { convert::put_address(found, address, length) }
    })
}

/// NdkGetPeerAddress.
///
/// # Safety
/// The parameters are those of a consumer that keeps to the contract.
pub(super) unsafe extern "system" fn get_peer_address(
    connector: *mut NDK_CONNECTOR,
    address: *mut SOCKADDR,
    length: *mut ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        let control = CONTROL.lock(cx);
        let found = this.body().state.get(&control).end.peer_address();
        // SAFETY: the consumer's out-parameters.
        unsafe { convert::put_address(found, address, length) }
    })
}
