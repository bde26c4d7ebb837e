//! What the adapter says of itself (`ADP-02` to `ADP-29`); every limit here is enforced exactly.

use crate::version::Version;

/// `NDK_ADAPTER_FLAG_*` bits.
pub mod flag {
    /// A Read sink needs no flag of its own; known consumers insist on it (`ADP-17`, `ADP-18`).
    pub const READ_SINK_NOT_REQUIRED: u32 = 0x2;
    /// `NdkControlCqInterruptModeration` works (`ADP-19`).
    pub const CQ_INTERRUPT_MODERATION: u32 = 0x4;
    /// Connections progress in parallel (`ADP-20`).
    pub const MULTI_ENGINE: u32 = 0x8;
    /// A Read can invalidate its sink (`ADP-21`).
    pub const READ_LOCAL_INVALIDATE: u32 = 0x10;
    /// `NdkResizeCq` works (`ADP-22`).
    pub const CQ_RESIZE: u32 = 0x100;
    /// A connect to an own address works (`ADP-23`).
    pub const LOOPBACK_CONNECTIONS: u32 = 0x1_0000;
}

/// `*NetworkDirectTechnology` and `NDK_ADAPTER_INFO.RdmaTechnology` value of iWARP (`ADP-24`).
pub const TECHNOLOGY_IWARP: u32 = 1;

/// The limits and traits of the adapter, in the units of `NDK_ADAPTER_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Vendor number (an OUI): a locally administered one, for nobody sells this NIC.
    pub vendor_id: u32,
    /// Device number.
    pub device_id: u32,
    /// Bytes of one region.
    pub max_registration_size: u64,
    /// Bytes of one window; 0 means no limit besides the region's (`BND-08`).
    pub max_window_size: u64,
    /// Pages of one FRMR.
    pub frmr_page_count: u32,
    /// SGEs of a Send, Write or SendAndInvalidate.
    pub max_initiator_sge: u32,
    /// SGEs of a Receive.
    pub max_receive_sge: u32,
    /// SGEs of a Read (`ADP-10`).
    pub max_read_sge: u32,
    /// Bytes of one request.
    pub max_transfer_length: u32,
    /// Bytes of one inline request.
    pub max_inline_data: u32,
    /// Reads of the peer served at once, per QP.
    pub max_inbound_reads: u32,
    /// Own Reads on the wire at once, per QP.
    pub max_outbound_reads: u32,
    /// Receives of one QP.
    pub max_receive_queue_depth: u32,
    /// Initiator requests of one QP.
    pub max_initiator_queue_depth: u32,
    /// Receives of one SRQ; 0 where SRQs are not supported (`ADP-11`).
    pub max_srq_depth: u32,
    /// Completions of one CQ.
    pub max_cq_depth: u32,
    /// Bytes above which Read and Write pay off: a hint (`ADP-14`).
    pub large_request_threshold: u32,
    /// Bytes of private data of a connect.
    pub max_caller_data: u32,
    /// Bytes of private data of an accept or reject.
    pub max_callee_data: u32,
    /// [`flag`] bits.
    pub flags: u32,
    /// RDMA technology.
    pub technology: u32,
}

/// softndk's own answer.
///
/// A queue of greatest depth and width takes 4096 x 320 bytes = 1.25 MiB, a CQ of greatest depth
/// 65,536 x 64 bytes = 4 MiB (`ADP-28`). Lengths stay below 4 GiB, so an offset fits 32 bits.
pub const SOFTNDK: AdapterInfo = AdapterInfo {
    vendor_id: 0x02_5D_4B,
    device_id: 1,
    max_registration_size: 0xFFFF_F000,
    max_window_size: 0,
    frmr_page_count: 1024,
    max_initiator_sge: 16,
    max_receive_sge: 16,
    max_read_sge: 16,
    max_transfer_length: 1 << 30,
    max_inline_data: 256,
    max_inbound_reads: 128,
    max_outbound_reads: 128,
    max_receive_queue_depth: 4096,
    max_initiator_queue_depth: 4096,
    max_srq_depth: 4096,
    max_cq_depth: 65_536,
    large_request_threshold: 4096,
    max_caller_data: 256,
    max_callee_data: 256,
    flags: flag::READ_SINK_NOT_REQUIRED
        | flag::CQ_INTERRUPT_MODERATION
        | flag::MULTI_ENGINE
        | flag::READ_LOCAL_INVALIDATE
        | flag::CQ_RESIZE
        | flag::LOOPBACK_CONNECTIONS,
    technology: TECHNOLOGY_IWARP,
};

/// What an adapter may do without, a bit for each: CQ moderation, CQ resizing, Reads that invalidate their sink.
pub const OPTIONAL: u32 = 7;

/// softndk's answer with only some of the [`OPTIONAL`] features.
#[must_use]
pub const fn with_features(features: u32) -> AdapterInfo {
    let mut info = SOFTNDK;
    if features & 1 == 0 {
        info.flags &= !flag::CQ_INTERRUPT_MODERATION;
    }
    if features & 2 == 0 {
        info.flags &= !flag::CQ_RESIZE;
    }
    if features & 4 == 0 {
        info.flags &= !flag::READ_LOCAL_INVALIDATE;
    }
    info
}

/// Bytes of `NDK_ADAPTER_INFO` as far as NDK 1.x knows it.
pub const INFO_BYTES_1: u32 = 96;
/// Bytes of `NDK_ADAPTER_INFO` with `RdmaTechnology`.
pub const INFO_BYTES_2: u32 = 104;

/// The answer to a query with a buffer of `room` bytes on an adapter opened at `version`: how many
/// bytes to write, or how many are required (`ADP-02` to `ADP-05`).
///
/// # Errors
/// The required size when the buffer is too small: STATUS_BUFFER_TOO_SMALL.
pub const fn bytes_to_write(version: Version, room: u32) -> Result<u32, u32> {
    let required = if version.major >= 2 { INFO_BYTES_2 } else { INFO_BYTES_1 };
    if room >= INFO_BYTES_2 {
        Ok(INFO_BYTES_2)
    } else if room >= required {
        Ok(required)
    } else {
        Err(required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: Version = Version { major: 1, minor: 2 };
    const V2: Version = Version { major: 2, minor: 1 };

    #[test]
    fn adp_05_sizes_follow_the_major() {
        assert_eq!(bytes_to_write(V1, 95), Err(96));
        assert_eq!(bytes_to_write(V1, 96), Ok(96));
        assert_eq!(bytes_to_write(V1, 103), Ok(96));
        assert_eq!(bytes_to_write(V1, 104), Ok(104));
        assert_eq!(bytes_to_write(V2, 103), Err(104));
        assert_eq!(bytes_to_write(V2, 4096), Ok(104));
        assert_eq!(bytes_to_write(V2, 0), Err(104));
    }

    #[test]
    fn adp_27_known_consumers_fit() {
        const { assert!(SOFTNDK.max_initiator_sge >= 16 && SOFTNDK.max_receive_sge >= 16 && SOFTNDK.max_read_sge >= 16) };
        const { assert!(SOFTNDK.frmr_page_count >= 511) };
        const { assert!(SOFTNDK.max_cq_depth >= SOFTNDK.max_receive_queue_depth + SOFTNDK.max_initiator_queue_depth) };
        const { assert!(SOFTNDK.max_caller_data >= 56 && SOFTNDK.max_callee_data >= 56) };
    }

    #[test]
    fn features_are_left_out_one_by_one() {
        assert_eq!(with_features(OPTIONAL), SOFTNDK);
        let without = |features| SOFTNDK.flags & !with_features(features).flags;
        assert_eq!(without(6), flag::CQ_INTERRUPT_MODERATION);
        assert_eq!(without(5), flag::CQ_RESIZE);
        assert_eq!(without(3), flag::READ_LOCAL_INVALIDATE);
        assert_eq!(without(0), flag::CQ_INTERRUPT_MODERATION | flag::CQ_RESIZE | flag::READ_LOCAL_INVALIDATE);
    }

    #[test]
    fn adp_15_only_defined_flags() {
        assert_eq!(SOFTNDK.flags & !(0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100 | 0x1_0000), 0);
    }
}
