//! `FLAG-10` to `FLAG-14`: INLINE.

use super::work_help::{
    Fast, REMOTE, Window, done, each_with, holds, nothing_in, pattern, receive, received, release, send, shared, sink,
    source, stall,
};
use crate::{
    kernel::Buffer,
    ndk::{PairOptions, QpOptions, Region, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_INLINE, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, ULONG,
};

contract! {
    "FLAG-10" flag_10, "an inline payload is read before the call returns";
    "FLAG-11" flag_11, "tokens of inline entries are ignored";
    "FLAG-12" flag_12, "inline entries may be more than the QP's limit";
    "FLAG-13" flag_13, "InlineDataSize is exact";
    "FLAG-14" flag_14, "INLINE is for sends and writes only";
}

fn with_inline(inline: ULONG) -> PairOptions<'static> {
    PairOptions { qp: QpOptions { inline, ..QpOptions::default() }, ..PairOptions::default() }
}

fn flag_10(job: &Job) -> Result {
    each_with(job, &with_inline(64), |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        stall(&pair.active)?;
        send(&pair.active, 1, &[from.sge(0, 64)], NDK_OP_FLAG_INLINE)?;
        let (at, token) = (to.remote(0), to.remote_token());
        let status = pair.active.qp.write(2, &[from.sge(0, 64)], at, token, NDK_OP_FLAG_INLINE);
        run.ok(status, "WRT-01 NdkWrite")?;
        from.buffer().fill(0, 64, 0xFF);
        release(&pair.active, &pair.passive)?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        received(&pair.passive, 1, 64)?;
        done(&pair.active, 1)?;
        done(&pair.active, 2)?;
        receive(&pair.passive, 3, &[])?;
        send(&pair.active, 3, &[], 0)?;
        received(&pair.passive, 3, 0)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "FLAG-10 the bytes of the call")?;
        holds(run, to.buffer(), 0, 64, (1, 0), "FLAG-10 the bytes of the call")
    })
}

fn flag_11(job: &Job) -> Result {
    each_with(job, &with_inline(64), |run, pair| {
        // Memory that is in no region.
        let memory = Buffer::new(64)?;
        pattern(&memory, 0, 64, 1);
        let into = sink(&pair.passive.pd, 64)?;
        let privileged = pair.active.pd.privileged_token();
        for token in [0, 1, 0xFFFF_FFFF, privileged, into.local_token()] {
            into.buffer().fill(0, 64, 0);
            receive(&pair.passive, 1, &[into.sge(0, 64)])?;
            let entry = sge(memory.address().addr().get(), 64, token);
            send(&pair.active, 1, &[entry], NDK_OP_FLAG_INLINE)?;
            received(&pair.passive, 1, 64)?;
            done(&pair.active, 1)?;
            holds(run, into.buffer(), 0, 64, (1, 0), "FLAG-11 the bytes at the address")?;
        }
        Ok(())
    })
}

fn flag_12(job: &Job) -> Result {
    let mut options = with_inline(64);
    options.qp.initiator_sge = 1;
    each_with(job, &options, |run, pair| {
        let from = source(&pair.active.pd, 64, 1)?;
        let into = sink(&pair.passive.pd, 64)?;
        let mut entries = [from.sge(0, 1); 64];
        for (offset, entry) in entries.iter_mut().enumerate() {
            *entry = from.sge(offset, 1);
        }
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        send(&pair.active, 1, &entries, NDK_OP_FLAG_INLINE)?;
        received(&pair.passive, 1, 64)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "FLAG-12 64 entries of a byte each")
    })
}

fn flag_13(job: &Job) -> Result {
    for limit in [0, 1, 63, 64, 65, 256] {
        each_with(job, &with_inline(limit), |run, pair| {
            let limit = limit as usize;
            let from = source(&pair.active.pd, 300, 1)?;
            let into = sink(&pair.passive.pd, 300)?;
            let (qp, inline) = (&pair.active.qp, NDK_OP_FLAG_INLINE);
            let what = "FLAG-13 one byte too many";
            let whole = [from.sge(0, limit + 1)];
            run.status(qp.send(1, &whole, inline), STATUS_BUFFER_OVERFLOW, what)?;
            let parts = [from.sge(0, limit), from.sge(0, 1)];
            run.status(qp.send(1, &parts, inline), STATUS_BUFFER_OVERFLOW, what)?;
            let status = qp.write(1, &whole, 0, 0, inline);
            run.status(status, STATUS_BUFFER_OVERFLOW, what)?;
            let status = qp.send_and_invalidate(1, &whole, inline, 1);
            run.status(status, STATUS_BUFFER_OVERFLOW, what)?;
            receive(&pair.passive, 2, &[into.sge(0, 300)])?;
            send(&pair.active, 2, &[from.sge(0, limit)], inline)?;
            received(&pair.passive, 2, limit)?;
            done(&pair.active, 2)?;
            holds(run, into.buffer(), 0, limit, (1, 0), "FLAG-13 exactly the limit")
        })?;
    }
    Ok(())
}

fn flag_14(job: &Job) -> Result {
    each_with(job, &with_inline(64), |run, pair| {
        let (qp, inline) = (&pair.active.qp, NDK_OP_FLAG_INLINE);
        let from = source(&pair.active.pd, 64, 1)?;
        let region = shared(&pair.active.pd, 64, 1)?;
        let to = Region::new(&pair.passive.pd, 64, REMOTE)?;
        let theirs = Fast::new(&pair.passive.pd, 64)?;
        theirs.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        let window = Window::new(&pair.active.pd)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
        let (at, token) = (to.remote(0), to.remote_token());
        for status in [
            qp.read(1, &[region.sge(0, 64)], at, token, inline),
            window.bind(qp, 1, &region, inline | read),
            fast.register(qp, 1, inline | read),
            fast.invalidate(qp, 1, inline),
        ] {
            run.status(status, STATUS_INVALID_PARAMETER, "FLAG-14 not for this request")?;
        }
        let into = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 2, &[into.sge(0, 64)])?;
        receive(&pair.passive, 3, &[into.sge(0, 64)])?;
        let entry = [from.sge(0, 64)];
        for status in [
            qp.send(2, &entry, inline),
            qp.send_and_invalidate(3, &entry, inline, theirs.remote_token()),
            qp.write(4, &entry, at, token, inline),
        ] {
            run.ok(status, "FLAG-14 fine for this request")?;
        }
        for context in 2..=4 {
            done(&pair.active, context)?;
        }
        nothing_in(&pair.active.initiated, "WR-03 what was refused completes nothing")
    })
}
