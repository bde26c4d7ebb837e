//! Requests and shared receive queues: `FLUSH-05`, and the SRQ's part of `WR-16` and `WR-18`.

use super::{
    bed::{Any, call},
    work_help::{nothing_in, sink, source},
};
use crate::{
    ndk::{
        Adapter, Address, Family, Limits, Pd, Place, QpOptions,
        request::{self, on_create, on_request},
        targets,
    },
    run::{Failure, Result},
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_CONNECTOR, NDK_QP, NDK_SGE, NDK_SRQ, NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_DATA_OVERRUN,
    STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, ULONG,
};

contract! {
    "FLUSH-05" flush_05, "a flush leaves what waits in an SRQ, and cancels the receive of a message in progress";
}

/// A shared receive queue.
fn srq(pd: &Pd, depth: ULONG, sges: ULONG) -> Result<Any> {
    let mut inline: *mut NDK_SRQ = ptr::null_mut();
    let created = request::submit(pd.run(), |context| {
        let none = ptr::null_mut();
        call!(
            pd.raw(),
            NdkCreateSrq,
            depth,
            sges,
            0,
            None,
            none,
            ptr::null_mut(),
            Some(on_create),
            context,
            &mut inline
        )
    })?
    .ok("SRQ-01 NdkCreateSrq")?;
    Any::adopt(pd.run(), if created.pended() { created.object.cast() } else { inline })
}

fn post(srq: &Any, context: usize, sges: &[NDK_SGE]) -> NTSTATUS {
    let raw: *mut NDK_SRQ = srq.raw();
    let context = ptr::without_provenance_mut(context);
    call!(raw, NdkSrqReceive, context, sges.as_ptr(), sges.len() as ULONG)
}

fn domain(job: &Job) -> Result<Pd> {
    let [target, _] = &job.run.request.adapters;
    Adapter::open(job.run, job.provider, target)?.pd()
}

/// WR-16 for an SRQ: exactly the depth fits.
pub fn depth(job: &Job) -> Result {
    let pd = domain(job)?;
    for depth in [1, 3, 64] {
        let srq = srq(&pd, depth, 1)?;
        for context in 0..depth as usize {
            job.run.ok(post(&srq, context, &[]), "WR-16 what fits into an SRQ")?;
        }
        let status = post(&srq, 99, &[]);
        job.run.status(status, STATUS_NO_MORE_ENTRIES, "WR-16 one receive too many for an SRQ")?;
        srq.close()?;
    }
    Ok(())
}

/// WR-18 for an SRQ: exactly its entries fit.
pub fn entries(job: &Job) -> Result {
    let pd = domain(job)?;
    let region = sink(&pd, 64)?;
    let srq = srq(&pd, 4, 3)?;
    let list = [region.sge(0, 1); 4];
    let status = post(&srq, 1, &list);
    job.run.status(status, STATUS_DATA_OVERRUN, "WR-18 one entry too many for an SRQ")?;
    job.run.ok(post(&srq, 2, list.get(..3).unwrap_or(&[])), "WR-18 exactly the SRQ's limit")?;
    srq.close()
}

unsafe extern "system" fn on_disconnect(_: PVOID) {}

fn flush_05(job: &Job) -> Result {
    const LONG: usize = 16 << 20;
    let run = job.run;
    for place in [Place::Same, Place::Across] {
        let Some((passive, active)) = targets(run, place) else {
            continue;
        };
        let no_address = || Failure::new("an adapter with an IPv4 address", 0);
        let to = Address::of(&passive, Family::V4, 0).ok_or_else(no_address)?;
        let from = Address::of(&active, Family::V4, 0).ok_or_else(no_address)?;

        let passive = Adapter::open(run, job.provider, &passive)?;
        let pd = passive.pd()?;
        let (received, initiated) = (passive.cq(16)?, passive.cq(16)?);
        let into = sink(&pd, LONG)?;
        let srq = srq(&pd, 8, 1)?;
        let mut inline: *mut NDK_QP = ptr::null_mut();
        let created = request::submit(run, |context| {
            let none = ptr::null_mut();
            call!(
                pd.raw(),
                NdkCreateQpWithSrq,
                received.raw(),
                initiated.raw(),
                srq.raw(),
                none,
                8,
                1,
                0,
                Some(on_create),
                context,
                &mut inline
            )
        })?
        .ok("QP-10 NdkCreateQpWithSrq")?;
        let qp = Any::adopt(run, if created.pended() { created.object.cast() } else { inline })?;
        for context in 0..4 {
            run.ok(post(&srq, context, &[into.sge(0, LONG)]), "SRQ-10 NdkSrqReceive")?;
        }
        // Nothing is in progress.
        flush(&qp);
        nothing_in(&received, "FLUSH-05 receives in the SRQ are not flushed")?;

        let active = Adapter::open(run, job.provider, &active)?;
        let our_pd = active.pd()?;
        let cq = active.cq(16)?;
        let ours = our_pd.create_qp(&cq, &cq, &QpOptions::default())?.ok("QP-01 NdkCreateQp")?;
        let out = source(&our_pd, LONG, 1)?;
        let listener = passive.listener()?;
        listener.listen(&to)?.ok("LSN-03 NdkListen")?;
        let (status, to) = listener.local_address();
        run.ok(status, "ADR-01 address of a listener")?;
        let connector = active.connector()?;
        let connecting = connector.connect(&ours, &from, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let accepting = request::submit(run, |context| {
            let (raw, none): (*mut NDK_CONNECTOR, PVOID) = (delivered.raw(), ptr::null_mut());
            call!(raw, NdkAccept, qp.raw(), 1, 1, none, 0, Some(on_disconnect), none, Some(on_request), context)
        })?;
        connecting.ok("CONN-04 NdkConnect")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;

        // So long that the flush comes while the message is in progress.
        run.ok(ours.send(1, &[out.sge(0, LONG)], 0), "SND-01 NdkSend")?;
        flush(&qp);
        let result = received.next()?;
        run.equal(result.RequestContext.addr(), 0usize, "FLUSH-05 the receive of the message")?;
        let ends = [STATUS_CANCELLED, STATUS_SUCCESS].contains(&result.Status);
        run.check(ends, "FLUSH-05 cancelled, or through before the flush")?;
        nothing_in(&received, "FLUSH-05 the others stay in the SRQ")?;
        cq.next()?;

        drop(connector);
        delivered.close()?;
        qp.close()?;
        srq.close()?;
    }
    Ok(())
}

fn flush(qp: &Any) {
    let raw: *mut NDK_QP = qp.raw();
    // SAFETY: the QP is open.
    if let Some(flush) = unsafe { (*(*raw).Dispatch).NdkFlush } {
        // SAFETY: as above.
        unsafe { flush(raw) };
    }
}
