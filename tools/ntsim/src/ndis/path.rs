//! Frames between NDIS and miniports, with the owner of each NBL known (ndis.md sections 3.1, 3.2).

use std::sync::Arc;

use super::adapter::{Adapter, State};
use super::{codes, data, handles};
use crate::context::{CallSite, call_driver};
use crate::types::DISPATCH_LEVEL;
use ndkpi_sys::*;

/// The NBLs of a list, with a limit against rings.
///
/// # Safety
/// `list` must be the head of a list of live NBLs, or null.
unsafe fn members(list: *mut NET_BUFFER_LIST) -> Vec<*mut NET_BUFFER_LIST> {
    let mut members = Vec::new();
    let mut at = list;
    while !at.is_null() && members.len() < 1 << 16 {
        members.push(at);
        // SAFETY: by contract.
        at = unsafe { *NET_BUFFER_LIST_NEXT_NBL(at) };
    }
    members
}

unsafe fn send_complete(handle: NDIS_HANDLE, list: *mut NET_BUFFER_LIST, flags: u32) {
    let routine = "NdisMSendNetBufferListsComplete";
    let adapter = handles::adapter(handle, routine);
    adapter.no_locks(routine);
    adapter.check_flags(routine, flags);
    // SAFETY: the driver gives a list of NBLs back.
    for nbl in unsafe { members(list) } {
        let Some(latch) = adapter.sent.lock().remove(&nbl.addr()) else {
            let text = format!(
                "{routine} gives back the NBL {nbl:p}, which the miniport does not own: completed twice, or never sent"
            );
            adapter.violation(&codes::NDIS_NBL_NOT_OWNED, text)
        };
        // SAFETY: it was sent and is alive until the latch is set.
        latch.set(unsafe { (*nbl).Status });
    }
}

unsafe fn indicate_receive(handle: NDIS_HANDLE, list: *mut NET_BUFFER_LIST, port: u32, count: u32, flags: u32) {
    let routine = "NdisMIndicateReceiveNetBufferLists";
    let adapter = handles::adapter(handle, routine);
    adapter.no_locks(routine);
    adapter.check_flags(routine, flags);
    let state = adapter.state();
    // A call that began in Running may get here after the pause has begun (MP-PAUSE-01).
    if !matches!(state, State::Running | State::Restarting | State::Pausing) {
        let text = format!("{routine} is called in state {state:?}; frames are received in Running, and in Restarting");
        adapter.violation(&codes::NDIS_INDICATE_IN_WRONG_STATE, text);
    }
    // SAFETY: the driver's list.
    let nbls = unsafe { members(list) };
    if nbls.len() != count as usize || port != 0 {
        let text = format!("{routine} says {count} NBLs on port {port}, and the list has {}", nbls.len());
        adapter.violation(&codes::NDIS_WRONG_NBL_COUNT, text);
    }
    let keeps = flags & NDIS_RECEIVE_FLAGS_RESOURCES == 0;
    for nbl in &nbls {
        // SAFETY: the driver's NBL.
        let frame = unsafe { check_received(&adapter, *nbl) };
        adapter.edge.deliver(frame);
        if keeps && adapter.received.lock().insert(nbl.addr(), ()).is_some() {
            let text =
                format!("{routine} is given the NBL {nbl:p}, which was indicated before and has not been returned");
            adapter.violation(&codes::NDIS_NBL_NOT_OWNED, text);
        }
    }
    if keeps && !nbls.is_empty() {
        adapter.edge.keep_or_return(&adapter, list);
    }
}

/// MP-RX-02, MP-RX-03, MP-RX-15; gives the frame.
///
/// # Safety
/// `nbl` must be a live NBL.
unsafe fn check_received(adapter: &Adapter, nbl: *mut NET_BUFFER_LIST) -> Vec<u8> {
    let code = &codes::NDIS_BAD_RECEIVE_NBL;
    // SAFETY: by contract.
    let (source, nb) = unsafe { ((*nbl).SourceHandle, *NET_BUFFER_LIST_FIRST_NB(nbl)) };
    if source != adapter.as_handle() {
        adapter.violation(code, "SourceHandle of a received NBL is not the adapter's handle (MP-RX-03)");
    }
    // SAFETY: as above.
    if nb.is_null() || !unsafe { *NET_BUFFER_NEXT_NB(nb) }.is_null() {
        adapter.violation(code, "a received NBL has exactly one NET_BUFFER on Ethernet (MP-RX-02)");
    }
    // SAFETY: as above.
    let Some(frame) = (unsafe { data::bytes(nb) }) else {
        adapter.violation(
            &codes::NDIS_BAD_NET_BUFFER,
            "a received NET_BUFFER's DataLength is more than its MDL chain holds",
        )
    };
    let mtu = adapter.attributes.lock().general.as_ref().map_or(1500, |general| general.MtuSize as usize);
    if frame.len() < 14 || frame.len() > mtu + 18 {
        let text =
            format!("a received frame has {} bytes; Ethernet frames have 14 to MTU + 14 ({})", frame.len(), mtu + 14);
        adapter.violation(code, text);
    }
    frame
}

/// Returns NBLs to the miniport (MiniportReturnNetBufferLists).
pub(super) fn return_lists(adapter: &Arc<Adapter>, list: *mut NET_BUFFER_LIST) {
    // SAFETY: NBLs that were indicated and are owned by NDIS until here.
    for nbl in unsafe { members(list) } {
        if adapter.received.lock().remove(&nbl.addr()).is_none() {
            // The host edge gives back only what it was given.
            let text = format!("ntsim returns the NBL {nbl:p}, which is not out");
            adapter.violation(&codes::NDIS_NBL_NOT_OWNED, text);
        }
    }
    let flags = u32::from(crate::context::irql() == DISPATCH_LEVEL);
    let target = adapter.driver.handlers.ReturnNetBufferListsHandler.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportReturnNetBufferLists", target), || {
        if let Some(handler) = adapter.driver.handlers.ReturnNetBufferListsHandler {
            // SAFETY: the adapter's own context and its own NBLs.
            unsafe { handler(adapter.context(), list, flags) }
        }
    });
}

/// Sends a list (MiniportSendNetBufferLists); its NBLs must be in `adapter.sent`.
pub(super) fn send_lists(adapter: &Arc<Adapter>, list: *mut NET_BUFFER_LIST) {
    let flags = u32::from(crate::context::irql() == DISPATCH_LEVEL);
    let target = adapter.driver.handlers.SendNetBufferListsHandler.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportSendNetBufferLists", target), || {
        if let Some(handler) = adapter.driver.handlers.SendNetBufferListsHandler {
            // SAFETY: the adapter's own context; the NBLs live until they are completed.
            unsafe { handler(adapter.context(), list, 0, flags) }
        }
    });
}

/// MiniportCancelSend.
pub(super) fn cancel_send(adapter: &Arc<Adapter>, id: usize) {
    let target = adapter.driver.handlers.CancelSendHandler.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportCancelSend", target), || {
        if let Some(handler) = adapter.driver.handlers.CancelSendHandler {
            // SAFETY: the adapter's own context; the ID is compared only.
            unsafe { handler(adapter.context(), std::ptr::without_provenance_mut(id)) }
        }
    });
}

crate::routines! { "ndis.sys";
    fn NdisMSendNetBufferListsComplete(handle: NDIS_HANDLE, list: *mut NET_BUFFER_LIST, flags: u32)
        = send_complete: PASSIVE..=DISPATCH;
    fn NdisMIndicateReceiveNetBufferLists(handle: NDIS_HANDLE, list: *mut NET_BUFFER_LIST, port: u32, count: u32,
        flags: u32) = indicate_receive: PASSIVE..=DISPATCH;
}
