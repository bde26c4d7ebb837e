//! `HAB-31` to `HAB-39`: how real consumers connect and part. See habits.md.

use super::{
    bed::{Any, accept, complete, connect, done, each_place},
    ends::{Ends, PORT, Side, each, listening, message, place},
    probe::{Seen, hooked, probe},
    stage::join,
    work_help,
};
use crate::{
    kernel::{irql, time},
    ndk::{Address, Family, Limits, Place},
    run::{Result, Run},
    workload::Job,
};
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};
use ndkpi_sys::*;

contract! {
    "HAB-31" hab_31, "a server posts its receives after its accept, when the message is already on its way";
    "HAB-32" hab_32, "a message that waited does not come at the very instant of the receive";
    "HAB-33" hab_33, "connection events come after a delay, from a worker, never in line";
    "HAB-34" hab_34, "an accept inside the event pends; connect, complete-connect and accept end in this order";
    "HAB-35" hab_35, "nobody listens, a foreign address, a port twice: the numbers that consumers know";
    "HAB-36" hab_36, "one port on several addresses, and any port for 0";
    "HAB-37" hab_37, "private data is asked for its size first, and a short buffer gets what fits";
    "HAB-38" hab_38, "teardown without NdkDisconnect, by flush and closes";
    "HAB-39" hab_39, "closing everything at once, in any order, without a wait";
}

fn hab_31(job: &Job) -> Result {
    work_help::each(job, |run, pair| {
        const COUNT: usize = 8;
        let from = work_help::source(&pair.active.pd, COUNT * 100, 2)?;
        let into = work_help::sink(&pair.passive.pd, COUNT * 100)?;
        for context in 0..COUNT {
            work_help::send(&pair.active, context, &[from.sge(context * 100, 100)], 0)?;
        }
        time::sleep(5);
        for context in 0..COUNT {
            work_help::receive(&pair.passive, context, &[into.sge(context * 100, 100)])?;
        }
        for context in 0..COUNT {
            work_help::received(&pair.passive, context, 100)?;
            work_help::done(&pair.active, context)?;
        }
        work_help::holds(run, into.buffer(), 0, COUNT * 100, (2, 0), "RCV-08 nothing is lost, all in order")
    })
}

fn hab_32(job: &Job) -> Result {
    work_help::each(job, |run, pair| {
        // A retry may be due at this very moment, but hardly ever.
        let mut later = 0u32;
        for context in 0..16 {
            work_help::send(&pair.active, context, &[], 0)?;
            let mut result = [NDK_RESULT_EX::default()];
            let count = irql::at_dispatch(|| {
                let status = pair.passive.qp.receive(context, &[]);
                run.ok(status, "NdkReceive").map(|()| pair.passive.received.poll_ex(&mut result))
            })?;
            if count == 0 {
                later += 1;
                work_help::received(&pair.passive, context, 0)?;
            }
            work_help::done(&pair.active, context)?;
        }
        run.check(later >= 4, "the message comes with a retry, not with the post")
    })
}

/// Least time between a call and what it causes at the other end, in nanoseconds: the delay is a millisecond.
const DELAY: u64 = 900_000;

fn hab_33(job: &Job) -> Result {
    each_place(job, |passive_bed, active_bed| {
        let run = passive_bed.run();
        let (came_at, connected_at) = (AtomicU64::new(0), AtomicU64::new(0));
        let came = hooked(|_: &Seen| came_at.store(time::now(), SeqCst))?;
        let connecting = hooked(|_: &Seen| connected_at.store(time::now(), SeqCst))?;
        let [accepting, completing] = [probe()?, probe()?];
        let [passive_gone, active_gone] = [probe()?, probe()?];
        let (passive_qp, active_qp) = (passive_bed.qp()?, active_bed.qp()?);
        let (_listener, address) = passive_bed.listener(&came)?;
        let active = active_bed.create(NdkObjectTypeConnector)?;
        let asked = time::now();
        let first = irql::at_dispatch(|| connect(active.raw(), &active_qp, &active_bed.address, &address, &connecting));
        came.wait(run, "LSN-11 each request gives one connect event")?;
        run.check(came_at.load(SeqCst) - asked >= DELAY, "the connect event comes after the delay")?;
        let passive = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        let answered = time::now();
        let second = irql::at_dispatch(|| accept(passive.raw(), &passive_qp, &passive_gone, &accepting));
        done(run, first, &connecting, "CONN-04 NdkConnect")?;
        run.check(connected_at.load(SeqCst) - answered >= DELAY, "the answer comes after the delay")?;
        let confirmed = time::now();
        let third = irql::at_dispatch(|| complete(active.raw(), &active_gone, &completing));
        done(run, third, &completing, "CONN-21 NdkCompleteConnect")?;
        done(run, second, &accepting, "CONN-32 NdkAccept")?;
        run.check(time::now() - confirmed >= DELAY, "the accept ends after the delay")?;
        let left = time::now();
        active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        passive_gone.wait(run, "CONN-72 the peer's end gives a disconnect event")?;
        run.check(time::now() - left >= DELAY, "the disconnect event comes after the delay")
    })
}

fn hab_34(job: &Job) -> Result {
    each_place(job, |passive_bed, active_bed| {
        let run = passive_bed.run();
        let (passive_qp, active_qp) = (passive_bed.qp()?, active_bed.qp()?);
        let [accepting, connecting, completing] = [probe()?, probe()?, probe()?];
        let [passive_gone, active_gone] = [probe()?, probe()?];
        let accepted = AtomicI32::new(0);
        let came = hooked(|seen: &Seen| {
            accepted.store(accept(seen.object(), &passive_qp, &passive_gone, &accepting), SeqCst);
        })?;
        let (_listener, address) = passive_bed.listener(&came)?;
        let active = active_bed.create(NdkObjectTypeConnector)?;
        let status = connect(active.raw(), &active_qp, &active_bed.address, &address, &connecting);
        run.status(status, STATUS_PENDING, "CONN-04 a connect pends until the peer accepts")?;
        came.wait(run, "LSN-11 each request gives one connect event")?;
        let passive = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        run.status(accepted.load(SeqCst), STATUS_PENDING, "CONN-32 an accept pends")?;
        done(run, status, &connecting, "CONN-04 NdkConnect")?;
        run.equal(accepting.calls(), 0u32, "CONN-32 the accept waits for the active side")?;
        let status = complete(active.raw(), &active_gone, &completing);
        done(run, status, &completing, "CONN-21 NdkCompleteConnect")?;
        done(run, STATUS_PENDING, &accepting, "CONN-32 NdkAccept")?;
        let before = connecting.ended() < accepting.began();
        run.check(before, "the connect ends before the accept")?;
        drop((passive, active));
        Ok(())
    })
}

fn hab_35(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        ends.connect_gives(&ends.from, &ends.to.with_port(9), 0xC000_0236_u32.cast_signed(), "nobody listens")?;
        let foreign = match ends.family {
            Family::V4 => Address::v4([192, 0, 2, 77], PORT),
            Family::V6 => Address::v6([0x20; 16], 0, PORT),
        };
        let answer = ends.passive.listener()?.listen(&foreign)?.wait()?;
        answer.is(run, 0xC000_0141_u32.cast_signed(), "an address that the adapter does not have")?;
        let (_listener, at) = ends.listen(PORT)?;
        let answer = ends.passive.listener()?.listen(&at)?.wait()?;
        answer.is(run, 0xC000_0043_u32.cast_signed(), "the same address and port again")
    })
}

fn hab_36(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (listener, at) = ends.listen(0)?;
        run.check(at.port() != 0, "port 0 asks for any")?;
        if place(run) == Place::Same {
            // One address of this family: the other family's has the port as well.
            let other = Family::ALL.into_iter().find(|family| *family != ends.family);
            if let Some(address) = other.and_then(|family| ends.passive.address(family, at.port())) {
                listening(&ends.passive, &address)?;
            }
            return run.check(true, "LSN-05 ports are of an address");
        }
        // The client's own port is the number that the listener has.
        let (active_side, passive_side) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        let from = ends.from.with_port(at.port());
        let active = ends.active.connector()?;
        let connecting = active.connect(&active_side.qp, &from, &at, Limits::default(), &[])?;
        let passive = listener.next()?;
        let accepting = passive.accept(&passive_side.qp, Limits::default(), &[])?;
        connecting.ok("CONN-04 NdkConnect")?;
        active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        run.equal(active.local_address().1.port(), at.port(), "ADR-01 the port that was asked for")?;
        run.equal(passive.peer_address().1.port(), at.port(), "ADR-02 and the peer sees it")?;
        message(run, &active_side, &passive_side)
    })
}

fn hab_37(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        // As much as the adapter known best takes.
        let sent: [u8; 56] = super::ends::numbered(3);
        let mut meeting = ends.meet_with(0, Limits::default(), &sent)?;
        let connector = &meeting.passive;
        let asked = connector.connection_data(&mut []);
        run.ok(asked.status, "CONN-54 NULL and 0 ask for the size")?;
        run.equal(asked.length, sent.len(), "CONN-58 the size")?;
        let mut short = [0xEE; 16];
        let answer = connector.connection_data(&mut short);
        run.status(answer.status, 0xC000_0023_u32.cast_signed(), "CONN-56 a short buffer")?;
        run.equal(answer.length, sent.len(), "CONN-56 the size that is needed")?;
        run.check(sent.starts_with(&short), "CONN-56 what fits")?;
        let mut whole = [0; 56];
        run.ok(connector.connection_data(&mut whole).status, "CONN-55 a buffer of that size")?;
        run.check(whole == sent, "CONN-49 the data")?;
        meeting.accept()?;
        meeting.complete()?;
        meeting.works()
    })
}

/// Tears one side down as a socket does that goes: flush, connector, receives, QP, CQ.
fn tear_down(run: &Run, side: &Side, close: impl FnOnce() -> Result, receives: usize) -> Result {
    side.cq.arm(NDK_CQ_NOTIFY_ANY);
    side.qp.flush();
    close()?;
    for context in 0..receives {
        side.cq.expect(context, STATUS_CANCELLED, "RCV-06 all receives come back")?;
    }
    side.qp.start_close()?.ok("LIFE-01 the QP")?;
    run.check(side.cq.notifications() >= 1, "CQ-11 by the armed CQ")?;
    side.cq.start_close()?.ok("LIFE-01 the CQ").map(drop)
}

fn hab_38(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        for context in 0..16 {
            run.ok(meeting.active_side.qp.receive(context, &[]), "NdkReceive")?;
            run.ok(meeting.passive_side.qp.receive(context, &[]), "NdkReceive")?;
        }
        let close = || meeting.active.start_close()?.ok("LIFE-01 the connector").map(drop);
        tear_down(run, &meeting.active_side, close, 16)?;
        meeting.passive.wait_for_disconnect()?;
        let close = || meeting.passive.start_close()?.ok("LIFE-01 the connector").map(drop);
        tear_down(run, &meeting.passive_side, close, 16)?;
        run.equal(meeting.active.disconnects() + meeting.passive.disconnects(), 1u32, "CONN-73 one event")
    })
}

fn hab_39(job: &Job) -> Result {
    // Connector, QP, CQ and domain of both sides, in each of the orders that turn around the list.
    for first in 0..8 {
        one_go(job, first)?;
    }
    Ok(())
}

fn one_go(job: &Job, first: usize) -> Result {
    each(job, |ends: &Ends| {
        let run = ends.run;
        let (near, far) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        let joined = join(job, (&ends.active, &near.qp), (&ends.passive, &far.qp))?;
        for context in 0..4 {
            run.ok(near.qp.receive(context, &[]), "NdkReceive")?;
            // No receive waits there: these are held back when everything goes.
            run.ok(near.qp.send(context, &[], 0), "NdkSend")?;
        }
        let mut closing = [const { None }; 8];
        for (turn, place) in closing.iter_mut().enumerate() {
            *place = Some(match (turn + first) % 8 {
                0 => joined.active.start_close()?,
                1 => near.qp.start_close()?,
                2 => near.cq.start_close()?,
                3 => near.pd.start_close()?,
                4 => joined.passive.start_close()?,
                5 => far.qp.start_close()?,
                6 => far.cq.start_close()?,
                _ => far.pd.start_close()?,
            });
        }
        for close in closing.into_iter().flatten() {
            close.ok("LIFE-29 a tree closed in any order ends when all is closed")?;
        }
        Ok(())
    })
}
