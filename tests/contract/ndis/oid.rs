//! `OID-01` to `OID-12`, `OID-20`, `OID-40`: the NDK OIDs as requests.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use ndkpi_sys::{
    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, NDIS_STATUS_BUFFER_TOO_SHORT,
    NDIS_STATUS_NOT_SUPPORTED, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS, OID_NDK_SET_STATE, OID_NDK_STATISTICS,
};

use super::bench::{Bench, DISABLE, NDK_OIDS, first};
use crate::host::{Checks, requirements};

requirements! {
    "OID-01" oid_01, "the four NDK OIDs are in the supported list and handled";
    "OID-02" oid_02, "they work, with empty results, while NDK is disabled and nothing is open";
    "OID-03" oid_03, "a wrong type of request is not supported";
    "OID-10" oid_10, "statistics are answered on the direct path, beside each other, and on the regular one";
    "OID-11" oid_11, "NDIS_NDK_STATISTICS_INFO has its header, no flags and 248 bytes";
    "OID-12" oid_12, "a shorter buffer is refused with the size that is needed";
    "OID-40" oid_40, "no QoS: no capabilities and no OID of it";
}

/// Bytes of NDIS_NDK_STATISTICS_INFO.
pub const STATISTICS: usize = 248;
/// The QoS OIDs of NDIS: hardware and current capabilities, parameters, operational and remote parameters.
const QOS: [u32; 5] = [0xFC05_0001, 0xFC05_0002, 0xFC05_0003, 0xFC05_0004, 0xFC05_0005];

/// The thirty counters of NDIS_NDK_PERFORMANCE_COUNTERS.
pub fn counters(bench: &Bench<'_>, at: usize) -> Result<[u64; 30]> {
    let answer = bench.query(at, OID_NDK_STATISTICS, STATISTICS)?;
    bench.checks.equal(answer.status, 0, "OID_NDK_STATISTICS")?;
    let body = answer.bytes.get(8..STATISTICS).context("248 bytes")?;
    let mut counters = [0; 30];
    for (counter, bytes) in counters.iter_mut().zip(body.chunks_exact(8)) {
        *counter = u64::from_le_bytes(bytes.try_into()?);
    }
    Ok(counters)
}

fn oid_01(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    checks.equal(NDK_OIDS, [0xFC04_0201, 0xFC04_0202, 0xFC04_0203, 0xFC04_0204], "the numbers")?;
    let supported = bench.machine().supported_oids(bench.id(0)?)?;
    for oid in NDK_OIDS {
        checks.equal(supported.iter().filter(|known| **known == oid).count(), 1, "in the list, once")?;
    }
    checks.equal(bench.set(0, OID_NDK_SET_STATE, &[1])?, 0, "SET_STATE")?;
    for oid in [OID_NDK_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS] {
        checks.equal(bench.query(0, oid, 4096)?.status, 0, "a query")?;
    }
    bench.end()
}

fn oid_02(checks: &Checks) -> Result<()> {
    let empty = |bench: &Bench<'_>| -> Result<()> {
        checks.equal(counters(bench, 0)?, [0; 30], "no counts")?;
        for oid in [OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS] {
            let answer = bench.query(0, oid, 4096)?;
            checks.equal((answer.status, answer.bytes.len()), (0, 16), "an empty list")?;
        }
        Ok(())
    };
    let bench = Bench::with(checks, vec![first()])?;
    empty(&bench)?;
    bench.set_state(0, false)?;
    empty(&bench)?;
    bench.raised(0, &[DISABLE])?;
    empty(&bench)?;
    bench.end()?;
    let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", "0")])?;
    empty(&bench)?;
    bench.set_state(0, false)?;
    bench.end()
}

fn oid_03(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    for length in [0, 1, 16, STATISTICS, 4096] {
        for oid in [OID_NDK_STATISTICS, OID_NDK_CONNECTIONS, OID_NDK_LOCAL_ENDPOINTS] {
            checks.equal(bench.set(0, oid, &vec![0; length])?, NDIS_STATUS_NOT_SUPPORTED, "a set of a query OID")?;
        }
        let answer = bench.query(0, OID_NDK_SET_STATE, length)?;
        checks.equal(answer.status, NDIS_STATUS_NOT_SUPPORTED, "a query of SET_STATE")?;
        checks.check(!answer.written_to, "which writes nothing")?;
        let direct = bench.machine().query_direct_oid(bench.id(0)?, OID_NDK_SET_STATE, length)?;
        checks.equal(direct.status, NDIS_STATUS_NOT_SUPPORTED, "nor on the direct path")?;
    }
    bench.end()
}

fn oid_10(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let id = bench.id(0)?;
    let quiet = bench.machine().query_direct_oid(id, OID_NDK_STATISTICS, STATISTICS)?;
    checks.equal(quiet.status, 0, "the direct path")?;
    checks.equal(
        bench.query(0, OID_NDK_STATISTICS, STATISTICS)?.bytes,
        quiet.bytes,
        "the regular path says the same",
    )?;
    // At DISPATCH_LEVEL on several threads, with regular requests and traffic beside them.
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while !over.load(Ordering::Acquire) {
                        let answer = bench.machine().query_direct_oid(id, OID_NDK_STATISTICS, STATISTICS)?;
                        checks.equal((answer.status, answer.bytes.len()), (0, STATISTICS), "a direct answer")?;
                        let octets = u64::from_le_bytes(answer.bytes[8 + 26 * 8..][..8].try_into()?);
                        checks.check(octets >= last, "counters do not go back")?;
                        last = octets;
                    }
                    anyhow::Ok(last)
                })
            })
            .collect();
        let ran = bench.run("ping");
        let asked = bench.query(0, OID_NDK_STATISTICS, STATISTICS);
        over.store(true, Ordering::Release);
        for asker in askers {
            asker.join().map_err(|_| anyhow::anyhow!("an asking thread"))??;
        }
        ran?;
        checks.equal(asked?.status, 0, "the regular path")
    })?;
    bench.end()
}

fn oid_11(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    bench.run("ping")?;
    for room in [STATISTICS, STATISTICS + 1, 4096] {
        let regular = bench.query(0, OID_NDK_STATISTICS, room)?;
        let direct = bench.machine().query_direct_oid(bench.id(0)?, OID_NDK_STATISTICS, room)?;
        for answer in [regular, direct] {
            checks.equal((answer.status, answer.bytes.len()), (0, STATISTICS), "248 bytes are written")?;
            checks.equal(answer.bytes[..8].to_vec(), vec![0x80, 1, 248, 0, 0, 0, 0, 0], "header and flags")?;
        }
    }
    bench.end()
}

fn oid_12(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    for room in 0..STATISTICS {
        let regular = bench.query(0, OID_NDK_STATISTICS, room)?;
        let direct = bench.machine().query_direct_oid(bench.id(0)?, OID_NDK_STATISTICS, room)?;
        for answer in [regular, direct] {
            checks.equal(answer.status, NDIS_STATUS_BUFFER_TOO_SHORT, "too short")?;
            checks.equal(answer.needed, 248, "the size that is needed")?;
            checks.check(!answer.written_to, "nothing is written")?;
        }
    }
    bench.end()
}

fn oid_40(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let calls = bench.machine().attributes_calls(bench.id(0)?)?;
    let assist = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES;
    checks.check(calls.iter().all(|call| call.kind != assist), "no attributes that could hold QoS capabilities")?;
    let supported = bench.machine().supported_oids(bench.id(0)?)?;
    for oid in QOS {
        checks.check(!supported.contains(&oid), "no OID of QoS in the list")?;
        checks.equal(bench.query(0, oid, 4096)?.status, NDIS_STATUS_NOT_SUPPORTED, "nor one that is answered")?;
        checks.equal(bench.set(0, oid, &[0; 64])?, NDIS_STATUS_NOT_SUPPORTED, "nor one that is taken")?;
    }
    bench.end()
}
