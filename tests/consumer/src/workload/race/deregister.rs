//! `race-deregister`: ending a registration, and the memory, against writes of the peer.

use super::{beside, fetch, pair};
use crate::{
    ndk::Region,
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_MR_FLAG_ALLOW_REMOTE_WRITE, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "race-deregister",
    description: "deregister and free a buffer while the peer writes to it",
    adapters: 1,
    file: file!(),
    run,
};

const WRITES: usize = 3;
const LENGTH: usize = 600;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    let pair = pair(job)?;
    let target = Region::new(&pair.passive.pd, LENGTH, NDK_MR_FLAG_ALLOW_REMOTE_WRITE)?;
    let source = Region::new(&pair.active.pd, LENGTH, 0)?;
    let (address, token) = (target.remote(0), target.remote_token());
    let (qp, cq, run) = (pair.active.qp.clone(), pair.active.initiated.clone(), job.run.clone());
    let writer = beside(job.run, move || {
        let entry = [source.sge(0, LENGTH)];
        // After the first that finds the token gone, the QP has failed and refuses the others.
        let accepted = (0..WRITES).filter(|context| qp.write(*context, &entry, address, token, 0) == STATUS_SUCCESS);
        fetch(&run, &cq, accepted.count(), "WR-02 each request completes")
    })?;
    target.mr().deregister()?.ok("MR-23 NdkDeregisterMr")?;
    // From here on nobody may write: the memory goes, behind it is nothing.
    drop(target);
    drop(writer);
    Ok(())
}
