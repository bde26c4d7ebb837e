//! MiniportOidRequest: one at a time, at PASSIVE_LEVEL, always answered at once (`MP-OID-*`).

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use ndkpi_sys as sys;
use softndk_nt::dpc;
use softndk_nt::irql::{self, Cx, Passive};
use softndk_nt::ndis::Status;
use softndk_nt::ndis::oid::{Query, Request, Set};
use softndk_nt::pure::ether::{self, MULTICAST_MAX, MulticastError, MulticastList};
use softndk_nt::pure::statistics::{RdmaTraffic, Snapshot};

use super::{Miniport, link, ndk_oid};
use crate::entry::{DESCRIPTION, VERSION};

/// Every OID that the driver handles (`MP-GEN-17`), the NDK ones among them (`OID-01`).
pub const SUPPORTED: &[u32] = &[
    sys::OID_GEN_TRANSMIT_BUFFER_SPACE,
    sys::OID_GEN_RECEIVE_BUFFER_SPACE,
    sys::OID_GEN_TRANSMIT_BLOCK_SIZE,
    sys::OID_GEN_RECEIVE_BLOCK_SIZE,
    sys::OID_GEN_VENDOR_ID,
    sys::OID_GEN_VENDOR_DESCRIPTION,
    sys::OID_GEN_VENDOR_DRIVER_VERSION,
    sys::OID_GEN_CURRENT_PACKET_FILTER,
    sys::OID_GEN_CURRENT_LOOKAHEAD,
    sys::OID_GEN_MAXIMUM_TOTAL_SIZE,
    sys::OID_GEN_MAXIMUM_FRAME_SIZE,
    sys::OID_GEN_LINK_PARAMETERS,
    sys::OID_GEN_INTERRUPT_MODERATION,
    sys::OID_GEN_XMIT_OK,
    sys::OID_GEN_RCV_OK,
    sys::OID_GEN_XMIT_ERROR,
    sys::OID_GEN_RCV_ERROR,
    sys::OID_GEN_RCV_NO_BUFFER,
    sys::OID_GEN_STATISTICS,
    sys::OID_802_3_PERMANENT_ADDRESS,
    sys::OID_802_3_CURRENT_ADDRESS,
    sys::OID_802_3_MULTICAST_LIST,
    sys::OID_802_3_MAXIMUM_LIST_SIZE,
    sys::OID_PNP_SET_POWER,
    sys::OID_PNP_QUERY_POWER,
    sys::OID_NDK_SET_STATE,
    sys::OID_NDK_STATISTICS,
    sys::OID_NDK_CONNECTIONS,
    sys::OID_NDK_LOCAL_ENDPOINTS,
];

/// MiniportOidRequest. IRQL: PASSIVE_LEVEL.
pub unsafe extern "system" fn request(context: *mut c_void, request: *mut sys::NDIS_OID_REQUEST) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"MiniportOidRequest") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    if miniport.is_removed() {
        return sys::NDIS_STATUS_NOT_ACCEPTED;
    }
    // SAFETY: NDIS's request, the driver's until this returns.
    match unsafe { Request::new(request) } {
        Request::Query(mut query) => miniport.query(&mut query, &mut cx),
        Request::Set(mut set) => miniport.set(&mut set, &mut cx),
        Request::Other => sys::NDIS_STATUS_NOT_SUPPORTED,
    }
}

/// MiniportCancelOidRequest. IRQL: at most DISPATCH_LEVEL. No request ever pends (`MP-OID-09`).
pub unsafe extern "system" fn cancel(_context: *mut c_void, _id: *mut c_void) {}

impl Miniport {
    fn query(&self, query: &mut Query<'_>, cx: &mut Cx<Passive>) -> Status {
        let port = &self.port;
        let space = |frames: u32| port.longest_frame().saturating_mul(frames);
        match query.oid() {
            sys::OID_GEN_MAXIMUM_TOTAL_SIZE | sys::OID_GEN_TRANSMIT_BLOCK_SIZE | sys::OID_GEN_RECEIVE_BLOCK_SIZE => {
                query.number(port.longest_frame())
            }
            // Frames to send are copied at once: there is room for whatever comes.
            sys::OID_GEN_TRANSMIT_BUFFER_SPACE | sys::OID_GEN_RECEIVE_BUFFER_SPACE => {
                query.number(space(self.settings.receive_buffers))
            }
            sys::OID_GEN_MAXIMUM_FRAME_SIZE => query.number(port.mtu()),
            // No OUI is registered (MP-OID-28).
            sys::OID_GEN_VENDOR_ID => query.number(0x00ff_ffff),
            sys::OID_GEN_VENDOR_DESCRIPTION => query.answer(DESCRIPTION.to_bytes_with_nul()),
            sys::OID_GEN_VENDOR_DRIVER_VERSION => query.number(u32::from(VERSION.0) << 16 | u32::from(VERSION.1)),
            sys::OID_GEN_CURRENT_PACKET_FILTER => query.number(port.filter()),
            sys::OID_GEN_CURRENT_LOOKAHEAD => query.number(self.lookahead.load(Ordering::Relaxed)),
            sys::OID_GEN_INTERRUPT_MODERATION => query.answer(&NO_INTERRUPT_MODERATION),
            sys::OID_GEN_XMIT_OK => query.counter(self.statistics().sent.all_frames()),
            sys::OID_GEN_RCV_OK => query.counter(self.statistics().received.all_frames()),
            sys::OID_GEN_XMIT_ERROR => query.counter(self.statistics().send_errors),
            sys::OID_GEN_RCV_ERROR => query.counter(self.statistics().receive_errors),
            sys::OID_GEN_RCV_NO_BUFFER => query.counter(self.statistics().no_buffer),
            sys::OID_GEN_STATISTICS => query.answer(&self.statistics().answer()),
            sys::OID_802_3_PERMANENT_ADDRESS => query.answer(&self.permanent.0),
            sys::OID_802_3_CURRENT_ADDRESS => query.answer(&port.mac().0),
            sys::OID_802_3_MAXIMUM_LIST_SIZE => query.number(MULTICAST_MAX as u32),
            sys::OID_802_3_MULTICAST_LIST => self.query_multicast(query, cx),
            sys::OID_PNP_QUERY_POWER => query.answer(&[]),
            sys::OID_NDK_STATISTICS => ndk_oid::statistics(self, query),
            sys::OID_NDK_CONNECTIONS => ndk_oid::connections(self, query, cx),
            sys::OID_NDK_LOCAL_ENDPOINTS => ndk_oid::endpoints(self, query, cx),
            _ => sys::NDIS_STATUS_NOT_SUPPORTED,
        }
    }

    fn set(&self, set: &mut Set<'_>, cx: &mut Cx<Passive>) -> Status {
        match set.oid() {
            sys::OID_GEN_CURRENT_PACKET_FILTER => self.set_filter(set),
            sys::OID_GEN_CURRENT_LOOKAHEAD => set.exactly().map_or_else(
                |status| status,
                |bytes: [u8; 4]| {
                    self.lookahead.store(u32::from_le_bytes(bytes), Ordering::Relaxed);
                    set.done(bytes.len())
                },
            ),
            sys::OID_GEN_LINK_PARAMETERS => link::set_parameters(set),
            sys::OID_GEN_INTERRUPT_MODERATION => set.refuse(sys::NDIS_STATUS_INVALID_DATA, 0),
            sys::OID_802_3_MULTICAST_LIST => self.set_multicast(set, cx),
            sys::OID_PNP_SET_POWER => self.set_power(set, cx),
            sys::OID_NDK_SET_STATE => ndk_oid::set_state(self, set, cx),
            _ => sys::NDIS_STATUS_NOT_SUPPORTED,
        }
    }

    /// Counters of both kinds of traffic.
    fn statistics(&self) -> Snapshot {
        let rdma = self.device().counters().snapshot();
        self.port.counters.snapshot(RdmaTraffic {
            in_octets: rdma.in_octets,
            out_octets: rdma.out_octets,
            in_frames: rdma.in_frames,
            out_frames: rdma.out_frames,
        })
    }

    fn set_filter(&self, set: &mut Set<'_>) -> Status {
        let bytes: [u8; 4] = match set.exactly() {
            Ok(bytes) => bytes,
            Err(status) => return status,
        };
        let filter = u32::from_le_bytes(bytes);
        if filter & !ether::filter::SUPPORTED != 0 {
            return set.refuse(sys::NDIS_STATUS_NOT_SUPPORTED, 0);
        }
        self.port.set_filter(filter);
        set.done(bytes.len())
    }

    fn query_multicast(&self, query: &mut Query<'_>, cx: &mut Cx<Passive>) -> Status {
        let list = self.port.multicast().lock(cx).clone();
        match query.fill(list.as_slice().len().saturating_mul(6)) {
            Ok(buffer) => {
                for (place, address) in buffer.chunks_exact_mut(6).zip(list.as_slice()) {
                    place.copy_from_slice(&address.0);
                }
                sys::NDIS_STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn set_multicast(&self, set: &mut Set<'_>, cx: &mut Cx<Passive>) -> Status {
        let mut buffer = [0; MULTICAST_MAX * 6];
        let given = set.given();
        let most = buffer.len();
        if given > most {
            return set.refuse(sys::NDIS_STATUS_MULTICAST_FULL, most);
        }
        let read = set.read(&mut buffer);
        match buffer.get(..read).map_or(Err(MulticastError::Length), MulticastList::parse) {
            Ok(list) => {
                *self.port.multicast().lock(cx) = list;
                set.done(read)
            }
            Err(MulticastError::Full) => set.refuse(sys::NDIS_STATUS_MULTICAST_FULL, most),
            Err(MulticastError::Length) => set.wrong_length(given.next_multiple_of(6)),
        }
    }

    /// OID_PNP_SET_POWER. It always succeeds (`MP-PM-02`): there is no hardware. Before it does, calls
    /// in progress have returned and queued frames are completed or dropped (`MP-PM-03`). NDK is
    /// disabled and enabled by its own thread (`MP-PM-07`).
    fn set_power(&self, set: &mut Set<'_>, cx: &mut Cx<Passive>) -> Status {
        let bytes: [u8; 4] = match set.exactly() {
            Ok(bytes) => bytes,
            // The only failure that this OID may give.
            Err(_) => return set.refuse(sys::NDIS_STATUS_NOT_ACCEPTED, 4),
        };
        let low = u32::from_le_bytes(bytes).cast_signed() != sys::NdisDeviceStateD0;
        self.port.change(cx, |path| path.set_low_power(low));
        dpc::flush(cx);
        let status = set.done(bytes.len());
        self.ndk.suspend(low, cx);
        status
    }
}

/// NDIS_INTERRUPT_MODERATION_PARAMETERS: header, no flags, NotSupported (`MP-OID-24`).
const NO_INTERRUPT_MODERATION: [u8; 12] = [0x80, 1, 12, 0, 0, 0, 0, 0, 1, 0, 0, 0];
