//! Frames over the virtual wire: `MP-TX-*`, `MP-RX-*`, `MP-PAUSE-*`, `MP-STAT-*`.

use ndkpi_sys::*;
use softndk_miniport_tests::{Bench, frame};

const GROUP: [u8; 6] = [1, 0, 0x5e, 0, 0, 1];
const EVERYBODY: [u8; 6] = [0xff; 6];

#[test]
fn mp_rx_11_each_filter_takes_its_frames() {
    let (mut bench, one, two) = Bench::pair();
    let (from, to) = (bench.mac(&one), bench.mac(&two));
    let stranger = [2, 9, 9, 9, 9, 9];
    let frames: Vec<Vec<u8>> = [to, stranger, GROUP, EVERYBODY].iter().map(|target| frame(*target, from, 80)).collect();
    let cases = [
        (0, vec![]),
        (NDIS_PACKET_TYPE_DIRECTED, vec![0]),
        (NDIS_PACKET_TYPE_BROADCAST, vec![3]),
        (NDIS_PACKET_TYPE_MULTICAST, vec![]),
        (NDIS_PACKET_TYPE_ALL_MULTICAST, vec![2]),
        (NDIS_PACKET_TYPE_PROMISCUOUS, vec![0, 1, 2, 3]),
    ];
    for (filter, expected) in cases {
        bench.filter(&two, filter);
        for bytes in &frames {
            assert_eq!(one.edge.send(bytes), 0);
        }
        for index in expected {
            assert_eq!(two.frame(), frames[index], "filter {filter:#x}");
        }
        two.nothing();
    }
    bench.filter(&two, NDIS_PACKET_TYPE_MULTICAST);
    assert_eq!(bench.set(&two, OID_802_3_MULTICAST_LIST, &GROUP), 0);
    assert_eq!(one.edge.send(&frames[2]), 0);
    assert_eq!(two.frame(), frames[2]);
    bench.shut_down();
}

#[test]
fn mp_tx_11_nobody_hears_itself() {
    let (mut bench, one, _two) = Bench::pair();
    bench.filter(&one, NDIS_PACKET_TYPE_PROMISCUOUS | NDIS_PACKET_TYPE_BROADCAST);
    let from = bench.mac(&one);
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 64)), 0);
    one.nothing();
    bench.shut_down();
}

#[test]
fn mp_tx_09_short_frames_are_padded_with_zeros() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    // Fill the receive buffers with other bytes first.
    let from = bench.mac(&one);
    let long = frame(EVERYBODY, from, 1514);
    let many: Vec<&[u8]> = (0..256).map(|_| long.as_slice()).collect();
    assert!(one.edge.send_all(&many).iter().all(|status| *status == 0));
    for _ in 0..256 {
        assert_eq!(two.frame(), long);
    }
    for length in 14..=61 {
        let short = frame(EVERYBODY, from, length);
        assert_eq!(one.edge.send(&short), 0);
        let got = two.frame();
        assert_eq!(got.len(), length.max(60));
        assert_eq!(got[..length], short);
        assert!(got[length..].iter().all(|byte| *byte == 0));
    }
    bench.shut_down();
}

#[test]
fn mp_tx_10_lengths_out_of_range_fail() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_PROMISCUOUS);
    let from = bench.mac(&one);
    for length in [1514, 1515, 13, 2000] {
        let mut bytes = frame(EVERYBODY, from, length);
        bytes.truncate(length);
        let expected = if length == 1514 { 0 } else { NDIS_STATUS_INVALID_LENGTH };
        assert_eq!(one.edge.send(&bytes), expected, "{length} bytes");
    }
    assert_eq!(two.frame().len(), 1514);
    two.nothing();
    assert_eq!(bench.query(&one, OID_GEN_XMIT_ERROR, 8).bytes, 3_u64.to_le_bytes());
    bench.shut_down();
}

#[test]
fn mp_tx_04_order_is_kept() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_DIRECTED);
    let (from, to) = (bench.mac(&one), bench.mac(&two));
    let frames: Vec<Vec<u8>> = (60..260).map(|length| frame(to, from, length)).collect();
    let list: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    assert!(one.edge.send_all(&list).iter().all(|status| *status == 0));
    for bytes in &frames {
        assert_eq!(&two.frame(), bytes);
    }
    bench.shut_down();
}

#[test]
fn mp_rx_14_without_buffers_frames_are_dropped_and_counted() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    two.edge.hold();
    let from = bench.mac(&one);
    let bytes = frame(EVERYBODY, from, 60);
    let list: Vec<&[u8]> = (0..300).map(|_| bytes.as_slice()).collect();
    assert!(one.edge.send_all(&list).iter().all(|status| *status == 0));
    assert_eq!(bench.query(&two, OID_GEN_RCV_NO_BUFFER, 8).bytes, 44_u64.to_le_bytes());
    for _ in 0..256 {
        two.frame();
    }
    two.edge.release();
    assert_eq!(one.edge.send(&bytes), 0);
    two.frame();
    bench.shut_down();
}

#[test]
fn mp_pause_01_a_pause_waits_for_the_last_frame() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    two.edge.hold();
    let from = bench.mac(&one);
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 60)), 0);
    two.frame();
    let edge = two.edge.clone();
    let release = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        edge.release();
    });
    let begun = std::time::Instant::now();
    bench.machine().pause_adapter(two.id).unwrap();
    assert!(begun.elapsed() >= std::time::Duration::from_millis(90));
    release.join().unwrap();
    // Nothing goes in or out while paused; afterwards it does (MP-REST-04).
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 60)), 0);
    two.nothing();
    bench.machine().restart_adapter(two.id).unwrap();
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 60)), 0);
    two.frame();
    bench.shut_down();
}

#[test]
fn mp_rest_04_pause_and_restart_under_traffic() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let from = bench.mac(&one);
    let edge = one.edge.clone();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = stop.clone();
    let sender = std::thread::spawn(move || {
        let bytes = frame(EVERYBODY, from, 200);
        while !seen.load(std::sync::atomic::Ordering::Relaxed) {
            assert_eq!(edge.send(&bytes), 0);
        }
    });
    for _ in 0..50 {
        bench.machine().pause_adapter(two.id).unwrap();
        bench.machine().restart_adapter(two.id).unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    sender.join().unwrap();
    bench.shut_down();
}

#[test]
fn mp_stat_06_counters_are_exact() {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_ALL_MULTICAST);
    let (from, to) = (bench.mac(&one), bench.mac(&two));
    for (target, count, length) in [(to, 3, 100), (GROUP, 2, 200), (EVERYBODY, 1, 300)] {
        for _ in 0..count {
            assert_eq!(one.edge.send(&frame(target, from, length)), 0);
            two.frame();
        }
    }
    let sent = bench.query(&one, OID_GEN_STATISTICS, 152).bytes;
    let received = bench.query(&two, OID_GEN_STATISTICS, 152).bytes;
    let at = |bytes: &[u8], index: usize| u64::from_le_bytes(bytes[8 + index * 8..][..8].try_into().unwrap());
    // Octets, then frames by class; then octets by class at 12 (in) and 15 (out).
    assert_eq!((2..6).map(|index| at(&received, index)).collect::<Vec<_>>(), [1000, 3, 2, 1]);
    assert_eq!((6..10).map(|index| at(&sent, index)).collect::<Vec<_>>(), [1000, 3, 2, 1]);
    assert_eq!((12..15).map(|index| at(&received, index)).collect::<Vec<_>>(), [300, 400, 300]);
    assert_eq!((15..18).map(|index| at(&sent, index)).collect::<Vec<_>>(), [300, 400, 300]);
    assert_eq!((6..10).map(|index| at(&received, index)).sum::<u64>(), 0);
    assert_eq!(bench.query(&one, OID_GEN_XMIT_OK, 4).bytes, 6_u32.to_le_bytes());
    assert_eq!(bench.query(&one, OID_GEN_XMIT_OK, 4).needed, 8);
    assert_eq!(bench.query(&one, OID_GEN_XMIT_OK, 8).bytes, 6_u64.to_le_bytes());
    bench.shut_down();
}
