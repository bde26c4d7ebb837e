//! `RE-*`: what the consumer calls from inside its callbacks.

use super::{
    bed::{Any, Bed, Half, Link, accept, arm, call, close_raw, complete, connect, disconnect, done, each_place, poll},
    probe::{Seen, hooked, probe},
};
use crate::{
    kernel::{Lock, Shared, time},
    run::Result,
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "RE-01" re_01, "fetching and arming inside a CQ notification works";
    "RE-02" re_02, "posting inside the notification of the QP's CQ works";
    "RE-03" re_03, "NdkAccept inside the connect event works";
    "RE-04" re_04, "NdkReject inside the connect event works";
    "RE-05" re_05, "closing the connector inside the connect event rejects";
    "RE-06" re_06, "addresses and data can be had inside the connect event";
    "RE-07" re_07, "NdkDisconnect inside the disconnect event works";
    "RE-08" re_08, "closing the listener inside its connect event pends until the event is over";
    "RE-09" re_09, "NdkModifySrq inside the SRQ notification re-arms it";
    "RE-10" re_10, "the completion of NdkConnect may complete, reject or close";
    "RE-11" re_11, "a consumer's lock may be held over every call and taken in every event";
}

const NULL: PVOID = ptr::null_mut();

fn re_01(job: &Job) -> Result {
    const MESSAGES: u32 = 48;
    each_place(job, |passive, active| {
        let run = passive.run();
        let (cq, total) = (AtomicPtr::new(ptr::null_mut()), AtomicU32::new(0));
        let notified = hooked(|_| {
            let cq = cq.load(SeqCst);
            while poll(cq).is_some() {
                total.fetch_add(1, SeqCst);
            }
            arm(cq);
        })?;
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let passive = passive.notifying(&notified)?;
        cq.store(passive.cq.raw(), SeqCst);
        let link = Link::new((&passive, active), &came, &gone, &never)?;
        passive.cq.arm(NDK_CQ_NOTIFY_ANY);
        for number in 0..MESSAGES {
            run.ok(link.passive_qp.receive(1, &[]), "NdkReceive")?;
            run.ok(link.active_qp.send(2, &[], 0), "NdkSend")?;
            active.cq.expect(2, STATUS_SUCCESS, "the send")?;
            while total.load(SeqCst) <= number {
                notified.wait(run, "CQ-24 no notification is lost")?;
            }
        }
        run.equal(total.load(SeqCst), MESSAGES, "every completion once")?;
        run.equal(notified.overlaps(), 0u32, "CQ-23 no notification inside another")
    })
}

fn re_02(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (cq, qp) = (AtomicPtr::new(ptr::null_mut()), AtomicPtr::<NDK_QP>::new(ptr::null_mut()));
        let posted = AtomicI32::new(-1);
        let notified = hooked(|_| {
            let cq = cq.load(SeqCst);
            while let Some(result) = poll(cq) {
                if result.RequestContext.addr() == 1 {
                    posted.store(call!(qp.load(SeqCst), NdkSend, NULL, ptr::null(), 0, 0), SeqCst);
                }
            }
            arm(cq);
        })?;
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let passive = passive.notifying(&notified)?;
        let link = Link::new((&passive, active), &came, &gone, &never)?;
        cq.store(passive.cq.raw(), SeqCst);
        qp.store(link.passive_qp.raw(), SeqCst);
        passive.cq.arm(NDK_CQ_NOTIFY_ANY);
        run.ok(link.passive_qp.receive(1, &[]), "NdkReceive")?;
        run.ok(link.active_qp.receive(3, &[]), "NdkReceive")?;
        run.ok(link.active_qp.send(2, &[], NDK_OP_FLAG_SILENT_SUCCESS), "NdkSend")?;
        active.cq.expect(3, STATUS_SUCCESS, "the answer that the notification sent")?;
        run.ok(posted.load(SeqCst), "NdkSend inside the notification")
    })
}

fn re_03(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (gone, never) = (probe()?, probe()?);
        let [connecting, accepting, completing] = [probe()?, probe()?, probe()?];
        let (passive_qp, active_qp) = (passive.qp()?, active.qp()?);
        let inline = AtomicI32::new(-1);
        let came = hooked(|seen| {
            inline.store(accept(seen.object(), &passive_qp, &gone, &accepting), SeqCst);
        })?;
        let (_listener, address) = passive.listener(&came)?;
        let connector = active.create(NdkObjectTypeConnector)?;
        let status = connect(connector.raw(), &active_qp, &active.address, &address, &connecting);
        came.wait(run, "LSN-11 a connect event")?;
        let _delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        done(run, status, &connecting, "CONN-04 NdkConnect")?;
        let status = complete(connector.raw(), &never, &completing);
        done(run, status, &completing, "CONN-21 NdkCompleteConnect")?;
        done(run, inline.load(SeqCst), &accepting, "NdkAccept inside the connect event")?;
        run.ok(passive_qp.receive(1, &[]), "NdkReceive")?;
        run.ok(active_qp.send(2, &[], 0), "NdkSend")?;
        passive.cq.expect(1, STATUS_SUCCESS, "the connection works").map(|_| ())
    })
}

/// Connects to a listener whose event does away with the connector; the connect is refused.
fn refused(job: &Job, event: impl Fn(&Seen) -> NTSTATUS, closes: bool) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (inline, connecting, qp) = (AtomicI32::new(-1), probe()?, active.qp()?);
        let came = hooked(|seen| inline.store(event(seen), SeqCst))?;
        let (_listener, address) = passive.listener(&came)?;
        let connector = active.create(NdkObjectTypeConnector)?;
        let status = connect(connector.raw(), &qp, &active.address, &address, &connecting);
        came.wait(run, "LSN-11 a connect event")?;
        let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        if closes {
            delivered.disown();
        }
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        run.status(connecting.status(), STATUS_CONNECTION_REFUSED, "the peer refuses")?;
        let inline = inline.load(SeqCst);
        run.check(inline == STATUS_SUCCESS || closes && inline == STATUS_PENDING, "the call inside the event")
    })
}

fn re_04(job: &Job) -> Result {
    refused(job, |seen| call!(seen.object::<NDK_CONNECTOR>(), NdkReject, NULL, 0), false)
}

fn re_05(job: &Job) -> Result {
    let closed = probe()?;
    // The listener's close waits for that of the connector, so no close is out at the end.
    refused(job, |seen| close_raw(seen.object(), closed.close(), closed.context()), true)
}

fn re_06(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let statuses = [const { AtomicI32::new(-1) }; 3];
        let ports = [const { AtomicU32::new(0) }; 2];
        let came = hooked(|seen| {
            let raw: *mut NDK_CONNECTOR = seen.object();
            let (mut local, mut peer) = (crate::ndk::Address::empty(), crate::ndk::Address::empty());
            let (mut first, mut second, mut third) = (local.length(), peer.length(), 0);
            let found = [
                call!(raw, NdkGetLocalAddress, local.as_ptr(), &mut first),
                call!(raw, NdkGetPeerAddress, peer.as_ptr(), &mut second),
                call!(raw, NdkGetConnectionData, ptr::null_mut(), ptr::null_mut(), NULL, &mut third),
            ];
            for (place, status) in statuses.iter().zip(found) {
                place.store(status, SeqCst);
            }
            for (place, address) in ports.iter().zip([local, peer]) {
                place.store(u32::from(address.port()), SeqCst);
            }
        })?;
        let (connecting, qp) = (probe()?, active.qp()?);
        let (_listener, address) = passive.listener(&came)?;
        let connector = active.create(NdkObjectTypeConnector)?;
        let status = connect(connector.raw(), &qp, &active.address, &address, &connecting);
        came.wait(run, "LSN-11 a connect event")?;
        Any::adopt(run, came.object::<NDK_CONNECTOR>())?.close()?;
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        for status in &statuses {
            run.ok(status.load(SeqCst), "the query inside the connect event")?;
        }
        let [local, peer] = ports.each_ref().map(|port| port.load(SeqCst));
        run.equal(local, u64::from(address.port()), "ADR-07 the listener's port")?;
        run.check(peer != 0, "ADR-02 the peer's port")
    })
}

fn re_07(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, never) = (probe()?, probe()?);
        let (leaving, following) = (probe()?, probe()?);
        let (connector, inline) = (AtomicPtr::new(ptr::null_mut()), AtomicI32::new(-1));
        let gone = hooked(|_| inline.store(disconnect(connector.load(SeqCst), &following), SeqCst))?;
        let link = Link::new((passive, active), &came, &gone, &never)?;
        connector.store(link.passive.raw(), SeqCst);
        let status = disconnect(link.active.raw(), &leaving);
        gone.wait(run, "CONN-72 the peer's disconnect event")?;
        done(run, inline.load(SeqCst), &following, "NdkDisconnect inside the disconnect event")?;
        done(run, status, &leaving, "CONN-61 NdkDisconnect")
    })
}

fn re_08(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (closed, connecting, qp) = (probe()?, probe()?, active.qp()?);
        let (object, inline) = (AtomicPtr::new(ptr::null_mut()), AtomicI32::new(-1));
        let came = hooked(|_| {
            inline.store(close_raw(object.load(SeqCst), closed.close(), closed.context()), SeqCst);
            super::probe::linger(200);
        })?;
        let (listener, address) = passive.listener(&came)?;
        object.store(listener.header(), SeqCst);
        listener.disown();
        let connector = active.create(NdkObjectTypeConnector)?;
        let status = connect(connector.raw(), &qp, &active.address, &address, &connecting);
        came.wait(run, "LSN-11 a connect event")?;
        let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        run.status(inline.load(SeqCst), STATUS_PENDING, "the close inside the event pends")?;
        run.check(!closed.comes(), "it waits for the delivered connector")?;
        delivered.close()?;
        closed.wait(run, "the close of the listener ends")?;
        run.check(came.ended() < closed.began(), "LIFE-08 after the event")?;
        run.equal(closed.calls(), 1u32, "once")?;
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
        connecting.wait(run, "CMP-19 the connect ends")
    })
}

fn re_09(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let (created, modified) = (probe()?, probe()?);
    let (srq, inline) = (AtomicPtr::<NDK_SRQ>::new(ptr::null_mut()), AtomicI32::new(-1));
    let again = |srq: *mut NDK_SRQ| call!(srq, NdkModifySrq, 0, 2, modified.request(), modified.context());
    let notified = hooked(|seen| {
        if seen.calls() < 3 {
            inline.store(again(srq.load(SeqCst)), SeqCst);
            super::probe::linger(100);
        }
    })?;
    let mut raw = ptr::null_mut();
    let status = call!(
        bed.pd.raw(),
        NdkCreateSrq,
        8,
        1,
        0,
        notified.srq(),
        notified.context(),
        ptr::null_mut(),
        created.create(),
        created.context(),
        &mut raw
    );
    done(job.run, status, &created, "SRQ-01 NdkCreateSrq")?;
    let object = Any::adopt(job.run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
    srq.store(object.raw(), SeqCst);
    // An empty queue is below the threshold, so the notification is due at once (SRQ-25).
    let status = again(object.raw());
    job.run.check(status == STATUS_SUCCESS || status == STATUS_PENDING, "SRQ-24 NdkModifySrq")?;
    while notified.calls() < 3 {
        notified.wait(job.run, "the next notification comes")?;
    }
    let inline = inline.load(SeqCst);
    job.run.check(inline == STATUS_SUCCESS || inline == STATUS_PENDING, "NdkModifySrq inside the notification")?;
    time::sleep(super::probe::LULL);
    job.run.equal(notified.calls(), 3u32, "SRQ-27 one notification for each arm")?;
    job.run.equal(notified.overlaps(), 0u32, "SRQ-31 none inside another")?;
    job.run.ok(notified.status(), "SRQ-29 the status of a notification")
}

fn re_10(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        for which in 0..3 {
            let (came, gone, never, accepting) = (probe()?, probe()?, probe()?, probe()?);
            let (next, inline) = (probe()?, AtomicI32::new(-1));
            let connector = AtomicPtr::<NDK_CONNECTOR>::new(ptr::null_mut());
            let connecting = hooked(|_| {
                let raw = connector.load(SeqCst);
                let status = match which {
                    0 => complete(raw, &never, &next),
                    1 => call!(raw, NdkReject, NULL, 0),
                    _ => close_raw(raw.cast(), next.close(), next.context()),
                };
                inline.store(status, SeqCst);
            })?;
            let half = Half::new((passive, active), &came, &connecting)?;
            connector.store(half.active.raw(), SeqCst);
            if which == 2 {
                half.active.disown();
            }
            let status = accept(half.passive.raw(), &half.passive_qp, &gone, &accepting);
            connecting.wait(run, "CMP-19 the connect ends")?;
            run.ok(connecting.status(), "CONN-04 NdkConnect")?;
            done(run, inline.load(SeqCst), &next, "the call inside the completion")?;
            run.status(status, STATUS_PENDING, "CONN-32 the accept waits")?;
            accepting.wait(run, "CMP-19 the accept ends")?;
            let wanted = if which == 0 { STATUS_SUCCESS } else { STATUS_CONNECTION_ABORTED };
            run.status(accepting.status(), wanted, "the accept of the peer")?;
        }
        Ok(())
    })
}

fn re_11(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let lock = Shared::try_new(Lock::new(0u32))?;
        let enter = |_: &Seen| lock.with(|entered| *entered += 1);
        let (came, gone, never) = (hooked(enter)?, hooked(enter)?, hooked(enter)?);
        let (notified, other) = (hooked(enter)?, hooked(enter)?);
        let [connecting, accepting, completing] = [probe()?, probe()?, probe()?];
        let (leaving, following) = (probe()?, probe()?);
        let (passive, active) = (passive.notifying(&notified)?, active.notifying(&other)?);
        let (passive_qp, active_qp) = (passive.qp()?, active.qp()?);
        let (_listener, address) = passive.listener(&came)?;
        let connector = active.create(NdkObjectTypeConnector)?;
        let raw = connector.raw();
        let first = lock.with(|_| connect(raw, &active_qp, &active.address, &address, &connecting));
        came.wait(run, "LSN-11 a connect event")?;
        let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        let second = lock.with(|_| accept(delivered.raw(), &passive_qp, &gone, &accepting));
        done(run, first, &connecting, "CONN-04 NdkConnect")?;
        let third = lock.with(|_| complete(raw, &never, &completing));
        done(run, third, &completing, "CONN-21 NdkCompleteConnect")?;
        done(run, second, &accepting, "CONN-32 NdkAccept")?;
        for _ in 0..8 {
            // Everything that produces or takes completions, with queues armed.
            let posted = lock.with(|_| {
                passive.cq.arm(NDK_CQ_NOTIFY_ANY);
                active.cq.arm(NDK_CQ_NOTIFY_ANY);
                let posted = [passive_qp.receive(1, &[]), active_qp.send(2, &[], 0), active_qp.read(3, &[], 0, 0, 0)];
                let _ = (poll(passive.cq.raw()), poll(active.cq.raw()));
                posted
            });
            for status in posted {
                run.ok(status, "posting with a lock held")?;
            }
            notified.wait(run, "CQ-11 the notification of the receive")?;
            other.wait(run, "CQ-11 the notification of the send")?;
            while poll(passive.cq.raw()).is_some() || poll(active.cq.raw()).is_some() {}
        }
        run.ok(passive_qp.receive(4, &[]), "NdkReceive")?;
        lock.with(|_| {
            passive.cq.arm(NDK_CQ_NOTIFY_ANY);
            passive_qp.flush();
        });
        notified.wait(run, "FLUSH-08 the notification of a flushed receive")?;
        let status = lock.with(|_| disconnect(raw, &leaving));
        gone.wait(run, "CONN-72 the peer's disconnect event")?;
        let last = lock.with(|_| disconnect(delivered.raw(), &following));
        done(run, last, &following, "CONN-68 the second disconnect")?;
        done(run, status, &leaving, "CONN-61 NdkDisconnect")?;
        let entered = lock.with(|entered| *entered);
        run.check(entered >= 18, "every event took the lock")
    })
}
