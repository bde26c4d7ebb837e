//! `NDK_ADAPTER`: one open of a miniport (`VER-*`, `ADP-*`, `LIFE-30` to `LIFE-32`).
//!
//! Opened and closed by NDIS at PASSIVE_LEVEL, not by a dispatch table (`VER-16`). The close waits
//! until the last descendant is gone.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    GROUP_AFFINITY, NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NDK_ADAPTER_INFO, NDK_CONNECTOR, NDK_CQ,
    NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_CREATE_COMPLETION, NDK_LISTENER, NDK_PD,
    NDK_SHARED_ENDPOINT, NDK_VERSION, NTSTATUS, SOCKADDR, ULONG,
};
use softndk_nt::{
    event::{Event, Kind as EventKind},
    irql::{self, AtMostDispatch, Cx, Passive},
    pool::{KBox, Tag},
};
use softndk_provider::{
    Failure,
    connector::End,
    info::{self, AdapterInfo},
    life::Dropped,
    status::{NtStatus, SUCCESS},
    version::{Version, negotiate},
};

use super::{connector, convert, cq, endpoint, enter, extension, lam, listener, pd};
use crate::run::{
    device::Device,
    object::{Kind, Object, Ref},
};

/// Body of an adapter.
pub struct Adapter {
    /// Set when the last descendant is gone and all its callbacks have returned.
    gone: Event,
    /// The number by which the device tells adapter instances apart: logical addresses of one are
    /// good for its PDs only (`LAM-16`).
    pub domain: u32,
}

impl Kind for Adapter {
    const TYPE: i32 = 1;
    const TAG: Tag = Tag::new(*b"nkAd");
    const WAITED_FOR: bool = true;

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        // The closer frees the adapter as soon as the event is set.
        object.body().gone.set();
    }
}

/// Why an open fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// NDIS_STATUS_BAD_VERSION (`VER-02`, `VER-03`).
    BadVersion,
    /// NDIS_STATUS_RESOURCES (`VER-10`).
    NoResources,
}

/// Opens an adapter on `device` for a consumer that asks for version `asked`.
///
/// # Errors
/// [`OpenError`]; nothing is left behind.
pub fn open(device: &Device, asked: Version, _cx: &mut Cx<Passive>) -> Result<NonNull<NDK_ADAPTER>, OpenError> {
    let version = negotiate(asked).ok_or(OpenError::BadVersion)?;
    // SAFETY: initialised below, in its final place.
    let body = Adapter { gone: unsafe { Event::uninit() }, domain: device.next_domain() };
    let object = Object::create(device, version, body).map_err(|_| OpenError::NoResources)?;
    // SAFETY: the object does not move, and nobody waits yet.
    unsafe { object.body().gone.init(EventKind::Notification, false) };
    Ok(object.into_raw().cast())
}

/// Closes an adapter: waits until all its descendants are closed and their callbacks have returned
/// (`LIFE-30`).
///
/// # Safety
/// `adapter` came from [`open`] and is closed once.
pub unsafe fn close(adapter: NonNull<NDK_ADAPTER>, cx: &mut Cx<Passive>) {
    let object = adapter.cast::<Object<Adapter>>();
    // SAFETY: open until now.
    let this = unsafe { object.as_ref() };
    if this.drop_handle() == Dropped::Shared {
        this.body().gone.wait(cx);
    }
    // SAFETY: nobody refers to the adapter any more; the block came from `Object::create`.
    drop(unsafe { KBox::from_raw(object) });
}

static TABLE: NDK_ADAPTER_DISPATCH = NDK_ADAPTER_DISPATCH {
    NdkQueryExtension: Some(extension),
    NdkQueryAdapterInfo: Some(query_info),
    NdkCreateCq: Some(create_cq),
    NdkCreatePd: Some(create_pd),
    NdkCreateSharedEndpoint: Some(create_shared_endpoint),
    NdkCreateConnector: Some(create_connector),
    NdkCreateListener: Some(create_listener),
    NdkBuildLAM: Some(lam::build),
    NdkReleaseLAM: Some(lam::release),
};

/// The info as consumers read it, with `version` in it.
pub fn wire_info(info: &AdapterInfo, version: Version) -> NDK_ADAPTER_INFO {
    NDK_ADAPTER_INFO {
        Version: NDK_VERSION { Major: version.major, Minor: version.minor },
        VendorId: info.vendor_id,
        DeviceId: info.device_id,
        MaxRegistrationSize: usize::try_from(info.max_registration_size).unwrap_or(usize::MAX),
        MaxWindowSize: usize::try_from(info.max_window_size).unwrap_or(usize::MAX),
        FRMRPageCount: info.frmr_page_count,
        MaxInitiatorRequestSge: info.max_initiator_sge,
        MaxReceiveRequestSge: info.max_receive_sge,
        MaxReadRequestSge: info.max_read_sge,
        MaxTransferLength: info.max_transfer_length,
        MaxInlineDataSize: info.max_inline_data,
        MaxInboundReadLimit: info.max_inbound_reads,
        MaxOutboundReadLimit: info.max_outbound_reads,
        MaxReceiveQueueDepth: info.max_receive_queue_depth,
        MaxInitiatorQueueDepth: info.max_initiator_queue_depth,
        MaxSrqDepth: info.max_srq_depth,
        MaxCqDepth: info.max_cq_depth,
        LargeRequestThreshold: info.large_request_threshold,
        MaxCallerData: info.max_caller_data,
        MaxCalleeData: info.max_callee_data,
        AdapterFlags: info.flags,
        RdmaTechnology: info.technology.cast_signed(),
    }
}

/// Where the info has four bytes of padding: behind `DeviceId`, and at its end.
const PADDING: [usize; 2] = [
    core::mem::offset_of!(NDK_ADAPTER_INFO, DeviceId) + 4,
    core::mem::offset_of!(NDK_ADAPTER_INFO, RdmaTechnology) + 4,
];

unsafe extern "system" fn query_info(
    adapter: *mut NDK_ADAPTER,
    out: *mut NDK_ADAPTER_INFO,
    size: *mut ULONG,
) -> NTSTATUS {
    // SAFETY: NdkQueryAdapterInfo is called at PASSIVE_LEVEL (IRQL-02).
    let _cx = unsafe { irql::enter::<Passive>(c"NdkQueryAdapterInfo") };
    // SAFETY: the consumer's open adapter.
    let this = unsafe { Object::<Adapter>::from_face(adapter) };
    if size.is_null() {
        return Failure::InvalidParameter.status();
    }
    // SAFETY: the consumer's in-out parameter.
    let room = if out.is_null() { 0 } else { unsafe { size.read() } };
    let (written, status) = match info::bytes_to_write(this.version(), room) {
        Ok(bytes) => (bytes, SUCCESS),
        Err(required) => (required, Failure::BufferTooSmall.status()),
    };
    if status == SUCCESS {
        let info = wire_info(this.device().info(), this.version());
        // SAFETY: `written` is no more than the room, nor than the structure.
        unsafe { core::ptr::copy_nonoverlapping((&raw const info).cast::<u8>(), out.cast::<u8>(), written as usize) };
        for padding in PADDING {
            if padding < written as usize {
                // SAFETY: four bytes behind a member, within what was written.
                let place = unsafe { out.cast::<u8>().add(padding) };
                // SAFETY: as above. A structure's padding is whatever the stack held (ADP-26).
                unsafe { place.write_bytes(0, 4) };
            }
        }
    }
    // SAFETY: the consumer's in-out parameter.
    unsafe { size.write(written) };
    status
}

/// Hands out what a create made: all creates of this provider complete inline (`CMP-06`, `CMP-08`).
///
/// # Safety
/// A non-null `out` is writable.
pub unsafe fn hand_out<T: Kind, F>(made: Result<Ref<T>, Failure>, out: *mut *mut F) -> NtStatus {
    let (face, status) = match made {
        Ok(object) => (object.into_face::<F>(), SUCCESS),
        Err(failure) => (core::ptr::null_mut(), failure.status()),
    };
    // SAFETY: the caller vouches for it.
    unsafe { convert::put(out, face) };
    status
}

unsafe extern "system" fn create_cq(
    adapter: *mut NDK_ADAPTER,
    depth: ULONG,
    callback: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    callback_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_CQ,
) -> NTSTATUS {
    enter(|_| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        // SAFETY: the consumer's affinity, read until the call returns.
        let processors = unsafe { convert::processors(affinity) };
        let made = cq::create(this, depth, callback, callback_context, processors);
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(made, out) }
    })
}

unsafe extern "system" fn create_pd(
    adapter: *mut NDK_ADAPTER,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_PD,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(pd::create(this, cx), out) }
    })
}

unsafe extern "system" fn create_shared_endpoint(
    adapter: *mut NDK_ADAPTER,
    address: *mut SOCKADDR,
    length: ULONG,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_SHARED_ENDPOINT,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        // SAFETY: the consumer's address buffer.
        let address = unsafe { convert::address(address, length) };
        let made = this.device().check_present().and(address).and_then(|address| endpoint::create(this, address, cx));
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(made, out) }
    })
}

unsafe extern "system" fn create_connector(
    adapter: *mut NDK_ADAPTER,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_CONNECTOR,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        let made = this.device().check_present().and_then(|()| connector::create(this, End::new(), cx));
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(made, out) }
    })
}

unsafe extern "system" fn create_listener(
    adapter: *mut NDK_ADAPTER,
    event: NDK_FN_CONNECT_EVENT_CALLBACK,
    event_context: *mut c_void,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_LISTENER,
) -> NTSTATUS {
    enter(|_| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        let made = this.device().check_present().and_then(|()| listener::create(this, event, event_context));
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(made, out) }
    })
}
