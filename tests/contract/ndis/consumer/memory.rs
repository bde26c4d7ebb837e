//! What the consumer sees of requests for which the provider finds no memory: the host makes it short between two
//! stages.

use super::{
    ends::{Ends, Side, once},
    stage::{adapter, take},
};
use crate::{
    kernel::Buffer,
    ndk::{Limits, nothing, request},
    run::{Failure, Result},
    workload::Job,
};
use ndkpi_sys::{
    NTSTATUS, STATUS_CONNECTION_REFUSED, STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};

contract! {
    "staged-memory" memory, "a request again and again, between two stages each time";
}

fn memory(job: &Job) -> Result {
    let failed = match job.run.request.window {
        0 => resize(job)?,
        1 => moderate(job)?,
        2 => register(job)?,
        3 => endpoint(job)?,
        4 => listen(job)?,
        5 => connect(job)?,
        _ => incoming(job)?,
    };
    // A `piece` of 1 says that the request takes memory, so that some of them had to fail.
    job.run.check(job.run.request.piece == 0 || failed > 0, "some requests found no memory")
}

/// Makes the request in every round; how many found no memory. All others succeeded.
fn rounds(job: &Job, none: NTSTATUS, mut request: impl FnMut() -> Result<NTSTATUS>) -> Result<u32> {
    let mut failed = 0;
    for _ in 0..job.run.request.rounds {
        job.run.stage()?;
        let status = request()?;
        job.run.stage()?;
        if status == none {
            failed += 1;
        } else {
            job.run.ok(status, "a request succeeds or finds no memory")?;
        }
    }
    Ok(failed)
}

fn resize(job: &Job) -> Result<u32> {
    once_counted(job, |ends| {
        let meeting = ends.met()?;
        let (qp, cq) = (&meeting.active_side.qp, &meeting.active_side.cq);
        let mut depth = 128;
        let failed = rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
            depth += 64;
            // One completion lies in the queue meanwhile.
            job.run.ok(qp.write(depth as usize, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
            let status = cq.resize(depth)?.wait()?.status;
            let result = take(job.run, cq)?;
            job.run.equal(result.RequestContext.addr(), depth as usize, "CQ-54 what it held is there")?;
            Ok(status)
        })?;
        meeting.disconnect()?;
        Ok(failed)
    })
}

fn moderate(job: &Job) -> Result<u32> {
    let adapter = adapter(job)?;
    let cq = adapter.cq(16)?;
    let mut count = 1;
    rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
        count += 1;
        Ok(cq.moderate(1000 * count, count))
    })
}

fn register(job: &Job) -> Result<u32> {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let buffer = Buffer::new(64 * 4096)?;
    let mr = pd.mr()?;
    let failed = rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
        let status = request::submit(job.run, |context| {
            let Some(register) = mr.dispatch().NdkRegisterMr else { return STATUS_NOT_SUPPORTED };
            // SAFETY: the region is open, the buffer outlives it; callback and context fit.
            unsafe { register(mr.raw(), buffer.mdl(), buffer.len() as _, 0, Some(request::on_request), context) }
        })?
        .wait()?
        .status;
        if status == STATUS_SUCCESS {
            mr.deregister()?.ok("MR-30 NdkDeregisterMr")?;
        }
        Ok(status)
    })?;
    Ok(failed)
}

fn endpoint(job: &Job) -> Result<u32> {
    once_counted(job, |ends| {
        rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
            let made = ends.passive.create_endpoint(&ends.to)?;
            job.run
                .check(made.object.is_some() == (made.answer.status == STATUS_SUCCESS), "CMP-08 an object or none")?;
            Ok(made.answer.status)
        })
    })
}

fn listen(job: &Job) -> Result<u32> {
    once_counted(job, |ends| {
        let listeners: [_; 8] = core::array::from_fn(|_| ends.passive.listener());
        let mut listeners = listeners.into_iter();
        rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
            let listener = listeners.next().ok_or_else(|| Failure::new("a listener for each round", 0))??;
            Ok(listener.listen(&ends.to)?.wait()?.status)
        })
    })
}

fn connect(job: &Job) -> Result<u32> {
    once_counted(job, |ends| {
        let side = Side::new(&ends.active)?;
        let connector = ends.active.connector()?;
        rounds(job, STATUS_INSUFFICIENT_RESOURCES, || {
            let nobody = ends.to.with_port(1);
            let answer = connector.connect(&side.qp, &ends.from, &nobody, Limits::default(), &[])?.wait()?;
            // Nobody listens there: that is how a request that was made ends.
            Ok(if answer.status == STATUS_CONNECTION_REFUSED { STATUS_SUCCESS } else { answer.status })
        })
    })
}

fn incoming(job: &Job) -> Result<u32> {
    once_counted(job, |ends| {
        let (listener, to) = ends.listen(0)?;
        let side = Side::new(&ends.active)?;
        let mut events = 0;
        rounds(job, STATUS_CONNECTION_REFUSED, || {
            let connector = ends.active.connector()?;
            let connecting = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
            // Either the request is refused without an event, or its event comes.
            for _ in 0..job.run.patience() {
                if let Some(delivered) = listener.try_next()? {
                    events += 1;
                    job.run.ok(delivered.reject(&[]), "CONN-40 NdkReject")?;
                    connecting.wait()?.is(job.run, STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
                    return Ok(STATUS_SUCCESS);
                }
                if connecting.is_complete() {
                    job.run.equal(listener.events(), events, "LSN-14 no event for a request that was refused")?;
                    return Ok(connecting.wait()?.status);
                }
                job.run.go_on()?;
                crate::kernel::time::sleep(1);
            }
            Err(Failure::new("LSN-14 a request is delivered or refused", 0))
        })
    })
}

fn once_counted(job: &Job, test: impl Fn(&Ends) -> Result<u32>) -> Result<u32> {
    let failed = core::cell::Cell::new(0);
    once(job, |ends| {
        failed.set(test(ends)?);
        Ok(())
    })?;
    Ok(failed.get())
}
