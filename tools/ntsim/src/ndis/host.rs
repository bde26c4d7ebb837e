//! What the machine does with miniports: the calls that PnP, protocols and tools make on Windows.
//!
//! All at PASSIVE_LEVEL; each enters the kernel by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::adapter::{Adapter, AdapterId, LinkState, State};
use super::edge::Edge;
use super::handles::{self, Object};
use super::oid::{self, OidAnswer, Request};
use super::{codes, driver, lifecycle};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::machine::AdapterConfig;
use crate::types::DRIVER_OBJECT;
use ndkpi_sys::*;

/// Why an operation on an adapter failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NdisError {
    /// The driver is not registered as a miniport.
    #[error("the driver has not registered as an NDIS miniport")]
    NotMiniport,
    /// MiniportInitializeEx failed.
    #[error("adapter `{adapter}`: MiniportInitializeEx failed with {status:#010x}")]
    Initialize {
        /// The adapter's name.
        adapter: String,
        /// What it returned.
        status: i32,
    },
    /// MiniportRestart failed; the adapter is paused.
    #[error("adapter `{adapter}`: MiniportRestart failed with {status:#010x}")]
    Restart {
        /// The adapter's name.
        adapter: String,
        /// What it ended with.
        status: i32,
    },
    /// The adapter is in another state than the operation needs.
    #[error("adapter `{adapter}` cannot be {what} in state {state:?}")]
    State {
        /// The adapter's name.
        adapter: String,
        /// Its state.
        state: State,
        /// What was to be done.
        what: &'static str,
    },
    /// No adapter has this ID.
    #[error("no adapter {0:?}")]
    NoAdapter(AdapterId),
    /// Another adapter has this interface index.
    #[error("interface index {0} is taken by another adapter")]
    IndexTaken(u32),
}

impl NdisError {
    /// The status that a handler of the driver gave, where that is the reason.
    pub fn status(&self) -> Option<i32> {
        match self {
            Self::Initialize { status, .. } | Self::Restart { status, .. } => Some(*status),
            _ => None,
        }
    }
}

pub(super) fn find(id: AdapterId) -> Result<Arc<Adapter>, NdisError> {
    handles::all(|object| match object {
        Object::Adapter(adapter) if adapter.id == id => Some(Arc::clone(adapter)),
        _ => None,
    })
    .pop()
    .ok_or(NdisError::NoAdapter(id))
}

/// The adapter with this interface index.
pub(super) fn by_index(index: u32) -> Option<Arc<Adapter>> {
    handles::all(|object| match object {
        Object::Adapter(adapter) if adapter.config.interface_index == index => Some(Arc::clone(adapter)),
        _ => None,
    })
    .pop()
}

/// Whether the driver has called NdisMRegisterMiniportDriver.
pub fn is_miniport(driver_object: *mut DRIVER_OBJECT) -> bool {
    driver::of_object(driver_object).is_some()
}

/// Makes an adapter of a miniport driver: MiniportInitializeEx, then MiniportRestart.
///
/// # Errors
/// A handler of the driver failed; then the adapter is gone (after a failed restart it is halted).
pub fn add_adapter(driver_object: *mut DRIVER_OBJECT, config: &AdapterConfig) -> Result<AdapterId, NdisError> {
    let driver = driver::of_object(driver_object).ok_or(NdisError::NotMiniport)?;
    if by_index(config.interface_index).is_some() {
        return Err(NdisError::IndexTaken(config.interface_index));
    }
    Kernel::enter(|| {
        let adapter = lifecycle::initialize(&driver, config)?;
        if let Err(error) = lifecycle::restart(&adapter) {
            lifecycle::halt(&adapter, NdisHaltDeviceInitializationFailed);
            return Err(error);
        }
        Ok(adapter.id)
    })
}

/// MiniportPause; waits for its end.
///
/// # Errors
/// The adapter does not exist or is not running.
pub fn pause(id: AdapterId) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| lifecycle::pause(&adapter, NDIS_PAUSE_NDIS_INTERNAL))
}

/// MiniportRestart; waits for its end.
///
/// # Errors
/// The adapter does not exist or is not paused, or the handler failed.
pub fn restart(id: AdapterId) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| lifecycle::restart(&adapter))
}

/// Takes an adapter away in order: pause, MiniportHaltEx.
///
/// # Errors
/// The adapter does not exist.
pub fn remove_adapter(id: AdapterId) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| {
        if adapter.state() == State::Running {
            lifecycle::pause(&adapter, NDIS_PAUSE_MINIPORT_DEVICE_REMOVE)?;
        }
        let removed = adapter.removed.load(Ordering::Acquire);
        lifecycle::halt(&adapter, if removed { NdisHaltDeviceSurpriseRemoved } else { NdisHaltDeviceDisabled });
        Ok(())
    })
}

/// Takes an adapter away without asking: notification, pause, MiniportHaltEx (MP-PNP-03).
///
/// # Errors
/// The adapter does not exist.
pub fn surprise_remove(id: AdapterId) -> Result<(), NdisError> {
    announce_surprise_removal(id)?;
    remove_adapter(id)
}

/// Tells the miniport that its device is gone; [`remove_adapter`] halts it later.
///
/// # Errors
/// The adapter does not exist.
pub fn announce_surprise_removal(id: AdapterId) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| {
        adapter.removed.store(true, Ordering::Release);
        lifecycle::device_event(&adapter, NdisDevicePnPEventSurpriseRemoved);
    });
    Ok(())
}

/// MiniportShutdownEx, as at a system shutdown.
///
/// # Errors
/// The adapter does not exist.
pub fn shutdown(id: AdapterId) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| lifecycle::shutdown(&adapter));
    Ok(())
}

/// A regular OID query with a buffer of `capacity` bytes.
///
/// # Errors
/// The adapter does not exist.
pub fn query(id: AdapterId, oid: u32, capacity: usize) -> Result<OidAnswer, NdisError> {
    let adapter = find(id)?;
    Ok(Kernel::enter(|| oid::request(&adapter, oid, Request::Query(capacity), false)))
}

/// A regular OID request of any kind.
///
/// # Errors
/// The adapter does not exist.
pub fn oid_request(id: AdapterId, oid: u32, what: Request<'_>) -> Result<OidAnswer, NdisError> {
    let adapter = find(id)?;
    Ok(Kernel::enter(|| oid::request(&adapter, oid, what, false)))
}

/// MiniportDevicePnPEventNotify with any event.
///
/// # Errors
/// The adapter does not exist.
pub fn device_event(id: AdapterId, event: i32) -> Result<(), NdisError> {
    let adapter = find(id)?;
    Kernel::enter(|| lifecycle::device_event(&adapter, event));
    Ok(())
}

/// A regular OID set.
///
/// # Errors
/// The adapter does not exist.
pub fn set(id: AdapterId, oid: u32, bytes: &[u8]) -> Result<OidAnswer, NdisError> {
    let adapter = find(id)?;
    Ok(Kernel::enter(|| oid::request(&adapter, oid, Request::Set(bytes), false)))
}

/// A direct OID query, made at DISPATCH_LEVEL.
///
/// # Errors
/// The adapter does not exist.
pub fn query_direct(id: AdapterId, oid: u32, capacity: usize) -> Result<OidAnswer, NdisError> {
    let adapter = find(id)?;
    Ok(Kernel::enter(|| oid::request(&adapter, oid, Request::Query(capacity), true)))
}

/// Cancels pending regular requests with this OID; gives their number.
///
/// # Errors
/// The adapter does not exist.
pub fn cancel_oid(id: AdapterId, oid: u32) -> Result<usize, NdisError> {
    let adapter = find(id)?;
    Ok(Kernel::enter(|| oid::cancel(&adapter, oid)))
}

/// The adapters of a driver that are not halted.
pub fn adapters_of(driver_object: *mut DRIVER_OBJECT) -> Vec<AdapterId> {
    let mut ids = handles::all(|object| match object {
        Object::Adapter(adapter) if adapter.driver.object == driver_object.addr() => Some(adapter.id),
        _ => None,
    });
    ids.sort();
    ids
}

/// The host's edge of an adapter: sends frames and receives them.
///
/// # Errors
/// The adapter does not exist.
pub fn edge(id: AdapterId) -> Result<Edge, NdisError> {
    Ok(Edge { adapter: find(id)? })
}

/// The state of an adapter.
///
/// # Errors
/// The adapter does not exist.
pub fn state(id: AdapterId) -> Result<State, NdisError> {
    Ok(find(id)?.state())
}

/// The link as the adapter reported it last.
///
/// # Errors
/// The adapter does not exist.
pub fn link_state(id: AdapterId) -> Result<LinkState, NdisError> {
    let adapter = find(id)?;
    let link = *adapter.link.lock();
    Ok(link)
}

/// The OIDs that the adapter says it supports.
///
/// # Errors
/// The adapter does not exist.
pub fn supported_oids(id: AdapterId) -> Result<Vec<u32>, NdisError> {
    let adapter = find(id)?;
    let oids = adapter.attributes.lock().supported_oids.clone();
    Ok(oids)
}

/// To be called when DriverUnload of a miniport driver has returned.
pub fn driver_gone(driver_object: *mut DRIVER_OBJECT) {
    let Some(driver) = driver::of_object(driver_object) else { return };
    Violation::new(&codes::NDIS_NOT_DEREGISTERED)
        .params([driver.handle as u64, 0, 0, 0])
        .guilty(driver.handlers.UnloadHandler.map_or(0, |unload| unload as usize))
        .text("the miniport driver was unloaded and has not called NdisMDeregisterMiniportDriver")
        .raise();
}

/// An interface as a provider of NDK: what WskOpenNdkAdapter opens.
pub(crate) enum NdkInterface {
    /// No adapter has this index, or it is no NDK provider.
    None,
    /// NDK is disabled, or the adapter goes away.
    NotReady,
    /// Can be opened; the guard says that an open is being made.
    Ready(crate::ndk::Provider, NdkOpening),
}

/// An open in progress: a disable event waits for it.
#[derive(Debug)]
pub(crate) struct NdkOpening(Arc<Adapter>);

impl Drop for NdkOpening {
    fn drop(&mut self) {
        self.0.ndk_opening.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Looks an interface up for an open.
pub(crate) fn ndk_interface(index: u32) -> NdkInterface {
    let Some(adapter) = by_index(index) else { return NdkInterface::None };
    let handlers = *adapter.driver.ndk.lock();
    let (Some(handlers), true) = (handlers, adapter.attributes.lock().ndk.is_some()) else { return NdkInterface::None };
    adapter.ndk_opening.fetch_add(1, Ordering::AcqRel);
    let opening = NdkOpening(Arc::clone(&adapter));
    let gone = adapter.removed.load(Ordering::Acquire)
        || adapter.halting.load(Ordering::Acquire)
        || matches!(adapter.state(), State::Initializing | State::Halted)
        || !adapter.ndk_enabled.load(Ordering::Acquire);
    if gone {
        return NdkInterface::NotReady;
    }
    let provider = crate::ndk::Provider {
        interface_index: index,
        context: adapter.context(),
        open: handlers.OpenNDKAdapterHandler,
        close: handlers.CloseNDKAdapterHandler,
    };
    NdkInterface::Ready(provider, opening)
}

/// Link and attributes of an interface, for the IP helper.
pub(crate) fn interface_facts(index: u32) -> Option<(LinkState, NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES)> {
    let adapter = by_index(index)?;
    let link = *adapter.link.lock();
    let general = adapter.attributes.lock().general?;
    Some((link, general))
}
