//! `FLAG-*`: the flags of requests; INLINE is in `flags_inline.rs`, DEFER in `flags_defer.rs`.

use super::work_help::{
    Fast, LOCAL, Lam, STALL, Window, done, each, each_with, ended, holds, invalidate, nothing_in, only, pattern,
    receive, received, send, shared, sink, source, stall,
};
use crate::{
    kernel::Buffer,
    ndk::{Pair, PairOptions, Region, nothing, sge},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_MR_FLAG_ALLOW_LOCAL_READ,
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    NDK_MR_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
    NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE,
    NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS,
    STATUS_CANCELLED, STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_REMOTE_RESOURCES,
};

contract! {
    "FLAG-01" flag_01, "the values are those of the header, and 0x100 is local invalidation";
    "FLAG-02" flag_02, "a silent success gives no entry and no notification";
    "FLAG-03" flag_03, "a silent request that fails or is cancelled tells";
    "FLAG-04" flag_04, "silent successes take no room in the CQ";
    "FLAG-05" flag_05, "a fenced request waits for the reads before it";
    "FLAG-06" flag_06, "the fence is taken on all seven requests";
    "FLAG-07" flag_07, "a solicited message satisfies a SOLICITED arm after its receive completed";
    "FLAG-08" flag_08, "a message without SOLICIT does not satisfy a SOLICITED arm";
    "FLAG-09" flag_09, "SOLICIT means nothing to arms of other types";
    "FLAG-15" flag_15, "READ_SINK flags are taken";
    "FLAG-16" flag_16, "local invalidation kills the token before the completion";
    "FLAG-17" flag_17, "without the capability the flag for local invalidation is ignored";
    "FLAG-18" flag_18, "after a failing read with local invalidation the region can be closed";
    "FLAG-25" flag_25, "the remote-write right contains the local one, not the other way round";
    "FLAG-26" flag_26, "the stray half of a right is refused";
    "FLAG-27" flag_27, "local read is always granted";
}

/// Expects the FRMR's token to be dead, which costs the connection.
fn is_dead(run: &Run, pair: &Pair, fast: &Fast) -> Result {
    run.ok(fast.invalidate(&pair.active.qp, 66, 0), "INV-01 NdkInvalidate")?;
    let what = "FLAG-16 the token is dead";
    pair.active.initiated.expect(66, STATUS_INVALID_DEVICE_REQUEST, what)?;
    Ok(())
}

fn flag_01(job: &Job) -> Result {
    let values = [
        (NDK_OP_FLAG_SILENT_SUCCESS, 0x1),
        (NDK_OP_FLAG_READ_FENCE, 0x2),
        (NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, 0x4),
        (NDK_OP_FLAG_ALLOW_REMOTE_READ, 0x8),
        (NDK_OP_FLAG_ALLOW_LOCAL_WRITE, 0x10),
        (NDK_OP_FLAG_ALLOW_REMOTE_WRITE, 0x30),
        (NDK_OP_FLAG_INLINE, 0x40),
        (NDK_OP_FLAG_RDMA_READ_SINK, 0x80),
        (NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, 0x100u32),
        (NDK_OP_FLAG_DEFER, 0x200),
    ];
    for (seen, wanted) in values {
        job.run.equal(seen, wanted, "FLAG-01 the value of a flag")?;
    }
    each(job, |run, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        fast.ready(&pair.active, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        let from = shared(&pair.passive.pd, 64, 1)?;
        let read = |context, flags| {
            let (at, token) = (from.remote(0), from.remote_token());
            pair.active.qp.read(context, &[fast.sge(0, 64)], at, token, flags)
        };
        // 0x200 defers and invalidates nothing: the next read works.
        run.ok(read(1, 0x200), "FLAG-01 NdkRead with 0x200")?;
        run.ok(read(2, 0x100), "FLAG-01 NdkRead with 0x100")?;
        done(&pair.active, 1)?;
        done(&pair.active, 2)?;
        is_dead(run, &pair, &fast)
    })
}

fn flag_02(job: &Job) -> Result {
    each(job, |run, pair| {
        pair.active.initiated.arm(NDK_CQ_NOTIFY_ANY);
        for context in 0..10 {
            receive(&pair.passive, context, &[])?;
            send(&pair.active, context, &[], NDK_OP_FLAG_SILENT_SUCCESS)?;
            received(&pair.passive, context, 0)?;
        }
        nothing_in(&pair.active.initiated, "FLAG-02 no entry")?;
        run.equal(pair.active.initiated.notifications(), 0u32, "FLAG-02 no notification")?;
        receive(&pair.passive, 10, &[])?;
        send(&pair.active, 10, &[], 0)?;
        done(&pair.active, 10)?;
        nothing_in(&pair.active.initiated, "FLAG-02 no entry later")
    })
}

fn flag_03(job: &Job) -> Result {
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, 64)?;
        let silent = NDK_OP_FLAG_SILENT_SUCCESS;
        let status = pair.active.qp.read(1, &[into.sge(0, 64)], 0, 0xBAD_BAD, silent);
        run.ok(status, "RD-11 NdkRead")?;
        let what = "FLAG-03 a failing request tells";
        pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, what)?;
        Ok(())
    })?;
    each(job, |_, pair| {
        stall(&pair.active)?;
        send(&pair.active, 1, &[], NDK_OP_FLAG_SILENT_SUCCESS)?;
        pair.active.qp.flush();
        let what = "FLAG-03 a cancelled request tells";
        pair.active.initiated.expect(STALL, STATUS_CANCELLED, what)?;
        pair.active.initiated.expect(1, STATUS_CANCELLED, what)?;
        Ok(())
    })
}

fn flag_04(job: &Job) -> Result {
    let options = PairOptions { cq_depth: 1, ..PairOptions::default() };
    each_with(job, &options, |run, pair| {
        for round in 0..20 {
            let mut silent = 0;
            // No more than fit into the queue, then a loud one that tells that they are through.
            while silent < 50 {
                let flags = NDK_OP_FLAG_SILENT_SUCCESS;
                run.ok(pair.active.qp.write(1, &nothing(), 0, 0, flags), "WRT-03 NdkWrite")?;
                silent += 1;
            }
            run.ok(pair.active.qp.write(round, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
            done(&pair.active, round)?;
        }
        nothing_in(&pair.active.initiated, "FLAG-04 only the loud ones")
    })
}

fn flag_05(job: &Job) -> Result {
    const LONG: usize = 1 << 20;
    each(job, |run, pair| {
        let into = sink(&pair.active.pd, LONG)?;
        let from = source(&pair.active.pd, LONG, 0)?;
        let remote = shared(&pair.passive.pd, LONG, 0)?;
        let (at, token) = (remote.remote(0), remote.remote_token());
        for seed in 1..8 {
            pattern(from.buffer(), 0, LONG, seed);
            run.ok(pair.active.qp.read(1, &[into.sge(0, LONG)], at, token, 0), "RD-01 NdkRead")?;
            let fence = NDK_OP_FLAG_READ_FENCE;
            let status = pair.active.qp.write(2, &[from.sge(0, LONG)], at, token, fence);
            run.ok(status, "WRT-01 NdkWrite")?;
            receive(&pair.passive, 3, &[])?;
            send(&pair.active, 3, &[], NDK_OP_FLAG_READ_FENCE)?;
            received(&pair.passive, 3, 0)?;
            // The fenced send has arrived, so the read's bytes are here although nobody fetched its result.
            holds(run, into.buffer(), 0, LONG, (seed - 1, 0), "FLAG-05 what was there before")?;
            holds(run, remote.buffer(), 0, LONG, (seed, 0), "FLAG-05 what was written after")?;
            for context in 1..=3 {
                done(&pair.active, context)?;
            }
        }
        Ok(())
    })
}

fn flag_06(job: &Job) -> Result {
    each(job, |run, pair| {
        let (qp, fence) = (&pair.active.qp, NDK_OP_FLAG_READ_FENCE);
        let region = shared(&pair.active.pd, 64, 1)?;
        let window = Window::new(&pair.active.pd)?;
        let theirs = Fast::new(&pair.passive.pd, 64)?;
        theirs.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        receive(&pair.passive, 0, &[])?;
        receive(&pair.passive, 1, &[])?;
        let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
        let statuses = [
            qp.send(0, &[], fence),
            qp.send_and_invalidate(1, &[], fence, theirs.remote_token()),
            window.bind(qp, 2, &region, read | fence),
            fast.register(qp, 3, read | fence),
            fast.invalidate(qp, 4, fence),
            qp.read(5, &nothing(), 0, 0, fence),
            qp.write(6, &nothing(), 0, 0, fence),
        ];
        for status in statuses {
            run.ok(status, "FLAG-06 the fence is taken")?;
        }
        for context in 0..7 {
            done(&pair.active, context)?;
        }
        run.ok(invalidate(qp, 7, window.header(), fence), "FLAG-06 the fence is taken")?;
        done(&pair.active, 7)?;
        Ok(())
    })
}

fn flag_07(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = Fast::new(&pair.passive.pd, 64)?;
        fast.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        let solicit = NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;
        for context in 0..2 {
            pair.passive.received.arm(NDK_CQ_NOTIFY_SOLICITED);
            receive(&pair.passive, context, &[])?;
            let status = match context {
                0 => pair.active.qp.send(context, &[], solicit),
                _ => {
                    let token = fast.remote_token();
                    pair.active.qp.send_and_invalidate(context, &[], solicit, token)
                }
            };
            run.ok(status, "SND-01 NdkSend")?;
            pair.passive.received.wait_for_notification()?;
            let mut result = [ndkpi_sys::NDK_RESULT_EX::default()];
            let count = pair.passive.received.poll_ex(&mut result);
            run.equal(count, 1usize, "FLAG-07 the receive is there at the notification")?;
            run.equal(result[0].RequestContext.addr(), context, "WR-04 its context")?;
        }
        run.equal(pair.passive.received.notifications(), 2u32, "FLAG-07 one for each")
    })
}

fn flag_08(job: &Job) -> Result {
    each(job, |run, pair| {
        pair.passive.received.arm(NDK_CQ_NOTIFY_SOLICITED);
        receive(&pair.passive, 1, &[])?;
        receive(&pair.passive, 2, &[])?;
        send(&pair.active, 1, &[], 0)?;
        done(&pair.active, 1)?;
        nothing_in(&pair.active.initiated, "WR-02 one completion")?;
        run.equal(pair.passive.received.notifications(), 0u32, "FLAG-08 no notification")?;
        send(&pair.active, 2, &[], NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT)?;
        pair.passive.received.wait_for_notification()?;
        received(&pair.passive, 1, 0)?;
        received(&pair.passive, 2, 0)?;
        Ok(())
    })
}

fn flag_09(job: &Job) -> Result {
    each(job, |run, pair| {
        let cq = &pair.passive.received;
        for (kind, flags, fires) in [
            (NDK_CQ_NOTIFY_ANY, 0, 1u32),
            (NDK_CQ_NOTIFY_ANY, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, 2),
            (NDK_CQ_NOTIFY_ERRORS, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, 2),
        ] {
            cq.arm(kind);
            receive(&pair.passive, 1, &[])?;
            send(&pair.active, 1, &[], flags)?;
            done(&pair.active, 1)?;
            if kind == NDK_CQ_NOTIFY_ANY {
                cq.wait_for_notification()?;
            }
            received(&pair.passive, 1, 0)?;
            nothing_in(cq, "WR-02 one completion")?;
            run.equal(cq.notifications(), fires, "FLAG-09 ANY fires, ERRORS does not")?;
        }
        Ok(())
    })
}

fn flag_15(job: &Job) -> Result {
    each(job, |run, pair| {
        let from = shared(&pair.passive.pd, 64, 1)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        fast.ready(&pair.active, NDK_OP_FLAG_RDMA_READ_SINK | NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        let region = Region::new(&pair.active.pd, 64, NDK_MR_FLAG_RDMA_READ_SINK | LOCAL)?;
        for entry in [fast.sge(0, 64), region.sge(0, 64)] {
            let status = pair.active.qp.read(1, &[entry], from.remote(0), from.remote_token(), 0);
            run.ok(status, "RD-01 NdkRead")?;
            done(&pair.active, 1)?;
        }
        holds(run, fast.buffer(), 0, 64, (1, 0), "FLAG-15 a sink of an FRMR")?;
        holds(run, region.buffer(), 0, 64, (1, 0), "FLAG-15 a sink of a region")
    })
}

fn flag_16(job: &Job) -> Result {
    each(job, |run, pair| {
        let flags = pair.active.adapter.info()?.AdapterFlags;
        let supported = ndkpi_sys::NDK_ADAPTER_FLAG_RDMA_READ_LOCAL_INVALIDATE_SUPPORTED;
        run.check(flags & supported != 0, "ADP-21 the capability is reported")?;
        let fast = Fast::new(&pair.active.pd, 4096)?;
        let from = shared(&pair.passive.pd, 4096, 1)?;
        let (at, token) = (from.remote(0), from.remote_token());
        let kill = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
        for context in 0..4 {
            // Registering what is still valid fails (FRG-12), so each round shows that the one before killed.
            fast.ready(&pair.active, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
            fast.buffer().fill(0, 4096, 0);
            let status = pair.active.qp.read(context, &[fast.sge(0, 4096)], at, token, kill);
            run.ok(status, "RD-13 NdkRead")?;
            done(&pair.active, context)?;
            holds(run, fast.buffer(), 0, 4096, (1, 0), "FLAG-16 the bytes arrive")?;
        }
        is_dead(run, &pair, &fast)
    })
}

// The adapter's OptionalFeatures are to be without reads that invalidate their sink.
fn flag_17(job: &Job) -> Result {
    each(job, |run, pair| {
        let flags = pair.active.adapter.info()?.AdapterFlags;
        let supported = ndkpi_sys::NDK_ADAPTER_FLAG_RDMA_READ_LOCAL_INVALIDATE_SUPPORTED;
        run.check(flags & supported == 0, "ADP-21 the capability is not reported")?;
        let fast = Fast::new(&pair.active.pd, 4096)?;
        fast.ready(&pair.active, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        let from = shared(&pair.passive.pd, 4096, 1)?;
        let (at, token) = (from.remote(0), from.remote_token());
        let ignored = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
        for context in 0..4 {
            fast.buffer().fill(0, 4096, 0);
            let status = pair.active.qp.read(context, &[fast.sge(0, 4096)], at, token, ignored);
            run.ok(status, "FLAG-17 the read is taken")?;
            done(&pair.active, context)?;
            holds(run, fast.buffer(), 0, 4096, (1, 0), "FLAG-17 the read works")?;
        }
        // What is still valid can be invalidated.
        run.ok(fast.invalidate(&pair.active.qp, 9, 0), "INV-01 NdkInvalidate")?;
        done(&pair.active, 9)?;
        // A sink that is no fast-register region is no error either.
        let into = sink(&pair.active.pd, 64)?;
        let status = pair.active.qp.read(10, &[into.sge(0, 64)], at, token, ignored);
        run.ok(status, "FLAG-17 the read is taken")?;
        done(&pair.active, 10)?;
        holds(run, into.buffer(), 0, 64, (1, 0), "FLAG-17 the read works")
    })
}

fn flag_18(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        fast.ready(&pair.active, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
        let kill = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
        let status = pair.active.qp.read(1, &[fast.sge(0, 64)], 0, 0xBAD_BAD, kill);
        run.ok(status, "RD-13 NdkRead")?;
        let what = "RD-08 the read fails";
        pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, what)?;
        ended(&pair.active)?;
        let status = fast.invalidate(&pair.active.qp, 2, 0);
        run.status(status, STATUS_CONNECTION_INVALID, "FLAG-18 no harm in an invalidation")?;
        // Dropping it closes the region, which must succeed.
        drop(fast);
        Ok(())
    })
}

fn flag_25(job: &Job) -> Result {
    job.run.equal(NDK_OP_FLAG_ALLOW_REMOTE_WRITE & NDK_OP_FLAG_ALLOW_LOCAL_WRITE, 0x10u32, "FLAG-25")?;
    job.run.equal(NDK_MR_FLAG_ALLOW_REMOTE_WRITE & NDK_MR_FLAG_ALLOW_LOCAL_WRITE, 1u32, "FLAG-25")?;
    // Remote write lets this side receive into the region, and the peer write.
    each(job, |run, pair| {
        let fast = Fast::new(&pair.passive.pd, 64)?;
        fast.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_WRITE)?;
        let region = Region::new(&pair.passive.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_WRITE)?;
        let from = source(&pair.active.pd, 64, 1)?;
        let both = [
            (fast.sge(0, 64), fast.remote(0), fast.remote_token()),
            (region.sge(0, 64), region.remote(0), region.remote_token()),
        ];
        for (entry, at, token) in both {
            let status = pair.active.qp.write(1, &[from.sge(0, 64)], at, token, 0);
            run.ok(status, "WRT-01 NdkWrite")?;
            done(&pair.active, 1)?;
            receive(&pair.passive, 2, &[entry])?;
            send(&pair.active, 2, &[from.sge(0, 64)], 0)?;
            received(&pair.passive, 2, 64)?;
            done(&pair.active, 2)?;
        }
        Ok(())
    })?;
    // Local write alone does not let the peer write.
    for fast_one in [true, false] {
        each(job, |run, pair| {
            let fast = Fast::new(&pair.passive.pd, 64)?;
            fast.ready(&pair.passive, NDK_OP_FLAG_ALLOW_LOCAL_WRITE)?;
            let region = Region::new(&pair.passive.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
            let from = source(&pair.active.pd, 64, 1)?;
            let (at, token) = if fast_one {
                (fast.remote(0), fast.remote_token())
            } else {
                (region.remote(0), region.remote_token())
            };
            let status = pair.active.qp.write(1, &[from.sge(0, 64)], at, token, 0);
            run.ok(status, "WRT-01 NdkWrite")?;
            ended(&pair.passive)?;
            only(run, fast.buffer(), 0, 64, 0, "FLAG-25 the peer may not write")?;
            only(run, region.buffer(), 0, 64, 0, "FLAG-25 the peer may not write")
        })?;
    }
    Ok(())
}

fn flag_26(job: &Job) -> Result {
    each(job, |run, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        let stray = NDK_OP_FLAG_ALLOW_REMOTE_WRITE & !NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
        run.equal(stray, 0x20u32, "FLAG-26 the stray half")?;
        for flags in [stray, stray | NDK_OP_FLAG_ALLOW_REMOTE_READ] {
            let status = fast.register(&pair.active.qp, 1, flags);
            run.status(status, STATUS_INVALID_PARAMETER, "FLAG-26 FastRegister with 0x20")?;
        }
        let memory = Buffer::new(64)?;
        let mr = pair.active.pd.mr()?;
        for flags in [4, 4 | NDK_MR_FLAG_ALLOW_REMOTE_READ] {
            // SAFETY: the memory stays; nothing is registered.
            let answer = unsafe { mr.register(memory.mdl(), 64, flags) }?.wait()?;
            answer.is(run, STATUS_INVALID_PARAMETER, "FLAG-26 RegisterMr with 4")?;
        }
        nothing_in(&pair.active.initiated, "WR-03 what was refused completes nothing")
    })
}

fn flag_27(job: &Job) -> Result {
    job.run.equal(NDK_MR_FLAG_ALLOW_LOCAL_READ, 0u32, "FLAG-27 there is no such flag")?;
    each(job, |run, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        pattern(fast.buffer(), 0, 64, 1);
        fast.ready(&pair.active, 0)?;
        let region = source(&pair.active.pd, 64, 1)?;
        let memory = Buffer::new(64)?;
        pattern(&memory, 0, 64, 1);
        let lam = Lam::new(&pair.active.adapter, &memory)?;
        let into = sink(&pair.passive.pd, 64)?;
        let privileged = sge(lam.address(0), 64, pair.active.pd.privileged_token());
        for entry in [fast.sge(0, 64), region.sge(0, 64), privileged] {
            into.buffer().fill(0, 64, 0);
            receive(&pair.passive, 1, &[into.sge(0, 64)])?;
            send(&pair.active, 1, &[entry], 0)?;
            received(&pair.passive, 1, 64)?;
            done(&pair.active, 1)?;
            holds(run, into.buffer(), 0, 64, (1, 0), "FLAG-27 local read is granted")?;
        }
        Ok(())
    })
}
