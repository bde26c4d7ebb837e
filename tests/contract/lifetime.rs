//! `LIFE-01` to `LIFE-12`: how a close goes, and in which order callbacks end.

use super::{
    bed::{Any, Bed, Half, KINDS, Link, accept, call, close_raw, connect, disconnect, done, each_place},
    probe::{LULL, Probe, Seen, hooked, linger, probe},
};
use crate::{
    kernel::{irql, time},
    ndk::{Pair, PairOptions, Region},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "LIFE-01" life_01, "a close returns success or pending";
    "LIFE-02" life_02, "success of a close means closed, without any callback";
    "LIFE-03" life_03, "a pending close is followed by exactly one completion";
    "LIFE-04" life_04, "after the close there is no callback for the object";
    "LIFE-05" life_05, "a close ends pending requests without waiting for the peer";
    "LIFE-06" life_06, "requests cut short by the close get their own callback first";
    "LIFE-07" life_07, "the close completes after completion callbacks have returned";
    "LIFE-08" life_08, "the close completes after event callbacks have returned";
    "LIFE-09" life_09, "a close inside the object's own event pends";
    "LIFE-10" life_10, "an antecedent's close waits for its successors";
    "LIFE-11" life_11, "an antecedent's close waits for its successor's close completion";
    "LIFE-12" life_12, "successors work while the antecedent's close is pending";
}

fn life_01(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let right = |status| job.run.check(status == STATUS_SUCCESS || status == STATUS_PENDING, "success or pending");
    for kind in KINDS {
        for high in [false, true] {
            let (closed, object) = (probe()?, bed.create(kind)?);
            let status =
                if high { irql::at_dispatch(|| object.close_with(&closed)) } else { object.close_with(&closed) };
            right(status)?;
            done(job.run, status, &closed, "the close")?;
        }
    }
    each_place(job, |passive, active| {
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let closes = [probe()?, probe()?, probe()?];
        let link = Link::new((passive, active), &came, &gone, &never)?;
        for (object, closed) in [&link.listener, &link.active, &link.passive].iter().zip(&closes) {
            right(object.close_with(closed))?;
        }
        Ok(())
    })
}

fn life_02(job: &Job) -> Result {
    let closed = probe()?;
    let notified = probe()?;
    let bed = Bed::new(job)?;
    let mut owed = 0;
    for kind in KINDS {
        owed += u32::from(bed.create(kind)?.close_with(&closed) == STATUS_PENDING);
    }
    let armed = bed.notifying(&notified)?;
    armed.cq.arm(NDK_CQ_NOTIFY_ANY);
    drop(armed);
    time::sleep(LULL);
    job.run.equal(closed.calls(), owed, "no completion after success")?;
    job.run.equal(notified.calls(), 0u32, "CQ-31 no notification on account of the close")
}

/// A domain with a region: the simplest close that pends.
fn pending(bed: &Bed, closed: &Probe<fn(&Seen)>) -> Result<(Any, Any)> {
    let domain = bed.create(NdkObjectTypePd)?;
    let (created, mut raw) = (probe()?, ptr::null_mut());
    let status = call!(domain.raw::<NDK_PD>(), NdkCreateMr, 0, created.create(), created.context(), &mut raw);
    done(bed.run(), status, &created, "MR-01 NdkCreateMr")?;
    let region = Any::adopt(bed.run(), if status == STATUS_SUCCESS { raw } else { created.object() })?;
    let status = domain.close_with(closed);
    bed.run().status(status, STATUS_PENDING, "LIFE-10 the close pends")?;
    Ok((domain, region))
}

fn life_03(job: &Job) -> Result {
    let (one, two) = (probe()?, probe()?);
    let bed = Bed::new(job)?;
    let (first, second) = (pending(&bed, &one)?, pending(&bed, &two)?);
    second.1.close()?;
    two.wait(job.run, "the second close ends")?;
    job.run.check(!one.comes(), "the first is pending still")?;
    first.1.close()?;
    one.wait(job.run, "the first close ends")?;
    time::sleep(LULL);
    job.run.check(one.calls() == 1 && two.calls() == 1, "each exactly once, with its context")
}

fn life_04(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, other) = (probe()?, probe()?, probe()?);
        let (notified, connecting, leaving) = (probe()?, probe()?, probe()?);
        let passive = passive.notifying(&notified)?;
        let link = Link::new((&passive, active), &came, &gone, &other)?;
        let mut found = crate::ndk::Address::empty();
        let mut length = found.length();
        let status = call!(link.listener.raw::<NDK_LISTENER>(), NdkGetLocalAddress, found.as_ptr(), &mut length);
        run.ok(status, "ADR-01 address of a listener")?;
        *found.length_mut() = length;
        // The passive side goes altogether, with its queue armed.
        passive.cq.arm(NDK_CQ_NOTIFY_ANY);
        // They drop in the opposite order: the active connector before its QP.
        let Link { active_qp: _active_qp, active: remaining, passive_qp, passive: connector, listener, .. } = link;
        connector.close()?;
        listener.close()?;
        drop(passive_qp);
        drop(passive);
        let calls = (came.calls(), gone.calls(), notified.calls());
        other.wait(run, "CONN-72 the peer sees the end")?;
        let status = disconnect(remaining.raw(), &leaving);
        if status == STATUS_PENDING {
            leaving.wait(run, "CMP-19 the disconnect ends")?;
        }
        let (qp, again) = (active.qp()?, active.create(NdkObjectTypeConnector)?);
        let status = connect(again.raw(), &qp, &active.address, &found, &connecting);
        if status == STATUS_PENDING {
            connecting.wait(run, "CMP-19 the connect ends")?;
        }
        time::sleep(LULL);
        run.check((came.calls(), gone.calls(), notified.calls()) == calls, "no callback after the close")
    })
}

/// A connect, an accept and a disconnect that are pending when their connector is closed. The peer does nothing.
fn cut_short(job: &Job, check: impl Fn(&Run, &Probe<fn(&Seen)>, &Probe<fn(&Seen)>, u64) -> Result) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        for which in 0..3 {
            let (came, gone, never) = (probe()?, probe()?, probe()?);
            let (connecting, asked, closed) = (probe()?, probe()?, probe()?);
            let (half, link);
            let object = if which == 2 {
                link = Link::new((passive, active), &came, &gone, &never)?;
                let status = disconnect(link.active.raw(), &asked);
                run.status(status, STATUS_PENDING, "CONN-61 the disconnect waits")?;
                &link.active
            } else if which == 1 {
                half = Half::new((passive, active), &came, &connecting)?;
                let status = accept(half.passive.raw(), &half.passive_qp, &gone, &asked);
                run.status(status, STATUS_PENDING, "CONN-32 the accept waits")?;
                &half.passive
            } else {
                half = Half::new((passive, active), &came, &asked)?;
                &half.active
            };
            let before = time::now();
            let status = object.close_with(&closed);
            asked.wait(run, "CMP-19 the request ends")?;
            done(run, status, &closed, "the close")?;
            let took = time::now().saturating_sub(before) / 1_000_000;
            if status == STATUS_SUCCESS {
                return Err(Failure::new("LIFE-06 a close with a request pending pends", status));
            }
            check(run, &asked, &closed, took)?;
        }
        Ok(())
    })
}

fn life_05(job: &Job) -> Result {
    cut_short(job, |run, asked, closed, milliseconds| {
        run.check(asked.calls() == 1 && closed.calls() == 1, "both have ended")?;
        run.check(milliseconds < 1000, "without waiting for the peer or a timeout")
    })
}

fn life_06(job: &Job) -> Result {
    cut_short(job, |run, asked, closed, _| {
        run.status(asked.status(), STATUS_CANCELLED, "the request was cut short")?;
        run.check(asked.ended() < closed.began(), "its callback comes first")
    })
}

fn life_07(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, closed, inline) = (probe()?, probe()?, AtomicI32::new(-1));
        let connector = AtomicPtr::new(ptr::null_mut());
        let connecting = hooked(|_| {
            inline.store(close_raw(connector.load(SeqCst), closed.close(), closed.context()), SeqCst);
            linger(2000);
        })?;
        let half = Half::new((passive, active), &came, &connecting)?;
        connector.store(half.active.header(), SeqCst);
        half.active.disown();
        half.passive.start_close()?.ok("LIFE-01 a close")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        run.status(inline.load(SeqCst), STATUS_PENDING, "the close waits for the running callback")?;
        closed.wait(run, "the close ends")?;
        run.check(connecting.ended() < closed.began(), "after the callback")
    })
}

/// Closes an object inside each of its events: CQ, SRQ, listener, connector. The check gets what the close
/// returned, the event, and the completion.
fn inside(job: &Job, check: impl Fn(NTSTATUS, &Seen, &Seen) -> Result) -> Result {
    let run = job.run;
    for kind in [NdkObjectTypeCq, NdkObjectTypeSrq, NdkObjectTypeListener, NdkObjectTypeConnector] {
        each_place(job, |passive, active| {
            let (closed, other, inline) = (probe()?, probe()?, AtomicI32::new(-1));
            let target = AtomicPtr::new(ptr::null_mut());
            let event = hooked(|seen| {
                if kind == NdkObjectTypeListener {
                    // The connector goes first, so that the event alone holds the listener.
                    let _ = close_raw(seen.object(), other.close(), other.context());
                }
                inline.store(close_raw(target.load(SeqCst), closed.close(), closed.context()), SeqCst);
                linger(1000);
            })?;
            let created = probe()?;
            if kind == NdkObjectTypeCq {
                let mut raw: *mut NDK_CQ = ptr::null_mut();
                let status = call!(
                    passive.adapter.raw(),
                    NdkCreateCq,
                    8,
                    event.cq(),
                    event.context(),
                    ptr::null_mut(),
                    created.create(),
                    created.context(),
                    &mut raw
                );
                done(run, status, &created, "CQ-01 NdkCreateCq")?;
                let cq = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
                let mut raw: *mut NDK_QP = ptr::null_mut();
                let status = call!(
                    passive.pd.raw(),
                    NdkCreateQp,
                    cq.raw(),
                    cq.raw(),
                    ptr::null_mut(),
                    4,
                    4,
                    1,
                    1,
                    0,
                    created.create(),
                    created.context(),
                    &mut raw
                );
                done(run, status, &created, "QP-01 NdkCreateQp")?;
                let qp = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
                let status = call!(qp.raw::<NDK_QP>(), NdkReceive, ptr::null_mut(), ptr::null(), 0);
                run.ok(status, "NdkReceive")?;
                target.store(cq.header(), SeqCst);
                super::bed::arm(cq.raw());
                cq.disown();
                qp.close()?;
            } else if kind == NdkObjectTypeSrq {
                let mut raw: *mut NDK_SRQ = ptr::null_mut();
                let status = call!(
                    passive.pd.raw(),
                    NdkCreateSrq,
                    8,
                    1,
                    0,
                    event.srq(),
                    event.context(),
                    ptr::null_mut(),
                    created.create(),
                    created.context(),
                    &mut raw
                );
                done(run, status, &created, "SRQ-01 NdkCreateSrq")?;
                let srq = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
                target.store(srq.header(), SeqCst);
                srq.disown();
                let status = call!(srq.raw::<NDK_SRQ>(), NdkModifySrq, 0, 2, other.request(), other.context());
                run.check(status == STATUS_SUCCESS || status == STATUS_PENDING, "SRQ-25 NdkModifySrq")?;
            } else if kind == NdkObjectTypeListener {
                let qp = active.qp()?;
                let connecting = probe()?;
                let (listener, address) = passive.listener(&event)?;
                target.store(listener.header(), SeqCst);
                listener.disown();
                let connector = active.create(NdkObjectTypeConnector)?;
                let status = connect(connector.raw(), &qp, &active.address, &address, &connecting);
                event.wait(run, "the event comes")?;
                closed.wait(run, "the close ends")?;
                if status == STATUS_PENDING {
                    connecting.wait(run, "CMP-19 the connect ends")?;
                }
                return check(inline.load(SeqCst), &event, &closed);
            } else {
                let (came, never) = (probe()?, probe()?);
                let link = Link::new((passive, active), &came, &event, &never)?;
                target.store(link.passive.header(), SeqCst);
                link.passive.disown();
                link.active.start_close()?.ok("LIFE-01 a close")?;
                event.wait(run, "the event comes")?;
                closed.wait(run, "the close ends")?;
                return check(inline.load(SeqCst), &event, &closed);
            }
            event.wait(run, "the event comes")?;
            closed.wait(run, "the close ends")?;
            check(inline.load(SeqCst), &event, &closed)
        })?;
    }
    Ok(())
}

fn life_08(job: &Job) -> Result {
    inside(job, |_, event, closed| job.run.check(event.ended() < closed.began(), "the close completes after the event"))
}

fn life_09(job: &Job) -> Result {
    inside(job, |inline, event, closed| {
        job.run.status(inline, STATUS_PENDING, "the close inside the event pends")?;
        job.run.check(event.calls() == 1 && closed.calls() == 1, "once each")
    })
}

fn life_10(job: &Job) -> Result {
    let closed = probe()?;
    let bed = Bed::new(job)?;
    let (_domain, region) = pending(&bed, &closed)?;
    job.run.check(!closed.comes(), "it waits for the region")?;
    region.close()?;
    closed.wait(job.run, "the close ends")?;
    job.run.equal(closed.calls(), 1u32, "once")
}

fn life_11(job: &Job) -> Result {
    let run = job.run;
    for _ in 0..8 {
        let (first, second) = (probe()?, hooked(|_| linger(500))?);
        let bed = Bed::new(job)?;
        let domain = bed.create(NdkObjectTypePd)?;
        let (created, none) = (probe()?, ptr::null_mut());
        let (completion, context) = (created.create(), created.context());
        let (pd, cq): (*mut NDK_PD, _) = (domain.raw(), bed.cq.raw());
        let mut raw: *mut NDK_SRQ = ptr::null_mut();
        let status = call!(pd, NdkCreateSrq, 4, 1, 0, None, none, ptr::null_mut(), completion, context, &mut raw);
        done(run, status, &created, "SRQ-01 NdkCreateSrq")?;
        let srq = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
        let mut raw: *mut NDK_QP = ptr::null_mut();
        let status = call!(pd, NdkCreateQpWithSrq, cq, cq, srq.raw(), none, 4, 1, 0, completion, context, &mut raw);
        done(run, status, &created, "QP-10 NdkCreateQpWithSrq")?;
        let qp = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
        // The QP holds the SRQ, both hold the domain.
        run.status(domain.close_with(&first), STATUS_PENDING, "LIFE-10 the domain's close pends")?;
        run.status(srq.close_with(&second), STATUS_PENDING, "LIFE-24 the SRQ's close pends")?;
        qp.close()?;
        first.wait(run, "the domain's close ends")?;
        run.check(second.calls() == 1 && second.ended() < first.began(), "after the SRQ's completion")?;
    }
    Ok(())
}

fn life_12(job: &Job) -> Result {
    let Some(pair) = Pair::connect(job.run, job.provider, &PairOptions::default())? else {
        return Err(Failure::new("an adapter with an address", 0));
    };
    let run = job.run;
    let flags = NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_READ;
    let (local, remote) = (Region::new(&pair.active.pd, 64, flags)?, Region::new(&pair.passive.pd, 64, flags)?);
    let closing = [pair.active.pd.start_close()?, pair.passive.pd.start_close()?];
    local.buffer().fill(0, 64, 0x42);
    let entry = [local.sge(0, 64)];
    let qp = &pair.active.qp;
    run.ok(qp.write(1, &entry, remote.remote(0), remote.remote_token(), 0), "NdkWrite")?;
    pair.active.initiated.expect(1, STATUS_SUCCESS, "a write while the domain's close is pending")?;
    run.ok(qp.read(2, &entry, remote.remote(0), remote.remote_token(), 0), "NdkRead")?;
    pair.active.initiated.expect(2, STATUS_SUCCESS, "a read while the domain's close is pending")?;
    let mut bytes = [0; 64];
    remote.buffer().read(0, &mut bytes);
    run.check(bytes == [0x42; 64], "the bytes have arrived")?;
    run.check(closing.iter().all(|close| !close.is_complete()), "LIFE-10 the closes pend")?;
    drop((local, remote));
    drop(pair);
    for close in closing {
        close.ok("the closes end")?;
    }
    Ok(())
}
