//! `SRQ-20` to `SRQ-32`: NdkModifySrq, and when the notification comes.

use super::{
    ends::once,
    lines::{Queue, calls},
    probe::{hooked, linger, probe},
};
use crate::{
    kernel::{irql, time},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS};
use wdk_sys::DISPATCH_LEVEL;

contract! {
    "SRQ-20" srq_20, "a depth of 1 to MaxSrqDepth is taken, 0 keeps the depth";
    "SRQ-21" srq_21, "a depth above MaxSrqDepth is refused and nothing changes";
    "SRQ-22" srq_22, "a depth below what is queued is refused and nothing changes";
    "SRQ-24" srq_24, "a threshold arms";
    "SRQ-25" srq_25, "with fewer receives than the threshold the notification is due at once";
    "SRQ-26" srq_26, "threshold 0 keeps the threshold and the arm";
    "SRQ-27" srq_27, "one notification for one arm";
    "SRQ-28" srq_28, "below is strict";
    "SRQ-29" srq_29, "the callback gets its context and success";
    "SRQ-31" srq_31, "notifications of one SRQ do not overlap";
    "SRQ-32" srq_32, "receives posted after the fall do not withdraw the notification";
}

fn srq_20(job: &Job) -> Result {
    once(job, |ends| {
        let most = ends.passive.info()?.MaxSrqDepth;
        for depth in [1, 2, 5, 64, most] {
            let queue = Queue::new(ends, 4)?;
            let modified = queue.srq.modify(depth, 0)?;
            let inline = modified.inline();
            let taken = inline == STATUS_SUCCESS || inline == STATUS_PENDING;
            ends.run.check(taken, "SRQ-20 a modify succeeds or pends")?;
            modified.ok("SRQ-20 NdkModifySrq")?;
            queue.fits(depth as usize, "SRQ-20 exactly the new depth")?;
            queue.modify(0, 0)?;
            let status = queue.srq.receive(0, &[]);
            ends.run.status(status, ndkpi_sys::STATUS_NO_MORE_ENTRIES, "SRQ-20 depth 0 keeps it")?;
        }
        // Down and up again with receives in the queue: all of them are used, in order.
        let queue = Queue::new(ends, 64)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..3)?;
        queue.modify(3, 0)?;
        line.takes(0..1, "SRQ-20 none lost")?;
        queue.fits(1, "SRQ-20 the smaller depth")?;
        queue.modify(200, 0)?;
        queue.post(0x200..0x200 + 197)?;
        line.takes([1, 2, 0x100], "SRQ-20 none lost")?;
        line.takes(0x200..0x200 + 197, "SRQ-20 the greater depth")
    })
}

fn srq_21(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let most = ends.passive.info()?.MaxSrqDepth;
        let queue = Queue::notifying(ends, &probe, 2)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..3)?;
        for depth in [most.wrapping_add(1), 0x8000_0000, u32::MAX] {
            let modified = queue.srq.modify(depth, 8)?.wait()?;
            modified.is(ends.run, STATUS_INVALID_PARAMETER, "SRQ-21 the depth is refused")?;
        }
        calls(ends.run, &probe, 0, "SRQ-21 the threshold was not set")?;
        queue.fits(13, "SRQ-21 as deep as before")?;
        line.takes((0..3).chain(0x100..0x100 + 11), "SRQ-21 the receives are there")?;
        calls(ends.run, &probe, 0, "SRQ-21 two are not below the old threshold")?;
        line.takes([0x100 + 11], "SRQ-21 the receives are there")?;
        probe.wait(ends.run, "SRQ-21 the old arm is there")
    })
}

fn srq_22(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..6)?;
        for depth in [1, 5] {
            let modified = queue.srq.modify(depth, 16)?.wait()?;
            modified.is(ends.run, STATUS_BUFFER_OVERFLOW, "SRQ-22 the depth is refused")?;
        }
        calls(ends.run, &probe, 0, "SRQ-22 the threshold was not set")?;
        queue.fits(10, "SRQ-22 as deep as before")?;
        line.takes(0..6, "SRQ-22 the receives are there")?;
        queue.modify(10, 0)?;
        line.takes(0x100..0x100 + 10, "SRQ-22 what is queued fits")?;
        queue.fits(10, "SRQ-22 the new depth")
    })
}

fn srq_24(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..6)?;
        queue.modify(0, 4)?;
        line.takes(0..2, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 0, "SRQ-24 not yet")?;
        line.takes(2..3, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-24 armed with this threshold")?;
        // Another threshold replaces the one that waits.
        queue.post(6..12)?;
        queue.modify(0, 8)?;
        queue.modify(0, 2)?;
        line.takes(3..10, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 1, "SRQ-24 the last threshold counts")?;
        line.takes(10..11, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-24 armed with the last threshold")?;
        // With a depth in the same call.
        queue.post(12..20)?;
        queue.modify(32, 9)?;
        calls(ends.run, &probe, 2, "SRQ-24 nine are queued")?;
        line.takes(11..12, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-24 depth and threshold in one call")
    })
}

fn srq_25(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        queue.modify(0, 1)?;
        probe.wait(ends.run, "SRQ-25 none is fewer than one")?;
        queue.post(0..3)?;
        queue.modify(0, 3)?;
        calls(ends.run, &probe, 1, "SRQ-25 three are not fewer than three")?;
        queue.modify(0, 4)?;
        probe.wait(ends.run, "SRQ-25 three are fewer than four")?;
        queue.modify(0, u32::MAX)?;
        probe.wait(ends.run, "SRQ-25 any threshold")?;
        calls(ends.run, &probe, 3, "SRQ-27 once each")
    })
}

fn srq_26(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 2)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..4)?;
        queue.modify(20, 0)?;
        line.takes(0..2, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 0, "SRQ-26 two are not below the threshold")?;
        line.takes(2..3, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-26 the arm was kept, with its threshold")?;
        queue.modify(0, 0)?;
        queue.modify(24, 0)?;
        calls(ends.run, &probe, 1, "SRQ-26 it does not arm")?;
        queue.post(4..8)?;
        line.takes(3..8, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 1, "SRQ-26 nor later")
    })
}

fn srq_27(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 2)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..2)?;
        for round in 1..=3u32 {
            // The count falls below the threshold twice.
            line.takes(0..2, "SRQ-11 the oldest")?;
            queue.post(0..4)?;
            line.takes(0..4, "SRQ-11 the oldest")?;
            probe.wait(ends.run, "SRQ-27 a notification")?;
            calls(ends.run, &probe, round, "SRQ-27 one for each arm")?;
            queue.post(0..2)?;
            queue.modify(0, 2)?;
            calls(ends.run, &probe, round, "SRQ-27 none before the count falls again")?;
        }
        Ok(())
    })
}

fn srq_28(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 4)?;
        let line = queue.line(ends, 0)?;
        queue.post(0..6)?;
        line.takes(0..2, "SRQ-11 the oldest")?;
        calls(ends.run, &probe, 0, "SRQ-28 from 6 to 4")?;
        line.takes(2..3, "SRQ-11 the oldest")?;
        probe.wait(ends.run, "SRQ-28 from 4 to 3")?;
        calls(ends.run, &probe, 1, "SRQ-28 once")
    })
}

fn srq_29(job: &Job) -> Result {
    once(job, |ends| {
        // Each knows itself by its context.
        let probes = [probe()?, probe()?];
        let [one, two] = &probes;
        let queues = [Queue::notifying(ends, one, 1)?, Queue::notifying(ends, two, 1)?];
        for (queue, (ours, other)) in queues.iter().zip([(one, two), (two, one)]) {
            let before = other.calls();
            let line = queue.line(ends, 0)?;
            queue.post(0..1)?;
            line.takes(0..1, "SRQ-11 the oldest")?;
            ours.wait(ends.run, "SRQ-29 the callback comes")?;
            ends.run.equal(ours.calls(), 1u32, "SRQ-29 once, with its context")?;
            ends.run.equal(other.calls(), before, "SRQ-29 no other SRQ's")?;
            ends.run.status(ours.status(), STATUS_SUCCESS, "SRQ-29 STATUS_SUCCESS")?;
            ends.run.check(ours.level() <= DISPATCH_LEVEL, "SRQ-29 at DISPATCH_LEVEL at most")?;
        }
        Ok(())
    })
}

fn srq_31(job: &Job) -> Result {
    once(job, |ends| {
        // Each call lasts long enough for the next one to become due meanwhile.
        let probe = hooked(|_| linger(3000))?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        for call in 0..30u32 {
            job.run.go_on()?;
            queue.modify(0, 1)?;
            for _ in 0..job.run.patience() {
                if probe.calls() > call {
                    break;
                }
                time::sleep(1);
            }
            ends.run.check(probe.calls() > call, "SRQ-25 due at once, also during another one")?;
        }
        while probe.running() != 0 {
            time::sleep(1);
        }
        ends.run.equal(probe.calls(), 30u32, "SRQ-27 one for each arm")?;
        ends.run.equal(probe.overlaps(), 0u32, "SRQ-31 none begins during another one")
    })
}

fn srq_32(job: &Job) -> Result {
    once(job, |ends| {
        let probe = probe()?;
        let queue = Queue::notifying(ends, &probe, 0)?;
        let line = queue.line(ends, 0)?;
        for round in 0..10usize {
            // Nothing that is due on this processor runs before all is posted.
            let posted = irql::at_dispatch(|| {
                let modified = queue.srq.modify(0, 4)?;
                queue.post(0..8)?;
                Ok::<_, Failure>(modified)
            });
            posted?.ok("SRQ-24 NdkModifySrq")?;
            probe.wait(ends.run, "SRQ-32 the notification comes all the same")?;
            ends.run.equal(probe.calls(), round + 1, "SRQ-27 once")?;
            line.takes(0..8, "SRQ-11 the oldest")?;
        }
        // After a fall by a message, too.
        queue.post(0..4)?;
        queue.modify(0, 4)?;
        line.takes(0..1, "SRQ-11 the oldest")?;
        queue.post(4..8)?;
        probe.wait(ends.run, "SRQ-32 it stays due")
    })
}
