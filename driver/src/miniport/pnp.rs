//! MiniportDevicePnPEventNotify: only a surprise removal changes anything (`MP-PNP-01`, `MP-PNP-02`).

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, Cx, Passive};
use softndk_nt::log::{self, Level};
use softndk_nt::pure::datapath::DataPath;

use super::Miniport;

/// MiniportDevicePnPEventNotify. IRQL: PASSIVE_LEVEL.
pub unsafe extern "system" fn event(context: *mut c_void, event: *mut sys::NET_DEVICE_PNP_EVENT) {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportDevicePnPEventNotify") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    // SAFETY: NDIS's event lives across the call.
    if unsafe { (*event).DevicePnPEvent } == sys::NdisDevicePnPEventSurpriseRemoved {
        miniport.surprise(&mut cx);
    }
}

impl Miniport {
    /// Sends and OIDs are refused from now on, opens fail, connections break, NDK is disabled for
    /// good by its own thread (`PNP-03`, `PNP-04`); nothing is freed before the halt.
    fn surprise(&self, cx: &mut Cx<Passive>) {
        log::say_with(Level::Warning, c"surprise removal", self.device().interface_index().into(), 0);
        self.removed.store(true, Ordering::Release);
        self.port.change(cx, DataPath::remove);
        self.ndk.remove(cx);
        self.device().remove(cx.lend());
    }

    /// Whether the adapter was removed by surprise.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}
