//! `FLAG-19` to `FLAG-24`: DEFER.

use super::work_help::{
    Fast, STALL, disconnect, done, drain, each, holds, nothing_in, receive, received, send, shared, sink, source, stall,
};
use crate::{
    ndk::{Pair, Region, nothing},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_SILENT_SUCCESS, STATUS_CANCELLED,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

contract! {
    "FLAG-19" flag_19, "a deferred request is taken, and may run at once or later";
    "FLAG-20" flag_20, "deferred requests complete once one without DEFER is posted";
    "FLAG-21" flag_21, "a request that fails inline starts what was deferred";
    "FLAG-22" flag_22, "deferred or not, one completion for success and none for inline failure";
    "FLAG-23" flag_23, "a chain of deferred requests runs in posting order";
    "FLAG-24" flag_24, "flush, disconnect and close reach deferred requests";
}

const DEFER: u32 = NDK_OP_FLAG_DEFER;

/// Defers requests 0 to 6, one of each type, for which the peer has receives.
fn defer(run: &Run, pair: &Pair, region: &Region, fast: &Fast, theirs: &Fast) -> Result {
    let qp = &pair.active.qp;
    receive(&pair.passive, 0, &[])?;
    receive(&pair.passive, 1, &[])?;
    let statuses = [
        qp.send(0, &[], DEFER),
        qp.send_and_invalidate(1, &[], DEFER, theirs.remote_token()),
        qp.read(2, &nothing(), 0, 0, DEFER),
        qp.write(3, &[region.sge(0, 0)], 0, 0, DEFER),
        fast.register(qp, 4, DEFER | NDK_OP_FLAG_ALLOW_REMOTE_READ),
        fast.invalidate(qp, 5, DEFER),
    ];
    for status in statuses {
        run.ok(status, "FLAG-19 a deferred request is taken")?;
    }
    Ok(())
}

/// A pair with all that [`defer`] needs.
fn deferred(job: &Job, then: impl Fn(&Run, &Pair) -> Result) -> Result {
    each(job, |run, pair| {
        let region = source(&pair.active.pd, 64, 1)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        let theirs = Fast::new(&pair.passive.pd, 64)?;
        theirs.ready(&pair.passive, NDK_OP_FLAG_ALLOW_REMOTE_READ)?;
        defer(run, &pair, &region, &fast, &theirs)?;
        then(run, &pair)
    })
}

fn all_done(pair: &Pair, last: usize) -> Result {
    for context in 0..=last {
        done(&pair.active, context)?;
    }
    nothing_in(&pair.active.initiated, "FLAG-22 one completion for each")
}

fn flag_19(job: &Job) -> Result {
    deferred(job, |run, pair| {
        // Whatever has run by now, the rest follows.
        let mut results = [ndkpi_sys::NDK_RESULT_EX::default(); 8];
        let early = pair.active.initiated.poll_ex(&mut results);
        run.check(early <= 6, "FLAG-19 at most what was posted")?;
        for (context, result) in results.iter().take(early).enumerate() {
            run.ok(result.Status, "FLAG-19 success")?;
            run.equal(result.RequestContext.addr(), context, "FLAG-23 in order")?;
        }
        run.ok(pair.active.qp.write(6, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        for context in early..=6 {
            done(&pair.active, context)?;
        }
        nothing_in(&pair.active.initiated, "FLAG-22 one completion for each")
    })
}

fn flag_20(job: &Job) -> Result {
    deferred(job, |run, pair| {
        run.ok(pair.active.qp.write(6, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        all_done(pair, 6)?;
        received(&pair.passive, 0, 0)?;
        received(&pair.passive, 1, 0)?;
        Ok(())
    })
}

fn flag_21(job: &Job) -> Result {
    for flags in [0x8000_0000, 0x8000_0000 | DEFER] {
        for number in 0..4 {
            deferred(job, |run, pair| {
                let qp = &pair.active.qp;
                let fast = Fast::new(&pair.active.pd, 64)?;
                let status = match number {
                    0 => qp.send(9, &[], flags),
                    1 => qp.read(9, &nothing(), 0, 0, flags),
                    2 => fast.register(qp, 9, flags),
                    _ => fast.invalidate(qp, 9, flags),
                };
                run.status(status, STATUS_INVALID_PARAMETER, "FLAG-21 it fails inline")?;
                all_done(pair, 5)
            })?;
        }
    }
    Ok(())
}

fn flag_22(job: &Job) -> Result {
    each(job, |run, pair| {
        let qp = &pair.active.qp;
        for context in 0..8 {
            run.ok(qp.write(context, &nothing(), 0, 0, DEFER), "WRT-03 NdkWrite")?;
            let status = qp.write(99, &nothing(), 0, 0, DEFER | 0x8000_0000);
            run.status(status, STATUS_INVALID_PARAMETER, "FLAG-22 it fails inline")?;
        }
        let silent = DEFER | NDK_OP_FLAG_SILENT_SUCCESS;
        run.ok(qp.write(98, &nothing(), 0, 0, silent), "WRT-03 NdkWrite")?;
        run.ok(qp.write(8, &nothing(), 0, 0, 0), "WRT-03 NdkWrite")?;
        all_done(&pair, 8)
    })
}

fn flag_23(job: &Job) -> Result {
    each(job, |run, pair| {
        let qp = &pair.active.qp;
        let from = source(&pair.active.pd, 64, 1)?;
        let second = source(&pair.active.pd, 64, 2)?;
        let to = shared(&pair.passive.pd, 64, 0)?;
        let back = sink(&pair.active.pd, 64)?;
        let into = sink(&pair.passive.pd, 64)?;
        let fast = Fast::new(&pair.active.pd, 64)?;
        super::work_help::pattern(fast.buffer(), 0, 64, 3);
        let (at, token) = (to.remote(0), to.remote_token());
        receive(&pair.passive, 5, &[into.sge(0, 64)])?;
        for status in [
            qp.write(0, &[from.sge(0, 64)], at, token, DEFER),
            qp.read(1, &[back.sge(0, 64)], at, token, DEFER),
            // The fence keeps the write from overtaking the read.
            qp.write(2, &[second.sge(0, 64)], at, token, DEFER | ndkpi_sys::NDK_OP_FLAG_READ_FENCE),
            fast.register(qp, 3, DEFER),
            qp.send(4, &[fast.sge(0, 64)], DEFER),
            fast.invalidate(qp, 5, 0),
        ] {
            run.ok(status, "FLAG-23 the chain is taken")?;
        }
        all_done(&pair, 5)?;
        received(&pair.passive, 5, 64)?;
        holds(run, back.buffer(), 0, 64, (1, 0), "FLAG-23 the read is after the first write")?;
        holds(run, to.buffer(), 0, 64, (2, 0), "FLAG-23 the second write is after the read")?;
        holds(run, into.buffer(), 0, 64, (3, 0), "FLAG-23 the send is after the registration")
    })
}

fn flag_24(job: &Job) -> Result {
    let reached = |run: &Run, pair: &Pair, statuses: &[i32]| {
        drain(&pair.active.initiated, 4, |index, result| {
            let context = if index == 0 { STALL } else { index };
            run.equal(result.RequestContext.addr(), context, "WR-05 in posting order")?;
            run.check(statuses.contains(&result.Status), "FLAG-24 cancelled or the true result")
        })
    };
    // Behind a send that waits, none can have run; the others may.
    for waits in [true, false] {
        let statuses = &[STATUS_CANCELLED, STATUS_SUCCESS][..if waits { 1 } else { 2 }];
        let post = move |pair: &Pair| -> Result {
            if waits {
                stall(&pair.active)?;
            } else {
                receive(&pair.passive, 0, &[])?;
                send(&pair.active, STALL, &[], DEFER)?;
            }
            (1..4).try_for_each(|context| {
                let status = pair.active.qp.write(context, &nothing(), 0, 0, DEFER);
                pair.active.qp.run().ok(status, "FLAG-19 a deferred request is taken")
            })
        };
        each(job, |run, pair| {
            post(&pair)?;
            pair.active.qp.flush();
            reached(run, &pair, statuses)
        })?;
        each(job, |run, pair| {
            post(&pair)?;
            disconnect(&pair.active, &pair.passive, || reached(run, &pair, statuses))
        })?;
        each(job, |run, pair| {
            post(&pair)?;
            pair.active.connector.start_close()?.ok("LIFE-01 closing cannot fail")?;
            reached(run, &pair, statuses)
        })?;
    }
    Ok(())
}
