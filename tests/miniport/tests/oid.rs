//! OID requests: `MP-OID-*`, `OID-*`, `STATE-*`, `MP-PM-*`.

use ndkpi_sys::*;
use ntsim::machine::AdapterConfig;
use softndk_miniport_tests::{Bench, frame};

const NDK_OIDS: [u32; 4] = [OID_NDK_SET_STATE, OID_NDK_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS];
const QUERIES: [(u32, usize); 20] = [
    (OID_GEN_TRANSMIT_BUFFER_SPACE, 4),
    (OID_GEN_RECEIVE_BUFFER_SPACE, 4),
    (OID_GEN_TRANSMIT_BLOCK_SIZE, 4),
    (OID_GEN_RECEIVE_BLOCK_SIZE, 4),
    (OID_GEN_VENDOR_ID, 4),
    (OID_GEN_VENDOR_DRIVER_VERSION, 4),
    (OID_GEN_MAXIMUM_TOTAL_SIZE, 4),
    (OID_GEN_INTERRUPT_MODERATION, 12),
    (OID_GEN_RCV_OK, 4),
    (OID_GEN_XMIT_ERROR, 4),
    (OID_GEN_RCV_ERROR, 4),
    (OID_GEN_RCV_NO_BUFFER, 4),
    (OID_GEN_STATISTICS, 152),
    (OID_802_3_PERMANENT_ADDRESS, 6),
    (OID_802_3_CURRENT_ADDRESS, 6),
    (OID_802_3_MAXIMUM_LIST_SIZE, 4),
    (OID_NDK_STATISTICS, 248),
    (OID_NDK_CONNECTIONS, 16),
    (OID_NDK_LOCAL_ENDPOINTS, 16),
    (OID_PNP_QUERY_POWER, 0),
];

#[test]
fn mp_oid_04_every_length() {
    let (mut bench, one, _two) = Bench::pair();
    for (oid, size) in QUERIES {
        for room in 0..size {
            let answer = bench.query(&one, oid, room);
            assert_eq!(answer.status, NDIS_STATUS_BUFFER_TOO_SHORT, "{oid:#x} with {room} bytes");
            assert_eq!((answer.needed as usize, answer.bytes.len()), (size, 0), "{oid:#x} with {room} bytes");
        }
        for room in size..size + 9 {
            let answer = bench.query(&one, oid, room);
            assert_eq!(answer.status, 0, "{oid:#x} with {room} bytes");
            assert!(answer.bytes.len() >= size && answer.bytes.len() <= room.max(8), "{oid:#x}");
        }
    }
    bench.shut_down();
}

#[test]
fn mp_oid_03_unknown_ones_and_wrong_kinds() {
    let (mut bench, one, _two) = Bench::pair();
    for oid in [0, 0x0001_01ff, 0xfc04_0205, 0xffff_ffff] {
        assert_eq!(bench.query(&one, oid, 64).status, NDIS_STATUS_NOT_SUPPORTED);
        assert_eq!(bench.set(&one, oid, &[0; 64]), NDIS_STATUS_NOT_SUPPORTED);
    }
    // OID-03.
    assert_eq!(bench.query(&one, OID_NDK_SET_STATE, 1).status, NDIS_STATUS_NOT_SUPPORTED);
    for oid in [OID_NDK_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS, OID_GEN_STATISTICS] {
        assert_eq!(bench.set(&one, oid, &[0; 248]), NDIS_STATUS_NOT_SUPPORTED);
    }
    bench.shut_down();
}

#[test]
fn oid_01_the_ndk_oids_work_without_a_consumer() {
    let (mut bench, one, _two) = Bench::pair();
    for oid in NDK_OIDS.into_iter().skip(1) {
        assert_eq!(bench.query(&one, oid, 4096).status, 0);
    }
    let list = bench.query(&one, OID_NDK_CONNECTIONS, 64).bytes;
    assert_eq!(list, [0x80, 1, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    let statistics = bench.query(&one, OID_NDK_STATISTICS, 248).bytes;
    assert_eq!(statistics[..4], [0x80, 1, 248, 0]);
    bench.shut_down();
}

#[test]
fn mp_oid_21_filters() {
    let (mut bench, one, _two) = Bench::pair();
    assert_eq!(bench.set(&one, OID_GEN_CURRENT_PACKET_FILTER, &[0; 3]), NDIS_STATUS_INVALID_LENGTH);
    assert_eq!(bench.set(&one, OID_GEN_CURRENT_PACKET_FILTER, &[0; 5]), NDIS_STATUS_INVALID_LENGTH);
    for bit in 0..32 {
        let filter = 1_u32 << bit;
        let expected = if filter & 0x2f != 0 { 0 } else { NDIS_STATUS_NOT_SUPPORTED };
        assert_eq!(bench.set(&one, OID_GEN_CURRENT_PACKET_FILTER, &filter.to_le_bytes()), expected, "{filter:#x}");
    }
    bench.shut_down();
}

#[test]
fn mp_oid_22_multicast_lists() {
    let (mut bench, one, _two) = Bench::pair();
    assert_eq!(bench.set(&one, OID_802_3_MULTICAST_LIST, &[1; 7]), NDIS_STATUS_INVALID_LENGTH);
    assert_eq!(bench.set(&one, OID_802_3_MULTICAST_LIST, &[1; 64 * 6]), 0);
    assert_eq!(bench.query(&one, OID_802_3_MULTICAST_LIST, 1000).bytes.len(), 64 * 6);
    assert_eq!(bench.set(&one, OID_802_3_MULTICAST_LIST, &[1; 65 * 6]), NDIS_STATUS_MULTICAST_FULL);
    assert_eq!(bench.set(&one, OID_802_3_MULTICAST_LIST, &[]), 0);
    assert_eq!(bench.query(&one, OID_802_3_MULTICAST_LIST, 0).status, 0);
    bench.shut_down();
}

#[test]
fn mp_oid_05_sets_of_any_length_are_survived() {
    let (mut bench, one, _two) = Bench::pair();
    let sets = [
        OID_GEN_CURRENT_PACKET_FILTER,
        OID_GEN_CURRENT_LOOKAHEAD,
        OID_GEN_LINK_PARAMETERS,
        OID_GEN_INTERRUPT_MODERATION,
        OID_802_3_MULTICAST_LIST,
        OID_NDK_SET_STATE,
    ];
    for oid in sets {
        for length in 0..64 {
            bench.set(&one, oid, &vec![0x80; length]);
        }
    }
    bench.shut_down();
}

#[test]
fn state_01_to_06_set_state() {
    let (mut bench, one, _two) = Bench::pair();
    for length in [0, 2, 4] {
        assert_eq!(bench.set(&one, OID_NDK_SET_STATE, &vec![1; length]), NDIS_STATUS_INVALID_LENGTH);
    }
    // The simulator checks that the events come from elsewhere, and in order.
    for state in [1, 0, 0, 1, 1, 0, 1, 0, 1] {
        assert_eq!(bench.set(&one, OID_NDK_SET_STATE, &[state]), 0);
    }
    let off = bench.station(AdapterConfig::new("off", 14).keyword("*NetworkDirect", "0"));
    assert_eq!(bench.set(&off, OID_NDK_SET_STATE, &[1]), NDIS_STATUS_NOT_SUPPORTED);
    assert_eq!(bench.set(&off, OID_NDK_SET_STATE, &[0]), 0);
    bench.shut_down();
}

#[test]
fn mp_pm_02_power_down_and_up() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let bytes = frame([0xff; 6], bench.mac(&one), 60);
    assert_eq!(bench.query(&two, OID_PNP_QUERY_POWER, 4).status, 0);
    assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &4_u32.to_le_bytes()), 0);
    assert_eq!(one.edge.send(&bytes), 0);
    two.nothing();
    assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &1_u32.to_le_bytes()), 0);
    assert_eq!(one.edge.send(&bytes), 0);
    two.frame();
    bench.shut_down();
}

#[test]
fn mp_gen_17_the_supported_list_is_honest() {
    let (mut bench, one, _two) = Bench::pair();
    for (oid, size) in QUERIES {
        assert_ne!(bench.query(&one, oid, size.max(64)).status, NDIS_STATUS_NOT_SUPPORTED, "{oid:#x}");
    }
    bench.shut_down();
}
