//! `race-post`: posting sends against posting the receives that they need.

use super::{beside, fetch, pair};
use crate::{
    ndk::Region,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_RESULT_EX, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "race-post",
    description: "post sends while the receives for them are posted",
    adapters: 1,
    run,
    file: file!(),
};

const MESSAGES: usize = 4;
const LENGTH: usize = 300;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let pair = pair(job)?;
    let into = Region::new(&pair.passive.pd, MESSAGES * LENGTH, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let out = Region::new(&pair.active.pd, LENGTH, 0)?;
    let (qp, cq, run) = (pair.passive.qp.clone(), pair.passive.received.clone(), job.run.clone());
    let receiver = beside(job.run, move || {
        for context in 0..MESSAGES {
            run.ok(qp.receive(context, &[into.sge(context * LENGTH, LENGTH)]), "WR-12 a receive")?;
        }
        for context in 0..MESSAGES {
            cq.expect(context, STATUS_SUCCESS, "WR-23 a receive of a healthy connection")?;
        }
        Ok(())
    })?;
    for context in 0..MESSAGES {
        job.run.ok(pair.active.qp.send(context, &[out.sge(0, LENGTH)], 0), "WR-12 a send")?;
    }
    fetch(job.run, &pair.active.initiated, MESSAGES, "WR-02 each request completes")?;
    drop(receiver);
    job.run.equal(pair.passive.received.poll_ex(&mut [NDK_RESULT_EX::default()]), 0usize, "WR-03 and once")
}
