//! Sends in every shape and state: `MP-TX-*`, `MP-STATE-02`, and adapters that go while frames fly: `MP-HALT-*`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ndkpi_sys::*;
use ntsim::machine::AdapterConfig;
use ntsim::ndis::Layout;
use softndk_miniport_tests::{Bench, Station, frame};

const EVERYBODY: [u8; 6] = [0xff; 6];

fn layout(pieces: &[usize], before: usize, behind: usize) -> Layout {
    Layout { pieces: pieces.to_vec(), before, behind }
}

fn broadcast_pair() -> (Bench, Station, Station, [u8; 6]) {
    let (mut bench, one, two) = Bench::pair();
    bench.filter(&two, NDIS_PACKET_TYPE_BROADCAST);
    let from = bench.mac(&one);
    (bench, one, two, from)
}

/// MP-TX-05 as well: the simulator compares all that the driver must leave alone.
#[test]
fn mp_tx_07_a_frame_may_lie_in_any_number_of_mdls() {
    let (bench, one, two, from) = broadcast_pair();
    let layouts = [
        layout(&[], 0, 0),
        layout(&[], 5, 9),
        layout(&[14], 0, 0),
        layout(&[14], 64, 100),
        layout(&[1, 1, 1, 1, 1, 1, 1], 0, 0),
        layout(&[0, 14, 0, 20, 0], 3, 1),
        layout(&[6, 6, 2], 4000, 4000),
    ];
    for length in [60, 61, 1000, 1514] {
        let bytes = frame(EVERYBODY, from, length);
        for layout in &layouts {
            assert_eq!(one.edge.send_shaped(&[(&bytes, layout.clone())]), 0, "{layout:?}");
            assert_eq!(two.frame(), bytes, "{layout:?}");
        }
    }
    bench.shut_down();
}

#[test]
fn mp_tx_09_slack_behind_a_short_frame_does_not_leak() {
    let (bench, one, two, from) = broadcast_pair();
    for length in [14, 20, 42, 59] {
        let bytes = frame(EVERYBODY, from, length);
        assert_eq!(one.edge.send_shaped(&[(&bytes, layout(&[7], 11, 200))]), 0);
        let received = two.frame();
        assert_eq!(received.len(), 60);
        assert_eq!(received[..length], bytes);
        assert!(received[length..].iter().all(|byte| *byte == 0), "padding of a frame of {length} bytes");
    }
    bench.shut_down();
}

#[test]
fn mp_tx_04_the_net_buffers_of_a_list_go_in_order() {
    let (bench, one, two, from) = broadcast_pair();
    let frames: Vec<Vec<u8>> = (0..40).map(|number| frame(EVERYBODY, from, 60 + number * 7)).collect();
    let shaped: Vec<(&[u8], Layout)> =
        frames.iter().enumerate().map(|(at, bytes)| (bytes.as_slice(), layout(&[14], at % 3, at % 5))).collect();
    assert_eq!(one.edge.send_shaped(&shaped), 0);
    for bytes in &frames {
        assert_eq!(&two.frame(), bytes);
    }
    bench.shut_down();
}

#[test]
fn mp_tx_03_one_bad_net_buffer_fails_its_list_alone() {
    let (bench, one, two, from) = broadcast_pair();
    let (good, long, runt) = (frame(EVERYBODY, from, 100), frame(EVERYBODY, from, 1515), vec![0xff; 13]);
    for bad in [&long, &runt] {
        let list: [(&[u8], Layout); 3] =
            [(&good, Layout::default()), (bad.as_slice(), Layout::default()), (&good, Layout::default())];
        assert_eq!(one.edge.send_shaped(&list), NDIS_STATUS_INVALID_LENGTH);
        // The others of the list went.
        assert_eq!(two.frame(), good);
        assert_eq!(two.frame(), good);
        two.nothing();
        let statuses = one.edge.send_all(&[&good, bad, &good]);
        assert_eq!(statuses, [0, NDIS_STATUS_INVALID_LENGTH, 0]);
        assert_eq!((two.frame(), two.frame()), (good.clone(), good.clone()));
    }
    bench.shut_down();
}

#[test]
fn mp_tx_12_sends_in_every_state_but_running_come_back_with_its_status() {
    let (mut bench, one, two, from) = broadcast_pair();
    let bytes = frame(EVERYBODY, from, 60);
    let list = || [(bytes.as_slice(), Layout::default()), (bytes.as_slice(), Layout::default())];
    let discards = |bench: &mut Bench| {
        let answer = bench.query(&one, OID_GEN_STATISTICS, 152).bytes;
        u64::from_le_bytes(answer[8 + 11 * 8..][..8].try_into().unwrap())
    };
    assert_eq!(discards(&mut bench), 0);
    bench.machine().pause_adapter(one.id).unwrap();
    assert_eq!(one.edge.send_shaped(&list()), NDIS_STATUS_PAUSED);
    assert_eq!(discards(&mut bench), 1);
    bench.machine().restart_adapter(one.id).unwrap();
    assert_eq!(bench.set(&one, OID_PNP_SET_POWER, &4_u32.to_le_bytes()), 0);
    assert_eq!(one.edge.send_shaped(&list()), NDIS_STATUS_LOW_POWER_STATE);
    assert_eq!(bench.set(&one, OID_PNP_SET_POWER, &1_u32.to_le_bytes()), 0);
    assert_eq!(one.edge.send_shaped(&list()), 0);
    two.frame();
    two.frame();
    bench.machine().announce_surprise_removal(one.id).unwrap();
    assert_eq!(one.edge.send_shaped(&list()), NDIS_STATUS_NOT_ACCEPTED);
    two.nothing();
    bench.shut_down();
}

#[test]
fn mp_tx_01_every_list_of_every_sender_is_completed_once() {
    let (bench, one, two, from) = broadcast_pair();
    // The simulator stops at a second completion, and at one that never comes.
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (edge, bytes) = (&one.edge, frame(EVERYBODY, from, 60 + sender));
            scope.spawn(move || {
                for round in 0..60 {
                    let list: Vec<&[u8]> = (0..=round % 5).map(|_| bytes.as_slice()).collect();
                    assert!(edge.send_all(&list).iter().all(|status| *status == 0));
                }
            });
        }
    });
    drop(two);
    bench.shut_down();
}

#[test]
fn mp_tx_17_a_cancel_without_a_match_is_harmless() {
    let (bench, one, two, from) = broadcast_pair();
    let bytes = frame(EVERYBODY, from, 60);
    for id in [0, 1, usize::MAX] {
        one.edge.cancel_send(id);
        assert_eq!(one.edge.send(&bytes), 0);
        two.frame();
    }
    bench.shut_down();
}

#[test]
fn mp_halt_07_an_adapter_goes_while_frames_fly_to_it() {
    let (mut bench, one, _two, from) = broadcast_pair();
    let over = Arc::new(AtomicBool::new(false));
    let (edge, seen, bytes) = (one.edge.clone(), Arc::clone(&over), frame(EVERYBODY, from, 900));
    let sender = std::thread::spawn(move || {
        let mut sent = 0_u32;
        while !seen.load(Ordering::Relaxed) {
            assert_eq!(edge.send(&bytes), 0);
            sent += 1;
        }
        sent
    });
    for round in 0..8 {
        let third = bench.station(AdapterConfig::new("third", 13));
        bench.filter(&third, NDIS_PACKET_TYPE_BROADCAST);
        third.frame();
        if round % 2 == 0 {
            bench.machine().remove_adapter(third.id).unwrap();
        } else {
            bench.machine().surprise_remove_adapter(third.id).unwrap();
        }
    }
    over.store(true, Ordering::Relaxed);
    assert!(sender.join().unwrap() > 0);
    bench.shut_down();
}

#[test]
fn mp_pause_05_requests_are_answered_while_paused() {
    let (mut bench, one, two, from) = broadcast_pair();
    bench.machine().pause_adapter(two.id).unwrap();
    assert_eq!(bench.query(&two, OID_GEN_STATISTICS, 152).status, 0);
    // MP-OID-29: what is set while paused holds after the restart.
    assert_eq!(bench.set(&two, OID_GEN_CURRENT_PACKET_FILTER, &0_u32.to_le_bytes()), 0);
    assert_eq!(bench.set(&two, OID_802_3_MULTICAST_LIST, &[1, 0, 0x5e, 0, 0, 9]), 0);
    bench.machine().restart_adapter(two.id).unwrap();
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 60)), 0);
    two.nothing();
    bench.filter(&two, NDIS_PACKET_TYPE_MULTICAST);
    let group = frame([1, 0, 0x5e, 0, 0, 9], from, 60);
    assert_eq!(one.edge.send(&group), 0);
    assert_eq!(two.frame(), group);
    bench.shut_down();
}

#[test]
fn mp_pm_04_full_power_restores_filter_and_list() {
    let (mut bench, one, two, from) = broadcast_pair();
    let group = frame([1, 0, 0x5e, 0, 0, 9], from, 60);
    assert_eq!(bench.set(&two, OID_802_3_MULTICAST_LIST, &group[..6]), 0);
    bench.filter(&two, NDIS_PACKET_TYPE_MULTICAST);
    for state in [2_u32, 3, 4] {
        assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &state.to_le_bytes()), 0);
        assert_eq!(one.edge.send(&group), 0);
        two.nothing();
        assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &1_u32.to_le_bytes()), 0);
        assert_eq!(one.edge.send(&group), 0);
        assert_eq!(two.frame(), group);
    }
    bench.shut_down();
}

/// MP-PM-03: from 6.30 on a change to low power does not wait for frames that the stack has, and leaves them alone.
#[test]
fn mp_pm_03_low_power_does_not_wait_for_frames_that_are_out() {
    let (mut bench, one, two, from) = broadcast_pair();
    two.edge.hold();
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 60)), 0);
    two.frame();
    assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &4_u32.to_le_bytes()), 0);
    two.edge.release();
    assert_eq!(bench.set(&two, OID_PNP_SET_POWER, &1_u32.to_le_bytes()), 0);
    assert_eq!(one.edge.send(&frame(EVERYBODY, from, 61)), 0);
    assert_eq!(two.frame().len(), 61);
    bench.shut_down();
}
