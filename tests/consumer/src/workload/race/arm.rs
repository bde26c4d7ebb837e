//! `race-arm`: arming a CQ against completions that come from two sides.

use super::{Joined, beside};
use crate::{
    ndk::{Qp, nothing},
    run::{Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_CQ_NOTIFY_ANY, NDK_RESULT_EX, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload =
    Workload { name: "race-arm", description: "arm a CQ while completions come", adapters: 1, run, file: file!() };

/// Of each of two producers.
const REQUESTS: usize = 3;
/// Contexts of the second one begin here.
const SECOND: usize = 100;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let joined = Joined::new(job)?;
    let producers = [producer(job.run, &joined.left, 0)?, producer(job.run, &joined.right, SECOND)?];
    let cq = &joined.cq;
    let mut next = [0, SECOND];
    while next != [REQUESTS, SECOND + REQUESTS] {
        let mut result = [NDK_RESULT_EX::default()];
        while cq.poll_ex(&mut result) == 1 {
            let [result] = &result;
            job.run.status(result.Status, STATUS_SUCCESS, "WRT-01 the write succeeds")?;
            let context = result.RequestContext.addr();
            let [first, second] = &mut next;
            let expected = if context < SECOND { first } else { second };
            job.run.equal(context, *expected, "WR-05 the results of one QP come in its order")?;
            *expected += 1;
        }
        if next == [REQUESTS, SECOND + REQUESTS] {
            break;
        }
        // What came since the last callback and is there now satisfies the arm (CQ-21): no look after it.
        cq.arm(NDK_CQ_NOTIFY_ANY);
        cq.wait_for_notification()?;
    }
    drop(producers);
    job.run.equal(cq.overlaps(), 0u32, "CQ-23 no two callbacks at once")
}

fn producer(run: &Run, qp: &Qp, first: usize) -> Result<crate::kernel::thread::Thread> {
    let (run, qp) = (run.clone(), qp.clone());
    beside(&run.clone(), move || {
        for context in first..first + REQUESTS {
            run.ok(qp.write(context, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
        }
        Ok(())
    })
}
