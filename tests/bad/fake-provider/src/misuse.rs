//! Faults in single calls of NDIS: wrong time, wrong handle, wrong argument, a lock held.

use core::ffi::c_void;
use core::ptr::{null_mut, without_provenance_mut};
use core::sync::atomic::Ordering;

use ndkpi_sys::*;
use wdk_sys::KSPIN_LOCK;
use wdk_sys::ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

use crate::fault::{self, Fault};
use crate::miniport::{list_of_pool, pool_parameters};

// SAFETY (all blocks below): none for what is the fault; NDIS has to stop it. All else lives over
// the calls, which are made at PASSIVE_LEVEL with the adapter's handle.

/// Inside MiniportInitializeEx, when all attributes are set. `driver` is the driver's handle.
pub unsafe fn in_initialize(handle: NDIS_HANDLE, driver: NDIS_HANDLE) {
    if fault::is(Fault::HandlersLate) {
        set_handlers(driver);
    }
    if fault::is(Fault::RegisteredTwice) {
        register_again();
    }
    if fault::is(Fault::DeregisteredEarly) {
        // SAFETY: see above.
        unsafe { NdisMDeregisterMiniportDriver(driver) };
    }
    if fault::is(Fault::ForeignHandle) {
        // SAFETY: see above.
        unsafe { NdisMPauseComplete(without_provenance_mut::<c_void>(0x1230)) };
    }
    if fault::is(Fault::OidNotOut) {
        complete_oid(handle);
    }
    if fault::is(Fault::LockHeld) {
        complete_oid_under_lock(handle);
    }
    if fault::is(Fault::RwLockTwice) {
        write_lock_twice(handle);
    }
    if fault::is(Fault::PoolHeader) {
        let mut parameters = pool_parameters();
        parameters.Header.Size = 4;
        make_pool(handle, parameters);
    }
    if fault::is(Fault::PoolTag) {
        make_pool(handle, NET_BUFFER_LIST_POOL_PARAMETERS { PoolTag: 1, ..pool_parameters() });
    }
    if fault::is(Fault::PoolData) {
        make_pool(handle, NET_BUFFER_LIST_POOL_PARAMETERS { DataSize: 64, ..pool_parameters() });
    }
    if fault::is(Fault::SentNotOwned) {
        complete_send(handle, 0);
    }
    if fault::is(Fault::FlagsNotTrue) {
        complete_send(handle, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    }
}

/// Inside MiniportRestart, where frames may be received.
pub unsafe fn in_restart(handle: NDIS_HANDLE) {
    if fault::is(Fault::ReceivedCount) {
        receive(handle, handle, 2);
    }
    if fault::is(Fault::ReceivedShort) {
        receive_short(handle);
    }
    if fault::is(Fault::ReceivedSource) {
        receive(handle, null_mut(), 1);
    }
}

#[inline(never)]
fn register_again() {
    let mut handlers = NDIS_MINIPORT_DRIVER_CHARACTERISTICS::default();
    let mut handle: NDIS_HANDLE = null_mut();
    let driver = crate::DRIVER_OBJECT.load(Ordering::Acquire);
    // SAFETY: see above.
    unsafe {
        NdisMRegisterMiniportDriver(driver.cast(), null_mut(), null_mut(), &raw mut handlers, &raw mut handle);
    }
}

#[inline(never)]
fn set_handlers(driver: NDIS_HANDLE) {
    let mut handlers = NDIS_NDK_PROVIDER_CHARACTERISTICS::default();
    // SAFETY: see above.
    unsafe { NdisSetOptionalHandlers(driver, (&raw mut handlers).cast()) };
}

#[inline(never)]
fn complete_oid(handle: NDIS_HANDLE) {
    let mut request = NDIS_OID_REQUEST::default();
    // SAFETY: see above.
    unsafe { NdisMOidRequestComplete(handle, &raw mut request, NDIS_STATUS_SUCCESS) };
}

#[inline(never)]
fn complete_oid_under_lock(handle: NDIS_HANDLE) {
    let mut lock: KSPIN_LOCK = 0;
    // SAFETY: see above.
    unsafe {
        let irql = KeAcquireSpinLockRaiseToDpc(&raw mut lock);
        complete_oid(handle);
        KeReleaseSpinLock(&raw mut lock, irql);
    }
}

#[inline(never)]
fn write_lock_twice(handle: NDIS_HANDLE) {
    let mut state = LOCK_STATE_EX::default();
    // SAFETY: see above.
    unsafe {
        let lock = NdisAllocateRWLock(handle);
        NdisAcquireRWLockWrite(lock, &raw mut state, 0);
        NdisAcquireRWLockWrite(lock, &raw mut state, 0);
    }
}

#[inline(never)]
fn make_pool(handle: NDIS_HANDLE, mut parameters: NET_BUFFER_LIST_POOL_PARAMETERS) {
    // SAFETY: see above.
    unsafe { NdisAllocateNetBufferListPool(handle, &raw mut parameters) };
}

#[inline(never)]
fn complete_send(handle: NDIS_HANDLE, flags: u32) {
    // SAFETY: see above.
    unsafe {
        let (_, list) = list_of_pool(handle);
        NdisMSendNetBufferListsComplete(handle, list, flags);
    }
}

#[inline(never)]
fn receive(handle: NDIS_HANDLE, source: NDIS_HANDLE, count: u32) {
    // SAFETY: see above.
    unsafe {
        let (_, list) = list_of_pool(handle);
        (*list).SourceHandle = source;
        NdisMIndicateReceiveNetBufferLists(handle, list, 0, count, 0);
    }
}

#[inline(never)]
fn receive_short(handle: NDIS_HANDLE) {
    // SAFETY: see above. The buffer says more bytes than its MDLs have: it has none.
    unsafe {
        let (_, list) = list_of_pool(handle);
        (*list).SourceHandle = handle;
        *NET_BUFFER_DATA_LENGTH(*NET_BUFFER_LIST_FIRST_NB(list)) = 64;
        NdisMIndicateReceiveNetBufferLists(handle, list, 0, 1, 0);
    }
}
