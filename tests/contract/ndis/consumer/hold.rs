//! What the consumer does for tests of NDIS: it holds adapters and connections open while the host works.

use super::{ends::once, stage::adapter};
use crate::{
    kernel::List,
    ndk::{Adapter, Limits},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::STATUS_INVALID_PARAMETER;

contract! {
    "staged-hold" hold, "opens adapters; closes one at each stage";
    "staged-carry" carry, "connects; proves at each stage that the connection carries messages";
    "staged-reads" reads, "connections that ask for every read there is";
}

fn hold(job: &Job) -> Result {
    let mut opens: [Option<Adapter>; 4] = [const { None }; 4];
    let count = job.run.request.rounds.max(1) as usize;
    for place in opens.iter_mut().take(count) {
        *place = Some(adapter(job)?);
    }
    job.run.stage()?;
    for place in opens.iter_mut().take(count) {
        place.take();
        job.run.stage()?;
    }
    Ok(())
}

fn carry(job: &Job) -> Result {
    once(job, |ends| {
        let meeting = ends.met()?;
        job.run.stage()?;
        for _ in 0..job.run.request.rounds.max(1) {
            meeting.works()?;
            job.run.stage()?;
        }
        job.run.equal(meeting.active.disconnects(), 0u32, "the connection has not ended by itself")?;
        job.run.equal(meeting.passive.disconnects(), 0u32, "on neither side")?;
        meeting.disconnect()
    })
}

fn reads(job: &Job) -> Result {
    once(job, |ends| {
        let info = ends.active.info()?;
        let most = Limits { inbound: info.MaxInboundReadLimit, outbound: info.MaxOutboundReadLimit };
        // More than there is, on both sides of each connection.
        let asked = Limits { inbound: u32::MAX, outbound: u32::MAX };
        let mut meetings = List::new();
        for _ in 0..4 {
            let mut meeting = ends.meet_with(0, asked, &[])?;
            let accepting = meeting.passive.accept(&meeting.passive_side.qp, asked, &[])?;
            meeting.accepting = Some(accepting);
            meeting.connected()?;
            meeting.complete()?;
            meetings.try_push(meeting)?;
        }
        for meeting in meetings.iter() {
            for connector in [&meeting.active, &meeting.passive] {
                let data = connector.connection_data(&mut []);
                job.run.equal(data.limits.inbound, most.inbound, "CAP-06 the inbound limit of a QP")?;
                job.run.equal(data.limits.outbound, most.outbound, "CAP-06 the outbound limit of a QP")?;
            }
            meeting.works()?;
        }
        for meeting in meetings.iter() {
            meeting.disconnect()?;
        }
        if meetings.is_empty() { Err(Failure::new("connections", STATUS_INVALID_PARAMETER)) } else { Ok(()) }
    })
}
