//! Frames off the wire: filtered, copied into an NBL of our own, indicated by the DPC, returned
//! (`MP-RX-*`).

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, AtMostDispatch, Cx};
use softndk_nt::ndis::frame::Frame;
use softndk_nt::ndis::nbl::{Nbl, NblList};
use softndk_nt::pure::ether::{self, Mac, SHORTEST};

use super::Miniport;
use super::port::Port;

/// MiniportReturnNetBufferLists. IRQL: at most DISPATCH_LEVEL.
pub unsafe extern "system" fn returned(context: *mut c_void, list: *mut sys::NET_BUFFER_LIST, _flags: u32) {
    // SAFETY: NDIS calls it at DISPATCH_LEVEL or below.
    let mut cx = unsafe { irql::enter::<AtMostDispatch>(c"MiniportReturnNetBufferLists") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    // SAFETY: NBLs that the adapter indicated, and that are its own again.
    let list = unsafe { NblList::from_raw(list) };
    miniport.port.take_back(list, &mut cx);
}

impl Port {
    /// A frame on the wire. It is for us, or not; it is dropped where there is no room (`MP-RX-14`).
    pub(super) fn deliver(&self, frame: &Frame<'_>, destination: Mac, cx: &mut Cx<AtMostDispatch>) {
        let filter = self.filter();
        if filter == 0 || !ether::accepts(destination, self.mac(), filter, &self.multicast().lock(cx)) {
            return;
        }
        if frame.len() > self.longest_frame() {
            self.counters.receive_errors.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Some(mut nbl) = self.take_free(cx) else {
            return;
        };
        let octets = frame.len().max(SHORTEST);
        if !self.copy(&mut nbl, frame, octets) {
            self.counters.receive_errors.fetch_add(1, Ordering::Relaxed);
            let mut list = NblList::new();
            list.push(nbl);
            return self.take_back(list, cx);
        }
        self.counters.received.count(destination.class(), octets);
        self.traffic.lock(cx).ready.push(nbl);
        self.kick();
    }

    /// An NBL without a frame, which a pause waits for from now on (`MP-RX-09`).
    fn take_free(&self, cx: &mut Cx<AtMostDispatch>) -> Option<Nbl> {
        let mut traffic = self.traffic.lock(cx);
        traffic.path.open().ok()?;
        let Some(nbl) = traffic.free.pop() else {
            drop(traffic);
            self.counters.no_buffer.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // Open, as just seen.
        let _ = traffic.path.enter(1);
        Some(nbl)
    }

    /// Copies and pads with zeros: nothing behind the sender's data leaks (`MP-TX-09`).
    fn copy(&self, nbl: &mut Nbl, frame: &Frame<'_>, octets: u32) -> bool {
        // SAFETY: all NBLs of the port's lists are of its pool.
        let Some(buffer) = (unsafe { nbl.receive(&self.pool, octets) }) else {
            return false;
        };
        let Some((data, padding)) = buffer.split_at_mut_checked(frame.len() as usize) else {
            return false;
        };
        padding.fill(0);
        frame.read(data).is_ok()
    }

    /// NBLs are without a frame again.
    pub(super) fn take_back(&self, list: NblList, cx: &mut Cx<AtMostDispatch>) {
        let count = u64::from(list.count());
        let mut traffic = self.traffic.lock(cx);
        traffic.free.append(list);
        let after = traffic.path.leave(count);
        drop(traffic);
        self.after(after, cx);
    }
}
