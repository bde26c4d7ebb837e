//! `OID-30` to `OID-37`: the lists of connections and local endpoints, byte by byte.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;
use ndkpi_sys::{NDIS_STATUS_BUFFER_TOO_SHORT, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS};

use super::bench::Bench;
use crate::host::{Checks, requirements};

requirements! {
    "OID-30" oid_30, "NDIS_NDK_CONNECTIONS has its header with a size that saturates, and the count";
    "OID-31" oid_31, "each established connection is there with its addresses, and no other";
    "OID-32" oid_32, "iWARP: two entries for a connection, first of ND, next of TCP";
    "OID-33" oid_33, "each listening listener and shared endpoint is there, twice";
    "OID-34" oid_34, "a buffer that is too small for all is refused, and nothing written";
    "OID-35" oid_35, "no entries: count 0, 16 bytes";
    "OID-36" oid_36, "a closing listener or endpoint is there as long as it holds its address";
    "OID-37" oid_37, "nothing of an answer is uninitialised";
}

/// Bytes of an entry of either list.
const CONNECTION: usize = 64;
const ENDPOINT: usize = 36;
/// Enough for any list of these tests.
const ROOM: usize = 200_000;
/// Where the staged workloads listen.
const PORT: u16 = 20_000;
/// The ordinary addresses: of the passive adapter (0), and of the active one (1).
const PASSIVE: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
const ACTIVE: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 2);
const PASSIVE_6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);

/// SOCKADDR_INET, its unused bytes zero.
fn socket(address: IpAddr, port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    match address {
        IpAddr::V4(four) => {
            bytes.extend(2_u16.to_le_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend(four.octets());
        }
        IpAddr::V6(six) => {
            bytes.extend(23_u16.to_le_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(six.octets());
        }
    }
    bytes.resize(28, 0);
    bytes
}

/// The head of either list: header with the size, no flags, the count, mapped to TCP.
fn head(entries: usize, entry: usize) -> Vec<u8> {
    let size = u16::try_from(16 + entries * entry).unwrap_or(u16::MAX);
    let mut bytes = vec![0x80, 1];
    bytes.extend(size.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((entries as u32).to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes
}

/// Both entries of a connection: no user-mode owner, process 0.
fn connection(local: (Ipv4Addr, u16), remote: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut entry = socket(local.0.into(), local.1);
    entry.extend(socket(remote.0.into(), remote.1));
    entry.resize(CONNECTION, 0);
    entry.repeat(2)
}

/// Both entries of an endpoint; in the second one only the address counts.
fn endpoint(address: IpAddr, port: u16, listener: bool) -> Vec<u8> {
    let mut first = socket(address, port);
    first.extend([0, u8::from(listener)]);
    first.resize(ENDPOINT, 0);
    let mut second = socket(address, port);
    second.resize(ENDPOINT, 0);
    [first, second].concat()
}

/// A list as it has to be, byte by byte, whatever the order of its pairs.
#[track_caller]
fn is(checks: &Checks, seen: &[u8], entry: usize, wanted: &[Vec<u8>], what: &str) -> Result<()> {
    let count = wanted.len() * 2;
    checks.equal(seen.len(), 16 + count * entry, what)?;
    checks.equal(seen.get(..16).unwrap_or_default().to_vec(), head(count, entry), what)?;
    let mut pairs: Vec<Vec<u8>> = seen[16..].chunks(entry * 2).map(<[u8]>::to_vec).collect();
    let mut wanted = wanted.to_vec();
    pairs.sort();
    wanted.sort();
    checks.equal(pairs, wanted, what)
}

fn list(bench: &Bench<'_>, at: usize, oid: u32) -> Result<Vec<u8>> {
    let answer = bench.query(at, oid, ROOM)?;
    bench.checks.equal(answer.status, 0, "the list is given")?;
    Ok(answer.bytes)
}

fn oid_30(checks: &Checks) -> Result<()> {
    // More entries than the 16 bits of the size can tell; they take a machine without special pool.
    const MANY: u32 = 520;
    ntsim::ndk::set_checks(ntsim::ndk::Checks::Life);
    let bench = Bench::fast(checks)?;
    checks.equal(list(&bench, 0, OID_NDK_CONNECTIONS)?, head(0, CONNECTION), "an empty list")?;
    let running = bench.start("staged-many", |request| (request.port, request.rounds) = (PORT.into(), MANY))?;
    let bytes = list(&bench, 0, OID_NDK_CONNECTIONS)?;
    let entries = MANY as usize * 2;
    checks.equal(bytes.len(), 16 + entries * CONNECTION, "all entries")?;
    checks.equal(bytes[..16].to_vec(), head(entries, CONNECTION), "the head")?;
    checks.equal(bytes[2..4].to_vec(), vec![0xFF, 0xFF], "a size that saturates")?;
    checks.equal(u32::from_le_bytes(bytes[8..12].try_into()?), 1040, "the count")?;
    bench.finish(running)?;
    bench.end()
}

/// The three connections of `staged-links` as their active side sees them.
fn three(numbers: &[u16]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let passive = numbers.iter().map(|number| connection((PASSIVE, PORT), (ACTIVE, PORT + number))).collect();
    let active = numbers.iter().map(|number| connection((ACTIVE, PORT + number), (PASSIVE, PORT))).collect();
    (passive, active)
}

fn oid_31(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-links", |request| request.port = PORT.into())?;
    // By stage: nothing, three, and those that are left of them.
    let stages: [&[u16]; 8] = [&[], &[1, 2, 3], &[1, 2, 3], &[1, 2, 3], &[2, 3], &[3], &[], &[]];
    for (stage, numbers) in (1..).zip(stages) {
        running.arrives(stage)?;
        let (passive, active) = three(numbers);
        let length = 16 + numbers.len() * 2 * CONNECTION;
        bench.soon("an end is noticed", || {
            let both = [list(&bench, 0, OID_NDK_CONNECTIONS)?, list(&bench, 1, OID_NDK_CONNECTIONS)?];
            Ok(both.iter().all(|bytes| bytes.len() == length))
        })?;
        is(checks, &list(&bench, 0, OID_NDK_CONNECTIONS)?, CONNECTION, &passive, "the passive side")?;
        is(checks, &list(&bench, 1, OID_NDK_CONNECTIONS)?, CONNECTION, &active, "the active side")?;
        if stage < 8 {
            running.go_on()?;
        }
    }
    bench.finish(running)?;
    bench.end()
}

fn oid_32(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-links", |request| request.port = PORT.into())?;
    checks.equal(list(&bench, 1, OID_NDK_CONNECTIONS)?[12], 1, "mapped to TCP, also when empty")?;
    checks.equal(list(&bench, 1, OID_NDK_LOCAL_ENDPOINTS)?[12], 1, "endpoints, too")?;
    running.to_stage(2)?;
    let bytes = list(&bench, 1, OID_NDK_CONNECTIONS)?;
    checks.equal(bytes[12], 1, "NDConnectionsMappedtoTCPConnections")?;
    checks.equal(u32::from_le_bytes(bytes[8..12].try_into()?), 6, "Count counts entries")?;
    for pair in bytes[16..].chunks(2 * CONNECTION) {
        let (nd, tcp) = pair.split_at(CONNECTION);
        checks.equal(nd[..56].to_vec(), tcp[..56].to_vec(), "ND ports are TCP ports of the same number here")?;
        checks.equal(tcp[56..].to_vec(), vec![0; 8], "the other members of the TCP entry")?;
    }
    bench.finish(running)?;
    bench.end()
}

/// What `staged-names` has at its second stage.
fn named() -> [Vec<u8>; 3] {
    [
        endpoint(PASSIVE.into(), PORT, true),
        endpoint(PASSIVE_6.into(), PORT + 1, true),
        endpoint(PASSIVE.into(), PORT + 2, false),
    ]
}

fn oid_33(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-names", |request| request.port = PORT.into())?;
    is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &[], "a listener that does not listen")?;
    running.to_stage(2)?;
    is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &named(), "listeners and an endpoint")?;
    is(checks, &list(&bench, 1, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &[], "the other adapter has none")?;
    bench.finish(running)?;
    is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &[], "all closed")?;
    bench.end()
}

fn oid_34(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let refused = |at: usize, oid: u32, whole: usize| -> Result<()> {
        for room in 0..whole {
            let answer = bench.query(at, oid, room)?;
            checks.equal(answer.status, NDIS_STATUS_BUFFER_TOO_SHORT, "too small for all")?;
            checks.equal(answer.needed as usize, whole, "what all of them need")?;
            checks.check(!answer.written_to, "nothing is written")?;
        }
        let answer = bench.query(at, oid, whole)?;
        checks.equal((answer.status, answer.bytes.len()), (0, whole), "exactly enough")
    };
    let mut running = bench.start("staged-links", |request| request.port = PORT.into())?;
    refused(0, OID_NDK_CONNECTIONS, 16)?;
    refused(1, OID_NDK_LOCAL_ENDPOINTS, 16)?;
    refused(0, OID_NDK_LOCAL_ENDPOINTS, 16 + 2 * ENDPOINT)?;
    running.to_stage(2)?;
    refused(0, OID_NDK_CONNECTIONS, 16 + 6 * CONNECTION)?;
    bench.finish(running)?;
    bench.end()
}

fn oid_35(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    for (oid, entry) in [(OID_NDK_CONNECTIONS, CONNECTION), (OID_NDK_LOCAL_ENDPOINTS, ENDPOINT)] {
        for room in [16, 17, ROOM] {
            let answer = bench.query(0, oid, room)?;
            checks.equal((answer.status, answer.bytes), (0, head(0, entry)), "an empty list")?;
        }
    }
    bench.end()
}

fn oid_36(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-names", |request| request.port = PORT.into())?;
    running.to_stage(2)?;
    running.to_stage(3)?;
    // The IPv6 listener is closed; the other two are closing, and their addresses are taken still.
    let [four, _, shared] = named();
    is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &[four, shared], "closing ones")?;
    is(checks, &list(&bench, 0, OID_NDK_CONNECTIONS)?, CONNECTION, &[], "requests that wait are no connections")?;
    running.to_stage(4)?;
    is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &[], "closed ones")?;
    bench.finish(running)?;
    bench.end()
}

fn oid_37(checks: &Checks) -> Result<()> {
    // Every byte of both lists is compared, in fresh and in dirty buffers alike: the simulator fills them.
    let bench = Bench::two(checks)?;
    let mut names = bench.start("staged-names", |request| request.port = PORT.into())?;
    names.to_stage(2)?;
    let mut links = bench.start("staged-links", |request| request.port = u32::from(PORT) + 1000)?;
    links.to_stage(2)?;
    let port = PORT + 1000;
    let wanted: Vec<Vec<u8>> = (1..=3).map(|number| connection((PASSIVE, port), (ACTIVE, port + number))).collect();
    let listener = endpoint(PASSIVE.into(), port, true);
    let [one, two, three] = named();
    for _ in 0..3 {
        is(checks, &list(&bench, 0, OID_NDK_CONNECTIONS)?, CONNECTION, &wanted, "connections")?;
        let all = [one.clone(), two.clone(), three.clone(), listener.clone()];
        is(checks, &list(&bench, 0, OID_NDK_LOCAL_ENDPOINTS)?, ENDPOINT, &all, "endpoints")?;
    }
    bench.finish(links)?;
    bench.finish(names)?;
    bench.end()
}
