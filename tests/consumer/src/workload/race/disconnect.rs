//! `race-disconnect`: ending a connection against requests that are posted to it.

use super::{beside, fetch, pair};
use crate::{
    ndk::nothing,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::STATUS_SUCCESS;
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "race-disconnect",
    description: "disconnect, from either side, while requests are posted",
    adapters: 1,
    file: file!(),
    run,
};

const REQUESTS: usize = 6;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let pair = pair(job)?;
    let (qp, cq, run) = (pair.active.qp.clone(), pair.active.initiated.clone(), job.run.clone());
    let poster = beside(job.run, move || {
        // What is posted when the connection is over already is refused, or completes with an error.
        let accepted =
            (0..REQUESTS).filter(|context| qp.write(*context, &nothing(), 0, 0, 0) == STATUS_SUCCESS).count();
        fetch(&run, &cq, accepted, "WR-02 each request completes")
    })?;
    let (first, second) = if job.run.request.seed.is_multiple_of(2) {
        (&pair.active.connector, &pair.passive.connector)
    } else {
        (&pair.passive.connector, &pair.active.connector)
    };
    let leaving = first.disconnect()?;
    second.wait_for_disconnect()?;
    second.disconnect()?.ok("CONN-68 disconnecting after the peer did")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    drop(poster);
    job.run.equal(second.disconnects(), 1u32, "CONN-73 one disconnect event")?;
    job.run.equal(first.disconnects(), 0u32, "CONN-74 none for who disconnects first")
}
