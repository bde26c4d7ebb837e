//! What NDIS knows of a miniport, as protocols, WMI and tools see it on Windows: the registration, the
//! attributes, the NDK state and what was announced of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::adapter::{Adapter, AdapterId, State};
use super::driver;
use super::host::{NdisError, find};
use crate::types::DRIVER_OBJECT;
use ndkpi_sys::*;

/// What a miniport driver registered.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// As NdisMRegisterMiniportDriver took it: revisions that the driver does not have are zero.
    pub characteristics: NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    /// As NdisSetOptionalHandlers took it from inside MiniportSetOptions; `None` if it was not called.
    pub ndk: Option<NDIS_NDK_PROVIDER_CHARACTERISTICS>,
}

/// One successful or refused call of NdisMSetMiniportAttributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributesCall {
    /// The type in the header.
    pub kind: u8,
    /// What NDIS answered.
    pub status: i32,
}

/// The NDK attributes of an adapter, and what they point to.
#[derive(Clone, Copy, Debug)]
pub struct NdkAttributes {
    /// As given; `Enabled` is the state at initialisation.
    pub attributes: NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
    /// The capabilities; `NdkInfo` in them is the miniport's pointer.
    pub capabilities: NDIS_NDK_CAPABILITIES,
    /// The info behind `NdkInfo`.
    pub info: NDK_ADAPTER_INFO,
}

/// The NDK members of NDIS_BIND_PARAMETERS, as a protocol that binds now gets them.
#[derive(Clone, Copy, Debug)]
pub struct NdkBinding {
    /// `NDKEnabled`.
    pub enabled: bool,
    /// `NDKCapabilities` and the info behind it; `None` for NULL.
    pub capabilities: Option<(NDIS_NDK_CAPABILITIES, NDK_ADAPTER_INFO)>,
}

/// One call of NdisMNetPnPEvent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdkEvent {
    /// NetEventNDKEnable or NetEventNDKDisable.
    pub event: i32,
    /// Type, revision and size in the header of the notification.
    pub header: (u8, u8, u16),
    /// `PortNumber`.
    pub port: u32,
    /// `Buffer`, as a number.
    pub buffer: usize,
    /// `BufferLength`.
    pub length: u32,
    /// A handler of a miniport is on the stack of the call.
    pub inside_handler: bool,
    /// NDK adapters that were open when it was raised.
    pub open_before: usize,
    /// NDK adapters that were open when the call returned; `None` while it has not.
    pub open_after: Option<usize>,
}

/// What a driver registered; `None` if it is no miniport.
pub fn registration(driver_object: *mut DRIVER_OBJECT) -> Option<Registration> {
    let driver = driver::of_object(driver_object)?;
    let ndk = *driver.ndk.lock();
    Some(Registration { characteristics: driver.handlers, ndk })
}

/// The calls of NdisMSetMiniportAttributes, in order.
///
/// # Errors
/// The adapter does not exist.
pub fn attributes_calls(id: AdapterId) -> Result<Vec<AttributesCall>, NdisError> {
    let adapter = find(id)?;
    let calls = adapter.attributes.lock().calls.clone();
    Ok(calls)
}

/// The general attributes as they were given; pointers in them are not to be followed.
///
/// # Errors
/// The adapter does not exist.
pub fn general_attributes(id: AdapterId) -> Result<Option<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>, NdisError> {
    let general = find(id)?.attributes.lock().general;
    Ok(general)
}

/// The statuses that the adapter has indicated, in order.
///
/// # Errors
/// The adapter does not exist.
pub fn indications(id: AdapterId) -> Result<Vec<i32>, NdisError> {
    let codes = find(id)?.indications.lock().clone();
    Ok(codes)
}

/// The NDK attributes as they were given; `None` if they were not.
///
/// # Errors
/// The adapter does not exist.
pub fn ndk_attributes(id: AdapterId) -> Result<Option<NdkAttributes>, NdisError> {
    let adapter = find(id)?;
    let given = adapter.attributes.lock().ndk;
    Ok(given)
}

/// Reads the capabilities and the info where the miniport keeps them, now (CAP-09).
///
/// # Errors
/// The adapter does not exist.
pub fn ndk_capabilities_now(id: AdapterId) -> Result<Option<(NDIS_NDK_CAPABILITIES, NDK_ADAPTER_INFO)>, NdisError> {
    Ok(capabilities_now(&*find(id)?))
}

fn capabilities_now(adapter: &Adapter) -> Option<(NDIS_NDK_CAPABILITIES, NDK_ADAPTER_INFO)> {
    let given = adapter.attributes.lock().ndk?;
    // SAFETY: the miniport keeps both until it is halted; one that does not faults here, and is named.
    unsafe {
        let capabilities = given.attributes.NdkCapabilities.read();
        let info = capabilities.NdkInfo.read();
        Some((capabilities, info))
    }
}

/// What a protocol that binds now is told (CAP-10).
///
/// # Errors
/// The adapter does not exist.
pub fn ndk_binding(id: AdapterId) -> Result<NdkBinding, NdisError> {
    let adapter = find(id)?;
    Ok(NdkBinding { enabled: adapter.ndk_enabled.load(Ordering::Acquire), capabilities: capabilities_now(&adapter) })
}

/// GUID_NDIS_NDK_STATE: answered by NDIS, without the miniport (STATE-15).
///
/// # Errors
/// The adapter does not exist.
pub fn wmi_ndk_state(id: AdapterId) -> Result<bool, NdisError> {
    Ok(find(id)?.ndk_enabled.load(Ordering::Acquire))
}

/// GUID_NDIS_NDK_CAPABILITIES: answered by NDIS from the attributes (STATE-15).
///
/// # Errors
/// The adapter does not exist.
pub fn wmi_ndk_capabilities(id: AdapterId) -> Result<Option<NDIS_WMI_NDK_CAPABILITIES>, NdisError> {
    let given = find(id)?.attributes.lock().ndk;
    Ok(given.map(|given| {
        let (capabilities, info) = (given.capabilities, given.info);
        NDIS_WMI_NDK_CAPABILITIES {
            MaxQpCount: capabilities.MaxQpCount,
            MaxCqCount: capabilities.MaxCqCount,
            MaxMrCount: capabilities.MaxMrCount,
            MaxPdCount: capabilities.MaxPdCount,
            MaxInboundReadLimit: capabilities.MaxInboundReadLimit,
            MaxOutboundReadLimit: capabilities.MaxOutboundReadLimit,
            MaxMwCount: capabilities.MaxMwCount,
            MaxSrqCount: capabilities.MaxSrqCount,
            MissingCounterMask: capabilities.MissingCounterMask,
            NdkInfo: NDK_WMI_ADAPTER_INFO {
                Version: info.Version,
                VendorId: info.VendorId,
                DeviceId: info.DeviceId,
                MaxRegistrationSize: info.MaxRegistrationSize as u64,
                MaxWindowSize: info.MaxWindowSize as u64,
                FRMRPageCount: info.FRMRPageCount,
                MaxInitiatorRequestSge: info.MaxInitiatorRequestSge,
                MaxReceiveRequestSge: info.MaxReceiveRequestSge,
                MaxReadRequestSge: info.MaxReadRequestSge,
                MaxTransferLength: info.MaxTransferLength,
                MaxInlineDataSize: info.MaxInlineDataSize,
                MaxInboundReadLimit: info.MaxInboundReadLimit,
                MaxOutboundReadLimit: info.MaxOutboundReadLimit,
                MaxReceiveQueueDepth: info.MaxReceiveQueueDepth,
                MaxInitiatorQueueDepth: info.MaxInitiatorQueueDepth,
                MaxSrqDepth: info.MaxSrqDepth,
                MaxCqDepth: info.MaxCqDepth,
                LargeRequestThreshold: info.LargeRequestThreshold,
                MaxCallerData: info.MaxCallerData,
                MaxCalleeData: info.MaxCalleeData,
                AdapterFlags: info.AdapterFlags,
            },
        }
    }))
}

/// The NDK events that the adapter has raised, in order.
///
/// # Errors
/// The adapter does not exist.
pub fn ndk_events(id: AdapterId) -> Result<Vec<NdkEvent>, NdisError> {
    let adapter = find(id)?;
    let events = adapter.ndk_events.lock().clone();
    Ok(events)
}

/// How many NDK adapters are open on the interface.
///
/// # Errors
/// The adapter does not exist.
pub fn open_ndk_adapters(id: AdapterId) -> Result<usize, NdisError> {
    Ok(crate::ndk::open_count(find(id)?.config.interface_index))
}

/// How many OID requests have gone to the miniport.
///
/// # Errors
/// The adapter does not exist.
pub fn oid_requests(id: AdapterId) -> Result<u64, NdisError> {
    Ok(find(id)?.oids.made())
}

/// The keywords that the miniport has asked for, in order, with repetitions.
///
/// # Errors
/// The adapter does not exist.
pub fn keywords_read(id: AdapterId) -> Result<Vec<String>, NdisError> {
    let adapter = find(id)?;
    let names = adapter.keywords_read.lock().clone();
    Ok(names)
}

/// Changes a keyword in the registry as an installer does: nobody tells the miniport. `None` deletes it.
///
/// # Errors
/// The adapter does not exist.
pub fn set_keyword(id: AdapterId, name: &str, value: Option<crate::machine::Keyword>) -> Result<(), NdisError> {
    let adapter = find(id)?;
    let mut keywords = adapter.keywords.lock();
    keywords.retain(|known, _| !known.eq_ignore_ascii_case(name));
    if let Some(value) = value {
        keywords.insert(name.to_owned(), value);
    }
    Ok(())
}

/// An adapter that can be looked at from any thread, also while it is removed, and afterwards.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Adapter>);

/// Looks at an adapter from now on.
///
/// # Errors
/// The adapter does not exist.
pub fn watch(id: AdapterId) -> Result<Watch, NdisError> {
    Ok(Watch(find(id)?))
}

impl Watch {
    /// The state.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// The NDK events that the adapter has raised, in order.
    pub fn ndk_events(&self) -> Vec<NdkEvent> {
        self.0.ndk_events.lock().clone()
    }
}

/// Opens of an adapter that NDIS itself makes, with any parameters.
#[derive(Debug)]
pub struct NdkOpen {
    adapter: usize,
}

/// OpenNDKAdapterHandler with any parameters: the provider's status, and the open if it succeeded.
///
/// # Errors
/// The adapter does not exist, or its driver is no NDK provider.
pub fn open_ndk(
    id: AdapterId,
    parameters: NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
) -> Result<(i32, Option<NdkOpen>), NdisError> {
    let adapter = find(id)?;
    let Some(handlers) = *adapter.driver.ndk.lock() else { return Err(NdisError::NoAdapter(id)) };
    let provider = crate::ndk::Provider {
        interface_index: adapter.config.interface_index,
        context: adapter.context(),
        open: handlers.OpenNDKAdapterHandler,
        close: handlers.CloseNDKAdapterHandler,
    };
    let (status, opened) = crate::Kernel::enter(|| crate::ndk::open_adapter(provider, 0, None, parameters));
    Ok((status, (!opened.is_null()).then(|| NdkOpen { adapter: opened.expose_provenance() })))
}

impl NdkOpen {
    /// The version that the provider answered.
    pub fn version(&self) -> NDK_VERSION {
        let adapter: *const NDK_ADAPTER = std::ptr::with_exposed_provenance(self.adapter);
        // SAFETY: open until the drop; the header does not change.
        unsafe { (*adapter).Header.Version }
    }

    /// NdkQueryAdapterInfo with room for all of the structure: its status and what it wrote.
    pub fn info(&self) -> (i32, NDK_ADAPTER_INFO) {
        let adapter: *mut NDK_ADAPTER = std::ptr::with_exposed_provenance_mut(self.adapter);
        let mut info = NDK_ADAPTER_INFO::default();
        let mut size = size_of::<NDK_ADAPTER_INFO>() as u32;
        let status = crate::Kernel::enter(|| {
            // SAFETY: the adapter is open; the buffer is as large as said.
            unsafe {
                (*(*adapter).Dispatch)
                    .NdkQueryAdapterInfo
                    .map_or(NDIS_STATUS_NOT_SUPPORTED, |query| query(adapter, &raw mut info, &raw mut size))
            }
        });
        (status, info)
    }
}

/// CloseNDKAdapterHandler.
impl Drop for NdkOpen {
    fn drop(&mut self) {
        let adapter = std::ptr::with_exposed_provenance_mut(self.adapter);
        let closed = crate::Kernel::enter(|| crate::ndk::close_adapter(adapter, 0));
        debug_assert!(closed, "an open of NDIS's own is closed once");
    }
}
