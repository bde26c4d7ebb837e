//! `race-halt`: an adapter that goes away while a consumer opens it, works and closes. The host removes
//! it meanwhile.

use super::fetch;
use crate::{
    ndk::{Adapter, Notify, QpOptions, nothing},
    run::Result,
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_VERSION, STATUS_SUCCESS};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "race-halt",
    description: "open, use and close an adapter that the host removes",
    adapters: 1,
    file: file!(),
    run,
};

const ROUNDS: usize = 2;

fn run(job: &Job, _outcome: &mut api::Outcome) -> Result {
    for _ in 0..ROUNDS {
        once(job)?;
    }
    Ok(())
}

/// Opens and uses the adapter, as far as it lets itself be. What was created closes here.
fn once(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    let version = NDK_VERSION { Major: job.run.request.major, Minor: job.run.request.minor };
    let (status, adapter) = Adapter::try_open(job.run, job.provider, target, version)?;
    let Some(adapter) = adapter else {
        return job.run.check(status < 0, "VER-02 a refused open has a failing status");
    };
    let Some(cq) = adapter.create_cq(16, Notify::Signal)?.object else { return Ok(()) };
    let Some(pd) = adapter.create_pd()?.object else { return Ok(()) };
    let Some(qp) = pd.create_qp(&cq, &cq, &QpOptions::default())?.object else { return Ok(()) };
    let accepted = (0..2).filter(|context| qp.receive(*context, &nothing()) == STATUS_SUCCESS).count();
    qp.flush();
    fetch(job.run, &cq, accepted, "WR-02 each request completes")
}
