//! What the consumer does while the host counts octets and frames (`OID-19`), and failed CQs (`OID-18`).

use super::{
    ends::{Meeting, once},
    stage::{pair_of_depth, write},
};
use crate::{ndk::Region, run::Result, workload::Job};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, STATUS_SUCCESS,
};
use ndktest_api::{Kind, LARGEST_TRANSFER, TRANSFERS};

contract! {
    "staged-octets" octets, "Sends, Writes and Reads of many lengths, a stage for each";
    "staged-overflow" overflow, "completion queues that overflow, a stage for each";
}

fn octets(job: &Job) -> Result {
    once(job, |ends| {
        let meeting = ends.met()?;
        let flags = NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
        let here = Region::new(&meeting.active_side.pd, LARGEST_TRANSFER as usize, flags)?;
        let there = Region::new(&meeting.passive_side.pd, LARGEST_TRANSFER as usize, flags)?;
        job.run.stage()?;
        for (kind, length) in TRANSFERS {
            transfer(&meeting, (&here, &there), kind, length as usize)?;
            job.run.stage()?;
        }
        drop((here, there));
        meeting.disconnect()
    })
}

fn transfer(meeting: &Meeting, (here, there): (&Region, &Region), kind: Kind, length: usize) -> Result {
    let (run, active, passive) = (meeting.run, &meeting.active_side, &meeting.passive_side);
    let (own, remote, token) = ([here.sge(0, length)], there.remote(0), there.remote_token());
    let status = match kind {
        Kind::Send => {
            run.ok(passive.qp.receive(1, &[there.sge(0, length)]), "WR-12 NdkReceive")?;
            active.qp.send(2, &own, 0)
        }
        Kind::Write => active.qp.write(2, &own, remote, token, 0),
        Kind::Read => active.qp.read(2, &own, remote, token, 0),
    };
    run.ok(status, "WR-01 the request is taken")?;
    active.cq.expect(2, STATUS_SUCCESS, "WR-02 the request succeeds")?;
    if matches!(kind, Kind::Send) {
        passive.cq.expect(1, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    }
    Ok(())
}

fn overflow(job: &Job) -> Result {
    job.run.stage()?;
    for _ in 0..job.run.request.rounds.max(1) {
        let pair = pair_of_depth(job, 1)?;
        write(&pair.active, 0..2)?;
        pair.active.connector.wait_for_disconnect()?;
        job.run.check(pair.active.connector.disconnects() == 1, "CQ-35 the connection ends with its CQ")?;
        drop(pair);
        job.run.stage()?;
    }
    Ok(())
}
