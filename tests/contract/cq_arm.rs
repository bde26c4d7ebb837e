//! `CQ-10` to `CQ-28`: what an arm waits for, and how arms add up. See docs/contract/ndkpi.md.

use super::stage::{Idle, drain, empty, message, notified, pair, quiet, take, write};
use crate::{
    kernel::time,
    ndk::{PairOptions, nothing},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT,
    STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_SUCCESS, ULONG,
};

contract! {
    "CQ-10" cq_10, "a new CQ is not armed";
    "CQ-11" cq_11, "ANY: the next completion, successful or not, gives one callback";
    "CQ-12" cq_12, "SOLICITED: only solicited receives and errors give the callback";
    "CQ-13" cq_13, "ERRORS: successes give no callback, failure of the CQ does";
    "CQ-14" cq_14, "ERRORS: a completion with an error status gives the callback";
    "CQ-16" cq_16, "one arm gives one callback, however many completions come";
    "CQ-17" cq_17, "without an arm there is no callback";
    "CQ-19" cq_19, "an arm with a matching completion there is satisfied at once";
    "CQ-20" cq_20, "completions of the last callback do not satisfy an arm, a new one does";
    "CQ-21" cq_21, "a completion between an empty fetch and the arm is not lost";
    "CQ-25" cq_25, "arms that were not satisfied add up as documented";
    "CQ-26" cq_26, "merged arms give one callback together";
    "CQ-27" cq_27, "an unknown arm type is ANY";
    "CQ-28" cq_28, "fetching leaves the arm, arming leaves the completions";
}

const SOLICIT: ULONG = NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT;

fn cq_10(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    write(&pair.active, 0..5)?;
    message(&pair, 0..5, SOLICIT)?;
    quiet(job.run, &pair.active.initiated, 0, "CQ-10 no callback without an arm")?;
    quiet(job.run, &pair.passive.received, 0, "CQ-10 no callback without an arm")?;
    drain(job.run, &pair.passive.received, 0..5, STATUS_SUCCESS)?;
    let idle = Idle::new(job, 8)?;
    idle.complete(0..8)?;
    idle.drain(0..8)?;
    quiet(job.run, &idle.cq, 0, "CQ-10 no callback without an arm, for errors either")
}

fn cq_11(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    quiet(job.run, cq, 0, "CQ-11 no callback before a completion")?;
    message(&pair, 0..1, 0)?;
    notified(job.run, cq, 1, "CQ-11 one callback for a success")?;
    drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
    quiet(job.run, cq, 1, "CQ-11 exactly one")?;

    let idle = Idle::new(job, 8)?;
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..1)?;
    notified(job.run, &idle.cq, 1, "CQ-11 one callback for a failure")?;
    idle.drain(0..1)?;
    quiet(job.run, &idle.cq, 1, "CQ-11 exactly one")
}

fn cq_12(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    message(&pair, 0..3, 0)?;
    for _ in 0..3 {
        job.run.ok(take(job.run, cq)?.Status, "a message arrives")?;
    }
    quiet(job.run, cq, 0, "CQ-12 no callback for what is not solicited")?;
    message(&pair, 3..4, SOLICIT)?;
    notified(job.run, cq, 1, "CQ-12 a callback for a solicited receive")?;
    drain(job.run, cq, 3..4, STATUS_SUCCESS)?;
    // The sender's own completions are never solicited.
    let cq = &pair.active.initiated;
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    message(&pair, 4..5, SOLICIT)?;
    quiet(job.run, cq, 0, "CQ-12 no callback where the send completes")?;

    let idle = Idle::new(job, 8)?;
    idle.cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    idle.complete(0..1)?;
    notified(job.run, &idle.cq, 1, "CQ-12 a callback for an error")
}

fn cq_13(job: &Job) -> Result {
    let pair = pair(job, PairOptions { cq_depth: 2, ..PairOptions::default() })?;
    let (cq, into) = (&pair.active.initiated, &pair.passive.received);
    into.arm(NDK_CQ_NOTIFY_ERRORS);
    message(&pair, 0..1, SOLICIT)?;
    quiet(job.run, into, 0, "CQ-13 no callback for a success")?;
    drain(job.run, into, 0..1, STATUS_SUCCESS)?;
    drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
    cq.arm(NDK_CQ_NOTIFY_ERRORS);
    write(&pair.active, 0..2)?;
    quiet(job.run, cq, 0, "CQ-13 no callback for a success")?;
    write(&pair.active, 2..3)?;
    cq.wait_for_notification()?;
    job.run.status(cq.notified_status(), STATUS_BUFFER_OVERFLOW, "CQ-13 the failure of the CQ")
}

fn cq_14(job: &Job) -> Result {
    let idle = Idle::new(job, 8)?;
    idle.cq.arm(NDK_CQ_NOTIFY_ERRORS);
    idle.complete(0..1)?;
    notified(job.run, &idle.cq, 1, "CQ-14 an error satisfies the arm")?;
    idle.drain(0..1)?;
    quiet(job.run, &idle.cq, 1, "CQ-14 once")
}

fn cq_16(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    for round in 1..=3 {
        cq.arm(NDK_CQ_NOTIFY_ANY);
        write(&pair.active, 0..20)?;
        cq.wait_for_notification()?;
        drain(job.run, cq, 0..20, STATUS_SUCCESS)?;
        quiet(job.run, cq, round, "CQ-16 one callback for an arm")?;
    }
    Ok(())
}

fn cq_17(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(&pair.active, 0..1)?;
    notified(job.run, cq, 1, "CQ-11 the arm")?;
    write(&pair.active, 1..9)?;
    drain(job.run, cq, 0..9, STATUS_SUCCESS)?;
    write(&pair.active, 9..12)?;
    drain(job.run, cq, 9..12, STATUS_SUCCESS)?;
    quiet(job.run, cq, 1, "CQ-17 no callback without another arm")
}

fn cq_19(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    message(&pair, 0..1, 0)?;
    quiet(job.run, cq, 0, "CQ-17 not armed")?;
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    quiet(job.run, cq, 0, "CQ-19 what is there does not match")?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    notified(job.run, cq, 1, "CQ-19 ANY is satisfied at once")?;
    drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
    message(&pair, 1..2, SOLICIT)?;
    quiet(job.run, cq, 1, "CQ-17 not armed")?;
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    notified(job.run, cq, 2, "CQ-19 SOLICITED is satisfied at once")?;
    drain(job.run, cq, 1..2, STATUS_SUCCESS)?;

    let idle = Idle::new(job, 4)?;
    idle.complete(0..2)?;
    quiet(job.run, &idle.cq, 0, "CQ-17 not armed")?;
    idle.cq.arm(NDK_CQ_NOTIFY_ERRORS);
    notified(job.run, &idle.cq, 1, "CQ-19 ERRORS is satisfied at once")?;
    idle.drain(0..2)
}

fn cq_20(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    write(&pair.active, 0..1)?;
    notified(job.run, cq, 1, "CQ-11 the arm")?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    quiet(job.run, cq, 1, "CQ-20 what was there at the last callback does not satisfy")?;
    write(&pair.active, 1..2)?;
    notified(job.run, cq, 2, "CQ-20 a new one does")?;
    drain(job.run, cq, 0..2, STATUS_SUCCESS)
}

fn cq_21(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    for number in 0..300usize {
        empty(job.run, cq)?;
        message(&pair, number..number + 1, 0)?;
        if number % 3 == 0 {
            // Lets the completion come before the arm in some rounds, whatever the machine.
            job.run.ok(take(job.run, &pair.active.initiated)?.Status, "the send completes")?;
        }
        cq.arm(NDK_CQ_NOTIFY_ANY);
        cq.wait_for_notification()?;
        drain(job.run, cq, number..number + 1, STATUS_SUCCESS)?;
        if number % 3 != 0 {
            take(job.run, &pair.active.initiated)?;
        }
    }
    Ok(())
}

/// What an arm waits for: ANY, SOLICITED or ERRORS in the end.
fn cq_25(job: &Job) -> Result {
    const ANY: ULONG = NDK_CQ_NOTIFY_ANY;
    const SOLICITED: ULONG = NDK_CQ_NOTIFY_SOLICITED;
    const ERRORS: ULONG = NDK_CQ_NOTIFY_ERRORS;
    const MERGES: [(ULONG, ULONG, ULONG); 9] = [
        (ANY, ANY, ANY),
        (ANY, SOLICITED, ANY),
        (ANY, ERRORS, ANY),
        (SOLICITED, ANY, ANY),
        (ERRORS, ANY, ANY),
        (ERRORS, SOLICITED, SOLICITED),
        (SOLICITED, ERRORS, SOLICITED),
        (SOLICITED, SOLICITED, SOLICITED),
        (ERRORS, ERRORS, ERRORS),
    ];
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    let mut calls = 0;
    for (first, second, both) in MERGES {
        cq.arm(first);
        cq.arm(second);
        message(&pair, 0..1, 0)?;
        if both == ANY {
            calls += 1;
            notified(job.run, cq, calls, "CQ-25 together ANY")?;
        }
        drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
        quiet(job.run, cq, calls, "CQ-25 a plain receive")?;
        message(&pair, 0..1, SOLICIT)?;
        if both == SOLICITED {
            calls += 1;
            notified(job.run, cq, calls, "CQ-25 together SOLICITED")?;
        }
        drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
        quiet(job.run, cq, calls, "CQ-25 a solicited receive")?;
    }
    job.run.ok(pair.passive.qp.receive(7, &nothing()), "NdkReceive")?;
    pair.passive.qp.flush();
    notified(job.run, cq, calls + 1, "CQ-25 together ERRORS")?;
    drain(job.run, cq, 7..8, STATUS_CANCELLED)
}

fn cq_26(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    for kind in [NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ANY] {
        cq.arm(kind);
    }
    write(&pair.active, 0..1)?;
    notified(job.run, cq, 1, "CQ-26 one callback for all")?;
    write(&pair.active, 1..4)?;
    drain(job.run, cq, 0..4, STATUS_SUCCESS)?;
    quiet(job.run, cq, 1, "CQ-26 and no second one")
}

fn cq_27(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    for (number, kind) in (1..).zip([3, 4, 77, 0x8000_0000, ULONG::MAX]) {
        cq.arm(kind);
        write(&pair.active, 0..1)?;
        notified(job.run, cq, number, "CQ-27 a success satisfies it")?;
        drain(job.run, cq, 0..1, STATUS_SUCCESS)?;
    }
    Ok(())
}

fn cq_28(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    cq.arm(NDK_CQ_NOTIFY_SOLICITED);
    message(&pair, 0..2, 0)?;
    drain(job.run, cq, 0..2, STATUS_SUCCESS)?;
    message(&pair, 2..3, SOLICIT)?;
    notified(job.run, cq, 1, "CQ-28 the arm outlives fetches")?;
    drain(job.run, cq, 2..3, STATUS_SUCCESS)?;

    let cq = &pair.active.initiated;
    drain(job.run, cq, 0..3, STATUS_SUCCESS)?;
    write(&pair.active, 0..3)?;
    time::sleep(5);
    for kind in [NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ANY, 9] {
        cq.arm(kind);
    }
    drain(job.run, cq, 0..3, STATUS_SUCCESS)
}
