//! A miniport adapter: its state and what it told NDIS.
//!
//! ```text
//!   Initializing --success--> Paused --restart--> Restarting --success--> Running
//!        |                      ^  \---halt---> Halted          |            |
//!        \---failure---> Halted \------------ Pausing <---------+---pause----/
//! ```
//! ndis.md MP-STATE-01.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::codes;
use super::driver::Driver;
use super::handles;
use super::latch::Latch;
use super::oid::Oids;
use super::view::{AttributesCall, NdkAttributes, NdkEvent};
use crate::bugcheck::{Code, Violation};
use crate::machine::{AdapterConfig, Keyword};
use ndkpi_sys::*;

/// Names an adapter of the machine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdapterId(pub u32);

/// MP-STATE-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// MiniportInitializeEx runs.
    Initializing,
    /// No data.
    Paused,
    /// MiniportRestart runs, or its completion is awaited.
    Restarting,
    /// Data flows.
    Running,
    /// MiniportPause runs, or its completion is awaited.
    Pausing,
    /// MiniportHaltEx has been called.
    Halted,
}

/// The link as the adapter reported it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Connected, disconnected, or unknown.
    pub connected: Option<bool>,
    /// Bits per second; `None` if unknown.
    pub transmit_speed: Option<u64>,
    /// Bits per second; `None` if unknown.
    pub receive_speed: Option<u64>,
}

/// What the attributes said.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub registered: bool,
    pub general: Option<NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES>,
    pub supported_oids: Vec<u32>,
    pub ndk: Option<NdkAttributes>,
    /// Every call, in order.
    pub calls: Vec<AttributesCall>,
}

// SAFETY: pointers in the copies are not followed after the call that brought them, but those of the NDK attributes,
// which lead to memory that the miniport keeps.
unsafe impl Send for Attributes {}

/// One adapter.
#[derive(Debug)]
pub(super) struct Adapter {
    pub id: AdapterId,
    pub handle: usize,
    pub driver: Arc<Driver>,
    pub config: AdapterConfig,
    pub luid: u64,
    /// MiniportAdapterContext.
    pub context: AtomicUsize,
    pub state: Mutex<State>,
    pub attributes: Mutex<Attributes>,
    pub link: Mutex<LinkState>,
    pub removed: AtomicBool,
    /// NDK is enabled as far as NDIS knows.
    pub ndk_enabled: AtomicBool,
    /// Opens being executed, and open adapters, are counted by the shim; this is opens in flight.
    pub ndk_opening: AtomicU32,
    /// It is being halted: no more opens.
    pub halting: AtomicBool,
    /// The statuses indicated so far.
    pub indications: Mutex<Vec<NDIS_STATUS>>,
    /// The NDK events raised so far.
    pub ndk_events: Mutex<Vec<NdkEvent>>,
    /// The values under the software key as they are now.
    pub keywords: Mutex<BTreeMap<String, Keyword>>,
    /// What the miniport has asked for.
    pub keywords_read: Mutex<Vec<String>>,
    /// What pause or restart waits for.
    pub pending: Mutex<Option<Arc<Latch<NDIS_STATUS>>>>,
    pub oids: Oids,
    /// NBLs indicated and not returned, by address; NBLs sent and not completed.
    pub received: Mutex<HashMap<usize, ()>>,
    pub sent: Mutex<HashMap<usize, Arc<Latch<NDIS_STATUS>>>>,
    /// Frames that the host edge has been given.
    pub edge: super::edge::Inbox,
}

impl Adapter {
    /// MiniportAdapterContext as the driver wants it.
    pub fn context(&self) -> NDIS_HANDLE {
        std::ptr::with_exposed_provenance_mut(self.context.load(Ordering::Acquire))
    }

    /// The adapter's handle.
    pub fn as_handle(&self) -> NDIS_HANDLE {
        handles::as_handle(self.handle)
    }

    pub fn state(&self) -> State {
        *self.state.lock()
    }

    pub fn set_state(&self, state: State) {
        *self.state.lock() = state;
    }

    /// Stops the machine: the miniport broke a rule. The report names the driver and the adapter.
    #[cold]
    pub fn violation(&self, code: &'static Code, text: impl AsRef<str>) -> ! {
        Violation::new(code)
            .params([self.handle as u64, self.state() as u64, 0, 0])
            .guilty(self.driver.handlers.InitializeHandlerEx.map_or(0, |f| f as usize))
            .text(format!("adapter `{}`: {}", self.config.name, text.as_ref()))
            .raise()
    }

    /// Stops the machine if a spin lock of the miniport is held here.
    pub fn no_locks(&self, routine: &str) {
        let context = crate::context::current();
        let images = &crate::Kernel::get().images;
        for held in context.held_locks() {
            let owner = images.containing(held.taken_at).map(|image| image.id);
            if owner.is_some() && owner == self.driver.image {
                let text = format!(
                    "{routine} is called with the spin lock at {:p} held, taken at {}; NDIS may call the miniport from there",
                    held.lock,
                    images.describe(held.taken_at)
                );
                Violation::new(&codes::NDIS_CALLED_WITH_LOCK)
                    .params([held.lock.addr() as u64, held.taken_at as u64, 0, 0])
                    .text(format!("adapter `{}`: {text}", self.config.name))
                    .raise();
            }
        }
    }

    /// The DISPATCH_LEVEL flag (bit 0) must not promise more than is true; without it the callee
    /// may do what DISPATCH_LEVEL forbids nobody, so a missing flag is allowed (MP-TX-15).
    pub fn check_flags(&self, routine: &str, flags: u32) {
        let irql = crate::context::irql();
        if flags & 1 != 0 && irql != crate::types::DISPATCH_LEVEL {
            let text = format!("{routine} says DISPATCH_LEVEL in its flags ({flags:#x}) and is called at IRQL {irql}");
            self.violation(&codes::NDIS_FLAGS_IRQL, text);
        }
    }
}

/// The NET_LUID of an interface.
pub(super) fn luid_of(config: &AdapterConfig) -> u64 {
    let index = u64::from(config.luid_index.unwrap_or(config.interface_index)) & 0x00FF_FFFF;
    (u64::from(IF_TYPE_ETHERNET_CSMACD) << 48) | (index << 24)
}
