//! `CQ-52` to `CQ-57`: changing the depth. See docs/contract/ndkpi.md.

use super::stage::{Idle, empty, gather, notified, pair, quiet, take, write};
use crate::{ndk::PairOptions, run::Result, workload::Job};
use ndkpi_sys::{
    NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED, NDK_CQ_NOTIFY_ANY, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};

contract! {
    "CQ-52" cq_52, "a CQ holds as many completions as it was resized to";
    "CQ-53" cq_53, "a depth of 0 or above MaxCqDepth is refused and changes nothing";
    "CQ-55" cq_55, "a depth below what the CQ holds is refused and changes nothing";
    "CQ-56" cq_56, "no completion is lost, doubled or reordered by a resize, and the arm survives";
    "CQ-57" cq_57, "resizing is refused exactly where the adapter does not report it";
}

fn cq_52(job: &Job) -> Result {
    let idle = Idle::new(job, 64)?;
    let most = idle.adapter.info()?.MaxCqDepth;
    for depth in [1, 2, 64, 33, most, 64] {
        idle.cq.resize(depth)?.ok("CQ-52 NdkResizeCq")?;
        let count = depth.min(64) as usize;
        idle.complete(0..count)?;
        idle.drain(0..count)?;
    }
    Ok(())
}

fn cq_53(job: &Job) -> Result {
    let idle = Idle::new(job, 4)?;
    let most = idle.adapter.info()?.MaxCqDepth;
    for depth in [0, most.wrapping_add(1), 0x8000_0000, u32::MAX] {
        gather(job.run, &idle.cq, 2, || idle.complete(0..2))?;
        idle.cq.resize(depth)?.wait()?.is(job.run, STATUS_INVALID_PARAMETER, "CQ-53 the depth is refused")?;
        idle.complete(2..4)?;
        idle.drain(0..4)?;
    }
    Ok(())
}

fn cq_55(job: &Job) -> Result {
    let idle = Idle::new(job, 8)?;
    gather(job.run, &idle.cq, 5, || idle.complete(0..5))?;
    for depth in [1, 4] {
        idle.cq.resize(depth)?.wait()?.is(job.run, STATUS_BUFFER_OVERFLOW, "CQ-55 the depth is refused")?;
    }
    // It is as deep as before.
    idle.complete(5..8)?;
    idle.drain(0..8)?;
    gather(job.run, &idle.cq, 5, || idle.complete(0..5))?;
    idle.cq.resize(5)?.ok("CQ-55 what is there fits")?;
    idle.drain(0..5)
}

fn cq_56(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.active.initiated;
    let (mut posted, mut fetched) = (0, 0);
    for round in 0..60usize {
        job.run.go_on()?;
        // At most 64 requests are out, which every depth has room for.
        write(&pair.active, posted..posted + 64)?;
        posted += 64;
        let depth = [64, 65, 200, 1000, 4096].into_iter().cycle().nth(round).unwrap_or(64);
        cq.resize(depth)?.ok("CQ-56 NdkResizeCq")?;
        for _ in 0..64 {
            let result = take(job.run, cq)?;
            job.run.ok(result.Status, "CQ-56 the request succeeds")?;
            job.run.equal(result.RequestContext.addr(), fetched, "CQ-56 none lost, none doubled, in order")?;
            fetched += 1usize;
        }
        empty(job.run, cq)?;
    }
    job.run.equal(fetched, posted, "CQ-56 as many as there were requests")?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    cq.resize(128)?.ok("CQ-56 NdkResizeCq")?;
    quiet(job.run, cq, 0, "CQ-56 a resize satisfies no arm")?;
    write(&pair.active, 0..1)?;
    notified(job.run, cq, 1, "CQ-56 the arm survives")?;
    at_once(job)
}

fn cq_57(job: &Job) -> Result {
    let idle = Idle::new(job, 4)?;
    let supported = idle.adapter.info()?.AdapterFlags & NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED != 0;
    let status = idle.cq.resize(8)?.wait()?.status;
    job.run.check((status == STATUS_NOT_SUPPORTED) != supported, "CQ-57 refused where it is not reported")
}

/// Resizes one after the other with the same completions in the CQ all the time.
fn at_once(job: &Job) -> Result {
    let idle = Idle::new(job, 64)?;
    let most = idle.adapter.info()?.MaxCqDepth;
    gather(job.run, &idle.cq, 10, || idle.complete(0..10))?;
    for depth in [100, 10, 4096, 64, 1000, 11, most, 10, 64] {
        idle.cq.resize(depth)?.ok("CQ-56 NdkResizeCq")?;
        // Refused in between, which changes nothing.
        idle.cq.resize(9)?.wait()?.is(job.run, STATUS_BUFFER_OVERFLOW, "CQ-55 the depth is refused")?;
    }
    idle.complete(10..64)?;
    idle.drain(0..64)
}
