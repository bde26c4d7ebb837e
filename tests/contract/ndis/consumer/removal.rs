//! What the consumer sees of an adapter that is pulled out while it is in use (`PNP-04` to `PNP-06`), and of an
//! address that goes away (`PNP-09`).
//!
//! With one adapter both ends are on the one that goes; with two, the side that `rounds` names: 0 the passive
//! one, 1 the active one. A `window` of 1 leaves out what only a surprise removal makes certain.

use super::{
    bed::{Bed, KINDS},
    ends::{Ends, Meeting, Side, once},
};
use crate::{
    ndk::{Adapter, Connector, Limits, Listener, Region, Submitted, request},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDIS_STATUS_ADAPTER_NOT_READY, NDK_OBJECT_HEADER, NDK_VERSION, STATUS_CANCELLED, STATUS_DEVICE_REMOVED,
    STATUS_SUCCESS,
};
use ndktest_api::Target;

contract! {
    "staged-broken" broken, "connections and requests of an adapter that is pulled out";
    "staged-refused" refused, "what still works after an adapter was pulled out, and what does not";
    "staged-order" order, "objects of an adapter that was pulled out, closed in any order";
}

/// The adapter that goes, with the passive or active part of a set-up.
fn gone(job: &Job) -> Target {
    let [first, second] = job.run.request.adapters;
    if job.run.request.rounds == 1 && second.interface != 0 { second } else { first }
}

/// Opens of the adapter fail.
fn closed_to_opens(job: &Job) -> Result {
    let (status, adapter) = Adapter::try_open(job.run, job.provider, &gone(job), NDK_VERSION { Major: 2, Minor: 1 })?;
    job.run.status(status, NDIS_STATUS_ADAPTER_NOT_READY, "PNP-04 opens fail")?;
    job.run.check(adapter.is_none(), "PNP-04 and deliver nothing")
}

fn broken(job: &Job) -> Result {
    once(job, |ends| {
        let run = job.run;
        let meeting = ends.met()?;
        // A connect whose accept never comes.
        let mut waiting = ends.meet()?;
        let (active, passive) = (&meeting.active_side, &meeting.passive_side);
        let (into_active, into_passive) = (active.region(64)?, passive.region(64)?);
        for number in 0..4 {
            run.ok(active.qp.receive(number, &[into_active.sge(0, 64)]), "WR-12 NdkReceive")?;
            run.ok(passive.qp.receive(number, &[into_passive.sge(0, 64)]), "WR-12 NdkReceive")?;
        }
        run.stage()?;
        meeting.active.wait_for_disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        for side in [active, passive] {
            for number in 0..4 {
                side.cq.expect(number, STATUS_CANCELLED, "PNP-04 pending requests are cancelled")?;
            }
        }
        let connecting = waiting.connecting.take();
        if let Some(connecting) = connecting {
            let answer = connecting.wait()?;
            run.check(answer.status < 0, "PNP-04 a pending connect ends, and has failed")?;
        }
        if run.request.window == 0 {
            closed_to_opens(job)?;
        }
        // Time for what must not come twice.
        run.stage()?;
        for connector in [&meeting.active, &meeting.passive] {
            run.equal(connector.disconnects(), 1u32, "PNP-04 one disconnect event for each side")?;
        }
        Ok(())
    })
}

/// What an adapter had before it went.
struct Before {
    bed: Bed,
    region: Region,
    idle: Connector,
    silent: Listener,
    side: Side,
}

impl Before {
    fn new(ends: &Ends, job: &Job) -> Result<Self> {
        let target = gone(job);
        let adapter = if target == job.run.request.adapters[0] { &ends.passive } else { &ends.active };
        let bed = Bed::on(adapter.clone(), &target)?;
        Ok(Self {
            region: Region::new(&bed.pd, 4096, 0)?,
            idle: adapter.connector()?,
            silent: adapter.listener()?,
            side: Side::new(adapter)?,
            bed,
        })
    }
}

fn refused(job: &Job) -> Result {
    once(job, |ends| {
        let before = Before::new(ends, job)?;
        let meeting = ends.met()?;
        job.run.stage()?;
        meeting.active.wait_for_disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        creates_fail(job, &before)?;
        let silent = before.silent.listen(&before.bed.address)?.wait()?;
        silent.is(job.run, STATUS_DEVICE_REMOVED, "PNP-05 listens fail")?;
        let (from, to) = (before.bed.address, before.bed.address.with_port(5445));
        let idle = before.idle.connect(&before.side.qp, &from, &to, Limits::default(), &[])?.wait()?;
        idle.is(job.run, STATUS_DEVICE_REMOVED, "PNP-05 connects fail")?;
        clean_up_works(job, &before, &meeting)?;
        job.run.stage()
    })
}

fn creates_fail(job: &Job, before: &Before) -> Result {
    for kind in KINDS {
        let mut raw: *mut NDK_OBJECT_HEADER = ptr::null_mut();
        let creating = request::submit(job.run, |context| {
            before.bed.create_raw(kind, Some(request::on_create), context, &mut raw)
        })?;
        let answer = creating.wait()?;
        job.run.status(answer.status, STATUS_DEVICE_REMOVED, "PNP-05 creates fail")?;
        job.run.check(raw.is_null() && answer.object.is_null(), "PNP-05 and deliver nothing")?;
    }
    Ok(())
}

fn clean_up_works(job: &Job, before: &Before, meeting: &Meeting) -> Result {
    let run = job.run;
    // Requests may be posted, and come back by a flush or by themselves.
    let posted = before.side.qp.receive(5, &[]);
    before.side.qp.flush();
    if posted == STATUS_SUCCESS {
        before.side.cq.expect(5, STATUS_CANCELLED, "PNP-05 flush and NdkGetCqResults work")?;
    }
    let ours = if gone(job) == run.request.adapters[0] { &meeting.passive } else { &meeting.active };
    let leaving = ours.disconnect()?.wait()?;
    run.check(leaving.status != STATUS_DEVICE_REMOVED, "PNP-05 disconnect works")?;
    before.region.mr().deregister()?.ok("PNP-05 deregistration works")?;
    run.check(before.bed.adapter.info().is_ok(), "PNP-05 the info can be read")
}

/// Starts to close, and keeps what has to be waited for.
fn order(job: &Job) -> Result {
    once(job, |ends| {
        let before = Before::new(ends, job)?;
        let meeting = ends.met()?;
        let mut waiting = ends.meet()?;
        let connecting = waiting.connecting.take();
        job.run.stage()?;
        // Some begin before the disconnect event, some after it.
        if job.run.request.window.is_multiple_of(2) {
            meeting.active.wait_for_disconnect()?;
        }
        let closings: [Submitted; 12] = match job.run.request.window / 2 {
            0 => leaves_first(&before, &meeting, &waiting)?,
            1 => roots_first(&before, &meeting, &waiting)?,
            _ => mixed(&before, &meeting, &waiting)?,
        };
        for closing in closings {
            closing.ok("PNP-06 every close completes")?;
        }
        if let Some(connecting) = connecting {
            connecting.wait()?;
        }
        job.run.stage()
    })
}

fn leaves_first(before: &Before, meeting: &Meeting, waiting: &Meeting) -> Result<[Submitted; 12]> {
    Ok([
        meeting.active.start_close()?,
        meeting.passive.start_close()?,
        waiting.active.start_close()?,
        waiting.passive.start_close()?,
        before.idle.start_close()?,
        meeting.active_side.qp.start_close()?,
        meeting.passive_side.qp.start_close()?,
        meeting.active_side.cq.start_close()?,
        meeting.passive_side.pd.start_close()?,
        meeting.listener.start_close()?,
        before.side.qp.start_close()?,
        before.silent.start_close()?,
    ])
}

fn roots_first(before: &Before, meeting: &Meeting, waiting: &Meeting) -> Result<[Submitted; 12]> {
    Ok([
        meeting.passive_side.pd.start_close()?,
        meeting.active_side.cq.start_close()?,
        meeting.listener.start_close()?,
        before.silent.start_close()?,
        before.side.qp.start_close()?,
        meeting.active_side.qp.start_close()?,
        meeting.passive_side.qp.start_close()?,
        before.idle.start_close()?,
        waiting.passive.start_close()?,
        waiting.active.start_close()?,
        meeting.passive.start_close()?,
        meeting.active.start_close()?,
    ])
}

fn mixed(before: &Before, meeting: &Meeting, waiting: &Meeting) -> Result<[Submitted; 12]> {
    Ok([
        before.side.qp.start_close()?,
        meeting.passive.start_close()?,
        meeting.active_side.cq.start_close()?,
        meeting.active_side.qp.start_close()?,
        waiting.active.start_close()?,
        meeting.listener.start_close()?,
        meeting.active.start_close()?,
        before.idle.start_close()?,
        meeting.passive_side.pd.start_close()?,
        waiting.passive.start_close()?,
        before.silent.start_close()?,
        meeting.passive_side.qp.start_close()?,
    ])
}
