//! The Ethernet side: as little as NDIS takes.

use core::ffi::c_void;
use core::ptr::{null_mut, without_provenance_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use ndkpi_sys::*;

use crate::fault::{self, Fault};
use crate::misuse;
use crate::object::Object;

/// The one adapter's handle; its context is a mark only.
static ADAPTER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
const CONTEXT: usize = 0xFA4E;
const TAG: u32 = u32::from_le_bytes(*b"FkMp");
static OIDS: [u32; 5] = [
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_NDK_SET_STATE,
    OID_NDK_STATISTICS,
    OID_NDK_CONNECTIONS,
    OID_NDK_LOCAL_ENDPOINTS,
];

/// Puts the handlers in.
pub fn fill(handlers: &mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS) {
    handlers.InitializeHandlerEx = Some(initialize);
    handlers.HaltHandlerEx = Some(halt);
    handlers.PauseHandler = Some(pause);
    handlers.RestartHandler = Some(restart);
    handlers.OidRequestHandler = Some(oid_request);
    handlers.SendNetBufferListsHandler = Some(send);
    handlers.ReturnNetBufferListsHandler = Some(return_lists);
    handlers.CancelSendHandler = Some(cancel_send);
    handlers.DevicePnPEventNotifyHandler = Some(device_event);
    handlers.ShutdownHandlerEx = Some(shutdown);
    handlers.CancelOidRequestHandler = Some(cancel_oid);
}

/// What the adapter tells consumers.
pub fn info() -> NDK_ADAPTER_INFO {
    NDK_ADAPTER_INFO { Version: NDK_VERSION { Major: 2, Minor: 0 }, MaxCqDepth: 16, ..Default::default() }
}

unsafe extern "system" fn initialize(
    handle: NDIS_HANDLE,
    _driver_context: NDIS_HANDLE,
    _parameters: PNDIS_MINIPORT_INIT_PARAMETERS,
) -> NDIS_STATUS {
    ADAPTER.store(handle, Ordering::Release);
    // SAFETY: PASSIVE_LEVEL inside MiniportInitializeEx, with this adapter's handle.
    unsafe {
        let configuration = read_fault(handle);
        if fault::is(Fault::GeneralFirst) {
            return set_general(handle);
        }
        if fault::is(Fault::EarlyStatus) {
            indicate_link(handle);
        }
        let status = set_registration(handle);
        if status != NDIS_STATUS_SUCCESS {
            return status;
        }
        if !fault::is(Fault::ConfigurationLeft) && !configuration.is_null() {
            NdisCloseConfiguration(configuration);
        }
        if fault::is(Fault::NoGeneral) {
            return NDIS_STATUS_SUCCESS;
        }
        let status = set_general(handle);
        if status != NDIS_STATUS_SUCCESS {
            return status;
        }
        let status = set_ndk(handle);
        misuse_resources(handle);
        misuse::in_initialize(handle, crate::DRIVER.load(Ordering::Acquire));
        status
    }
}

unsafe fn read_fault(handle: NDIS_HANDLE) -> NDIS_HANDLE {
    let mut object = NDIS_CONFIGURATION_OBJECT {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
            Revision: NDIS_CONFIGURATION_OBJECT_REVISION_1,
            Size: NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
        },
        NdisHandle: handle,
        Flags: 0,
    };
    let mut name = utf16::<5>("Fault");
    let mut keyword = NDIS_STRING { Length: 10, MaximumLength: 10, Buffer: name.as_mut_ptr() };
    let mut configuration: NDIS_HANDLE = null_mut();
    let mut status: NDIS_STATUS = 0;
    let mut value: PNDIS_CONFIGURATION_PARAMETER = null_mut();
    // SAFETY: everything lives over the calls.
    unsafe {
        if NdisOpenConfigurationEx(&raw mut object, &raw mut configuration) != NDIS_STATUS_SUCCESS {
            return null_mut();
        }
        NdisReadConfiguration(&raw mut status, &raw mut value, configuration, &raw mut keyword, NdisParameterInteger);
        let number = status == NDIS_STATUS_SUCCESS && (*value).ParameterType == NdisParameterInteger;
        fault::set(if number { (*value).ParameterData.IntegerData } else { 0 });
    }
    configuration
}

unsafe fn set_registration(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let mut attributes = NDIS_MINIPORT_ADAPTER_ATTRIBUTES {
        RegistrationAttributes: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
                Revision: NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2,
                Size: NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2,
            },
            MiniportAdapterContext: if fault::is(Fault::NoContext) {
                null_mut()
            } else {
                without_provenance_mut(CONTEXT)
            },
            AttributeFlags: NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK | NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM,
            CheckForHangTimeInSeconds: 0,
            InterfaceType: NdisInterfaceInternal,
        },
    };
    // SAFETY: lives over the call.
    unsafe { NdisMSetMiniportAttributes(handle, &raw mut attributes) }
}

unsafe fn set_general(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let speed = 10_000_000_000;
    let mut general = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
            Revision: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
            Size: NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        },
        MediaType: NdisMedium802_3,
        PhysicalMediumType: NdisPhysicalMedium802_3,
        MtuSize: 1500,
        MaxXmitLinkSpeed: speed,
        XmitLinkSpeed: speed,
        MaxRcvLinkSpeed: speed,
        RcvLinkSpeed: speed,
        MediaConnectState: MediaConnectStateConnected,
        MediaDuplexState: MediaDuplexStateFull,
        LookaheadSize: 1500,
        MacOptions: NDIS_MAC_OPTION_NO_LOOPBACK,
        SupportedPacketFilters: NDIS_PACKET_TYPE_DIRECTED,
        MaxMulticastListSize: 32,
        MacAddressLength: 6,
        AccessType: NET_IF_ACCESS_BROADCAST,
        DirectionType: NET_IF_DIRECTION_SENDRECEIVE,
        ConnectionType: NET_IF_CONNECTION_DEDICATED,
        IfType: IF_TYPE_ETHERNET_CSMACD,
        SupportedOidList: OIDS.as_ptr().cast_mut(),
        SupportedOidListLength: size_of_val(&OIDS) as u32,
        ..Default::default()
    };
    for (to, byte) in general.PermanentMacAddress.iter_mut().zip([2, 0, 0, 0, 0, 7]) {
        *to = byte;
    }
    general.CurrentMacAddress = general.PermanentMacAddress;
    let mut attributes = NDIS_MINIPORT_ADAPTER_ATTRIBUTES { GeneralAttributes: general };
    // SAFETY: lives over the call.
    unsafe { NdisMSetMiniportAttributes(handle, &raw mut attributes) }
}

unsafe fn set_ndk(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let mut info = info();
    let mut capabilities = NDIS_NDK_CAPABILITIES {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_NDK_CAPABILITIES_REVISION_1,
            Size: NDIS_SIZEOF_NDK_CAPABILITIES_REVISION_1,
        },
        MaxCqCount: 16,
        MaxMrCount: 16,
        MaxPdCount: 16,
        NdkInfo: &raw mut info,
        ..Default::default()
    };
    let mut attributes = NDIS_MINIPORT_ADAPTER_ATTRIBUTES {
        NDKAttributes: NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
            Header: NDIS_OBJECT_HEADER {
                Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
                Revision: NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1,
                Size: NDIS_SIZEOF_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1,
            },
            Enabled: 1,
            NdkCapabilities: &raw mut capabilities,
        },
    };
    // SAFETY: lives over the call.
    unsafe { NdisMSetMiniportAttributes(handle, &raw mut attributes) }
}

unsafe fn indicate_link(handle: NDIS_HANDLE) {
    let mut link = NDIS_LINK_STATE {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_LINK_STATE_REVISION_1,
            Size: NDIS_SIZEOF_LINK_STATE_REVISION_1,
        },
        MediaConnectState: MediaConnectStateConnected,
        ..Default::default()
    };
    let mut indication = NDIS_STATUS_INDICATION {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
            Revision: NDIS_STATUS_INDICATION_REVISION_1,
            Size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
        },
        SourceHandle: handle,
        StatusCode: NDIS_STATUS_LINK_STATE,
        StatusBuffer: (&raw mut link).cast(),
        StatusBufferSize: size_of::<NDIS_LINK_STATE>() as u32,
        ..Default::default()
    };
    // SAFETY: both live over the call.
    unsafe { NdisMIndicateStatusEx(handle, &raw mut indication) };
}

/// Faults with resources that are made with the adapter's handle.
unsafe fn misuse_resources(handle: NDIS_HANDLE) {
    // SAFETY: PASSIVE_LEVEL; each resource is used as its fault wants it, or given back.
    unsafe {
        if fault::is(Fault::WorkItemTwice) {
            let item = NdisAllocateIoWorkItem(handle);
            NdisQueueIoWorkItem(item, Some(sleepy_work), null_mut());
            NdisQueueIoWorkItem(item, Some(sleepy_work), null_mut());
            NdisQueueIoWorkItem(item, Some(sleepy_work), null_mut());
        }
        if fault::is(Fault::TimerFreedSet) {
            let mut characteristics = NDIS_TIMER_CHARACTERISTICS {
                Header: NDIS_OBJECT_HEADER {
                    Type: NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS,
                    Revision: NDIS_TIMER_CHARACTERISTICS_REVISION_1,
                    Size: NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1,
                },
                AllocationTag: TAG,
                TimerFunction: Some(expired),
                FunctionContext: null_mut(),
            };
            let mut timer: NDIS_HANDLE = null_mut();
            NdisAllocateTimerObject(handle, &raw mut characteristics, &raw mut timer);
            NdisSetTimerObject(timer, LARGE_INTEGER { QuadPart: -100_000_000 }, 0, null_mut());
            NdisFreeTimerObject(timer);
        }
        if fault::is(Fault::PoolFreedBusy) || fault::is(Fault::ReceiveWhilePaused) {
            let (pool, list) = list_of_pool(handle);
            if fault::is(Fault::ReceiveWhilePaused) {
                (*list).SourceHandle = handle;
                NdisMIndicateReceiveNetBufferLists(handle, list, 0, 1, 0);
            }
            NdisFreeNetBufferListPool(pool);
        }
    }
}

/// Parameters that are right.
pub fn pool_parameters() -> NET_BUFFER_LIST_POOL_PARAMETERS {
    NET_BUFFER_LIST_POOL_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        },
        fAllocateNetBuffer: 1,
        PoolTag: TAG,
        ..Default::default()
    }
}

/// A pool and a list of it.
pub unsafe fn list_of_pool(handle: NDIS_HANDLE) -> (NDIS_HANDLE, PNET_BUFFER_LIST) {
    let mut parameters = pool_parameters();
    // SAFETY: lives over the call.
    unsafe {
        let pool = NdisAllocateNetBufferListPool(handle, &raw mut parameters);
        (pool, NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, null_mut(), 0, 0))
    }
}

unsafe extern "system" fn sleepy_work(_context: *mut c_void, _item: NDIS_HANDLE) {
    // SAFETY: PASSIVE_LEVEL.
    unsafe { NdisMSleep(200_000) };
}

unsafe extern "system" fn expired(
    _first: *mut c_void,
    _context: *mut c_void,
    _second: *mut c_void,
    _third: *mut c_void,
) {
}

/// Notifies a CQ from two work items at once.
pub unsafe fn notify_from_work_items(cq: *mut Object) {
    // SAFETY: the adapter is initialised.
    unsafe {
        for _ in 0..2 {
            let item = NdisAllocateIoWorkItem(ADAPTER.load(Ordering::Acquire));
            NdisQueueIoWorkItem(item, Some(notify_work), cq.cast());
        }
    }
}

unsafe extern "system" fn notify_work(context: *mut c_void, item: NDIS_HANDLE) {
    // SAFETY: the CQ is alive while its consumer waits for the notification.
    unsafe {
        crate::cq::notify(context.cast());
        NdisFreeIoWorkItem(item);
    }
}

unsafe extern "system" fn halt(_context: NDIS_HANDLE, _action: NDIS_HALT_ACTION) {}

unsafe extern "system" fn pause(_context: NDIS_HANDLE, _parameters: PNDIS_MINIPORT_PAUSE_PARAMETERS) -> NDIS_STATUS {
    if fault::is(Fault::PauseFails) {
        return NDIS_STATUS_FAILURE;
    }
    if fault::is(Fault::PauseTwice) {
        // SAFETY: this adapter.
        unsafe { NdisMPauseComplete(ADAPTER.load(Ordering::Acquire)) };
    }
    NDIS_STATUS_SUCCESS
}

unsafe extern "system" fn restart(
    _context: NDIS_HANDLE,
    _parameters: PNDIS_MINIPORT_RESTART_PARAMETERS,
) -> NDIS_STATUS {
    if fault::is(Fault::NeedlessEvent) {
        raise_enable();
    }
    // SAFETY: this adapter, inside its restart.
    unsafe { misuse::in_restart(ADAPTER.load(Ordering::Acquire)) };
    if fault::is(Fault::RestartStatus) { 1 } else { NDIS_STATUS_SUCCESS }
}

/// NDK is enabled from the start.
#[inline(never)]
fn raise_enable() {
    let mut event = NET_PNP_EVENT_NOTIFICATION {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NET_PNP_EVENT_NOTIFICATION_REVISION_1,
            Size: NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1,
        },
        ..Default::default()
    };
    event.NetPnPEvent.NetEvent = NetEventNDKEnable;
    // SAFETY: PASSIVE_LEVEL; lives over the call.
    unsafe { NdisMNetPnPEvent(ADAPTER.load(Ordering::Acquire), &raw mut event) };
}

unsafe extern "system" fn oid_request(_context: NDIS_HANDLE, _request: PNDIS_OID_REQUEST) -> NDIS_STATUS {
    NDIS_STATUS_NOT_SUPPORTED
}

unsafe extern "system" fn send(_context: NDIS_HANDLE, list: PNET_BUFFER_LIST, _port: u32, flags: u32) {
    // SAFETY: NDIS's list, given back at once.
    unsafe { NdisMSendNetBufferListsComplete(ADAPTER.load(Ordering::Acquire), list, flags & 1) };
}

unsafe extern "system" fn return_lists(_context: NDIS_HANDLE, _list: PNET_BUFFER_LIST, _flags: u32) {}

unsafe extern "system" fn cancel_send(_context: NDIS_HANDLE, _id: *mut c_void) {}

unsafe extern "system" fn device_event(_context: NDIS_HANDLE, _event: PNET_DEVICE_PNP_EVENT) {}

unsafe extern "system" fn shutdown(_context: NDIS_HANDLE, _action: NDIS_SHUTDOWN_ACTION) {}

unsafe extern "system" fn cancel_oid(_context: NDIS_HANDLE, _id: *mut c_void) {}
