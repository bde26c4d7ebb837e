//! `CQ-15`, `CQ-33` to `CQ-38`: a completion queue that overflows. See docs/contract/ndkpi.md.

use super::stage::{adapter, drain, join, message, pair, pair_of_depth, quiet, take, write};
use crate::{
    kernel::time,
    ndk::{Cq, Pair, PairOptions, Qp, QpOptions, nothing},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_RESULT, NDK_RESULT_EX,
    STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_CONNECTION_INVALID, STATUS_SUCCESS,
};

contract! {
    "CQ-15" cq_15, "failure of the CQ satisfies an arm of any type";
    "CQ-33" cq_33, "a full CQ fails: one callback, no completions afterwards";
    "CQ-35" cq_35, "the QPs of a failed CQ are unusable and their connections end";
    "CQ-36" cq_36, "objects of a failed CQ close, others go on working";
    "CQ-38" cq_38, "a CQ as deep as its queues never overflows";
}

fn overflowed(run: &Run, cq: &Cq, calls: u32) -> Result {
    cq.wait_for_notification()?;
    run.status(cq.notified_status(), STATUS_BUFFER_OVERFLOW, "CQ-33 the CQ has failed")?;
    run.equal(cq.notifications(), calls, "CQ-33 one callback")
}

fn cq_15(job: &Job) -> Result {
    for kind in [NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ERRORS] {
        let pair = pair_of_depth(job, 1)?;
        pair.active.initiated.arm(kind);
        write(&pair.active, 0..2)?;
        overflowed(job.run, &pair.active.initiated, 1)?;
    }
    // ANY is still armed at the overflow if what is there was there at the last callback (CQ-20).
    let pair = pair_of_depth(job, 1)?;
    let cq = &pair.active.initiated;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(&pair.active, 0..1)?;
    cq.wait_for_notification()?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(&pair.active, 1..2)?;
    overflowed(job.run, cq, 2)
}

/// Lets the CQ of the active end's requests overflow and waits until its connection has gone.
fn overflow(pair: &Pair, depth: usize) -> Result {
    write(&pair.active, 0..depth + 1)?;
    pair.active.connector.wait_for_disconnect()
}

fn nothing_left(run: &Run, cq: &Cq) -> Result {
    run.equal(cq.poll(&mut [NDK_RESULT::default(); 8]), 0usize, "CQ-33 nothing is reported any more")?;
    run.equal(cq.poll_ex(&mut [NDK_RESULT_EX::default(); 8]), 0usize, "CQ-33 nothing is reported any more")
}

fn cq_33(job: &Job) -> Result {
    for depth in [1, 2, 7] {
        // Armed at the overflow.
        let pair = pair_of_depth(job, depth)?;
        let cq = &pair.active.initiated;
        cq.arm(NDK_CQ_NOTIFY_ERRORS);
        write(&pair.active, 0..depth as usize)?;
        quiet(job.run, cq, 0, "CQ-33 exactly the depth fits")?;
        write(&pair.active, 0..1)?;
        overflowed(job.run, cq, 1)?;
        nothing_left(job.run, cq)?;
        cq.arm(NDK_CQ_NOTIFY_ANY);
        quiet(job.run, cq, 1, "CQ-33 failure is told once")?;

        // Armed afterwards.
        let pair = pair_of_depth(job, depth)?;
        let cq = &pair.active.initiated;
        overflow(&pair, depth as usize)?;
        quiet(job.run, cq, 0, "CQ-33 no callback without an arm")?;
        nothing_left(job.run, cq)?;
        cq.arm(NDK_CQ_NOTIFY_SOLICITED);
        overflowed(job.run, cq, 1)?;
    }
    Ok(())
}

fn unusable(run: &Run, qp: &Qp) -> Result {
    const WHAT: &str = "CQ-35 posting is refused";
    run.status(qp.send(1, &nothing(), 0), STATUS_CONNECTION_INVALID, WHAT)?;
    run.status(qp.write(1, &nothing(), 0, 0, 0), STATUS_CONNECTION_INVALID, WHAT)?;
    run.status(qp.read(1, &nothing(), 0, 0, 0), STATUS_CONNECTION_INVALID, WHAT)?;
    run.status(qp.receive(1, &nothing()), STATUS_CONNECTION_INVALID, WHAT)
}

fn cq_35(job: &Job) -> Result {
    // In the role of the initiator queue's CQ.
    let pair = pair_of_depth(job, 2)?;
    overflow(&pair, 2)?;
    pair.passive.connector.wait_for_disconnect()?;
    unusable(job.run, &pair.active.qp)?;
    time::sleep(20);
    job.run.equal(pair.active.connector.disconnects(), 1u32, "CQ-35 one local disconnect event")?;
    job.run.equal(pair.passive.connector.disconnects(), 1u32, "CQ-35 one at the peer")?;

    // In the role of the receive queue's CQ.
    let pair = pair_of_depth(job, 2)?;
    for context in 0..3 {
        job.run.ok(pair.passive.qp.receive(context, &nothing()), "NdkReceive")?;
    }
    for context in 0..3 {
        job.run.ok(pair.active.qp.send(context, &nothing(), 0), "NdkSend")?;
        // The sender's CQ is no deeper and must not overflow.
        let sent = take(job.run, &pair.active.initiated)?.Status;
        job.run.check(sent == STATUS_SUCCESS || sent == STATUS_CANCELLED, "the send ends")?;
    }
    pair.passive.connector.wait_for_disconnect()?;
    pair.active.connector.wait_for_disconnect()?;
    unusable(job.run, &pair.passive.qp)?;
    time::sleep(20);
    job.run.equal(pair.active.connector.disconnects(), 1u32, "CQ-35 one disconnect event at the peer")?;
    job.run.equal(pair.passive.connector.disconnects(), 1u32, "CQ-35 one local disconnect event")
}

fn cq_36(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let (small, large) = (adapter.cq(1)?, adapter.cq(64)?);
    let failing = [pd.qp(&small)?, pd.qp(&large)?];
    let healthy = [pd.qp(&large)?, pd.qp(&large)?];
    let [from, to] = &failing;
    let first = join(job, (&adapter, from), (&adapter, to))?;
    let [left, right] = &healthy;
    let second = join(job, (&adapter, left), (&adapter, right))?;
    for context in 0..2 {
        job.run.ok(from.write(context, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
    }
    first.active.wait_for_disconnect()?;
    first.passive.wait_for_disconnect()?;
    // Another connection of the same domain, on the CQ that the dead one's peer used as well.
    job.run.equal(second.active.disconnects() + second.passive.disconnects(), 0u32, "CQ-36 others stay connected")?;
    for context in 0..10 {
        job.run.ok(left.write(context, &nothing(), 0, 0, 0), "CQ-36 other QPs work")?;
        drain(job.run, &large, context..context + 1, STATUS_SUCCESS)?;
    }
    // In any order, each close ends.
    let closing = small.start_close()?;
    first.active.start_close()?.ok("LIFE-01 the connector")?;
    from.start_close()?.ok("CQ-36 the QP of the failed CQ")?;
    closing.ok("CQ-36 the failed CQ").map(drop)
}

fn cq_38(job: &Job) -> Result {
    const DEPTH: u32 = 8;
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let options = QpOptions { receive_depth: DEPTH, initiator_depth: DEPTH, ..QpOptions::default() };
    let (cq, other) = (adapter.cq(2 * DEPTH)?, adapter.cq(64)?);
    let left = pd.create_qp(&cq, &cq, &options)?.ok("QP-01 NdkCreateQp")?;
    let right = pd.create_qp(&other, &other, &options)?.ok("QP-01 NdkCreateQp")?;
    let joined = join(job, (&adapter, &left), (&adapter, &right))?;
    cq.arm(NDK_CQ_NOTIFY_ERRORS);
    let count = DEPTH as usize;
    for _ in 0..5 {
        for context in 0..count {
            job.run.ok(left.receive(context, &nothing()), "WR-16 the depth fits")?;
            job.run.ok(left.write(context, &nothing(), 0, 0, 0), "WR-16 the depth fits")?;
        }
        for context in 0..count {
            job.run.ok(right.send(context, &nothing(), 0), "NdkSend")?;
        }
        drain(job.run, &other, 0..count, STATUS_SUCCESS)?;
        for _ in 0..2 * count {
            job.run.ok(take(job.run, &cq)?.Status, "CQ-38 a result of each request")?;
        }
    }
    quiet(job.run, &cq, 0, "CQ-38 no failure")?;
    drop(joined);
    let pair = pair(job, PairOptions::default())?;
    message(&pair, 0..1, 0)?;
    drain(job.run, &pair.passive.received, 0..1, STATUS_SUCCESS)
}
