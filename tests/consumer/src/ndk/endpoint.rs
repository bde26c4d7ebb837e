//! Shared endpoints: a local address from which many connectors connect.

use crate::{
    ndk::{
        Adapter, Address, Created, Object,
        connector::address,
        object::{self, Keep, kind},
        request::on_create,
    },
    run::Result,
};
use ndkpi_sys::{NTSTATUS, STATUS_NOT_SUPPORTED};

kind!(EndpointKind: NDK_SHARED_ENDPOINT, NDK_SHARED_ENDPOINT_DISPATCH, NdkObjectTypeSharedEndpoint,
    NdkCloseSharedEndpoint, extra ());

/// A shared endpoint; [`super::Connector::connect_from`] connects through it.
pub type Endpoint = Object<EndpointKind>;

#[track_caller]
pub(super) fn create(adapter: &Adapter, address: &Address) -> Result<Created<EndpointKind>> {
    let keep = [Keep::Adapter(adapter.clone()), Keep::Nothing, Keep::Nothing];
    let mut address = *address;
    object::create(adapter.run(), (), keep, |context, out, ()| {
        let Some(create) = adapter.dispatch().NdkCreateSharedEndpoint else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the adapter is open; callback and context fit; the out pointer is a live reference; the
        // address is read during the call only (CMP-16).
        unsafe { create(adapter.raw(), address.as_ptr(), address.length(), Some(on_create), context, out) }
    })
}

impl Endpoint {
    /// The address and port that the endpoint owns, and the raw status.
    pub fn local_address(&self) -> (NTSTATUS, Address) {
        let get = self.dispatch().NdkGetLocalAddress;
        address(|target, length| match get {
            // SAFETY: the endpoint is open; the target has the length given.
            Some(get) => unsafe { get(self.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        })
    }
}
