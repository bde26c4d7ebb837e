//! What an adapter says of itself, in the order NDIS wants: registration, general, NDK
//! (`MP-RATTR-*`, `MP-GEN-*`, `MP-NATTR-*`).

use core::ffi::c_void;
use core::ptr;

use ndkpi_sys as sys;

use super::{AdapterHandle, Status, header};
use crate::irql::{Cx, Passive};
use crate::pure::ether::{self, Mac};

/// What differs between adapters.
#[derive(Debug, Clone, Copy)]
pub struct General<'a> {
    /// The address the adapter is born with.
    pub permanent: Mac,
    /// The address in use.
    pub current: Mac,
    /// Payload bytes of a frame.
    pub mtu: u32,
    /// Bits per second, both ways.
    pub link_speed: u64,
    /// Every OID that the driver handles, and no other (`MP-GEN-17`).
    pub oids: &'a [u32],
}

/// A failure of NdisMSetMiniportAttributes: anything but success (`MP-INIT-04`), and never a value
/// that reads as success.
fn checked(status: Status) -> Result<(), Status> {
    match status {
        sys::NDIS_STATUS_SUCCESS => Ok(()),
        failure if failure < 0 => Err(failure),
        _ => Err(sys::NDIS_STATUS_FAILURE),
    }
}

/// The first call on a new adapter: its context and its nature, a software device that may vanish.
///
/// # Safety
/// `context` is resident and lives until MiniportHaltEx has returned or initialisation fails.
///
/// # Errors
/// What NDIS says.
pub unsafe fn set_registration(
    adapter: AdapterHandle,
    context: *mut c_void,
    _: &mut Cx<Passive>,
) -> Result<(), Status> {
    let mut attributes = sys::NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
        Header: header(
            sys::NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
            sys::NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2,
            sys::NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_2,
        ),
        MiniportAdapterContext: context,
        // No hardware, no bus master (MP-RATTR-02). It keeps its state through sleep, and handles
        // OID_PNP_SET_POWER for that (MP-RATTR-03). ShutdownEx never at HIGH_LEVEL (MP-RATTR-04).
        AttributeFlags: sys::NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK
            | sys::NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM
            | sys::NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND,
        CheckForHangTimeInSeconds: 0,
        InterfaceType: sys::NdisInterfaceInternal,
    };
    // SAFETY: the structure begins with its header and lives across the call, which copies it.
    checked(unsafe { sys::NdisMSetMiniportAttributes(adapter.raw(), (&raw mut attributes).cast()) })
}

/// The Ethernet side.
///
/// # Errors
/// What NDIS says.
pub fn set_general(adapter: AdapterHandle, general: &General<'_>, _: &mut Cx<Passive>) -> Result<(), Status> {
    let mut power = sys::NDIS_PM_CAPABILITIES {
        Header: header(
            sys::NDIS_OBJECT_TYPE_DEFAULT,
            sys::NDIS_PM_CAPABILITIES_REVISION_2,
            sys::NDIS_SIZEOF_NDIS_PM_CAPABILITIES_REVISION_2,
        ),
        // Nothing wakes the machine (MP-GEN-06).
        ..sys::NDIS_PM_CAPABILITIES::default()
    };
    let mut attributes = sys::NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES {
        Header: header(
            sys::NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
            sys::NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
            sys::NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2,
        ),
        Flags: 0,
        MediaType: sys::NdisMedium802_3,
        PhysicalMediumType: sys::NdisPhysicalMedium802_3,
        MtuSize: general.mtu,
        MaxXmitLinkSpeed: general.link_speed,
        XmitLinkSpeed: general.link_speed,
        MaxRcvLinkSpeed: general.link_speed,
        RcvLinkSpeed: general.link_speed,
        MediaConnectState: sys::MediaConnectStateConnected,
        MediaDuplexState: sys::MediaDuplexStateFull,
        LookaheadSize: general.mtu,
        PowerManagementCapabilities: ptr::null_mut(),
        // NDIS loops back, the driver does not (MP-GEN-08); no 802.1p or 802.1Q.
        MacOptions: sys::NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA
            | sys::NDIS_MAC_OPTION_TRANSFERS_NOT_PEND
            | sys::NDIS_MAC_OPTION_NO_LOOPBACK,
        SupportedPacketFilters: ether::filter::SUPPORTED,
        MaxMulticastListSize: ether::MULTICAST_MAX as u32,
        MacAddressLength: 6,
        PermanentMacAddress: long_address(general.permanent),
        CurrentMacAddress: long_address(general.current),
        RecvScaleCapabilities: ptr::null_mut(),
        AccessType: sys::NET_IF_ACCESS_BROADCAST,
        DirectionType: sys::NET_IF_DIRECTION_SENDRECEIVE,
        ConnectionType: sys::NET_IF_CONNECTION_DEDICATED,
        IfType: sys::IF_TYPE_ETHERNET_CSMACD,
        // There is no plug (MP-GEN-14).
        IfConnectorPresent: 0,
        SupportedStatistics: STATISTICS,
        SupportedPauseFunctions: 0,
        DataBackFillSize: 0,
        ContextBackFillSize: 0,
        // NDIS copies the list and does not write to it.
        SupportedOidList: general.oids.as_ptr().cast_mut(),
        // In bytes; the list is a few dozen entries.
        SupportedOidListLength: size_of_val(general.oids) as u32,
        AutoNegotiationFlags: super::adapter::AUTO_NEGOTIATED,
        PowerManagementCapabilitiesEx: &raw mut power,
    };
    // SAFETY: the structure begins with its header; it and what it points to live across the call.
    checked(unsafe { sys::NdisMSetMiniportAttributes(adapter.raw(), (&raw mut attributes).cast()) })
}

/// Every counter that the driver keeps, in the numbering of the attributes (`MP-GEN-15`).
const STATISTICS: u32 = sys::NDIS_STATISTICS_XMIT_OK_SUPPORTED
    | sys::NDIS_STATISTICS_RCV_OK_SUPPORTED
    | sys::NDIS_STATISTICS_XMIT_ERROR_SUPPORTED
    | sys::NDIS_STATISTICS_RCV_ERROR_SUPPORTED
    | sys::NDIS_STATISTICS_RCV_NO_BUFFER_SUPPORTED
    | sys::NDIS_STATISTICS_DIRECTED_BYTES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_DIRECTED_FRAMES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_MULTICAST_BYTES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_MULTICAST_FRAMES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_BROADCAST_BYTES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_BROADCAST_FRAMES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_DIRECTED_BYTES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_DIRECTED_FRAMES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_MULTICAST_BYTES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_MULTICAST_FRAMES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_BROADCAST_BYTES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_BROADCAST_FRAMES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_BYTES_RCV_SUPPORTED
    | sys::NDIS_STATISTICS_BYTES_XMIT_SUPPORTED
    | sys::NDIS_STATISTICS_RCV_DISCARDS_SUPPORTED
    | sys::NDIS_STATISTICS_XMIT_DISCARDS_SUPPORTED
    | sys::NDIS_STATISTICS_GEN_STATISTICS_SUPPORTED;

fn long_address(mac: Mac) -> [u8; 32] {
    let mut long = [0; 32];
    for (place, byte) in long.iter_mut().zip(mac.0) {
        *place = byte;
    }
    long
}

/// How many objects all opens of an adapter may hold together (`CAP-05`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the object types")]
pub struct Counts {
    pub qp: u32,
    pub cq: u32,
    pub mr: u32,
    pub pd: u32,
    pub mw: u32,
    pub srq: u32,
}

/// NDIS_NDK_CAPABILITIES with the info it points to. It stays in the adapter's context, unchanged,
/// until the adapter is halted (`CAP-09`).
#[derive(Debug)]
pub struct NdkCapabilities {
    info: sys::NDK_ADAPTER_INFO,
    raw: sys::NDIS_NDK_CAPABILITIES,
}

// SAFETY: the pointer inside leads to the structure's own `info`.
unsafe impl Send for NdkCapabilities {}
// SAFETY: nothing changes after `set_ndk`.
unsafe impl Sync for NdkCapabilities {}

impl NdkCapabilities {
    /// Capabilities; they get their final form when they are set.
    #[must_use]
    pub fn new(info: sys::NDK_ADAPTER_INFO, counts: Counts) -> Self {
        let raw = sys::NDIS_NDK_CAPABILITIES {
            Header: header(
                sys::NDIS_OBJECT_TYPE_DEFAULT,
                sys::NDIS_NDK_CAPABILITIES_REVISION_1,
                sys::NDIS_SIZEOF_NDK_CAPABILITIES_REVISION_1,
            ),
            Flags: 0,
            MaxQpCount: counts.qp,
            MaxCqCount: counts.cq,
            MaxMrCount: counts.mr,
            MaxPdCount: counts.pd,
            // 0: no limit over the whole adapter (MP-NATTR-03).
            MaxInboundReadLimit: 0,
            MaxOutboundReadLimit: 0,
            MaxMwCount: counts.mw,
            MaxSrqCount: counts.srq,
            MissingCounterMask: 0,
            NdkInfo: ptr::null_mut(),
        };
        Self { info, raw }
    }

    /// The info of ADP-06.
    #[must_use]
    pub const fn info(&self) -> &sys::NDK_ADAPTER_INFO {
        &self.info
    }
}

/// Makes the adapter NDK-capable, enabled or not.
///
/// # Safety
/// `capabilities` stays where it is until MiniportHaltEx has returned.
///
/// # Errors
/// What NDIS says.
pub unsafe fn set_ndk(
    adapter: AdapterHandle,
    capabilities: &mut NdkCapabilities,
    enabled: bool,
    _: &mut Cx<Passive>,
) -> Result<(), Status> {
    capabilities.raw.NdkInfo = &raw mut capabilities.info;
    let mut attributes = sys::NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
        Header: header(
            sys::NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
            sys::NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1,
            sys::NDIS_SIZEOF_MINIPORT_ADAPTER_NDK_ATTRIBUTES_REVISION_1,
        ),
        Enabled: u8::from(enabled),
        NdkCapabilities: &raw mut capabilities.raw,
    };
    // SAFETY: the structure begins with its header; the capabilities stay, as the caller promises.
    checked(unsafe { sys::NdisMSetMiniportAttributes(adapter.raw(), (&raw mut attributes).cast()) })
}
