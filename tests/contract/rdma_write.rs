//! `WRT-*`: writes.

use super::rdma::{PIECES, WRONG, Wrong, flags_taken, wrong};
use super::work_help::{
    REMOTE, done, each, each_with, ended, holds, nothing_in, only, pattern, receive, received, send, sink, source,
};
use crate::{
    ndk::{End, Pair, PairOptions, QpOptions, Region, nothing},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_READ_FENCE,
    NDK_OP_FLAG_SILENT_SUCCESS, NdkOperationTypeWrite, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS, UINT64,
};

contract! {
    "WRT-01" wrt_01, "a write brings the entries to the remote bytes in order";
    "WRT-02" wrt_02, "the remote address is the peer's value plus an offset";
    "WRT-03" wrt_03, "a write of zero bytes succeeds whatever the token";
    "WRT-04" wrt_04, "the peer gets no completion for a write";
    "WRT-05" wrt_05, "a fenced read after a write returns what was written";
    "WRT-06" wrt_06, "a write that the peer may not take ends the connection";
    "WRT-07" wrt_07, "no byte of a write lies beyond the end of the region";
    "WRT-08" wrt_08, "the completion has type Write";
    "WRT-09" wrt_09, "every flag of a write and all of them together are taken";
}

/// Posts a write of a whole piece that must be accepted.
#[track_caller]
pub(super) fn write(
    end: &End,
    context: usize,
    (from, at, length): (&Region, usize, usize),
    to: &Region,
    offset: usize,
) -> Result {
    let status = end.qp.write(context, &[from.sge(at, length)], to.remote(offset), to.remote_token(), 0);
    end.qp.run().ok(status, "WRT-01 NdkWrite")
}

/// Makes sure that all writes so far are placed (WRT-05).
fn settle(pair: &Pair) -> Result {
    receive(&pair.passive, 0x5E7, &[])?;
    send(&pair.active, 0x5E7, &[], 0)?;
    received(&pair.passive, 0x5E7, 0)?;
    done(&pair.active, 0x5E7)?;
    Ok(())
}

fn wrt_01(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 16_384, 1)?;
        let to = Region::new(&pair.passive.pd, 8192, REMOTE)?;
        let entries = PIECES.map(|(offset, length)| from.sge(offset, length));
        let status = pair.active.qp.write(1, &entries, to.remote(0), to.remote_token(), 0);
        run.ok(status, "WRT-01 NdkWrite")?;
        done(&pair.active, 1)?;
        settle(&pair)?;
        let mut at = 0;
        for (offset, length) in PIECES {
            holds(run, to.buffer(), at, length, (1, offset), "WRT-01 the bytes in order")?;
            at += length;
        }
        only(run, to.buffer(), at, 8192 - at, 0, "WRT-01 and no others")
    })
}

fn wrt_02(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 100, 1)?;
        let to = Region::new(&pair.passive.pd, 10_000, REMOTE)?;
        for offset in [0, 1, 4095, 4096, 4097, 9900] {
            to.buffer().fill(0, 10_000, 0);
            write(&pair.active, offset, (&from, 0, 100), &to, offset)?;
            done(&pair.active, offset)?;
            settle(&pair)?;
            holds(run, to.buffer(), offset, 100, (1, 0), "WRT-02 bytes from the offset on")?;
            only(run, to.buffer(), 0, offset, 0, "WRT-02 none before")?;
            only(run, to.buffer(), offset + 100, 9900 - offset, 0, "WRT-02 none after")?;
        }
        Ok(())
    })
}

fn wrt_03(job: &Job) -> Result {
    each(job, |run, pair| {
        for (context, token) in [0, 1, 0xFFFF_FFFF].into_iter().enumerate() {
            let status = pair.active.qp.write(context, &nothing(), UINT64::MAX, token, 0);
            run.ok(status, "WRT-03 NdkWrite of zero bytes")?;
            done(&pair.active, context)?;
        }
        settle(&pair)
    })
}

fn wrt_04(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        write(&pair.active, 1, (&from, 0, 64), &to, 0)?;
        done(&pair.active, 1)?;
        nothing_in(&pair.passive.received, "WRT-04 no completion at the peer")?;
        nothing_in(&pair.passive.initiated, "WRT-04 no completion at the peer")?;
        settle(&pair)?;
        holds(run, to.buffer(), 0, 64, (1, 0), "WRT-04 a send tells")
    })
}

fn wrt_05(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 300_000;
        let to = Region::new(&pair.passive.pd, LONG, REMOTE)?;
        let back = sink(&pair.active.pd, LONG)?;
        let from = source(&pair.active.pd, LONG, 0)?;
        for seed in 0..10 {
            pattern(from.buffer(), 0, LONG, seed);
            write(&pair.active, 1, (&from, 0, LONG), &to, 0)?;
            let entry = [back.sge(0, LONG)];
            let (at, token) = (to.remote(0), to.remote_token());
            let status = pair.active.qp.read(2, &entry, at, token, NDK_OP_FLAG_READ_FENCE);
            run.ok(status, "RD-01 NdkRead")?;
            done(&pair.active, 1)?;
            // The local buffer is free now.
            from.buffer().fill(0, LONG, 0xFF);
            done(&pair.active, 2)?;
            holds(run, back.buffer(), 0, LONG, (seed, 0), "WRT-05 the read returns the write")?;
        }
        Ok(())
    })
}

fn wrt_06(job: &Job) -> Result {
    for case in WRONG {
        each(job, |run, pair| {
            wrong(&pair, case, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, |address, token, region| {
                let from = source(&pair.active.pd, 64, 1)?;
                let status = pair.active.qp.write(1, &[from.sge(0, 64)], address, token, 0);
                run.ok(status, "WR-25 the peer judges later")?;
                let result = pair.active.initiated.next()?;
                if result.Status != STATUS_SUCCESS {
                    run.status(result.Status, STATUS_REMOTE_RESOURCES, "WRT-06 the write fails")?;
                }
                ended(&pair.passive)?;
                ended(&pair.active)?;
                let untouched = if case == Wrong::BeyondEnd { 4096 - 63 } else { 4096 };
                only(run, region.buffer(), 0, untouched, 0x11, "WRT-06 no byte changes")
            })
        })?;
    }
    Ok(())
}

fn wrt_07(job: &Job) -> Result {
    each(job, |run, pair| {
        // A region of the front of a buffer, whose back must not change.
        let whole = Region::new(&pair.passive.pd, 8192, 0)?;
        whole.buffer().fill(0, 8192, 0x11);
        let front = pair.passive.pd.mr()?;
        // SAFETY: the buffer stays until the region is closed below.
        unsafe { front.register(whole.buffer().mdl(), 4096, REMOTE) }?.ok("MR-10 NdkRegisterMr")?;
        let from = source(&pair.active.pd, 200, 1)?;
        let status = pair.active.qp.write(1, &[from.sge(0, 200)], whole.remote(4000), front.remote_token(), 0);
        run.ok(status, "WR-25 the peer judges later")?;
        pair.active.initiated.next()?;
        ended(&pair.passive)?;
        only(run, whole.buffer(), 4096, 4096, 0x11, "WRT-07 no byte beyond the end")?;
        only(run, whole.buffer(), 0, 4000, 0x11, "WRT-07 none before the address")?;
        front.close()?;
        Ok(())
    })
}

fn wrt_08(job: &Job) -> Result {
    each(job, |run, pair| {
        run.ok(pair.active.qp.write(1, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        let kind = done(&pair.active, 1)?.Type;
        run.check(kind == NdkOperationTypeWrite, "WRT-08 the type is Write")
    })
}

fn wrt_09(job: &Job) -> Result {
    let options = PairOptions { qp: QpOptions { inline: 64, ..QpOptions::default() }, ..PairOptions::default() };
    each_with(job, &options, |run, pair| {
        let from = source(&pair.active.pd, 64, 9)?;
        let to = Region::new(&pair.passive.pd, 6 * 64, REMOTE)?;
        let most = NDK_OP_FLAG_READ_FENCE | NDK_OP_FLAG_INLINE;
        let all = [
            NDK_OP_FLAG_SILENT_SUCCESS,
            NDK_OP_FLAG_READ_FENCE,
            NDK_OP_FLAG_INLINE,
            NDK_OP_FLAG_DEFER,
            most | NDK_OP_FLAG_SILENT_SUCCESS | NDK_OP_FLAG_DEFER,
            most,
        ];
        flags_taken(&pair.active, &all, |context, flags| {
            let (at, token) = (to.remote(64 * context), to.remote_token());
            pair.active.qp.write(context, &[from.sge(0, 64)], at, token, flags)
        })?;
        settle(&pair)?;
        for context in 0..all.len() {
            holds(run, to.buffer(), 64 * context, 64, (9, 0), "WRT-09 each is written")?;
        }
        Ok(())
    })
}
