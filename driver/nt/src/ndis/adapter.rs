//! Calls on a running adapter. Each is an upcall: the token is Unlocked, for the stack may call back
//! into the driver from inside (`MP-TX-14`, `MP-RX-12`).

use core::ptr;

use ndkpi_sys as sys;

use super::nbl::NblList;
use super::{AdapterHandle, header};
use crate::irql::{Cx, Dispatch, Irql, Passive};

/// The four NDIS_LINK_STATE_*_AUTO_NEGOTIATED bits.
pub(crate) const AUTO_NEGOTIATED: u32 = 0xf;

/// The NDK_ENABLE and NDK_DISABLE events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NdkEvent {
    /// NetEventNDKEnable.
    Enable,
    /// NetEventNDKDisable: does not return before all opens are closed (`STATE-09`).
    Disable,
}

/// The state of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Up, at so many bits per second.
    Connected(u64),
    /// Down.
    Disconnected,
    /// Nobody knows: low power (`MP-LINK-03`).
    Unknown,
}

impl AdapterHandle {
    /// Gives sent NBLs back, with their statuses. IRQL: at most DISPATCH_LEVEL; the flag that says
    /// DISPATCH_LEVEL is set only when the token proves it (`MP-TX-15`).
    pub fn complete_sends<I: Irql>(self, list: NblList, _: &mut Cx<I>) {
        if list.is_empty() {
            return;
        }
        let flags = if I::AT_DISPATCH { sys::NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL } else { 0 };
        // SAFETY: NBLs of this adapter that are the driver's, each with a status, ended by null.
        unsafe { sys::NdisMSendNetBufferListsComplete(self.raw(), list.into_raw(), flags) };
    }

    /// Indicates received NBLs and gives up their ownership until they are returned.
    pub fn indicate(self, list: NblList, _: &mut Cx<Dispatch>) {
        let count = list.count();
        if count == 0 {
            return;
        }
        let flags = sys::NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL;
        // SAFETY: NBLs of this adapter's pool, owned by the driver, as many as counted.
        unsafe { sys::NdisMIndicateReceiveNetBufferLists(self.raw(), list.into_raw(), 0, count, flags) };
    }

    /// The pause that was pending is complete. IRQL: at most DISPATCH_LEVEL.
    pub fn pause_complete<I: Irql>(self, _: &mut Cx<I>) {
        // SAFETY: MiniportPause returned (or is returning) pending, and this is the one completion.
        unsafe { sys::NdisMPauseComplete(self.raw()) };
    }

    /// Announces a change of the NDK state: from a thread of its own, never from an OID handler
    /// (`STATE-08`).
    pub fn announce(self, event: NdkEvent, _: &mut Cx<Passive>) {
        let mut notification = sys::NET_PNP_EVENT_NOTIFICATION {
            Header: header(
                sys::NDIS_OBJECT_TYPE_DEFAULT,
                sys::NET_PNP_EVENT_NOTIFICATION_REVISION_1,
                sys::NDIS_SIZEOF_NET_PNP_EVENT_NOTIFICATION_REVISION_1,
            ),
            ..sys::NET_PNP_EVENT_NOTIFICATION::default()
        };
        notification.NetPnPEvent.NetEvent = match event {
            NdkEvent::Enable => sys::NetEventNDKEnable,
            NdkEvent::Disable => sys::NetEventNDKDisable,
        };
        // SAFETY: the structure lives across the call, at PASSIVE_LEVEL without locks.
        // Its status is always success for these events (MP-NDKEV-01).
        let _ = unsafe { sys::NdisMNetPnPEvent(self.raw(), &raw mut notification) };
    }

    /// Indicates the state of the link (`MP-LINK-01`). IRQL: at most DISPATCH_LEVEL.
    pub fn indicate_link<I: Irql>(self, link: Link, _: &mut Cx<I>) {
        let (connect, duplex, speed) = match link {
            Link::Connected(speed) => (sys::MediaConnectStateConnected, sys::MediaDuplexStateFull, speed),
            Link::Disconnected => {
                (sys::MediaConnectStateDisconnected, sys::MediaDuplexStateUnknown, sys::NDIS_LINK_SPEED_UNKNOWN)
            }
            Link::Unknown => {
                (sys::MediaConnectStateUnknown, sys::MediaDuplexStateUnknown, sys::NDIS_LINK_SPEED_UNKNOWN)
            }
        };
        let mut state = sys::NDIS_LINK_STATE {
            Header: header(
                sys::NDIS_OBJECT_TYPE_DEFAULT,
                sys::NDIS_LINK_STATE_REVISION_1,
                sys::NDIS_SIZEOF_LINK_STATE_REVISION_1,
            ),
            MediaConnectState: connect,
            MediaDuplexState: duplex,
            XmitLinkSpeed: speed,
            RcvLinkSpeed: speed,
            PauseFunctions: sys::NdisPauseFunctionsUnsupported,
            AutoNegotiationFlags: AUTO_NEGOTIATED,
        };
        let mut indication = sys::NDIS_STATUS_INDICATION {
            Header: header(
                sys::NDIS_OBJECT_TYPE_STATUS_INDICATION,
                sys::NDIS_STATUS_INDICATION_REVISION_1,
                sys::NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
            ),
            SourceHandle: self.raw(),
            PortNumber: 0,
            StatusCode: sys::NDIS_STATUS_LINK_STATE,
            Flags: 0,
            DestinationHandle: ptr::null_mut(),
            RequestId: ptr::null_mut(),
            StatusBuffer: (&raw mut state).cast(),
            StatusBufferSize: size_of::<sys::NDIS_LINK_STATE>() as u32, // 40
            ..sys::NDIS_STATUS_INDICATION::default()
        };
        // SAFETY: both structures live across the call; NDIS does not keep them (MP-LINK-05).
        unsafe { sys::NdisMIndicateStatusEx(self.raw(), &raw mut indication) };
    }
}
