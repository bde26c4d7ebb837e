//! `OID-13` to `OID-22`: the counters, exact against what the consumer does.

use anyhow::Result;
use ndkpi_sys::{OID_802_3_CURRENT_ADDRESS, OID_GEN_RCV_OK, OID_GEN_STATISTICS, OID_GEN_XMIT_OK};
use ndktest_api::{Kind, TRANSFERS};
use ndktest_host::Running;

use super::bench::Bench;
use super::oid::counters;
use crate::host::{Checks, requirements};

requirements! {
    "OID-13" oid_13, "Connect counts connections established from this side";
    "OID-14" oid_14, "Accept counts connections established from the other side";
    "OID-15" oid_15, "ConnectFailure counts failed attempts of both directions";
    "OID-16" oid_16, "ConnectionError counts connections that failed before they were left";
    "OID-17" oid_17, "ActiveConnection goes up with connections and down with their end";
    "OID-18" oid_18, "CQError counts each failed CQ once";
    "CQ-37" oid_18, "each failed CQ counts once in CQError";
    "OID-19" oid_19, "octets and frames of Sends, Writes and Reads, and of nothing else";
    "OID-20" oid_20, "the reserved counters are 0";
    "OID-21" oid_21, "no counter but the gauge goes back, whatever is closed";
    "OID-22" oid_22, "the general statistics count RDMA traffic, too";
}

/// Places in NDIS_NDK_PERFORMANCE_COUNTERS.
const CONNECT: usize = 0;
const ACCEPT: usize = 1;
const CONNECT_FAILURE: usize = 2;
const CONNECTION_ERROR: usize = 3;
const ACTIVE: usize = 4;
const CQ_ERROR: usize = 25;
const IN_OCTETS: usize = 26;
const OUT_OCTETS: usize = 27;
const IN_FRAMES: usize = 28;
const OUT_FRAMES: usize = 29;

/// Payload of a full frame, and what surrounds it: Ethernet, IP, TCP and the RDMA headers of iWARP.
const FRAME_PAYLOAD: u64 = 1448;
const FRAME_OVERHEAD: u64 = 14 + 20 + 20 + 20;
/// Payload of the frame that asks for a Read.
const READ_REQUEST: u64 = 28;

/// A counter of both adapters at each stage of `staged-links`: of the passive side (adapter 0), and of the active
/// one (adapter 1).
fn follow(checks: &Checks, which: usize, passive: [u64; 8], active: [u64; 8]) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-links", |request| request.port = 20_000)?;
    for (stage, wanted) in (1..).zip(passive.into_iter().zip(active)) {
        running.arrives(stage)?;
        // Some ends are counted by a worker, a moment after the consumer has heard of them.
        bench.soon("the counter of the passive side comes to its value", || {
            Ok(counters(&bench, 0)?[which] == wanted.0)
        })?;
        bench.soon("the counter of the active side comes to its value", || {
            Ok(counters(&bench, 1)?[which] == wanted.1)
        })?;
        if stage < 8 {
            running.go_on()?;
        }
    }
    bench.never("and stays there", || {
        Ok((counters(&bench, 0)?[which], counters(&bench, 1)?[which]) != (passive[7], active[7]))
    })?;
    bench.finish(running)?;
    bench.end()
}

// Stages: nothing, three connected, one refused, one rejected, one left, one broken, the last left, all closed.

fn oid_13(checks: &Checks) -> Result<()> {
    follow(checks, CONNECT, [0; 8], [0, 3, 3, 3, 3, 3, 3, 3])
}

fn oid_14(checks: &Checks) -> Result<()> {
    follow(checks, ACCEPT, [0, 3, 3, 3, 3, 3, 3, 3], [0; 8])
}

fn oid_15(checks: &Checks) -> Result<()> {
    // Nobody was there to count the refused one; the rejected one failed on both sides.
    follow(checks, CONNECT_FAILURE, [0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 1, 2, 2, 2, 2, 2])
}

fn oid_16(checks: &Checks) -> Result<()> {
    follow(checks, CONNECTION_ERROR, [0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1, 1])
}

fn oid_17(checks: &Checks) -> Result<()> {
    follow(checks, ACTIVE, [0, 3, 3, 3, 2, 1, 0, 0], [0, 3, 3, 3, 2, 1, 0, 0])
}

fn oid_18(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-overflow", |request| request.rounds = 3)?;
    for failed in 0..=3 {
        running.arrives(failed + 1)?;
        checks.equal(counters(&bench, 1)?[CQ_ERROR], failed, "the failed CQs of the active side")?;
        checks.equal(counters(&bench, 0)?[CQ_ERROR], 0, "the other side's CQs are well")?;
        running.go_on()?;
    }
    bench.finish(running)?;
    checks.equal(counters(&bench, 1)?[CQ_ERROR], 3, "each once")?;
    bench.end()
}

/// What a transfer comes to: frames and octets that the active side sends, and that it takes in.
fn cost(kind: Kind, length: u32) -> [(u64, u64); 2] {
    let data = |length: u64| {
        let frames = length.div_ceil(FRAME_PAYLOAD).max(1);
        (frames, length + frames * FRAME_OVERHEAD)
    };
    match kind {
        Kind::Send | Kind::Write => [data(length.into()), (0, 0)],
        Kind::Read => [data(READ_REQUEST), data(length.into())],
    }
}

/// Frames and octets out, frames and octets in.
fn traffic(bench: &Bench<'_>, at: usize) -> Result<[u64; 4]> {
    let now = counters(bench, at)?;
    Ok([now[OUT_FRAMES], now[OUT_OCTETS], now[IN_FRAMES], now[IN_OCTETS]])
}

fn oid_19(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-octets", |_| {})?;
    let mut wanted = traffic(&bench, 1)?;
    checks.equal(wanted, [0; 4], "a connection alone is no RDMA traffic")?;
    for (stage, (kind, length)) in (2..).zip(TRANSFERS) {
        running.to_stage(stage)?;
        let [(out_frames, out_octets), (in_frames, in_octets)] = cost(kind, length);
        for (total, part) in wanted.iter_mut().zip([out_frames, out_octets, in_frames, in_octets]) {
            *total += part;
        }
        settled(&bench, wanted)?;
        let what = format!("{kind:?} of {length} bytes");
        checks.equal(traffic(&bench, 1)?, wanted, &what)?;
        let [out_frames, out_octets, in_frames, in_octets] = wanted;
        checks.equal(
            traffic(&bench, 0)?,
            [in_frames, in_octets, out_frames, out_octets],
            "seen from the other side",
        )?;
        // Octets are at least the bytes and the Ethernet headers.
        checks.check(out_octets >= out_frames * 14 && in_octets >= in_frames * 14, "layer-2 overhead counts")?;
    }
    ordinary(&bench, &running)?;
    checks.equal(traffic(&bench, 1)?, wanted, "ordinary frames are no RDMA traffic")?;
    bench.finish(running)?;
    bench.end()
}

/// The engine counts behind the completion that the consumer has seen.
fn settled(bench: &Bench<'_>, wanted: [u64; 4]) -> Result<()> {
    bench
        .soon("as much is counted", || Ok(traffic(bench, 1)?[0] >= wanted[0] && traffic(bench, 1)?[2] >= wanted[2]))?;
    bench.soon("on both sides", || Ok(traffic(bench, 0)?[2] >= wanted[0] && traffic(bench, 0)?[0] >= wanted[2]))
}

/// Sends a few broadcast frames from one adapter to the other.
fn ordinary(bench: &Bench<'_>, _running: &Running) -> Result<()> {
    let from = bench.query(1, OID_802_3_CURRENT_ADDRESS, 6)?.bytes;
    let edge = bench.machine().edge(bench.id(1)?)?;
    let mut frame = vec![0xFF; 6];
    frame.extend(from);
    frame.extend([0x88, 0xB5]);
    frame.resize(200, 7);
    for _ in 0..5 {
        bench.checks.equal(edge.send(&frame), 0, "an ordinary frame is sent")?;
    }
    Ok(())
}

fn oid_20(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    bench.run("ping")?;
    bench.run("rdma")?;
    for at in [0, 1] {
        checks.equal(&counters(&bench, at)?[5..25], &[0; 20][..], "Reserved01 to Reserved20")?;
    }
    bench.end()
}

fn oid_21(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut last = counters(&bench, 0)?;
    let mut grow = |bench: &Bench<'_>, what: &str| {
        let now = counters(bench, 0)?;
        let back = (0..30).filter(|at| *at != ACTIVE).any(|at| now[at] < last[at]);
        checks.check(!back, what)?;
        last = now;
        anyhow::Ok(now)
    };
    bench.run("ping")?;
    let first = grow(&bench, "after traffic, with everything closed")?;
    checks.check(first[ACCEPT] > 0 && first[IN_OCTETS] > 0, "closing has not reset them")?;
    checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, 0, "nothing is open")?;
    bench.run("rdma")?;
    let second = grow(&bench, "after more of it")?;
    checks.check(second[ACCEPT] > first[ACCEPT], "they go on")?;
    bench.set_state(0, false)?;
    bench.soon("disabled", || Ok(!bench.machine().wmi_ndk_state(bench.id(0)?)?))?;
    grow(&bench, "after a disable")?;
    bench.set_state(0, true)?;
    bench.soon("enabled", || Ok(bench.machine().wmi_ndk_state(bench.id(0)?)?))?;
    bench.machine().pause_adapter(bench.id(0)?)?;
    bench.machine().restart_adapter(bench.id(0)?)?;
    grow(&bench, "after enable, pause and restart")?;
    bench.end()
}

/// Octets and frames of OID_GEN_STATISTICS: sent and received.
fn general(bench: &Bench<'_>, at: usize) -> Result<[u64; 4]> {
    let bytes = bench.query(at, OID_GEN_STATISTICS, 152)?.bytes;
    let word = |index: usize| -> Result<u64> { Ok(u64::from_le_bytes(bytes[8 + index * 8..][..8].try_into()?)) };
    let sum = |from: usize| -> Result<u64> { (from..from + 3).map(word).sum() };
    Ok([sum(7)?, word(6)?, sum(3)?, word(2)?])
}

fn oid_22(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let before = [general(&bench, 0)?, general(&bench, 1)?];
    let rdma_before = [traffic(&bench, 0)?, traffic(&bench, 1)?];
    bench.run("rdma")?;
    bench.never("all is counted", || Ok(false))?;
    for at in [0, 1] {
        let (now, rdma) = (general(&bench, at)?, traffic(&bench, at)?);
        let grown: Vec<u64> = now.iter().zip(before[at]).map(|(now, before)| now - before).collect();
        let carried: Vec<u64> = rdma.iter().zip(rdma_before[at]).map(|(now, before)| now - before).collect();
        checks.check(carried.iter().all(|part| *part > 0), "there was traffic in both directions")?;
        checks.equal(grown, carried, "the general statistics grow by the RDMA traffic")?;
        for (oid, frames) in [(OID_GEN_XMIT_OK, now[0]), (OID_GEN_RCV_OK, now[2])] {
            let counted = bench.query(at, oid, 8)?.bytes;
            checks.equal(counted, frames.to_le_bytes().to_vec(), "and so do the counters of frames")?;
        }
    }
    bench.end()
}
