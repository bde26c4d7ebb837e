//! The miniport: what NDIS calls, one adapter at a time.
//!
//! | file | NDIS sees | contract |
//! |---|---|---|
//! | [`register`] | the driver's handlers | `MP-REG-*`, `MP-OPT-*` |
//! | [`initialize`], [`halt`] | MiniportInitializeEx, MiniportHaltEx, MiniportShutdownEx | `MP-INIT-*`, `MP-HALT-*` |
//! | [`config`] | keywords | `MP-CFG-*`, `INF-*` |
//! | [`pause`] | MiniportPause, MiniportRestart | `MP-PAUSE-*`, `MP-REST-*` |
//! | [`send`], [`receive`], [`switch`], [`port`] | frames | `MP-TX-*`, `MP-RX-*` |
//! | [`oid`], [`direct_oid`], [`ndk_oid`], [`link`] | OID requests | `MP-OID-*`, `OID-*`, `MP-PM-*` |
//! | [`pnp`] | MiniportDevicePnPEventNotify | `MP-PNP-*`, `PNP-*` |
//! | [`ndk`] | opens and closes of NDK adapters, enabling and disabling | `STATE-*`, `MP-NDK-*` |
//! | [`addresses`] | the interface's IP addresses, for the device | `PNP-09` |
//!
//! Frames go between the adapters of this driver through a virtual switch: every adapter of the
//! machine is a station on one wire. RDMA does not pass here: it goes through [`crate::run`].

use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::AtomicBool;

use softndk_nt::lock::{Leaf, Spin};
use softndk_nt::ndis::AdapterHandle;
use softndk_nt::ndis::attributes::NdkCapabilities;
use softndk_nt::netio::Subscription;
use softndk_nt::pool::{KBox, Tag};
use softndk_nt::pure::ether::Mac;

use crate::run::device::Device;

pub mod addresses;
pub mod config;
pub mod direct_oid;
pub mod halt;
pub mod initialize;
pub mod link;
pub mod ndk;
pub mod ndk_oid;
pub mod oid;
pub mod pause;
pub mod pnp;
pub mod port;
pub mod receive;
pub mod register;
pub mod send;
pub mod switch;

/// Pool tag of an adapter's context and its events.
pub const TAG: Tag = Tag::new(*b"nkMp");

/// One adapter: NDIS's MiniportAdapterContext. It does not move from MiniportInitializeEx to the end
/// of MiniportHaltEx.
pub struct Miniport {
    handle: AdapterHandle,
    settings: config::Settings,
    permanent: Mac,
    capabilities: NdkCapabilities,
    port: KBox<port::Port>,
    ndk: ndk::NdkControl,
    addresses: addresses::Addresses,
    /// The subscription to changes of IP addresses, while there is one.
    subscription: Spin<Option<Subscription<Miniport>>, Leaf>,
    /// Set at surprise removal, for good.
    removed: AtomicBool,
    /// What OID_GEN_CURRENT_LOOKAHEAD was set to; it limits nothing (`MP-OID-23`).
    lookahead: core::sync::atomic::AtomicU32,
    device: KBox<Device>,
}

impl Miniport {
    /// The adapter behind a MiniportAdapterContext.
    ///
    /// # Safety
    /// `context` is what MiniportInitializeEx registered, NDIS's call is in progress, and `'a` does
    /// not outlast it.
    pub const unsafe fn of<'a>(context: *mut c_void) -> &'a Self {
        // SAFETY: NDIS passes the context back unchanged, between initialise and halt.
        unsafe { &*context.cast::<Self>() }
    }

    /// The NDIS handle.
    pub const fn handle(&self) -> AdapterHandle {
        self.handle
    }

    /// The NDK side.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The address of this adapter, for threads and callbacks that halt ends.
    pub const fn here(&self) -> NonNull<Self> {
        NonNull::from_ref(self)
    }
}
