//! The driver's handlers, and MiniportSetOptions.

use softndk_nt::irql::{self, Passive};
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::driver::{self, Handlers};

use ndkpi_sys as sys;

use super::{direct_oid, halt, initialize, ndk, oid, pause, pnp, receive, send};
use crate::entry;

/// All handlers. CheckForHang and Reset are absent, as in every software miniport (`MP-REG-04`).
pub static HANDLERS: Handlers = Handlers {
    set_options: Some(set_options),
    initialize: Some(initialize::initialize),
    halt: Some(halt::halt),
    unload: Some(entry::unload),
    pause: Some(pause::pause),
    restart: Some(pause::restart),
    oid_request: Some(oid::request),
    send: Some(send::send),
    return_received: Some(receive::returned),
    cancel_send: Some(send::cancel),
    pnp_event: Some(pnp::event),
    shutdown: Some(halt::shutdown),
    cancel_oid: Some(oid::cancel),
    direct_oid: Some(direct_oid::request),
    cancel_direct_oid: Some(direct_oid::cancel),
};

/// MiniportSetOptions: runs inside the registration call. IRQL: PASSIVE_LEVEL.
///
/// Without NDK in this NDIS the driver would be an ordinary Ethernet adapter, which nobody wants
/// this one for: the registration fails instead (`MP-OPT-03`).
unsafe extern "system" fn set_options(driver: sys::NDIS_HANDLE, _context: sys::NDIS_HANDLE) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportSetOptions") };
    // SAFETY: the handle given for this; the handlers are those of the members.
    match unsafe { driver::set_ndk_handlers(driver, Some(ndk::open), Some(ndk::close), &mut cx) } {
        Ok(()) => sys::NDIS_STATUS_SUCCESS,
        Err(status) => {
            log::say_with(Level::Error, c"NDIS refused the NDK handlers", u64::from(status.cast_unsigned()), 0);
            status
        }
    }
}
