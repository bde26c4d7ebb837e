//! MiniportSendNetBufferLists: frames onto the wire (`MP-TX-*`).
//!
//! A frame is sent when it has been copied to whoever takes it, which is at once; the NBLs complete
//! from the port's DPC. So nothing is ever queued to be sent, and there is nothing to cancel.

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use ndkpi_sys as sys;
use softndk_nt::irql::{self, AtMostDispatch, Cx};
use softndk_nt::ndis::Status;
use softndk_nt::ndis::frame::{Frame, FrameError};
use softndk_nt::ndis::nbl::{Nbl, NblList};
use softndk_nt::pure::ether::{HEADER, Mac};

use super::Miniport;
use super::port::Port;
use super::switch::SWITCH;

/// MiniportSendNetBufferLists. IRQL: at most DISPATCH_LEVEL.
pub unsafe extern "system" fn send(
    context: *mut c_void,
    list: *mut sys::NET_BUFFER_LIST,
    _port: sys::NDIS_PORT_NUMBER,
    _flags: u32,
) {
    // SAFETY: NDIS calls it at DISPATCH_LEVEL or below. (Whether at it, the flags would say; the
    // handler does not depend on it.)
    let mut cx = unsafe { irql::enter::<AtMostDispatch>(c"MiniportSendNetBufferLists") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    // SAFETY: NDIS hands the whole list over (MP-TX-01).
    let list = unsafe { NblList::from_raw(list) };
    miniport.port.send(list, &mut cx);
}

/// MiniportCancelSend. IRQL: at most DISPATCH_LEVEL. Every send is in flight or done (`MP-TX-17`).
pub unsafe extern "system" fn cancel(_context: *mut c_void, _id: *mut c_void) {}

impl Port {
    fn send(&self, mut list: NblList, cx: &mut Cx<AtMostDispatch>) {
        let entered = self.traffic.lock(cx).path.enter(list.count().into());
        if let Err(refusal) = entered {
            return self.refuse(list, refusal, cx);
        }
        let mut done = NblList::new();
        while let Some(mut nbl) = list.pop() {
            let status = self.send_one(&nbl, cx);
            nbl.set_status(status);
            done.push(nbl);
        }
        self.traffic.lock(cx).done.append(done);
        self.kick();
    }

    /// Sends the frames of an NBL in order; one that fails fails the NBL (`MP-TX-03`), the others go.
    fn send_one(&self, nbl: &Nbl, cx: &mut Cx<AtMostDispatch>) -> Status {
        let mut status = sys::NDIS_STATUS_SUCCESS;
        for frame in nbl.frames() {
            if let Err(failure) = self.send_frame(&frame, cx) {
                self.counters.send_errors.fetch_add(1, Ordering::Relaxed);
                status = failure;
            }
        }
        status
    }

    fn send_frame(&self, frame: &Frame<'_>, cx: &mut Cx<AtMostDispatch>) -> Result<(), Status> {
        if frame.len() < HEADER || frame.len() > self.longest_frame() {
            return Err(sys::NDIS_STATUS_INVALID_LENGTH);
        }
        let mut destination = [0; 6];
        frame.read(&mut destination).map_err(|error| match error {
            FrameError::Short => sys::NDIS_STATUS_INVALID_LENGTH,
            FrameError::NoMemory => sys::NDIS_STATUS_RESOURCES,
        })?;
        let destination = Mac(destination);
        SWITCH.forward(self, frame, destination, cx);
        self.counters.sent.count(destination.class(), frame.len());
        Ok(())
    }
}
