//! `CONN-31` to `CONN-45`, `CONN-87`: the passive side accepts or rejects.

use crate::{
    contract::ends::{CARRIED, WHILE, each, message, numbered, stays_pending},
    kernel::time,
    ndk::{Limits, OnDisconnect},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_ACTIVE, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CONN-31" conn_31, "an accept binds the QP and lets the peer's connect complete";
    "CONN-32" conn_32, "an accept pends until the active side has completed";
    "CONN-33" conn_33, "an accept fails when the active side gives up";
    "CONN-34" conn_34, "an accept fails when the active side does not complete in time";
    "CONN-35" conn_35, "a QP in use or too much data leave the request pending";
    "CONN-36" conn_36, "receives from before the accept are used";
    "CONN-37" conn_37, "an early message waits for its receive";
    "CONN-38" conn_38, "without a disconnect event none is called";
    "CONN-39" conn_39, "the Ex form accepts as well, with the Ex event";
    "CONN-40" conn_40, "a reject refuses the peer at once";
    "CONN-41" conn_41, "the active side's reject fails the peer's accept";
    "CONN-42" conn_42, "a reject after the other side gave up fails";
    "CONN-43" conn_43, "a reject with too much data leaves the request pending";
    "CONN-44" conn_44, "after a reject the connector can only be closed, the QP is free";
    "CONN-45" conn_45, "closing a pending connector rejects it without data";
    "CONN-87" conn_87, "the passive side may send first";
}

fn conn_31(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        let accepting = meeting.passive.accept(&meeting.passive_side.qp, Limits::default(), &[])?;
        let inline = accepting.inline();
        run.check(inline == STATUS_PENDING || inline == STATUS_SUCCESS, "CONN-31 an accept is taken")?;
        meeting.accepting = Some(accepting);
        meeting.connected()?;
        // The QP is bound: another request cannot have it.
        let other = ends.meet()?;
        let answer = other.passive.accept(&meeting.passive_side.qp, Limits::default(), &[])?.wait()?;
        answer.is(run, STATUS_CONNECTION_ACTIVE, "CONN-31 the QP is bound")?;
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_32(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        if let Some(accepting) = &meeting.accepting {
            ends.run.status(accepting.inline(), STATUS_PENDING, "CONN-32 an accept pends")?;
            stays_pending(ends.run, accepting, "CONN-32 an accept does not complete before complete-connect")?;
        }
        let status = meeting.passive_side.qp.send(1, &[], 0);
        ends.run.status(status, STATUS_CONNECTION_INVALID, "WR-11 not before the accept has completed")?;
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_33(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        meeting.active.start_close()?.ok("LIFE-36 closing in between")?;
        meeting.accept_ends(STATUS_CONNECTION_ABORTED, "CONN-33 the active side closes")?;
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        ends.run.ok(meeting.active.reject(&[]), "CONN-41 NdkReject")?;
        meeting.accept_ends(STATUS_CONNECTION_ABORTED, "CONN-33 the active side rejects")?;
        time::sleep(WHILE);
        ends.run.equal(meeting.passive.disconnects(), 0u32, "CONN-75 no event for a failed accept")
    })
}

// The adapter's AcceptLimit is to be below the patience of the run.
fn conn_34(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        // The active side does nothing more.
        meeting.accept_ends(STATUS_IO_TIMEOUT, "CONN-34 the limit has run out")?;
        let status = meeting.passive_side.qp.send(1, &[], 0);
        ends.run.status(status, STATUS_CONNECTION_INVALID, "CONN-34 there is no connection")?;
        time::sleep(CARRIED);
        let completing = meeting.active.complete_connect()?.wait()?;
        completing.is(ends.run, STATUS_CONNECTION_ABORTED, "CONN-23 the accepting peer has given up")?;
        time::sleep(WHILE);
        ends.run.equal(meeting.passive.disconnects(), 0u32, "CONN-75 no event for a failed accept")
    })
}

fn conn_35(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let most = ends.passive.info()?.MaxCalleeData as usize;
        let bytes: [u8; 512] = numbered(5);
        let Some(over) = bytes.get(..most + 1) else {
            return run.check(false, "room in the test for MaxCalleeData");
        };
        let busy = ends.met()?;
        for accept in [true, false] {
            let mut meeting = ends.meet()?;
            let passive = &meeting.passive;
            let answer = passive.accept(&busy.passive_side.qp, Limits::default(), &[])?.wait()?;
            answer.is(run, STATUS_CONNECTION_ACTIVE, "CONN-35 a QP in use")?;
            let answer = passive.accept(&meeting.passive_side.qp, Limits::default(), over)?.wait()?;
            answer.is(run, STATUS_INVALID_BUFFER_SIZE, "CONN-35 more than MaxCalleeData")?;
            if accept {
                meeting.accept()?;
                meeting.complete()?;
                meeting.works()?;
            } else {
                run.ok(passive.reject(&[]), "CONN-35 the request can still be rejected")?;
                meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
            }
        }
        busy.works()
    })
}

fn conn_36(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        let region = meeting.passive_side.region(32)?;
        let source = meeting.active_side.region(32)?;
        source.buffer().fill(0, 32, 0x5A);
        for context in 1..=2 {
            let entry = region.sge(16 * (context - 1), 16);
            run.ok(meeting.passive_side.qp.receive(context, &[entry]), "CONN-36 a receive before the accept")?;
        }
        meeting.accept()?;
        meeting.complete()?;
        for context in 1..=2 {
            run.ok(meeting.active_side.qp.send(context, &[source.sge(0, 16)], 0), "CONN-21 the QP may send")?;
            meeting.passive_side.cq.expect(context, STATUS_SUCCESS, "CONN-36 the receive is used, in order")?;
            meeting.active_side.cq.expect(context, STATUS_SUCCESS, "SND-01 the message is sent")?;
        }
        let mut seen = [0; 32];
        region.buffer().read(0, &mut seen);
        run.check(seen == [0x5A; 32], "CONN-36 the bytes arrive")
    })
}

fn conn_37(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        let source = meeting.active_side.region(16)?;
        let target = meeting.passive_side.region(16)?;
        source.buffer().fill(0, 16, 0xA5);
        meeting.active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        // Before the accept has completed, and long before a receive is there.
        run.ok(meeting.active_side.qp.send(8, &[source.sge(0, 16)], 0), "CONN-37 a message at once")?;
        meeting.accepted()?;
        time::sleep(WHILE);
        run.equal(meeting.passive.disconnects(), 0u32, "CONN-37 it is not fatal")?;
        run.ok(meeting.passive_side.qp.receive(9, &[target.sge(0, 16)]), "WR-12 NdkReceive")?;
        meeting.passive_side.cq.expect(9, STATUS_SUCCESS, "CONN-37 it is not lost")?;
        meeting.active_side.cq.expect(8, STATUS_SUCCESS, "SND-01 the message is sent")?;
        let mut seen = [0; 16];
        target.buffer().read(0, &mut seen);
        run.check(seen == [0xA5; 16], "CONN-37 the bytes arrive")?;
        meeting.works()
    })
}

fn conn_38(job: &Job) -> Result {
    each(job, |ends| {
        for event in [OnDisconnect::Null, OnDisconnect::NullEx] {
            let mut meeting = ends.meet()?;
            let side = &meeting.passive_side;
            meeting.accepting = Some(meeting.passive.accept_as(&side.qp, Limits::default(), &[], event)?);
            meeting.connected()?;
            meeting.complete()?;
            let leaving = meeting.active.disconnect()?;
            time::sleep(CARRIED);
            ends.run.equal(meeting.passive.disconnects(), 0u32, "CONN-38 no event is called")?;
            meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
            leaving.ok("CONN-61 NdkDisconnect")?;
        }
        Ok(())
    })
}

fn conn_39(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        let side = &meeting.passive_side;
        let ex = OnDisconnect::SignalEx;
        meeting.accepting = Some(meeting.passive.accept_as(&side.qp, Limits::default(), b"ex", ex)?);
        meeting.connected()?;
        let mut data = [0; 2];
        meeting.active.connection_data(&mut data).ok(ends.run, "CONN-50 the data of the accept")?;
        ends.run.check(&data == b"ex", "CONN-39 private data")?;
        meeting.complete()?;
        meeting.works()?;
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        ends.run.equal(meeting.passive.plain_disconnects(), 0u32, "CONN-39 the Ex form of the event")?;
        ends.run.equal(meeting.passive.disconnects(), 1u32, "CONN-73 one event")?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    })
}

fn conn_40(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        run.ok(meeting.passive.reject(b"no, thank you"), "CONN-40 NdkReject")?;
        meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        let mut data = [0; 13];
        meeting.active.connection_data(&mut data).ok(run, "CONN-52 the data of the reject")?;
        run.check(&data == b"no, thank you", "CONN-40 private data")
    })
}

fn conn_41(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        ends.run.ok(meeting.active.reject(b"after all not"), "CONN-41 NdkReject")?;
        meeting.accept_ends(STATUS_CONNECTION_ABORTED, "CONN-41 the peer's accept fails")?;
        let answer = meeting.active.complete_connect()?.wait()?;
        answer.is(ends.run, STATUS_CONNECTION_INVALID, "CONN-41 the connection is given up")
    })
}

fn conn_42(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.meet()?;
        meeting.active.start_close()?.ok("LIFE-36 closing while connecting")?;
        time::sleep(CARRIED);
        let status = meeting.passive.reject(&[]);
        ends.run.status(status, STATUS_CONNECTION_ABORTED, "CONN-42 the active side gave up")?;
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        meeting.passive.start_close()?.ok("LIFE-36 closing while accepting")?;
        time::sleep(CARRIED);
        let status = meeting.active.reject(&[]);
        ends.run.status(status, STATUS_CONNECTION_ABORTED, "CONN-42 the passive side gave up")
    })
}

fn conn_43(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let most = ends.passive.info()?.MaxCalleeData as usize;
        let bytes: [u8; 512] = numbered(7);
        let (Some(exact), Some(over)) = (bytes.get(..most), bytes.get(..most + 1)) else {
            return run.check(false, "room in the test for MaxCalleeData");
        };
        let mut meeting = ends.meet()?;
        run.status(meeting.passive.reject(over), STATUS_INVALID_BUFFER_SIZE, "CONN-43 more than MaxCalleeData")?;
        if let Some(connecting) = &meeting.connecting {
            stays_pending(run, connecting, "CONN-43 the request stays pending")?;
        }
        run.ok(meeting.passive.reject(exact), "CONN-43 exactly as much")?;
        meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        let mut seen = [0; 512];
        let data = meeting.active.connection_data(&mut seen).ok(run, "CONN-52 the data of the reject")?;
        run.equal(data.length, most, "CONN-43 all bytes")?;
        run.check(seen.get(..most) == Some(exact), "CONN-43 all bytes")
    })
}

fn conn_44(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let mut meeting = ends.meet()?;
        run.ok(meeting.passive.reject(&[]), "CONN-40 NdkReject")?;
        meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        let passive = &meeting.passive;
        run.status(passive.reject(&[]), STATUS_CONNECTION_INVALID, "CONN-44 no second reject")?;
        let answer = passive.accept(&meeting.passive_side.qp, Limits::default(), &[])?.wait()?;
        answer.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-44 no accept")?;
        let answer = passive.disconnect()?.wait()?;
        answer.is(run, STATUS_CONNECTION_INVALID, "CONN-44 no disconnect")?;
        passive.start_close()?.ok("CONN-44 it can be closed")?;

        // The active side gives up a connect that had succeeded; its QP is free for another one.
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        run.ok(meeting.active.reject(&[]), "CONN-41 NdkReject")?;
        run.status(meeting.active.reject(&[]), STATUS_CONNECTION_INVALID, "CONN-44 no second reject")?;
        meeting.accept_ends(STATUS_CONNECTION_ABORTED, "CONN-41 the peer's accept fails")?;
        let mut other = ends.meet()?;
        run.ok(other.passive.reject(&[]), "CONN-40 NdkReject")?;
        other.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-40 the peer's connect fails")?;
        let connector = ends.active.connector()?;
        let side = &meeting.active_side;
        let connecting = connector.connect(&side.qp, &ends.from, &other.to, Limits::default(), &[])?;
        let delivered = other.listener.next()?;
        let accepting = delivered.accept(&other.passive_side.qp, Limits::default(), &[])?;
        connecting.ok("CONN-44 the QP is unaffected")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        message(run, side, &other.passive_side)?;
        delivered.close()?;
        connector.close().map(drop)
    })
}

fn conn_45(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.passive.start_close()?.ok("CONN-45 closing a pending connector")?;
        meeting.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-45 the peer's connect fails")?;
        let data = meeting.active.connection_data(&mut []).ok(ends.run, "CONN-52 after a reject")?;
        ends.run.equal(data.length, 0u32, "CONN-45 without data")
    })
}

fn conn_87(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        meeting.complete()?;
        message(ends.run, &meeting.passive_side, &meeting.active_side)?;
        ends.run.equal(meeting.passive.disconnects(), 0u32, "CONN-87 it is not fatal")
    })
}
