//! What the adapter says of itself: `MP-GEN-*`, `MP-LINK-*`; requests of every kind: `MP-OID-*`; events: `MP-PNP-*`,
//! `MP-SHUT-01`.

use ndkpi_sys::*;
use ntsim::machine::{AdapterConfig, OidRequest};
use softndk_miniport_tests::{Bench, frame};

#[test]
fn mp_gen_01_to_18_every_general_attribute() {
    let (mut bench, one, _two) = Bench::pair();
    let general = bench.machine().general_attributes(one.id).unwrap().expect("general attributes");
    assert_eq!((general.Header.Type, general.Header.Revision, general.Header.Size), (0x9f, 2, 224));
    assert_eq!((general.Flags, general.MediaType, general.PhysicalMediumType), (0, 0, 14));
    assert_eq!((general.MtuSize, general.LookaheadSize), (1500, 1500));
    let speeds = [general.MaxXmitLinkSpeed, general.MaxRcvLinkSpeed, general.XmitLinkSpeed, general.RcvLinkSpeed];
    assert!(speeds.iter().all(|speed| *speed == speeds[0] && (1_000_000_000..1 << 50).contains(speed)));
    assert_eq!((general.MediaConnectState, general.MediaDuplexState), (1, 2));
    assert!(general.PowerManagementCapabilities.is_null() && !general.PowerManagementCapabilitiesEx.is_null());
    assert_eq!(general.MacOptions, 1 | 4 | 8);
    assert_eq!(general.SupportedPacketFilters, 0x2f);
    assert!(general.MaxMulticastListSize >= 32);
    assert_eq!(general.MacAddressLength, 6);
    assert_eq!(general.CurrentMacAddress[0] & 3, 2);
    assert!(general.RecvScaleCapabilities.is_null());
    assert_eq!((general.AccessType, general.DirectionType, general.ConnectionType, general.IfType), (2, 0, 1, 6));
    assert_eq!(general.IfConnectorPresent, 0);
    // MP-GEN-15: the numbering of the attributes, in which bit 22 says that all of it is answered by one OID.
    assert_ne!(general.SupportedStatistics & 0x0040_0000, 0);
    assert_eq!((general.SupportedPauseFunctions, general.DataBackFillSize, general.ContextBackFillSize), (0, 0, 0));
    assert!([0, 0xf].contains(&general.AutoNegotiationFlags));
    assert_eq!(general.SupportedOidListLength % 4, 0);
    let oids = bench.machine().supported_oids(one.id).unwrap();
    assert_eq!(oids.len() * 4, general.SupportedOidListLength as usize);
    let mut unique = oids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), oids.len(), "no OID twice");
    bench.shut_down();
}

#[test]
fn mp_gen_03_the_mtu_follows_the_keyword() {
    let mut bench = Bench::boot();
    for (index, value, mtu) in [(11, "1514", 1500), (12, "4088", 4074), (13, "9014", 9000)] {
        let station = bench.station(AdapterConfig::new(value, index).keyword("*JumboPacket", value));
        let general = bench.machine().general_attributes(station.id).unwrap().expect("general attributes");
        assert_eq!((general.MtuSize, general.LookaheadSize), (mtu, mtu));
        // MP-OID-26.
        let answer =
            |bench: &mut Bench, oid| u32::from_le_bytes(bench.query(&station, oid, 4).bytes.try_into().unwrap());
        for oid in [OID_GEN_MAXIMUM_TOTAL_SIZE, OID_GEN_TRANSMIT_BLOCK_SIZE, OID_GEN_RECEIVE_BLOCK_SIZE] {
            assert_eq!(answer(&mut bench, oid), mtu + 14);
        }
        assert_eq!(answer(&mut bench, OID_GEN_TRANSMIT_BUFFER_SPACE) % (mtu + 14), 0);
    }
    bench.shut_down();
}

#[test]
fn mp_link_02_nothing_is_indicated_while_the_link_stays() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let bytes = frame([0xff; 6], bench.mac(&one), 60);
    assert_eq!(one.edge.send(&bytes), 0);
    two.frame();
    bench.machine().pause_adapter(one.id).unwrap();
    bench.machine().restart_adapter(one.id).unwrap();
    assert_eq!(bench.set(&one, OID_NDK_SET_STATE, &[0]), 0);
    assert!(bench.machine().indications(one.id).unwrap().is_empty());
    bench.shut_down();
}

#[test]
fn mp_oid_06_statistics_requests_are_queries_and_methods_are_not_supported() {
    let (mut bench, one, _two) = Bench::pair();
    let supported = bench.machine().supported_oids(one.id).unwrap();
    for oid in supported {
        let query = bench.query(&one, oid, 4096);
        let statistics = bench.machine().oid_request(one.id, oid, OidRequest::Statistics(4096)).unwrap();
        assert_eq!((query.status, &query.bytes), (statistics.status, &statistics.bytes), "{oid:#x}");
        let method = bench.machine().oid_request(one.id, oid, OidRequest::Method(&[0; 32], 4096)).unwrap();
        assert_eq!(method.status, NDIS_STATUS_NOT_SUPPORTED, "{oid:#x}");
    }
    bench.shut_down();
}

/// The simulator's buffers have odd addresses, for every request of every test (MP-OID-07).
#[test]
fn mp_oid_05_sets_say_what_they_read_and_queries_what_they_wrote() {
    let (mut bench, one, _two) = Bench::pair();
    for oid in bench.machine().supported_oids(one.id).unwrap() {
        let whole = bench.query(&one, oid, 4096);
        if whole.status != 0 || whole.bytes.len() < 16 {
            continue;
        }
        let exact = bench.query(&one, oid, whole.bytes.len());
        assert_eq!((exact.status, exact.bytes.len()), (0, whole.bytes.len()), "{oid:#x}");
        let short = bench.query(&one, oid, whole.bytes.len() - 1);
        assert_eq!(
            (short.status, short.needed as usize),
            (NDIS_STATUS_BUFFER_TOO_SHORT, whole.bytes.len()),
            "{oid:#x}"
        );
        assert!(!short.written_to, "{oid:#x}");
    }
    bench.shut_down();
}

#[test]
fn mp_oid_23_to_28_small_ones() {
    let (mut bench, one, _two) = Bench::pair();
    assert_eq!(bench.set(&one, OID_GEN_CURRENT_LOOKAHEAD, &256_u32.to_le_bytes()), 0);
    for length in [0, 3, 5] {
        assert_eq!(bench.set(&one, OID_GEN_CURRENT_LOOKAHEAD, &vec![0; length]), NDIS_STATUS_INVALID_LENGTH);
    }
    let moderation = bench.query(&one, OID_GEN_INTERRUPT_MODERATION, 12).bytes;
    assert_eq!(moderation, [0x80, 1, 12, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bench.set(&one, OID_GEN_INTERRUPT_MODERATION, &moderation), NDIS_STATUS_INVALID_DATA);
    let mut link = vec![0; size_of::<NDIS_LINK_PARAMETERS>()];
    assert_eq!(bench.set(&one, OID_GEN_LINK_PARAMETERS, &link), NDIS_STATUS_INVALID_DATA);
    link[..2].copy_from_slice(&[0x80, 1]);
    link[2..4].copy_from_slice(&(size_of::<NDIS_LINK_PARAMETERS>() as u16).to_le_bytes());
    assert_eq!(bench.set(&one, OID_GEN_LINK_PARAMETERS, &link), 0);
    for (room, wanted, needed) in [(3, NDIS_STATUS_BUFFER_TOO_SHORT, 4), (4, 0, 8), (7, 0, 8), (8, 0, 0)] {
        let answer = bench.query(&one, OID_GEN_RCV_OK, room);
        assert_eq!((answer.status, answer.needed), (wanted, needed), "{room} bytes");
    }
    assert_eq!(bench.query(&one, OID_GEN_VENDOR_ID, 4).bytes, 0x00ff_ffff_u32.to_le_bytes());
    let description = bench.query(&one, OID_GEN_VENDOR_DESCRIPTION, 256).bytes;
    assert_eq!(description.iter().position(|byte| *byte == 0), Some(description.len() - 1));
    bench.shut_down();
}

#[test]
fn mp_stat_02_to_04_sums_classes_and_no_resets() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let from = bench.mac(&one);
    assert_eq!(one.edge.send(&frame([0xff; 6], from, 100)), 0);
    two.frame();
    assert_eq!(one.edge.send(&frame([0xff; 6], from, 2000)), NDIS_STATUS_INVALID_LENGTH);
    let counted = |bench: &mut Bench, station| {
        let bytes = bench.query(station, OID_GEN_STATISTICS, 152).bytes;
        assert_eq!(bytes[..4], [0x80, 1, 152, 0]);
        let words = bytes[8..].chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        words.collect::<Vec<u64>>()
    };
    let (sent, received) = (counted(&mut bench, &one), counted(&mut bench, &two));
    for words in [&sent, &received] {
        assert_eq!(words[2], words[12..15].iter().sum::<u64>(), "octets in");
        assert_eq!(words[6], words[15..18].iter().sum::<u64>(), "octets out");
    }
    // ifOutErrors; ifInDiscards are errors and missing buffers.
    assert_eq!((sent[10], received[0], received[1]), (1, 0, 0));
    bench.machine().pause_adapter(one.id).unwrap();
    bench.machine().restart_adapter(one.id).unwrap();
    assert_eq!(bench.set(&one, OID_PNP_SET_POWER, &4_u32.to_le_bytes()), 0);
    assert_eq!(bench.set(&one, OID_PNP_SET_POWER, &1_u32.to_le_bytes()), 0);
    assert_eq!(counted(&mut bench, &one), sent);
    bench.shut_down();
}

#[test]
fn mp_pnp_01_events_that_mean_nothing_change_nothing() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let bytes = frame([0xff; 6], bench.mac(&one), 60);
    for event in (0..32).chain([-1, i32::MAX]).filter(|event| *event != NdisDevicePnPEventSurpriseRemoved) {
        bench.machine().device_event(one.id, event).unwrap();
        assert_eq!(one.edge.send(&bytes), 0, "event {event}");
        two.frame();
        assert_eq!(bench.query(&one, OID_GEN_STATISTICS, 152).status, 0);
    }
    bench.shut_down();
}

#[test]
fn mp_pnp_05_the_same_device_starts_again_and_again() {
    let mut bench = Bench::boot();
    let mut address = None;
    for round in 0..6 {
        let station = bench.station(AdapterConfig::new("again", 11));
        let own = bench.mac(&station);
        assert_eq!(*address.get_or_insert(own), own);
        assert_eq!(bench.query(&station, OID_GEN_XMIT_OK, 8).bytes, 0_u64.to_le_bytes(), "fresh counters");
        if round % 2 == 0 {
            bench.machine().remove_adapter(station.id).unwrap();
        } else {
            bench.machine().surprise_remove_adapter(station.id).unwrap();
        }
    }
    bench.shut_down();
}

#[test]
fn mp_shut_01_a_shutdown_frees_nothing() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    bench.machine().shut_adapter_down(one.id).unwrap();
    // Whatever the system still does, and also if the halt follows.
    assert_eq!(bench.query(&one, OID_GEN_STATISTICS, 152).status, 0);
    let bytes = frame([0xff; 6], bench.mac(&one), 60);
    assert_eq!(one.edge.send(&bytes), 0);
    two.frame();
    bench.shut_down();
}
