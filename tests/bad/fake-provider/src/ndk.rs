//! The adapter, PD and MR tables.

use core::ffi::c_void;
use core::ptr::null_mut;

use ndkpi_sys::*;
use wdk_sys::ntddk::KfRaiseIrql;

use crate::fault::{self, Fault};
use crate::object::{self, Object, close as close_object, create, is_alone, none};
use crate::{cq, miniport};

const VERSION: NDK_VERSION = NDK_VERSION { Major: 2, Minor: 0 };

/// A table in constant memory.
struct Table<T>(T);

// SAFETY: constant.
unsafe impl<T> Sync for Table<T> {}

static ADAPTER: Table<NDK_ADAPTER_DISPATCH> = Table(NDK_ADAPTER_DISPATCH {
    NdkQueryExtension: Some(query_extension),
    NdkQueryAdapterInfo: Some(query_info),
    NdkCreateCq: Some(create_cq),
    NdkCreatePd: Some(create_pd),
    NdkCreateSharedEndpoint: Some(create_shared_endpoint),
    NdkCreateConnector: Some(create_connector),
    NdkCreateListener: Some(create_listener),
    NdkBuildLAM: Some(build_lam),
    NdkReleaseLAM: Some(release_lam),
});

const CQ_ENTRIES: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH {
    NdkCloseCq: Some(close_object),
    NdkQueryExtension: Some(query_extension),
    NdkResizeCq: Some(cq::resize),
    NdkArmCq: Some(cq::arm),
    NdkGetCqResults: Some(cq::get_results),
    NdkControlCqInterruptModeration: Some(cq::moderation),
    NdkGetCqResultsEx: Some(cq::get_results_ex),
};
static CQ: Table<NDK_CQ_DISPATCH> = Table(CQ_ENTRIES);
static CQ_WITH_NULL: Table<NDK_CQ_DISPATCH> = Table(NDK_CQ_DISPATCH { NdkResizeCq: None, ..CQ_ENTRIES });

static PD: Table<NDK_PD_DISPATCH> = Table(NDK_PD_DISPATCH {
    NdkClosePd: Some(close_object),
    NdkQueryExtension: Some(query_extension),
    NdkCreateMr: Some(create_mr),
    NdkCreateMw: Some(create_mw),
    NdkCreateSrq: Some(create_srq),
    NdkCreateQp: Some(create_qp),
    NdkCreateQpWithSrq: Some(create_qp_with_srq),
    NdkGetPrivilegedMemoryRegionToken: Some(privileged_token),
});

static MR: Table<NDK_MR_DISPATCH> = Table(NDK_MR_DISPATCH {
    NdkCloseMr: Some(close_object),
    NdkQueryExtension: Some(query_extension),
    NdkRegisterMr: Some(register_mr),
    NdkDeregisterMr: Some(deregister_mr),
    NdkInitializeFastRegisterMr: Some(initialize_fast_register),
    NdkGetRemoteTokenFromMr: Some(token),
    NdkGetLocalTokenFromMr: Some(token),
});

pub unsafe extern "system" fn open(
    _context: NDIS_HANDLE,
    parameters: PNDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    out: *mut *mut NDK_ADAPTER,
) -> NDIS_STATUS {
    // SAFETY: NDIS's parameters.
    unsafe {
        *out = null_mut();
        if (*parameters).Version.Major != VERSION.Major {
            return NDIS_STATUS_BAD_VERSION;
        }
        let version = if fault::is(Fault::LowVersion) { NDK_VERSION { Major: 1, Minor: 2 } } else { VERSION };
        let adapter = create(NdkObjectTypeAdapter, (&raw const ADAPTER.0).cast(), null_mut(), version);
        if adapter.is_null() {
            return NDIS_STATUS_RESOURCES;
        }
        *out = adapter.cast();
    }
    NDIS_STATUS_SUCCESS
}

pub unsafe extern "system" fn close(_context: NDIS_HANDLE, adapter: *mut NDK_ADAPTER) {
    let object: *mut Object = adapter.cast();
    if fault::is(Fault::AdapterCloseEarly) {
        return;
    }
    while !is_alone(object) {
        // SAFETY: PASSIVE_LEVEL.
        unsafe { NdisMSleep(1000) };
    }
    if fault::is(Fault::CallbackAfterClose) {
        cq::notify_closed();
    }
    // SAFETY: alone, and the consumer gives it up.
    unsafe { object::free(object) };
}

unsafe extern "system" fn query_extension(
    _object: *mut NDK_OBJECT_HEADER,
    _id: *mut GUID,
    _version: NDK_VERSION,
    _interface: *mut NDK_EXTENSION_INTERFACE,
) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

unsafe extern "system" fn query_info(
    _adapter: *mut NDK_ADAPTER,
    info: *mut NDK_ADAPTER_INFO,
    size: *mut u32,
) -> NTSTATUS {
    let needed = size_of::<NDK_ADAPTER_INFO>() as u32;
    // SAFETY: the consumer's buffer.
    unsafe {
        if *size < needed {
            *size = needed;
            return STATUS_BUFFER_TOO_SMALL;
        }
        *size = needed;
        info.write(miniport::info());
    }
    STATUS_SUCCESS
}

unsafe extern "system" fn create_cq(
    adapter: *mut NDK_ADAPTER,
    _depth: u32,
    notification: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    _affinity: *mut GROUP_AFFINITY,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_CQ,
) -> NTSTATUS {
    let table = if fault::is(Fault::NullEntry) { &CQ_WITH_NULL } else { &CQ };
    let object = create(NdkObjectTypeCq, (&raw const table.0).cast(), adapter.cast(), VERSION);
    // SAFETY: the consumer's out-parameter; a fresh object.
    unsafe {
        *out = object.cast();
        if object.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        (*object).notification = notification;
        cq::remember(notification, notification_context);
        (*object).notification_context = notification_context;
        cq::prepare(object);
    }
    STATUS_SUCCESS
}

unsafe extern "system" fn create_pd(
    adapter: *mut NDK_ADAPTER,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_PD,
) -> NTSTATUS {
    let object = create(NdkObjectTypePd, (&raw const PD.0).cast(), adapter.cast(), VERSION);
    // SAFETY: the consumer's out-parameter and callback.
    unsafe {
        if fault::is(Fault::NoObject) {
            *out = none();
            return STATUS_SUCCESS;
        }
        if fault::is(Fault::OutOnPending) {
            *out = object.cast();
            if let Some(completion) = completion {
                completion(context, STATUS_SUCCESS, object.cast());
            }
            return STATUS_PENDING;
        }
        *out = object.cast();
    }
    if object.is_null() { STATUS_INSUFFICIENT_RESOURCES } else { STATUS_SUCCESS }
}

unsafe extern "system" fn create_mr(
    pd: *mut NDK_PD,
    _fast_register: u8,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_MR,
) -> NTSTATUS {
    let object = create(NdkObjectTypeMr, (&raw const MR.0).cast(), pd.cast(), VERSION);
    // SAFETY: the consumer's out-parameter and callback.
    unsafe {
        if fault::is(Fault::ObjectOnFailure) {
            *out = object.cast();
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        if object.is_null() {
            *out = none();
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        // Regions come asynchronously here, and before the function returns: both are allowed.
        if let Some(completion) = completion {
            completion(context, STATUS_SUCCESS, object.cast());
        }
    }
    STATUS_PENDING
}

unsafe extern "system" fn register_mr(
    mr: *mut NDK_MR,
    _mdl: *mut MDL,
    _length: usize,
    _flags: u32,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    // SAFETY: the consumer's MR and callback.
    unsafe {
        if fault::is(Fault::ReservedOverwritten) {
            (*mr).Header.NdkReserved.rf[2] = null_mut();
        }
        if fault::is(Fault::DispatchRewritten) {
            (*mr).Dispatch = &raw const MR.0;
        }
        if let Some(completion) = completion {
            if fault::is(Fault::UnknownCompletion) {
                completion(null_mut(), STATUS_SUCCESS);
            }
            if fault::is(Fault::CompletedPending) {
                completion(context, STATUS_PENDING);
            }
        }
        let calls = match () {
            () if fault::is(Fault::DoubleCompletion) => 2,
            () if fault::is(Fault::CompletionAfterFailure) => 1,
            () => return STATUS_SUCCESS,
        };
        for _ in 0..calls {
            if let Some(completion) = completion {
                completion(context, STATUS_INSUFFICIENT_RESOURCES);
            }
        }
    }
    if fault::is(Fault::DoubleCompletion) { STATUS_PENDING } else { STATUS_INSUFFICIENT_RESOURCES }
}

unsafe extern "system" fn deregister_mr(
    _mr: *mut NDK_MR,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "system" fn initialize_fast_register(
    _mr: *mut NDK_MR,
    _pages: u32,
    _remote: u8,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

unsafe extern "system" fn token(_mr: *mut NDK_MR) -> u32 {
    if fault::is(Fault::IrqlChanged) {
        // SAFETY: from PASSIVE_LEVEL up; it is never lowered, which is the fault.
        unsafe { KfRaiseIrql(2) };
    }
    0x1234
}

unsafe extern "system" fn privileged_token(_pd: *mut NDK_PD, token: *mut u32) {
    // SAFETY: the consumer's out-parameter.
    unsafe { token.write(0xFFFF_FFFF) };
}

/// Creates that this provider does not have.
macro_rules! unsupported {
    ($($name:ident($($ty:ty),*; $out:ty);)*) => { $(
        unsafe extern "system" fn $name($(_: $ty,)* out: *mut *mut $out) -> NTSTATUS {
            // SAFETY: the consumer's out-parameter.
            unsafe { out.write(none()) };
            STATUS_NOT_SUPPORTED
        }
    )* };
}

unsupported! {
    create_shared_endpoint(*mut NDK_ADAPTER, PSOCKADDR, u32, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_SHARED_ENDPOINT);
    create_connector(*mut NDK_ADAPTER, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_CONNECTOR);
    create_listener(*mut NDK_ADAPTER, NDK_FN_CONNECT_EVENT_CALLBACK, *mut c_void, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_LISTENER);
    create_mw(*mut NDK_PD, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_MW);
    create_srq(*mut NDK_PD, u32, u32, u32, NDK_FN_SRQ_NOTIFICATION_CALLBACK, *mut c_void, *mut GROUP_AFFINITY, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_SRQ);
    create_qp(*mut NDK_PD, *mut NDK_CQ, *mut NDK_CQ, *mut c_void, u32, u32, u32, u32, u32, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_QP);
    create_qp_with_srq(*mut NDK_PD, *mut NDK_CQ, *mut NDK_CQ, *mut NDK_SRQ, *mut c_void, u32, u32, u32, NDK_FN_CREATE_COMPLETION, *mut c_void; NDK_QP);
}

unsafe extern "system" fn build_lam(
    _adapter: *mut NDK_ADAPTER,
    _mdl: *mut MDL,
    _length: usize,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
    lam: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    _size: *mut u32,
    fbo: *mut u32,
) -> NTSTATUS {
    // As a NIC without an IOMMU would have it: an address, and nothing to keep.
    // SAFETY: the consumer's structure and out-parameter.
    unsafe {
        (*lam).AdapterPageCount = 1;
        (*lam).AdapterPageArray[0].QuadPart = 0x1234_5000;
        *fbo = 0;
    }
    STATUS_SUCCESS
}

unsafe extern "system" fn release_lam(_adapter: *mut NDK_ADAPTER, _lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) {}
