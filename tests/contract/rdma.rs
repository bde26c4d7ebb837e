//! `RD-*`: reads; writes are in `rdma_write.rs`.

use super::rdma_write::write;
use super::work_help::{
    Fast, LOCAL, REMOTE, done, each, each_with, ended, holds, nothing_in, only, receive, send, shared, sink, source,
    stall,
};
use crate::{
    ndk::{End, Limits, Pair, PairOptions, Region, nothing},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_DEFER,
    NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SILENT_SUCCESS, NdkOperationTypeRead,
    STATUS_ACCESS_VIOLATION, STATUS_INVALID_DEVICE_REQUEST, STATUS_REMOTE_RESOURCES, UINT32, UINT64, ULONG,
};

contract! {
    "RD-01" rd_01, "a read brings the remote bytes into the entries in order";
    "RD-02" rd_02, "the remote address is the peer's value plus an offset";
    "RD-03" rd_03, "a read of zero bytes succeeds whatever the token";
    "RD-04" rd_04, "a read needs local write access and nothing else";
    "RD-05" rd_05, "more reads than the limit all complete";
    "RD-06" rd_06, "the target serves reads up to its limit";
    "RD-08" rd_08, "a read that the peer may not serve fails and ends the connection";
    "RD-09" rd_09, "the peer sees no completion, and the disconnect if the read failed";
    "RD-10" rd_10, "reads complete in posting order with the other requests";
    "RD-11" rd_11, "posting a read does not wait for the peer's judgement";
    "RD-12" rd_12, "the completion has type Read";
    "RD-13" rd_13, "every flag of a read and all of them together are taken";
    "RD-14" rd_14, "local invalidation needs an FRMR first, and kills that one only";
    "RD-07" rd_07, "reads need an outbound limit";
}

/// Posts a read of a whole piece that must be accepted.
#[track_caller]
fn read(
    end: &End,
    context: usize,
    (into, at, length): (&Region, usize, usize),
    from: &Region,
    offset: usize,
) -> Result {
    let status = end.qp.read(context, &[into.sge(at, length)], from.remote(offset), from.remote_token(), 0);
    end.qp.run().ok(status, "RD-01 NdkRead")
}

pub(super) const PIECES: [(usize, usize); 4] = [(5000, 3), (1, 4096), (9000, 0), (6001, 901)];

fn rd_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 16_384)?;
        let from = shared(&pair.passive.pd, 5000, 1)?;
        let entries = PIECES.map(|(offset, length)| into.sge(offset, length));
        let status = pair.active.qp.read(1, &entries, from.remote(0), from.remote_token(), 0);
        run.ok(status, "RD-01 NdkRead")?;
        done(&pair.active, 1)?;
        let mut at = 0;
        for (offset, length) in PIECES {
            holds(run, into.buffer(), offset, length, (1, at), "RD-01 the bytes in order")?;
            at += length;
        }
        only(run, into.buffer(), 7000, 9384, 0, "RD-01 and no others")
    })
}

fn rd_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 100)?;
        let from = shared(&pair.passive.pd, 10_000, 1)?;
        for offset in [0, 1, 4095, 4096, 4097, 9900] {
            read(&pair.active, offset, (&into, 0, 100), &from, offset)?;
            done(&pair.active, offset)?;
            holds(run, into.buffer(), 0, 100, (1, offset), "RD-02 bytes from the offset on")?;
        }
        Ok(())
    })
}

fn rd_03(job: &Job) -> Result {
    each(job, |run, pair| {
        for (context, token) in [0, 1, 0xFFFF_FFFF, pair.passive.pd.privileged_token()].into_iter().enumerate() {
            let status = pair.active.qp.read(context, &nothing(), UINT64::MAX, token, 0);
            run.ok(status, "RD-03 NdkRead of zero bytes")?;
            done(&pair.active, context)?;
        }
        Ok(())
    })
}

fn rd_04(job: &Job) -> Result {
    for (rights, works) in [(LOCAL, true), (REMOTE, true), (0, false), (NDK_MR_FLAG_ALLOW_REMOTE_READ, false)] {
        each(job, |run, pair| {
            let into = Region::new(&pair.active.pd, 64, rights)?;
            let from = shared(&pair.passive.pd, 64, 1)?;
            read(&pair.active, 1, (&into, 0, 64), &from, 0)?;
            if works {
                done(&pair.active, 1)?;
                return holds(run, into.buffer(), 0, 64, (1, 0), "RD-04 the bytes arrive");
            }
            let what = "RD-04 a sink without local write access";
            pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
            only(run, into.buffer(), 0, 64, 0, "RD-04 no byte is written")?;
            ended(&pair.passive)
        })?;
    }
    Ok(())
}

fn limited(inbound: ULONG, outbound: ULONG) -> PairOptions<'static> {
    PairOptions { limits: Limits { inbound, outbound }, ..PairOptions::default() }
}

fn many_reads(run: &Run, pair: &Pair) -> Result {
    const LENGTH: usize = 40_000;
    let into = sink(&pair.active.pd, 32 * LENGTH)?;
    let from = shared(&pair.passive.pd, 32 * LENGTH, 5)?;
    for index in 0..32 {
        read(&pair.active, index, (&into, index * LENGTH, LENGTH), &from, index * LENGTH)?;
    }
    for index in 0..32 {
        done(&pair.active, index)?;
    }
    holds(run, into.buffer(), 0, 32 * LENGTH, (5, 0), "RD-05, RD-06 every read is served")?;
    run.equal(
        pair.active.connector.disconnects() + pair.passive.connector.disconnects(),
        0u32,
        "RD-06 the connection stays",
    )
}

fn rd_05(job: &Job) -> Result {
    each_with(job, &limited(1, 1), |run, pair| many_reads(run, &pair))
}

fn rd_06(job: &Job) -> Result {
    each_with(job, &limited(16, 16), |run, pair| many_reads(run, &pair))
}

fn rd_07(job: &Job) -> Result {
    each_with(job, &limited(16, 0), |run, pair| {
        let into = sink(&pair.active.pd, 64)?;
        let from = shared(&pair.passive.pd, 64, 1)?;
        for entries in [&[into.sge(0, 64)][..], &[]] {
            let status = pair.active.qp.read(1, entries, from.remote(0), from.remote_token(), 0);
            run.status(status, STATUS_INVALID_DEVICE_REQUEST, "RD-07 no reads here")?;
        }
        write(&pair.active, 2, (&into, 0, 64), &from, 0)?;
        done(&pair.active, 2)?;
        Ok(())
    })
}

/// Why a peer may not serve a request.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wrong {
    UnknownToken,
    ZeroToken,
    PrivilegedToken,
    DeadToken,
    OtherDomain,
    NoRight,
    BeforeBegin,
    BeyondEnd,
    Wrap,
}

pub(super) const WRONG: [Wrong; 9] = [
    Wrong::UnknownToken,
    Wrong::ZeroToken,
    Wrong::PrivilegedToken,
    Wrong::DeadToken,
    Wrong::OtherDomain,
    Wrong::NoRight,
    Wrong::BeforeBegin,
    Wrong::BeyondEnd,
    Wrong::Wrap,
];

/// Gives a test the address and token of a request of 64 bytes that the passive side may not serve, and the
/// region that it must not touch.
pub(super) fn wrong(
    pair: &Pair,
    wrong: Wrong,
    rights: ULONG,
    test: impl FnOnce(UINT64, UINT32, &Region) -> Result,
) -> Result {
    let other_right = (NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE) & !rights | LOCAL;
    let flags = if wrong == Wrong::NoRight { other_right } else { rights };
    let flags = if flags == NDK_MR_FLAG_ALLOW_REMOTE_WRITE & !LOCAL { LOCAL } else { flags };
    let region = Region::new(&pair.passive.pd, 4096, flags)?;
    region.buffer().fill(0, 4096, 0x11);
    let (inside, token) = (region.remote(100), region.remote_token());
    match wrong {
        Wrong::UnknownToken => test(inside, token ^ 0x0100_0000, &region),
        Wrong::ZeroToken => test(inside, 0, &region),
        Wrong::PrivilegedToken => test(inside, pair.passive.pd.privileged_token(), &region),
        Wrong::DeadToken => {
            region.mr().deregister()?.ok("MR-24 NdkDeregisterMr")?;
            test(inside, token, &region)
        }
        Wrong::OtherDomain => {
            let pd = pair.passive.adapter.pd()?;
            let other = Region::new(&pd, 4096, REMOTE)?;
            other.buffer().fill(0, 4096, 0x11);
            test(other.remote(0), other.remote_token(), &other)
        }
        Wrong::NoRight => test(inside, token, &region),
        Wrong::BeforeBegin => test(region.remote(0) - 1, token, &region),
        Wrong::BeyondEnd => test(region.remote(4096 - 63), token, &region),
        Wrong::Wrap => test(UINT64::MAX - 10, token, &region),
    }
}

fn rd_08(job: &Job) -> Result {
    for case in WRONG {
        each(job, |run, pair| {
            wrong(&pair, case, NDK_MR_FLAG_ALLOW_REMOTE_READ, |address, token, _| {
                let into = sink(&pair.active.pd, 64)?;
                let status = pair.active.qp.read(1, &[into.sge(0, 64)], address, token, 0);
                run.ok(status, "RD-11 the peer judges later")?;
                let what = "RD-08 the read fails";
                pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, what)?;
                only(run, into.buffer(), 0, 64, 0, "RD-08 no byte is returned")?;
                ended(&pair.passive)?;
                ended(&pair.active)
            })
        })?;
    }
    Ok(())
}

fn rd_09(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 64)?;
        let from = shared(&pair.passive.pd, 64, 1)?;
        read(&pair.active, 1, (&into, 0, 64), &from, 0)?;
        done(&pair.active, 1)?;
        nothing_in(&pair.passive.received, "RD-09 no completion at the peer")?;
        nothing_in(&pair.passive.initiated, "RD-09 no completion at the peer")?;
        run.equal(pair.passive.connector.disconnects(), 0u32, "RD-09 nothing happened")?;
        read(&pair.active, 2, (&into, 0, 64), &from, 1)?;
        pair.passive.connector.wait_for_disconnect()?;
        run.equal(pair.passive.connector.disconnects(), 1u32, "RD-09 the disconnect")?;
        nothing_in(&pair.passive.received, "RD-09 no completion at the peer")?;
        nothing_in(&pair.passive.initiated, "RD-09 no completion at the peer")
    })
}

fn rd_10(job: &Job) -> Result {
    each(job, |_, pair| {
        const LONG: usize = 1 << 20;
        let into = sink(&pair.active.pd, LONG)?;
        let remote = shared(&pair.passive.pd, LONG, 1)?;
        let from = source(&pair.active.pd, 64, 1)?;
        for index in 0..8 {
            receive(&pair.passive, index, &[])?;
        }
        for index in 0..8 {
            read(&pair.active, 3 * index, (&into, 0, LONG), &remote, 0)?;
            write(&pair.active, 3 * index + 1, (&from, 0, 64), &remote, 0)?;
            send(&pair.active, 3 * index + 2, &[], 0)?;
        }
        for index in 0..24 {
            done(&pair.active, index)?;
        }
        Ok(())
    })
}

fn rd_11(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 64)?;
        // The queue waits, so the peer has surely not judged when the call returns.
        stall(&pair.active)?;
        let status = pair.active.qp.read(1, &[into.sge(0, 64)], 0, 0xBAD_BAD, 0);
        run.ok(status, "RD-11 STATUS_REMOTE_RESOURCES is never returned")?;
        nothing_in(&pair.active.initiated, "RD-11 nothing has happened yet")?;
        receive(&pair.passive, 1, &[])?;
        done(&pair.active, super::work_help::STALL)?;
        let what = "RD-11 it is a completion status";
        pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, what)?;
        Ok(())
    })
}

fn rd_12(job: &Job) -> Result {
    each(job, |run, pair| {
        run.ok(pair.active.qp.read(1, &nothing(), 0, 0, 0), "RD-03 NdkRead")?;
        let kind = done(&pair.active, 1)?.Type;
        run.check(kind == NdkOperationTypeRead, "RD-12 the type is Read")
    })
}

/// Posts with each of the flags, of which the last has no DEFER and is not silent, and sees them complete.
pub(super) fn flags_taken(end: &End, all: &[ULONG], mut post: impl FnMut(usize, ULONG) -> i32) -> Result {
    for (context, flags) in all.iter().enumerate() {
        end.qp.run().ok(post(context, *flags), "RD-13, WRT-09 the flag is taken")?;
    }
    for (context, flags) in all.iter().enumerate() {
        if flags & NDK_OP_FLAG_SILENT_SUCCESS == 0 {
            done(end, context)?;
        }
    }
    nothing_in(&end.initiated, "RD-13, WRT-09 silent ones tell nothing")
}

fn rd_13(job: &Job) -> Result {
    each(job, |_, pair| {
        let end = &pair.active;
        let (one, two, three) = (Fast::new(&end.pd, 64)?, Fast::new(&end.pd, 64)?, Fast::new(&end.pd, 64)?);
        for fast in [&one, &two, &three] {
            fast.ready(end, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        }
        let into = sink(&end.pd, 64)?;
        let from = shared(&pair.passive.pd, 64, 1)?;
        let kill = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
        let most = kill | NDK_OP_FLAG_READ_FENCE | NDK_OP_FLAG_SILENT_SUCCESS | NDK_OP_FLAG_DEFER;
        let all = [
            NDK_OP_FLAG_SILENT_SUCCESS,
            NDK_OP_FLAG_READ_FENCE,
            kill,
            NDK_OP_FLAG_DEFER,
            most,
            kill | NDK_OP_FLAG_READ_FENCE,
        ];
        flags_taken(end, &all, |context, flags| {
            let entry = match context {
                2 => one.sge(0, 64),
                4 => two.sge(0, 64),
                5 => three.sge(0, 64),
                _ => into.sge(0, 64),
            };
            end.qp.read(context, &[entry], from.remote(0), from.remote_token(), flags)
        })
    })
}

fn rd_14(job: &Job) -> Result {
    let kill = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
    each(job, |run, pair| {
        let end = &pair.active;
        let from = shared(&pair.passive.pd, 128, 1)?;
        let (first, second) = (Fast::new(&end.pd, 64)?, Fast::new(&end.pd, 64)?);
        first.ready(end, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        second.ready(end, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        let entries = [first.sge(0, 64), second.sge(0, 64)];
        let status = end.qp.read(1, &entries, from.remote(0), from.remote_token(), kill);
        run.ok(status, "RD-13 NdkRead")?;
        done(end, 1)?;
        // The second lives: it can be invalidated. The first does not.
        run.ok(second.invalidate(&end.qp, 2, 0), "INV-01 NdkInvalidate")?;
        done(end, 2)?;
        run.ok(first.invalidate(&end.qp, 3, 0), "INV-01 NdkInvalidate")?;
        let what = "RD-14 the first region was invalidated";
        end.initiated.expect(3, STATUS_INVALID_DEVICE_REQUEST, what)?;
        Ok(())
    })?;
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 64)?;
        let from = shared(&pair.passive.pd, 64, 1)?;
        let status = pair.active.qp.read(1, &[into.sge(0, 64)], from.remote(0), from.remote_token(), kill);
        run.ok(status, "RD-13 NdkRead")?;
        let what = "RD-14 the first entry is no FRMR";
        pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
        ended(&pair.passive)
    })
}
