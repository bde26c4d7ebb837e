//! `LSN-15` to `LSN-25`: requests that are given up, pausing, and closing a listener.

use crate::{
    contract::ends::{CARRIED, Meeting, PORT, Side, each, once, stays_pending},
    kernel::time,
    ndk::{Adapter, Limits, Pause},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    STATUS_CANCELLED, STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_REFUSED, STATUS_INVALID_DEVICE_STATE,
    STATUS_PENDING, STATUS_SHARING_VIOLATION, STATUS_SUCCESS,
};

contract! {
    "LSN-15" lsn_15, "a request that was given up is dropped, or its accept or reject fails";
    "LSN-16" lsn_16, "while paused requests are refused without an event";
    "LSN-17" lsn_17, "after a resume new requests give events";
    "LSN-18" lsn_18, "pausing touches neither connectors nor the address";
    "LSN-19" lsn_19, "without listening there is no local address";
    "LSN-20" lsn_20, "from the close on requests are refused";
    "LSN-21" lsn_21, "the close pends while a delivered connector is open";
    "LSN-22" lsn_22, "address and port stay taken until all is closed";
    "LSN-23" lsn_23, "connections go on while the close pends";
    "LSN-24" lsn_24, "a close ends a listen that pends";
    "LSN-25" lsn_25, "opens of one miniport share the ports";
}

fn lsn_15(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (listener, to) = ends.listen(0)?;
        for _ in 0..5 {
            let side = Side::new(&ends.active)?;
            let (connector, connecting) = ends.connect(&side, &to)?;
            connector.start_close()?.ok("LIFE-36 closing while connecting")?;
            connecting.wait()?.is(run, STATUS_CANCELLED, "LIFE-06 cut short by the close")?;
            time::sleep(CARRIED);
            // Usually it was given up before its event.
            if let Some(delivered) = listener.try_next()? {
                run.status(delivered.reject(&[]), STATUS_CONNECTION_ABORTED, "LSN-15 given up after the event")?;
            }
        }
        for accept in [true, false] {
            let meeting = ends.meet()?;
            meeting.active.start_close()?.ok("LIFE-36 closing while connecting")?;
            time::sleep(CARRIED);
            let status = if accept {
                meeting.passive.accept(&meeting.passive_side.qp, Limits::default(), &[])?.wait()?.status
            } else {
                meeting.passive.reject(&[])
            };
            run.status(status, STATUS_CONNECTION_ABORTED, "LSN-15 given up after the event")?;
        }
        Ok(())
    })
}

fn lsn_16(job: &Job) -> Result {
    each(job, |ends| {
        let (listener, to) = ends.listen(0)?;
        listener.pause(Pause::Pause);
        for _ in 0..3 {
            ends.connect_gives(&ends.from, &to, STATUS_CONNECTION_REFUSED, "LSN-16 a paused listener")?;
        }
        ends.run.equal(listener.events(), 0u32, "LSN-16 no event")
    })
}

fn lsn_17(job: &Job) -> Result {
    each(job, |ends| {
        let (listener, to) = ends.listen(0)?;
        listener.pause(Pause::Pause);
        ends.connect_gives(&ends.from, &to, STATUS_CONNECTION_REFUSED, "LSN-16 a paused listener")?;
        listener.pause(Pause::Resume);
        let side = Side::new(&ends.active)?;
        let (_connector, _connecting) = ends.connect(&side, &to)?;
        let _delivered = listener.next()?;
        time::sleep(CARRIED);
        ends.run.equal(listener.events(), 1u32, "LSN-17 what was refused meanwhile does not come back")
    })
}

fn lsn_18(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let early = ends.passive.listener()?;
        for pause in [Pause::Resume, Pause::Pause, Pause::Pause] {
            early.pause(pause);
        }
        early.listen(&ends.to.with_port(PORT))?.ok("LSN-18 pausing before the listen is allowed")?;
        let to = early.local_address().1;
        ends.connect_gives(&ends.from, &to, STATUS_CONNECTION_REFUSED, "LSN-18 it is paused")?;
        let second = ends.passive.listener()?.listen(&to)?.wait()?;
        second.is(run, STATUS_SHARING_VIOLATION, "LSN-18 the address is not free")?;
        early.pause(Pause::Resume);
        early.pause(Pause::Resume);
        let side = Side::new(&ends.active)?;
        let (_connector, _connecting) = ends.connect(&side, &to)?;
        early.next()?.close()?;
        let mut meeting = ends.meet()?;
        meeting.listener.pause(Pause::Pause);
        meeting.accept()?;
        meeting.complete()?;
        meeting.works()
    })
}

fn lsn_19(job: &Job) -> Result {
    each(job, |ends| {
        let listener = ends.passive.listener()?;
        let wanted = STATUS_INVALID_DEVICE_STATE;
        ends.run.status(listener.local_address().0, wanted, "LSN-19 it does not listen")?;
        let (_other, taken) = ends.listen(0)?;
        let answer = listener.listen(&taken)?.wait()?;
        answer.is(ends.run, STATUS_SHARING_VIOLATION, "LSN-05 address and port in use")?;
        ends.run.status(listener.local_address().0, wanted, "LSN-19 nor after a failed listen")
    })
}

fn lsn_20(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let closing = meeting.listener.start_close()?;
        ends.run.status(closing.inline(), STATUS_PENDING, "LSN-21 the close pends")?;
        let refused = STATUS_CONNECTION_REFUSED;
        ends.connect_gives(&ends.from, &meeting.to, refused, "LSN-20 while the close pends")?;
        ends.run.equal(meeting.listener.events(), 1u32, "LSN-20 no event")?;
        let (active, to) = (&meeting.active, meeting.to);
        active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        closing.ok("LSN-21 then the close completes")?;
        ends.connect_gives(&ends.from, &to, refused, "LSN-20 after the close")
    })
}

fn lsn_21(job: &Job) -> Result {
    each(job, |ends| {
        // Pending, accepting, connected, rejected: it counts that the connector is open.
        for state in 0..4 {
            let mut meeting = ends.meet()?;
            match state {
                1 => meeting.accept()?,
                2 => {
                    meeting.accept()?;
                    meeting.complete()?;
                }
                3 => ends.run.ok(meeting.passive.reject(&[]), "CONN-40 NdkReject")?,
                _ => {}
            }
            let closing = meeting.listener.start_close()?;
            ends.run.status(closing.inline(), STATUS_PENDING, "LSN-21 the close pends")?;
            stays_pending(ends.run, &closing, "LSN-21 while a delivered connector is open")?;
            meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
            closing.ok("LSN-21 then the close completes")?;
        }
        Ok(())
    })
}

fn lsn_22(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let listen = |wanted, what| ends.passive.listener()?.listen(&meeting.to)?.wait()?.is(run, wanted, what);
        let closing = meeting.listener.start_close()?;
        listen(STATUS_SHARING_VIOLATION, "LSN-22 a connector is open")?;
        meeting.disconnect()?;
        listen(STATUS_SHARING_VIOLATION, "LSN-22 a connector is open, though disconnected")?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        closing.ok("LSN-21 then the close completes")?;
        listen(STATUS_SUCCESS, "LSN-22 all is closed")?;
        // The other order: the connectors first.
        let other = ends.met()?;
        let Meeting { active, passive, listener, to, .. } = other;
        active.close()?;
        passive.close()?;
        let listen = |wanted, what| ends.passive.listener()?.listen(&to)?.wait()?.is(run, wanted, what);
        listen(STATUS_SHARING_VIOLATION, "LSN-22 the listener is open")?;
        listener.close()?;
        listen(STATUS_SUCCESS, "LSN-22 all is closed")
    })
}

fn lsn_23(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let closing = meeting.listener.start_close()?;
        ends.run.status(closing.inline(), STATUS_PENDING, "LSN-21 the close pends")?;
        meeting.works()?;
        meeting.disconnect()?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        closing.ok("LSN-21 then the close completes").map(drop)
    })
}

fn lsn_24(job: &Job) -> Result {
    once(job, |ends| {
        let listener = ends.passive.listener()?;
        let listening = listener.listen(&ends.to)?;
        let pended = listening.inline() == STATUS_PENDING;
        let closing = listener.start_close()?;
        closing.ok("LIFE-01 closing cannot fail")?;
        // The close waits for the completion of the listen, if there is one (LIFE-06).
        ends.run.check(listening.is_complete(), "LSN-24 the listen has ended before its listener")?;
        ends.run.equal(listening.calls(), u32::from(pended), "CMP-01 one completion, if it pended")?;
        let status = listening.wait()?.status;
        let known = status == STATUS_SUCCESS || (pended && status == STATUS_CANCELLED);
        ends.run.check(known, "LSN-24 it had succeeded, or is cancelled")
    })
}

fn lsn_25(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (_listener, at) = ends.listen(PORT)?;
        let [target, _] = &run.request.adapters;
        let second = Adapter::open(run, job.provider, target)?;
        let taken = STATUS_SHARING_VIOLATION;
        second.listener()?.listen(&at)?.wait()?.is(run, taken, "LSN-25 another open's port")?;
        second.create_endpoint(&at)?.fails(taken, "LSN-25 another open's port")?;
        let side = Side::new(&second)?;
        let connector = second.connector()?;
        let answer = connector.connect(&side.qp, &at, &at.with_port(1), Limits::default(), &[])?.wait()?;
        answer.is(run, taken, "LSN-25 another open's port")
    })
}
