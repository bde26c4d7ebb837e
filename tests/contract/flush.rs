//! `FLUSH-*`: NdkFlush; `FLUSH-05` is in `work_shared.rs`.

use super::work_help::{
    STALL, dead, disconnect, done, drain, each, nothing_in, pattern, receive, received, send, sink, source, stall,
};
use crate::{
    kernel::irql,
    ndk::{End, Pair, Qp, nothing},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_OP_FLAG_SILENT_SUCCESS, STATUS_CANCELLED,
    STATUS_SUCCESS,
};

contract! {
    "FLUSH-01" flush_01, "what waits in both queues completes cancelled";
    "FLUSH-02" flush_02, "a flush works at DISPATCH_LEVEL and does not wait";
    "FLUSH-03" flush_03, "one completion comes for each request, but for silent successes";
    "FLUSH-04" flush_04, "another QP on the same CQ is not touched";
    "FLUSH-06" flush_06, "receives of a QP that was never connected are cancelled";
    "FLUSH-07" flush_07, "flushing an empty QP or twice does nothing more";
    "FLUSH-08" flush_08, "cancelled completions satisfy an arm of any type";
    "FLUSH-09" flush_09, "after a flush the connection works or refuses, and ends by disconnect or close";
    "FLUSH-10" flush_10, "flush, close connector, close QP, close CQ leaves nothing behind";
}

const CANCELLED: &str = "FLUSH-01 what had not finished is cancelled";

/// Posts receives 0..4 and, behind a send that waits for a receive of the peer, requests 1..5.
fn fill(run: &Run, end: &End) -> Result {
    for context in 0..4 {
        receive(end, context, &[])?;
    }
    stall(end)?;
    run.ok(end.qp.read(1, &nothing(), 0, 0, 0), "RD-03 NdkRead")?;
    run.ok(end.qp.write(2, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
    send(end, 3, &[], 0)?;
    send(end, 4, &[], NDK_OP_FLAG_SILENT_SUCCESS)
}

/// Expects what [`fill`] posted to be cancelled, once each and in order.
fn cancelled(end: &End) -> Result {
    for context in 0..4 {
        end.received.expect(context, STATUS_CANCELLED, CANCELLED)?;
    }
    for context in [STALL, 1, 2, 3, 4] {
        end.initiated.expect(context, STATUS_CANCELLED, CANCELLED)?;
    }
    nothing_in(&end.received, "FLUSH-03 one completion for each")?;
    nothing_in(&end.initiated, "FLUSH-03 one completion for each")
}

fn flush_01(job: &Job) -> Result {
    each(job, |run, pair| {
        fill(run, &pair.active)?;
        pair.active.qp.flush();
        cancelled(&pair.active)
    })
}

fn flush_02(job: &Job) -> Result {
    each(job, |run, pair| {
        fill(run, &pair.active)?;
        // At this level the provider cannot wait.
        irql::at_dispatch(|| pair.active.qp.flush());
        cancelled(&pair.active)
    })
}

fn flush_03(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 1 << 20;
        let from = source(&pair.active.pd, LONG, 1)?;
        let into = sink(&pair.passive.pd, LONG)?;
        for index in 0..8 {
            receive(&pair.passive, index, &[into.sge(0, LONG)])?;
        }
        // Some are through, one may be on its way, some wait.
        for index in 0..16 {
            send(&pair.active, index, &[from.sge(0, LONG)], 0)?;
        }
        pair.active.qp.flush();
        let mut order = Ok(());
        drain(&pair.active.initiated, 16, |index, result| {
            let status = [STATUS_SUCCESS, STATUS_CANCELLED].contains(&result.Status);
            order = run.equal(result.RequestContext.addr(), index, "WR-05 in posting order");
            run.check(status, "FLUSH-03 finished or cancelled")
        })?;
        order
    })?;
    each(job, |run, pair| {
        // A silent one that has succeeded stays silent.
        receive(&pair.passive, 1, &[])?;
        send(&pair.active, 1, &[], NDK_OP_FLAG_SILENT_SUCCESS)?;
        received(&pair.passive, 1, 0)?;
        fill(run, &pair.active)?;
        pair.active.qp.flush();
        cancelled(&pair.active)
    })
}

fn flush_04(job: &Job) -> Result {
    each(job, |run, pair| {
        let end = &pair.active;
        let other: Qp =
            end.pd.create_qp(&end.received, &end.initiated, &Default::default())?.ok("QP-01 NdkCreateQp")?;
        run.ok(other.receive(77, &[]), "WR-12 NdkReceive")?;
        fill(run, end)?;
        end.qp.flush();
        cancelled(end)?;
        other.flush();
        end.received.expect(77, STATUS_CANCELLED, "FLUSH-04 it was still there")?;
        Ok(())
    })
}

fn flush_06(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    let adapter = crate::ndk::Adapter::open(job.run, job.provider, target)?;
    let pd = adapter.pd()?;
    let cq = adapter.cq(16)?;
    let qp = pd.qp(&cq)?;
    for context in 0..8 {
        job.run.ok(qp.receive(context, &[]), "WR-12 NdkReceive")?;
    }
    nothing_in(&cq, "WR-12 receives wait")?;
    qp.flush();
    for context in 0..8 {
        cq.expect(context, STATUS_CANCELLED, "FLUSH-06 a receive is cancelled")?;
    }
    nothing_in(&cq, "FLUSH-03 one completion for each")?;
    // The QP is as good as new.
    job.run.ok(qp.receive(9, &[]), "WR-12 NdkReceive")?;
    qp.flush();
    cq.expect(9, STATUS_CANCELLED, "FLUSH-06 a receive is cancelled")?;
    Ok(())
}

fn flush_07(job: &Job) -> Result {
    each(job, |run, pair| {
        pair.active.qp.flush();
        pair.active.qp.flush();
        nothing_in(&pair.active.received, "FLUSH-07 nothing to cancel")?;
        nothing_in(&pair.active.initiated, "FLUSH-07 nothing to cancel")?;
        // Nothing was cut short, so traffic goes on.
        receive(&pair.passive, 1, &[])?;
        send(&pair.active, 1, &[], 0)?;
        done(&pair.active, 1)?;
        received(&pair.passive, 1, 0)?;
        fill(run, &pair.active)?;
        pair.active.qp.flush();
        pair.active.qp.flush();
        cancelled(&pair.active)
    })
}

fn flush_08(job: &Job) -> Result {
    for kind in [NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED] {
        each(job, |run, pair| {
            fill(run, &pair.active)?;
            for cq in [&pair.active.received, &pair.active.initiated] {
                cq.arm(kind);
            }
            nothing_in(&pair.active.received, "nothing has come yet")?;
            pair.active.qp.flush();
            for cq in [&pair.active.received, &pair.active.initiated] {
                cq.wait_for_notification()?;
                run.equal(cq.notifications(), 1u32, "FLUSH-08 the arm is satisfied")?;
            }
            cancelled(&pair.active)
        })?;
    }
    Ok(())
}

/// After a flush: a send is taken and received, or refused or cancelled.
fn fit_or_not(pair: &Pair) -> Result {
    receive(&pair.passive, 50, &[])?;
    let status = pair.active.qp.send(50, &[], 0);
    if status != STATUS_SUCCESS {
        return dead(&pair.active.initiated, 50, status, "FLUSH-09 unfit for traffic");
    }
    let result = pair.active.initiated.next()?;
    if result.Status == STATUS_SUCCESS {
        received(&pair.passive, 50, 0)?;
        return Ok(());
    }
    let what = "FLUSH-09 unfit for traffic";
    pair.active.qp.run().status(result.Status, STATUS_CANCELLED, what)
}

fn flush_09(job: &Job) -> Result {
    const LONG: usize = 16 << 20;
    let end_by: [fn(&Pair) -> Result; 2] = [
        |pair| disconnect(&pair.active, &pair.passive, || Ok(())),
        |pair| {
            let closing = pair.active.connector.start_close()?;
            closing.ok("LIFE-01 closing cannot fail").map(drop)
        },
    ];
    for (number, end) in end_by.into_iter().enumerate() {
        each(job, |run, pair| {
            let from = source(&pair.active.pd, LONG, 1)?;
            let into = sink(&pair.passive.pd, LONG)?;
            pattern(from.buffer(), 0, 4096, number);
            receive(&pair.passive, 1, &[into.sge(0, LONG)])?;
            // So long that the flush most likely comes in the middle.
            send(&pair.active, 1, &[from.sge(0, LONG)], 0)?;
            pair.active.qp.flush();
            let cut = pair.active.initiated.next()?.Status;
            if cut == STATUS_SUCCESS {
                received(&pair.passive, 1, LONG)?;
                fit_or_not(&pair)?;
            } else {
                run.status(cut, STATUS_CANCELLED, CANCELLED)?;
                let status = pair.active.qp.send(2, &[], 0);
                let what = "FLUSH-09 a message cut short leaves the QP unfit";
                dead(&pair.active.initiated, 2, status, what)?;
            }
            end(&pair)?;
            pair.passive.connector.wait_for_disconnect()?;
            run.equal(pair.passive.connector.disconnects(), 1u32, "FLUSH-09 the peer learns")
        })?;
    }
    Ok(())
}

fn flush_10(job: &Job) -> Result {
    each(job, |run, pair| {
        fill(run, &pair.active)?;
        let Pair { active, passive, listener: _listener } = pair;
        let End { connector, qp, received, initiated, pd, adapter } = active;
        qp.flush();
        connector.close()?;
        qp.close()?;
        for context in 0..4 {
            received.expect(context, STATUS_CANCELLED, CANCELLED)?;
        }
        for context in [STALL, 1, 2, 3, 4] {
            initiated.expect(context, STATUS_CANCELLED, CANCELLED)?;
        }
        received.close()?;
        initiated.close()?;
        pd.close()?;
        drop(adapter);
        passive.connector.wait_for_disconnect()?;
        run.equal(passive.connector.disconnects(), 1u32, "FLUSH-10 the peer learns of it")
    })
}
