//! MiniportHaltEx: the adapter ends, and leaves nothing behind (`MP-HALT-*`, `PNP-01`, `PNP-02`).
//!
//! ```text
//!  off the wire, copies over -> no more address calls -> no more opens -> connections broken, requests ended
//!    -> NDK ended, all opens closed, thread joined -> device stopped -> port freed -> context freed
//! ```

use core::ffi::c_void;
use core::ptr::NonNull;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, Cx, Passive};
use softndk_nt::pool::KBox;

use super::{Miniport, port::Port};
use crate::run::device::Device;

/// MiniportHaltEx. IRQL: PASSIVE_LEVEL. The adapter is paused; no request is outstanding.
pub unsafe extern "system" fn halt(context: *mut c_void, _action: sys::NDIS_HALT_ACTION) {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportHaltEx") };
    let Some(context) = NonNull::new(context.cast::<Miniport>()) else {
        return;
    };
    // SAFETY: the context is the box that initialise gave up, and NDIS uses it no more after this.
    end(unsafe { KBox::from_raw(context) }, &mut cx);
}

/// Ends an adapter, also one that was only partly started.
pub fn end(miniport: KBox<Miniport>, cx: &mut Cx<Passive>) {
    miniport.port.unplug(cx);
    let subscription = miniport.subscription.lock(cx).take();
    if let Some(subscription) = subscription {
        subscription.cancel(cx);
    }
    miniport.ndk.refuse(cx);
    // Consumers that are still there find everything at its end, and have only to close (MP-HALT-04).
    miniport.device().remove(cx.lend());
    miniport.ndk.halt(cx);
    let Miniport { device, port, ndk, addresses, .. } = miniport.into_inner();
    Device::stop(device, cx);
    Port::destroy(port, cx);
    drop((ndk, addresses));
}

/// MiniportShutdownEx: the machine goes down. There is no hardware to quiet, and nothing may be freed
/// (`MP-SHUT-01`). At a bug check it may come at any IRQL, so it asks nothing of the kernel.
pub unsafe extern "system" fn shutdown(_context: *mut c_void, _action: sys::NDIS_SHUTDOWN_ACTION) {}
