//! Status indications and NetPnP events that a miniport raises (ndis.md sections 3.5, 5.3).
#![expect(non_upper_case_globals, reason = "enumerators carry the names of the C headers")]

use std::sync::atomic::Ordering;

use super::adapter::{LinkState, State};
use super::attributes::{connected, speed};
use super::latch::wait_until;
use super::view::NdkEvent;
use super::{codes, handles};
use crate::sched;
use ndkpi_sys::*;

unsafe fn indicate_status(handle: NDIS_HANDLE, indication: *mut NDIS_STATUS_INDICATION) {
    let adapter = handles::adapter(handle, "NdisMIndicateStatusEx");
    let code = &codes::NDIS_BAD_STATUS_INDICATION;
    if adapter.state() == State::Halted || !adapter.attributes.lock().registered {
        adapter.violation(code, "a status is indicated before the registration attributes or after the halt");
    }
    adapter.no_locks("NdisMIndicateStatusEx");
    // SAFETY: the caller's structure and buffer.
    let indication = unsafe { indication.read() };
    let header = indication.Header;
    if header.Type != NDIS_OBJECT_TYPE_STATUS_INDICATION
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_STATUS_INDICATION_REVISION_1
    {
        adapter.violation(
            &codes::NDIS_BAD_OBJECT_HEADER,
            "NDIS_STATUS_INDICATION has a wrong header: type 0x98, revision 1, size 112",
        );
    }
    if indication.SourceHandle != adapter.as_handle() {
        adapter.violation(code, "SourceHandle of a status indication is not the adapter's handle (MP-LINK-01)");
    }
    adapter.indications.lock().push(indication.StatusCode);
    if indication.StatusCode != NDIS_STATUS_LINK_STATE {
        return;
    }
    if indication.StatusBuffer.is_null() || (indication.StatusBufferSize as usize) < size_of::<NDIS_LINK_STATE>() {
        adapter.violation(code, "NDIS_STATUS_LINK_STATE needs a buffer of 40 bytes (MP-LINK-01)");
    }
    // SAFETY: the size was checked; alignment is the caller's.
    let link = unsafe { indication.StatusBuffer.cast::<NDIS_LINK_STATE>().read_unaligned() };
    let state = LinkState {
        connected: connected(link.MediaConnectState),
        transmit_speed: speed(link.XmitLinkSpeed),
        receive_speed: speed(link.RcvLinkSpeed),
    };
    *adapter.link.lock() = state;
    crate::netio::link_changed(adapter.config.interface_index);
}

unsafe fn net_pnp_event(handle: NDIS_HANDLE, event: *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS {
    let adapter = handles::adapter(handle, "NdisMNetPnPEvent");
    // SAFETY: the caller's structure.
    let event = unsafe { event.read() };
    let header = event.Header;
    if header.Type != NDIS_OBJECT_TYPE_DEFAULT
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1
    {
        adapter.violation(
            &codes::NDIS_BAD_OBJECT_HEADER,
            "NET_PNP_EVENT_NOTIFICATION has a wrong header: type 0x80, revision 1, size 164",
        );
    }
    let enable = match event.NetPnPEvent.NetEvent {
        NetEventNDKEnable => true,
        NetEventNDKDisable => false,
        other => {
            let text = format!("NetEvent {other} may not be raised by this miniport: only NDK enable and disable");
            adapter.violation(&codes::NDIS_BAD_NET_PNP_EVENT, text)
        }
    };
    if event.PortNumber != 0 || !event.NetPnPEvent.Buffer.is_null() || event.NetPnPEvent.BufferLength != 0 {
        adapter.violation(
            &codes::NDIS_BAD_NET_PNP_EVENT,
            "an NDK event has PortNumber 0, Buffer NULL and BufferLength 0 (STATE-07)",
        );
    }
    if adapter.attributes.lock().ndk.is_none() {
        adapter.violation(
            &codes::NDIS_BAD_NET_PNP_EVENT,
            "an NDK event of an adapter without NDK attributes (MP-NATTR-07)",
        );
    }
    // A handler that is on its way back on another thread is neither "inside" nor pended: it gets the time to return.
    let patience = sched::now() + std::time::Duration::from_millis(200);
    while adapter.oids.is_busy() && sched::now() < patience {
        sched::sleep(std::time::Duration::from_millis(1));
    }
    if adapter.oids.is_busy() {
        adapter.violation(
            &codes::NDIS_NET_PNP_EVENT_IN_OID,
            "NdisMNetPnPEvent is called while an OID request is with the miniport; it belongs in a work item (STATE-08)",
        );
    }
    let open_before = crate::ndk::open_count(adapter.config.interface_index);
    let number = {
        let mut events = adapter.ndk_events.lock();
        events.push(NdkEvent {
            event: event.NetPnPEvent.NetEvent,
            header: (header.Type, header.Revision, header.Size),
            port: event.PortNumber,
            buffer: event.NetPnPEvent.Buffer.addr(),
            length: event.NetPnPEvent.BufferLength,
            inside_handler: crate::context::current().is_inside("Miniport"),
            open_before,
            open_after: None,
        });
        events.len() - 1
    };
    if adapter.ndk_enabled.swap(enable, Ordering::AcqRel) == enable {
        let text = format!(
            "NDK is {} already; an event says that it becomes so (STATE-06)",
            if enable { "enabled" } else { "disabled" }
        );
        adapter.violation(&codes::NDIS_BAD_NET_PNP_EVENT, text);
    }
    if !enable {
        // Opens that got in before are over soon; then all closes are waited for (STATE-09).
        wait_until(None, || {
            adapter.ndk_opening.load(Ordering::Acquire) == 0
                && crate::ndk::open_count(adapter.config.interface_index) == 0
        });
    }
    let open_after = crate::ndk::open_count(adapter.config.interface_index);
    if let Some(event) = adapter.ndk_events.lock().get_mut(number) {
        event.open_after = Some(open_after);
    }
    NDIS_STATUS_SUCCESS
}

crate::routines! { "ndis.sys";
    fn NdisMIndicateStatusEx(handle: NDIS_HANDLE, indication: *mut NDIS_STATUS_INDICATION)
        = indicate_status: PASSIVE..=DISPATCH;
    fn NdisMNetPnPEvent(handle: NDIS_HANDLE, event: *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS
        = net_pnp_event: PASSIVE..=PASSIVE, blocks;
}
