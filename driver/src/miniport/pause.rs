//! MiniportPause and MiniportRestart: frames only; NDK goes on (`PNP-08`, `MP-PAUSE-05`).

use core::ffi::c_void;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, Passive};
use softndk_nt::pure::datapath::{DataPath, Pause};

use super::Miniport;

/// MiniportPause. IRQL: PASSIVE_LEVEL. It cannot fail and needs no memory (`MP-PAUSE-02`); pending, it
/// completes from whoever gives the last NBL back, perhaps before this has returned (`MP-PAUSE-03`).
pub unsafe extern "system" fn pause(
    context: *mut c_void,
    _parameters: *mut sys::NDIS_MINIPORT_PAUSE_PARAMETERS,
) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportPause") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    match miniport.port.change(&mut cx, DataPath::pause) {
        Pause::Done => sys::NDIS_STATUS_SUCCESS,
        Pause::Pending => sys::NDIS_STATUS_PENDING,
    }
}

/// MiniportRestart. IRQL: PASSIVE_LEVEL. Attributes of other layers are none of our business
/// (`MP-REST-02`).
pub unsafe extern "system" fn restart(
    context: *mut c_void,
    _parameters: *mut sys::NDIS_MINIPORT_RESTART_PARAMETERS,
) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportRestart") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    miniport.port.change(&mut cx, DataPath::restart);
    sys::NDIS_STATUS_SUCCESS
}
