//! `HAB-21` to `HAB-24`: how real consumers post and fetch. See habits.md.

use super::{
    bed::{Link, arm, each_place, poll},
    probe::{Seen, hooked, probe},
    work_help::{REMOTE, done, each, holds, nothing_in, receive, received, shared, sink, source},
};
use crate::{
    kernel::{irql, time},
    ndk::{Cq, Region, nothing},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "HAB-21" hab_21, "DEFER on all but the last of a batch of 16";
    "HAB-22" hab_22, "arm, then poll: what has completed is seen while the callback is still held back";
    "HAB-23" hab_23, "polling at DISPATCH_LEVEL with seconds of patience";
    "HAB-24" hab_24, "a consumer that only ever arms for any completion, in its callback";
}

/// What consumers ask for: 20 microseconds, and no count.
const MODERATION: (ULONG, ULONG) = (20, ULONG::MAX);
/// A moderation that does not run out during a test, in microseconds.
const AGES: ULONG = 600_000_000;

fn hab_21(job: &Job) -> Result {
    each(job, |run, pair| {
        const BATCH: usize = 16;
        let from = source(&pair.active.pd, BATCH * 512, 4)?;
        let to = Region::new(&pair.passive.pd, BATCH * 512, REMOTE)?;
        for round in 0..8 {
            receive(&pair.passive, round, &[])?;
            for place in 0..BATCH - 1 {
                let (at, token) = (to.remote(place * 512), to.remote_token());
                let status = pair.active.qp.write(place, &[from.sge(place * 512, 512)], at, token, NDK_OP_FLAG_DEFER);
                run.ok(status, "FLAG-19 a deferred request is taken")?;
            }
            run.ok(pair.active.qp.send(BATCH - 1, &[], 0), "the last one starts them all")?;
            for context in 0..BATCH {
                done(&pair.active, context)?;
            }
            received(&pair.passive, round, 0)?;
            holds(run, to.buffer(), 0, (BATCH - 1) * 512, (4, 0), "WR-31 the writes are there")?;
            to.buffer().fill(0, BATCH * 512, 0);
        }
        nothing_in(&pair.active.initiated, "WR-02 each request completes once")
    })
}

/// Looks for one result without waiting in the kernel, as a polling consumer does. Any IRQL up to DISPATCH_LEVEL.
fn spin(run: &Run, cq: &Cq) -> Result<NDK_RESULT_EX> {
    let until = time::now() + u64::from(run.patience()) * 1_000_000;
    let mut result = [NDK_RESULT_EX::default()];
    while time::now() < until {
        if cq.poll_ex(&mut result) == 1 {
            let [result] = result;
            return Ok(result);
        }
        core::hint::spin_loop();
    }
    Err(Failure::new("WR-02 each request completes", STATUS_IO_TIMEOUT))
}

fn hab_22(job: &Job) -> Result {
    each(job, |run, pair| {
        let cq = &pair.active.initiated;
        run.ok(cq.moderate(AGES, ULONG::MAX), "CQ-66 by interval only")?;
        for context in 0..32 {
            cq.arm(NDK_CQ_NOTIFY_ANY);
            run.ok(pair.active.qp.write(context, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
            run.ok(spin(run, cq)?.Status, "CQ-69 it can be fetched before the callback")?;
            run.equal(cq.notifications(), 0u32, "CQ-69 which is still held back")?;
        }
        let (interval, count) = MODERATION;
        run.ok(cq.moderate(interval, count), "CQ-66 by interval only")?;
        for context in 0..200 {
            cq.arm(NDK_CQ_NOTIFY_ANY);
            run.ok(pair.active.qp.write(context, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
            let result = spin(run, cq)?;
            run.equal(result.RequestContext.addr(), context, "WR-04 in its turn")?;
        }
        // Who does not poll hears of it after the interval.
        cq.arm(NDK_CQ_NOTIFY_ANY);
        run.ok(pair.active.qp.write(7, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        cq.wait_for_notification()?;
        done(&pair.active, 7).map(drop)
    })
}

fn hab_23(job: &Job) -> Result {
    each(job, |run, pair| {
        const LONG: usize = 1 << 20;
        let into = sink(&pair.active.pd, LONG)?;
        let far = shared(&pair.passive.pd, LONG, 8)?;
        for length in [1, 4096, LONG] {
            into.buffer().fill(0, LONG, 0);
            let entry = [into.sge(0, length)];
            let result = irql::at_dispatch(|| {
                let status = pair.active.qp.read(length, &entry, far.remote(0), far.remote_token(), 0);
                run.ok(status, "RD-01 NdkRead")?;
                spin(run, &pair.active.initiated)
            })?;
            run.ok(result.Status, "a read whose poster waits at DISPATCH_LEVEL")?;
            holds(run, into.buffer(), 0, length, (8, 0), "WR-32 the bytes are there")?;
        }
        for context in 0..64 {
            irql::at_dispatch(|| {
                run.ok(pair.passive.qp.receive(context, &[]), "NdkReceive")?;
                run.ok(pair.active.qp.send(context, &[], 0), "NdkSend")?;
                run.ok(spin(run, &pair.active.initiated)?.Status, "the send completes")?;
                run.ok(spin(run, &pair.passive.received)?.Status, "the receive completes")
            })?;
        }
        Ok(())
    })
}

fn hab_24(job: &Job) -> Result {
    const COUNT: u32 = 200;
    each_place(job, |passive_bed, active_bed| {
        let run = passive_bed.run();
        let (cq, fetched) = (AtomicPtr::<NDK_CQ>::new(ptr::null_mut()), AtomicU32::new(0));
        let came = probe()?;
        let events = [probe()?, probe()?];
        let notified = hooked(|_: &Seen| {
            let cq = cq.load(SeqCst);
            while poll(cq).is_some() {
                fetched.fetch_add(1, SeqCst);
            }
            arm(cq);
        })?;
        let serving = passive_bed.notifying(&notified)?;
        cq.store(serving.cq.raw(), SeqCst);
        let link = Link::new((&serving, active_bed), &came, &events[0], &events[1])?;
        serving.cq.arm(NDK_CQ_NOTIFY_ANY);
        for context in 0..COUNT {
            run.ok(link.passive_qp.receive(context as usize, &[]), "NdkReceive")?;
            run.ok(link.active_qp.send(context as usize, &[], 0), "NdkSend")?;
            active_bed.cq.expect(context as usize, STATUS_SUCCESS, "the send completes")?;
            while context + 1 - fetched.load(SeqCst) > 8 {
                notified.wait(run, "CQ-21 no completion is left behind without a callback")?;
            }
        }
        let until = time::now() + u64::from(run.patience()) * 1_000_000;
        while fetched.load(SeqCst) != COUNT && time::now() < until {
            time::sleep(1);
        }
        run.equal(fetched.load(SeqCst), COUNT, "CQ-21 every completion was fetched in a callback")?;
        run.equal(notified.overlaps(), 0u32, "CQ-23 callbacks do not overlap")
    })
}
