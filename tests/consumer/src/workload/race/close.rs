//! `race-close`: closing a QP and its CQs against messages that complete on them.

use super::{beside, fetch, pair};
use crate::{
    ndk::nothing,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_CQ_NOTIFY_ANY, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "race-close",
    description: "close a QP and its CQs while messages complete there",
    adapters: 1,
    file: file!(),
    run,
};

const MESSAGES: usize = 4;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let pair = pair(job)?;
    let (active, passive) = (pair.active, pair.passive);
    for context in 0..MESSAGES {
        job.run.ok(passive.qp.receive(context, &nothing()), "WR-12 a receive")?;
    }
    passive.received.arm(NDK_CQ_NOTIFY_ANY);
    let (qp, cq, run) = (active.qp.clone(), active.initiated.clone(), job.run.clone());
    let sender = beside(job.run, move || {
        let accepted = (0..MESSAGES).filter(|context| qp.send(*context, &nothing(), 0) == STATUS_SUCCESS).count();
        fetch(&run, &cq, accepted, "WR-02 each request completes")
    })?;
    // From the top of the tree down: each close waits for what is below (LIFE-10).
    let received = passive.received.start_close()?;
    let connector = passive.connector.start_close()?;
    let qp = passive.qp.start_close()?;
    connector.ok("LIFE-01 closing a connector")?;
    qp.ok("LIFE-01 closing a QP")?;
    received.ok("CQ-30 closing a CQ")?;
    drop(sender);
    job.run.equal(passive.received.overlaps(), 0u32, "CQ-23 no two callbacks at once")
}
