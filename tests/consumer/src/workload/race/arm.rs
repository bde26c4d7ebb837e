//! `race-arm`: arming a CQ against completions that come.

use super::{beside, pair};
use crate::{
    ndk::nothing,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_CQ_NOTIFY_ANY, NDK_RESULT_EX, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload =
    Workload { name: "race-arm", description: "arm a CQ while completions come", adapters: 1, run, file: file!() };

const REQUESTS: usize = 5;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let pair = pair(job)?;
    let (qp, run) = (pair.active.qp.clone(), job.run.clone());
    let producer = beside(job.run, move || {
        for context in 0..REQUESTS {
            run.ok(qp.write(context, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
        }
        Ok(())
    })?;
    let cq = &pair.active.initiated;
    let mut fetched = 0;
    loop {
        let mut result = [NDK_RESULT_EX::default()];
        while cq.poll_ex(&mut result) == 1 {
            job.run.status(result[0].Status, STATUS_SUCCESS, "WRT-01 the write succeeds")?;
            job.run.equal(result[0].RequestContext.addr(), fetched, "CQ-40 results come oldest first")?;
            fetched += 1;
        }
        if fetched == REQUESTS {
            break;
        }
        // What came since the last callback and is there now satisfies the arm (CQ-21): no look after it.
        cq.arm(NDK_CQ_NOTIFY_ANY);
        cq.wait_for_notification()?;
    }
    drop(producer);
    job.run.equal(cq.overlaps(), 0u32, "CQ-23 no two callbacks at once")
}
