//! `NDK_SHARED_ENDPOINT`: a local address and port from which many connectors connect (`SEP-*`).

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    NDK_FN_CLOSE_COMPLETION, NDK_OBJECT_HEADER, NDK_SHARED_ENDPOINT, NDK_SHARED_ENDPOINT_DISPATCH, NTSTATUS, SOCKADDR,
    ULONG,
};
use softndk_abi::cm::Address;
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::{
    Failure,
    port::{self, Wildcard},
};

use super::{adapter::Adapter, convert, enter, extension};
use crate::run::{
    control::{CONTROL, ControlCell},
    list::{Link, Linked},
    object::{Kind, Object, Ref},
};

/// Body of a shared endpoint.
pub struct Endpoint {
    /// The address and port it owns until it and all its connectors are closed (`SEP-10`).
    pub address: Address,
    link: ControlCell<Link<Object<Endpoint>>>,
    /// The adapter it belongs to (`LIFE-17`).
    _open: Ref<Adapter>,
}

// SAFETY: always the same cell of the object.
unsafe impl Linked for Object<Endpoint> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().link
    }
}

impl Kind for Endpoint {
    const TYPE: i32 = 7;
    const TAG: Tag = Tag::new(*b"nkSe");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, cx: &mut Cx<AtMostDispatch>) {
        object.device().quotas().endpoint.give_back();
        let mut control = CONTROL.lock(cx);
        object.device().forget_endpoint(object, &mut control);
    }
}

/// Makes an endpoint at `address`; port 0 picks one (`SEP-04`).
///
/// # Errors
/// [`Failure::InvalidAddress`], [`Failure::AddressInUse`], [`Failure::NoFreePort`],
/// [`Failure::NoResources`] (`SEP-02` to `SEP-05`, `SEP-11`).
pub fn create(open: &Object<Adapter>, address: Address, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Endpoint>, Failure> {
    let device = open.device();
    let begin = device.random16(cx);
    // Settled twice: memory is taken without the lock, and somebody may be faster meanwhile.
    let settle = |control: &_| {
        port::check_local(address, Wildcard::Refused, |ip| device.owns(ip, control))?;
        port::settle(address, device.ports(), begin, |wanted| device.holds(wanted, control))
    };
    loop {
        let settled = settle(&*CONTROL.lock(cx))?;
        let body = Endpoint { address: settled, link: ControlCell::new(Link::new()), _open: open.reference() };
        let quota = &device.quotas().endpoint;
        quota.take()?;
        let made = Object::create(device, open.version(), body).map_err(|_| {
            quota.give_back();
            Failure::NoResources
        })?;
        let mut control = CONTROL.lock(cx);
        if !device.holds(settled, &control) {
            device.remember_endpoint(&made, &mut control);
            return Ok(made);
        }
    }
}

static TABLE: NDK_SHARED_ENDPOINT_DISPATCH = NDK_SHARED_ENDPOINT_DISPATCH {
    NdkCloseSharedEndpoint: Some(close),
    NdkQueryExtension: Some(extension),
    NdkGetLocalAddress: Some(get_local_address),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open endpoint, once.
        let this = unsafe { Object::<Endpoint>::from_face(object) };
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn get_local_address(
    endpoint: *mut NDK_SHARED_ENDPOINT,
    address: *mut SOCKADDR,
    length: *mut ULONG,
) -> NTSTATUS {
    enter(|_| {
        // SAFETY: the consumer's open endpoint.
        let this = unsafe { Object::<Endpoint>::from_face(endpoint) };
        // SAFETY: the consumer's out-parameters.
        unsafe { convert::put_address(Ok(this.body().address), address, length) }
    })
}
