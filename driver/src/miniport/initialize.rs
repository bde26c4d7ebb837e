//! MiniportInitializeEx: an adapter comes to be, in NDIS's order (`MP-INIT-02`, `MP-INIT-03`).
//!
//! ```text
//!  room for the context -> registration attributes -> keywords -> port (receive pool)
//!    -> general attributes -> device (workers) -> NDK attributes -> events' thread
//!    -> addresses -> on the wire
//! ```
//! Whatever fails, everything so far is taken back, since MiniportHaltEx will not come (`MP-INIT-06`).

use core::sync::atomic::{AtomicBool, AtomicU32};

use ndkpi_sys as sys;
use softndk_nt::irql::{self, Cx, Passive};
use softndk_nt::lock::Spin;
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::attributes::{self, Counts, General, NdkCapabilities};
use softndk_nt::ndis::{AdapterHandle, Status};
use softndk_nt::pool::{KBox, NoMemory};
use softndk_nt::pure::ether::Mac;
use softndk_provider::{info, version};

use super::{Miniport, TAG, addresses::Addresses, config, halt, link, ndk::NdkControl, oid, port::Port};
use crate::ndk::adapter::wire_info;
use crate::run::device::{Device, DeviceConfig};

/// What NDIS says of the interface.
#[derive(Debug, Clone, Copy)]
struct Interface {
    index: u32,
    luid: u64,
}

/// MiniportInitializeEx. IRQL: PASSIVE_LEVEL.
pub unsafe extern "system" fn initialize(
    handle: sys::NDIS_HANDLE,
    _driver_context: sys::NDIS_HANDLE,
    parameters: *mut sys::NDIS_MINIPORT_INIT_PARAMETERS,
) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportInitializeEx") };
    // SAFETY: NDIS's parameters live across the call, and nobody changes them.
    let parameters = unsafe { &*parameters };
    let (revision, index) = (parameters.Header.Revision, parameters.IfIndex);
    // SAFETY: a LUID is 64 bits whichever way it is looked at.
    let luid = unsafe { parameters.NetLuid.Value };
    if revision < sys::NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1 {
        return sys::NDIS_STATUS_BAD_VERSION;
    }
    // SAFETY: NDIS's handle of the adapter, until halt.
    let handle = unsafe { AdapterHandle::new(handle) };
    match create(handle, Interface { index, luid }, &mut cx) {
        Ok(()) => sys::NDIS_STATUS_SUCCESS,
        Err(status) => {
            log::say_with(Level::Error, c"an adapter failed to start", index.into(), u64::from(status.cast_unsigned()));
            status
        }
    }
}

/// Makes the adapter. On success NDIS owns it, through its context.
#[inline(never)] // a frame of its own: the adapter is built on the stack, then moved into its room
fn create(handle: AdapterHandle, interface: Interface, cx: &mut Cx<Passive>) -> Result<(), Status> {
    let no_memory = |NoMemory| sys::NDIS_STATUS_RESOURCES;
    let room = KBox::<Miniport>::try_zeroed(TAG).map_err(no_memory)?;
    // SAFETY: the room is resident and becomes the adapter, or initialisation fails.
    unsafe { attributes::set_registration(handle, room.as_non_null().as_ptr().cast(), cx) }?;
    let settings = config::read(handle, cx);
    let permanent = Mac::of_interface(interface.luid);
    let ndk = NdkControl::try_new(settings.network_direct).map_err(no_memory)?;
    let addresses = Addresses::try_new().map_err(no_memory)?;
    let port = Port::try_new(handle, settings.address.unwrap_or(permanent), &settings, cx).map_err(no_memory)?;
    let general =
        General { permanent, current: port.mac(), mtu: settings.mtu, link_speed: link::SPEED, oids: oid::SUPPORTED };
    if let Err(status) = attributes::set_general(handle, &general, cx) {
        Port::destroy(port, cx);
        return Err(status);
    }
    let device = match Device::create(device_config(interface, &settings), info::with_features(settings.features), cx) {
        Ok(device) => device,
        Err(NoMemory) => {
            Port::destroy(port, cx);
            return Err(sys::NDIS_STATUS_RESOURCES);
        }
    };
    let miniport = room.write(Miniport {
        handle,
        settings,
        permanent,
        capabilities: capabilities(&device),
        port,
        ndk,
        addresses,
        subscription: Spin::new(None),
        removed: AtomicBool::new(false),
        lookahead: AtomicU32::new(settings.mtu),
        device,
    });
    match start(miniport, cx) {
        Ok(miniport) => {
            // NDIS keeps it from now on; halt takes it back.
            let _ = miniport.into_raw();
            log::say_with(Level::Trace, c"an adapter has started", interface.index.into(), interface.luid);
            Ok(())
        }
        Err((miniport, status)) => {
            halt::end(miniport, cx);
            Err(status)
        }
    }
}

/// What needs the adapter in its final place.
fn start(mut miniport: KBox<Miniport>, cx: &mut Cx<Passive>) -> Result<KBox<Miniport>, (KBox<Miniport>, Status)> {
    let enabled = miniport.settings.network_direct;
    let handle = miniport.handle;
    // SAFETY: the adapter stays in its block until halt.
    let result = unsafe { attributes::set_ndk(handle, &mut miniport.capabilities, enabled, cx) };
    if let Err(status) = result {
        return Err((miniport, status));
    }
    // SAFETY: the adapter stays, and `halt::end` stops what is started here.
    match unsafe { miniport.start_parts(cx) } {
        Ok(()) => Ok(miniport),
        Err(status) => Err((miniport, status)),
    }
}

impl Miniport {
    /// Starts thread, subscription and port.
    ///
    /// # Safety
    /// The adapter is in its final place and ends by [`halt::end`].
    unsafe fn start_parts(&self, cx: &mut Cx<Passive>) -> Result<(), Status> {
        // SAFETY: the caller's promise.
        unsafe { self.port.init() };
        // SAFETY: the caller's promise.
        unsafe { self.start_ndk_thread(cx) }?;
        // SAFETY: the caller's promise.
        unsafe { self.subscribe(cx) }?;
        // SAFETY: the caller's promise.
        unsafe { self.port.plug_in(cx) }.map_err(|_| sys::NDIS_STATUS_RESOURCES)
    }
}

const fn device_config(interface: Interface, settings: &config::Settings) -> DeviceConfig {
    DeviceConfig {
        interface_index: interface.index,
        luid: interface.luid,
        connect_delay: settings.connect_delay,
        rnr_delay: settings.rnr_delay,
        accept_limit: settings.accept_limit,
        dynamic_ports: settings.dynamic_ports,
        object_limit: settings.object_limit,
    }
}

/// What the adapter can do, as NDIS shows it (`CAP-05`, `CAP-08`, `VER-21`).
fn capabilities(device: &Device) -> NdkCapabilities {
    let quotas = device.quotas();
    let counts = Counts {
        qp: quotas.qp.limit(),
        cq: quotas.cq.limit(),
        mr: quotas.mr.limit(),
        pd: quotas.pd.limit(),
        mw: quotas.mw.limit(),
        srq: quotas.srq.limit(),
    };
    NdkCapabilities::new(wire_info(device.info(), version::HIGHEST), counts)
}
