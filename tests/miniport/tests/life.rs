//! Load, adapters up and down, keywords, unload: `MP-REG-*`, `MP-INIT-*`, `MP-HALT-*`, `MP-CFG-*`.

use ndkpi_sys::*;
use ntsim::machine::{AdapterConfig, Keyword};
use softndk_miniport_tests::{Bench, frame};

#[test]
fn mp_unl_01_load_and_unload_leave_nothing() {
    Bench::boot().shut_down();
}

#[test]
fn mp_halt_02_adapters_come_and_go() {
    let (mut bench, one, two) = Bench::pair();
    bench.machine().remove_adapter(one.id).unwrap();
    let again = bench.station(AdapterConfig::new("one again", 11));
    let (from, to) = (bench.mac(&again), bench.mac(&two));
    bench.filter(&two, NDIS_PACKET_TYPE_DIRECTED);
    assert_eq!(again.edge.send(&frame(to, from, 100)), 0);
    assert_eq!(two.frame().len(), 100);
    bench.shut_down();
}

#[test]
fn mp_gen_11_addresses_differ_and_stay() {
    let (mut bench, one, two) = Bench::pair();
    let (first, second) = (bench.mac(&one), bench.mac(&two));
    assert_ne!(first, second);
    assert_eq!(first[0] & 3, 2);
    bench.machine().remove_adapter(one.id).unwrap();
    let again = bench.station(AdapterConfig::new("one", 11));
    assert_eq!(bench.mac(&again), first);
    bench.shut_down();
}

#[test]
fn mp_cfg_06_only_a_station_address_is_taken() {
    let mut bench = Bench::boot();
    let own = [2, 1, 2, 3, 4, 5];
    let good = bench.station(AdapterConfig::new("good", 11).mac(own));
    assert_eq!(bench.mac(&good), own);
    let permanent = bench.query(&good, OID_802_3_PERMANENT_ADDRESS, 6).bytes;
    assert_ne!(permanent, own);
    let group = bench.station(AdapterConfig::new("group", 12).mac([3, 1, 2, 3, 4, 5]));
    assert_eq!(bench.mac(&group)[0] & 1, 0);
    bench.shut_down();
}

#[test]
fn mp_cfg_03_and_05_odd_keywords_get_defaults() {
    let mut bench = Bench::boot();
    let odd: [Keyword; 5] =
        ["".into(), "word".into(), u32::MAX.into(), Keyword::Bytes(vec![1, 2, 3]), Keyword::Number(0)];
    for (index, value) in (20..).zip(odd) {
        let mut config = AdapterConfig::new(&format!("odd {index}"), index);
        let names = [
            "*JumboPacket",
            "*ReceiveBuffers",
            "*NetworkDirectTechnology",
            "ConnectEventDelay",
            "RnrDelay",
            "AcceptLimit",
            "DynamicPorts",
            "ObjectLimit",
            "OptionalFeatures",
        ];
        for name in names {
            config = config.keyword(name, value.clone());
        }
        let station = bench.station(config);
        assert_eq!(bench.query(&station, OID_GEN_MAXIMUM_TOTAL_SIZE, 4).bytes, 1514_u32.to_le_bytes());
    }
    bench.shut_down();
}

#[test]
fn jumbo_packets_are_as_long_as_asked() {
    let mut bench = Bench::boot();
    let one = bench.station(AdapterConfig::new("one", 11).keyword("*JumboPacket", "9014"));
    let two = bench.station(AdapterConfig::new("two", 12).keyword("*JumboPacket", "9014"));
    let small = bench.station(AdapterConfig::new("small", 13));
    for station in [&two, &small] {
        bench.filter(station, NDIS_PACKET_TYPE_BROADCAST);
    }
    assert_eq!(one.edge.send(&frame([0xff; 6], bench.mac(&one), 9014)), 0);
    assert_eq!(two.frame().len(), 9014);
    // Too long for this one: dropped, and counted as an error (MP-RX-15).
    small.nothing();
    assert_eq!(bench.query(&small, OID_GEN_RCV_ERROR, 8).bytes, 1_u64.to_le_bytes());
    assert_eq!(one.edge.send(&frame([0xff; 6], bench.mac(&one), 9015)), NDIS_STATUS_INVALID_LENGTH);
    bench.shut_down();
}

#[test]
fn mp_pnp_02_surprise_removal() {
    let (mut bench, one, two) = Bench::pair();
    bench.machine().surprise_remove_adapter(one.id).unwrap();
    assert_eq!(bench.query(&two, OID_GEN_MAXIMUM_TOTAL_SIZE, 4).status, 0);
    bench.shut_down();
}
