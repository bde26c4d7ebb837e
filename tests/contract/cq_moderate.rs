//! `CQ-60` to `CQ-73`: interrupt moderation. See docs/contract/ndkpi.md.

use super::stage::{Idle, notified, pair_of_depth, quiet, write};
use crate::{kernel::time, run::Result, workload::Job};
use ndkpi_sys::{
    NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS,
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER_MIX, STATUS_NOT_SUPPORTED, ULONG,
};

contract! {
    "CQ-60" cq_60, "moderation is refused exactly where the adapter does not report it";
    "CQ-61" cq_61, "valid settings succeed at once";
    "CQ-62" cq_62, "a new CQ is not moderated";
    "CQ-63" cq_63, "interval 0 turns moderation off whatever the count";
    "CQ-64" cq_64, "count 0 or 1 turns moderation off whatever the interval";
    "CQ-65" cq_65, "with interval MAXULONG only the count governs";
    "CQ-66" cq_66, "with a count above the depth only the interval governs";
    "CQ-67" cq_67, "settings without any end are refused and change nothing";
    "CQ-68" cq_68, "the callback comes at the earlier of interval and count";
    "CQ-69" cq_69, "moderation delays callbacks only";
    "CQ-70" cq_70, "new settings hold for an arm that waits";
    "CQ-72" cq_72, "failure of the CQ is told without delay";
    "CQ-73" cq_73, "a waiting moderation neither blocks nor outlives the close";
}

/// More microseconds than any test waits.
const AGES: ULONG = 3_000_000_000;
const NEVER: ULONG = ULONG::MAX;
const DEPTH: ULONG = 64;

fn cq_60(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    let flag = NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED;
    let supported = idle.adapter.info()?.AdapterFlags & flag != 0;
    for (interval, count) in [(0, 0), (100, 4), (NEVER, NEVER)] {
        let refused = idle.cq.moderate(interval, count) == STATUS_NOT_SUPPORTED;
        job.run.check(refused != supported, "CQ-60 refused where it is not reported")?;
    }
    Ok(())
}

fn cq_61(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    for interval in [0, 1, 100, AGES, NEVER] {
        for count in [0, 1, 2, DEPTH] {
            job.run.ok(idle.cq.moderate(interval, count), "CQ-61 valid settings")?;
        }
    }
    for count in [DEPTH + 1, NEVER] {
        job.run.ok(idle.cq.moderate(10, count), "CQ-61 valid settings")?;
    }
    Ok(())
}

/// One completion gives the callback without anything further.
fn unmoderated(job: &Job, idle: &Idle, number: ULONG) -> Result {
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..1)?;
    notified(job.run, &idle.cq, number, "one completion gives the callback")?;
    idle.drain(0..1)
}

fn cq_62(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    unmoderated(job, &idle, 1)
}

fn cq_63(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    for (number, count) in (1..).zip([0, 1, 10, DEPTH, DEPTH + 1, NEVER]) {
        job.run.ok(idle.cq.moderate(NEVER, 50), "CQ-61 moderation on")?;
        job.run.ok(idle.cq.moderate(0, count), "CQ-63 moderation off")?;
        unmoderated(job, &idle, number)?;
    }
    Ok(())
}

fn cq_64(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    let settings = [(AGES, 0), (AGES, 1), (NEVER, 0), (NEVER, 1)];
    for (number, (interval, count)) in (1..).zip(settings) {
        job.run.ok(idle.cq.moderate(NEVER, 50), "CQ-61 moderation on")?;
        job.run.ok(idle.cq.moderate(interval, count), "CQ-64 moderation off")?;
        unmoderated(job, &idle, number)?;
    }
    Ok(())
}

/// The callback comes with the fifth completion.
fn by_five(job: &Job, idle: &Idle, number: ULONG) -> Result {
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..4)?;
    quiet(job.run, &idle.cq, number - 1, "four completions do not give the callback")?;
    idle.complete(4..5)?;
    notified(job.run, &idle.cq, number, "the fifth gives the callback")?;
    idle.drain(0..5)
}

fn cq_65(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    job.run.ok(idle.cq.moderate(NEVER, 5), "CQ-65 by count only")?;
    by_five(job, &idle, 1)?;
    by_five(job, &idle, 2)
}

fn cq_66(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    let mut number = 0;
    for count in [DEPTH + 1, NEVER] {
        job.run.ok(idle.cq.moderate(2000, count), "CQ-66 by interval only")?;
        number += 1;
        unmoderated(job, &idle, number)?;
        // Not even a full CQ gives the callback before its time.
        job.run.ok(idle.cq.moderate(AGES, count), "CQ-66 by a long interval only")?;
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        idle.complete(0..DEPTH as usize)?;
        quiet(job.run, &idle.cq, number, "CQ-66 no count gives the callback")?;
        job.run.ok(idle.cq.moderate(0, 0), "CQ-63 moderation off")?;
        number += 1;
        notified(job.run, &idle.cq, number, "CQ-70 the arm waited")?;
        idle.drain(0..DEPTH as usize)?;
    }
    Ok(())
}

fn cq_67(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    job.run.ok(idle.cq.moderate(NEVER, 5), "CQ-65 by count only")?;
    for (number, count) in (1..).zip([NEVER, DEPTH + 1, NEVER - 1]) {
        let status = idle.cq.moderate(NEVER, count);
        job.run.status(status, STATUS_INVALID_PARAMETER_MIX, "CQ-67 no end at all is refused")?;
        by_five(job, &idle, number)?;
    }
    Ok(())
}

fn cq_68(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    // The count is earlier, then the interval.
    job.run.ok(idle.cq.moderate(AGES, 5), "CQ-68 both")?;
    by_five(job, &idle, 1)?;
    job.run.ok(idle.cq.moderate(20_000, 50), "CQ-68 both")?;
    unmoderated(job, &idle, 2)?;
    // What was accumulated before the arm counts as well.
    job.run.ok(idle.cq.moderate(AGES, 5), "CQ-68 both")?;
    idle.complete(0..6)?;
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    notified(job.run, &idle.cq, 3, "CQ-68 as many have accumulated")?;
    idle.drain(0..6)
}

fn cq_69(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    for (interval, count) in [(NEVER, 50), (AGES, 50), (AGES, NEVER)] {
        job.run.ok(idle.cq.moderate(interval, count), "CQ-61 moderation on")?;
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        idle.complete(0..3)?;
        idle.drain(0..3)?;
        quiet(job.run, &idle.cq, 0, "CQ-69 fetched before any callback")?;
    }
    Ok(())
}

fn cq_70(job: &Job) -> Result {
    let idle = Idle::new(job, DEPTH)?;
    let mut number = 0;
    for (interval, count) in [(0, 0), (NEVER, 2), (NEVER, 3), (1000, 50), (1000, NEVER), (AGES, 1)] {
        for (before, until) in [(NEVER, 50), (AGES, 50), (AGES, NEVER)] {
            job.run.ok(idle.cq.moderate(before, until), "CQ-61 moderation on")?;
            idle.cq.arm(NDK_CQ_NOTIFY_ANY);
            idle.complete(0..3)?;
            time::sleep(2);
            job.run.equal(idle.cq.notifications(), number, "CQ-68 the callback is held back")?;
            number += 1u32;
            job.run.ok(idle.cq.moderate(interval, count), "CQ-70 other settings")?;
            notified(job.run, &idle.cq, number, "CQ-70 the new settings hold for the arm")?;
            idle.drain(0..3)?;
        }
    }
    Ok(())
}

fn cq_72(job: &Job) -> Result {
    for (interval, count) in [(AGES, 4), (AGES, NEVER), (NEVER, 4)] {
        for kind in [NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS] {
            let pair = pair_of_depth(job, 4)?;
            let cq = &pair.active.initiated;
            write(&pair.active, 0..4)?;
            time::sleep(5);
            // What is there was there at this callback, so that it does not count for the next arm.
            cq.arm(NDK_CQ_NOTIFY_ANY);
            notified(job.run, cq, 1, "CQ-19 satisfied at once")?;
            job.run.ok(cq.moderate(interval, count), "CQ-61 moderation on")?;
            cq.arm(kind);
            quiet(job.run, cq, 1, "CQ-20 nothing new")?;
            write(&pair.active, 4..5)?;
            cq.wait_for_notification()?;
            job.run.status(cq.notified_status(), STATUS_BUFFER_OVERFLOW, "CQ-72 the failure, without delay")?;
            job.run.equal(cq.notifications(), 2u32, "CQ-33 one callback")?;
        }
    }
    Ok(())
}

fn cq_73(job: &Job) -> Result {
    for (interval, count) in [(AGES, 50), (AGES, NEVER), (NEVER, 50), (10_000, 50)] {
        let idle = Idle::new(job, DEPTH)?;
        job.run.ok(idle.cq.moderate(interval, count), "CQ-61 moderation on")?;
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        idle.complete(0..1)?;
        idle.qp.start_close()?.ok("LIFE-01 the QP")?;
        let begun = time::now();
        idle.cq.start_close()?.ok("CQ-73 the close completes")?;
        let milliseconds = (time::now() - begun) / 1_000_000;
        job.run.check(milliseconds < 5_000, "CQ-73 the close does not wait for the moderation")?;
        let calls = idle.cq.notifications();
        job.run.check(calls == 0 || interval < AGES, "CQ-73 nothing has elapsed")?;
        quiet(job.run, &idle.cq, calls, "CQ-73 no callback after the close")?;
    }
    Ok(())
}
