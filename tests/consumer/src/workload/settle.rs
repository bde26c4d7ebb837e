//! `settle`: waits until every adapter listens on the addresses that the request gives for it.
//!
//! A provider learns of an address some time after the system has given it to the interface. Consumers that
//! start with the machine meet that gap; tests should not, so this workload runs before the others.

use crate::{
    kernel::time,
    ndk::{Adapter, Family},
    run::{Failure, Result},
    workload::{Job, Workload},
};
use ndkpi_sys::{STATUS_INVALID_ADDRESS, STATUS_IO_TIMEOUT};
use ndktest_api as api;

pub static WORKLOAD: Workload = Workload {
    name: "settle",
    description: "wait until the adapters know their addresses",
    adapters: 1,
    file: file!(),
    run,
};

fn run(job: &Job, outcome: &mut api::Outcome) -> Result {
    for target in job.run.request.adapters.iter().filter(|target| target.interface != 0) {
        let adapter = Adapter::open(job.run, job.provider, target)?;
        let version = adapter.version();
        (outcome.major, outcome.minor) = (version.Major, version.Minor);
        for family in Family::ALL {
            settle(job, &adapter, family)?;
        }
    }
    Ok(())
}

fn settle(job: &Job, adapter: &Adapter, family: Family) -> Result {
    let Some(address) = adapter.address(family, 0) else {
        return Ok(());
    };
    let began = time::now();
    loop {
        job.run.go_on()?;
        let answer = adapter.listener()?.listen(&address)?.wait()?;
        if answer.status != STATUS_INVALID_ADDRESS {
            return answer.ok(job.run, "LSN-03 NdkListen");
        }
        let waited = time::now().wrapping_sub(began) / 1_000_000;
        if waited > u64::from(job.run.patience()) {
            return Err(Failure::new("the adapter learns of its address", STATUS_IO_TIMEOUT));
        }
        time::sleep(1);
    }
}
