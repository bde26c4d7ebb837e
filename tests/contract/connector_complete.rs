//! `CONN-21` to `CONN-30`: the active side completes the connection, and what a failed connect leaves.

use crate::{
    contract::ends::{CARRIED, Meeting, PORT, Side, each, message, once},
    kernel::time,
    ndk::{Address, Family, Limits, OnDisconnect},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED, STATUS_INVALID_ADDRESS,
    STATUS_INVALID_DEVICE_STATE, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CONN-21" conn_21, "complete-connect finishes the connection, and the QP may send";
    "CONN-22" conn_22, "complete-connect without an answered connect is refused";
    "CONN-23" conn_23, "complete-connect fails when the accepting peer has given up";
    "CONN-25" conn_25, "a slow complete-connect does not time out";
    "CONN-26" conn_26, "without a disconnect event none is called";
    "CONN-27" conn_27, "the Ex form completes as well, with the Ex event";
    "CONN-28" conn_28, "a failed complete-connect ends the connector's use";
    "CONN-29" conn_29, "a complete-connect is answered once, inline or by its completion";
    "CONN-30" conn_30, "after a failed connect the QP is unaffected and the connector may try again";
}

fn conn_21(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        let answer = meeting.active.complete_connect()?.wait()?;
        answer.is(ends.run, STATUS_SUCCESS, "CONN-21 NdkCompleteConnect")?;
        // The active side may send at once.
        ends.run.ok(meeting.active_side.qp.write(5, &[], 0, 0, 0), "CONN-21 the QP may send")?;
        meeting.active_side.cq.expect(5, STATUS_SUCCESS, "CONN-21 the QP may send")?;
        meeting.accepted()?;
        meeting.works()
    })
}

fn conn_22(job: &Job) -> Result {
    once(job, |ends| {
        let run = ends.run;
        let invalid = STATUS_CONNECTION_INVALID;
        let connector = ends.active.connector()?;
        connector.complete_connect()?.wait()?.is(run, invalid, "CONN-22 an idle connector")?;
        let mut meeting = ends.meet()?;
        meeting.active.complete_connect()?.wait()?.is(run, invalid, "CONN-22 one that is connecting")?;
        meeting.passive.complete_connect()?.wait()?.is(run, invalid, "CONN-22 a pending one")?;
        meeting.accept()?;
        meeting.passive.complete_connect()?.wait()?.is(run, invalid, "CONN-22 an accepting one")?;
        meeting.complete()?;
        meeting.active.complete_connect()?.wait()?.is(run, invalid, "CONN-22 a connected one")?;
        meeting.works()?;
        meeting.disconnect()?;
        meeting.active.complete_connect()?.wait()?.is(run, invalid, "CONN-22 a closed connection")?;
        let mut refused = ends.meet()?;
        run.ok(refused.passive.reject(&[]), "CONN-40 NdkReject")?;
        refused.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-11 a reject")?;
        refused.active.complete_connect()?.wait()?.is(run, invalid, "CONN-22 a rejected one")
    })
}

/// A connection that was accepted and given up by the passive side.
#[track_caller]
fn given_up<'a>(ends: &crate::contract::ends::Ends<'a>) -> Result<Meeting<'a>> {
    let mut meeting = ends.meet()?;
    meeting.accept()?;
    let closing = meeting.passive.start_close()?;
    closing.ok("LIFE-36 closing while accepting")?;
    meeting.accept_ends(ndkpi_sys::STATUS_CANCELLED, "LIFE-06 cut short by the close")?;
    // Nothing tells the active side before it asks.
    time::sleep(CARRIED);
    Ok(meeting)
}

fn conn_23(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = given_up(ends)?;
        let answer = meeting.active.complete_connect()?.wait()?;
        answer.is(ends.run, STATUS_CONNECTION_ABORTED, "CONN-23 the accepting peer has given up")?;
        time::sleep(CARRIED);
        ends.run.equal(meeting.active.disconnects(), 0u32, "CONN-75 no event for a failed complete-connect")
    })
}

fn conn_25(job: &Job) -> Result {
    once(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        time::sleep(300);
        meeting.complete()?;
        meeting.works()
    })
}

fn conn_26(job: &Job) -> Result {
    each(job, |ends| {
        for event in [OnDisconnect::Null, OnDisconnect::NullEx] {
            let mut meeting = ends.meet()?;
            meeting.accept()?;
            meeting.active.complete_connect_as(event)?.ok("CONN-26 no event is given")?;
            meeting.accepted()?;
            meeting.works()?;
            let leaving = meeting.passive.disconnect()?;
            time::sleep(CARRIED);
            ends.run.equal(meeting.active.disconnects(), 0u32, "CONN-26 no event is called")?;
            meeting.active.disconnect()?.ok("CONN-68 after the peer has left")?;
            leaving.ok("CONN-61 NdkDisconnect")?;
        }
        Ok(())
    })
}

fn conn_27(job: &Job) -> Result {
    each(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        meeting.active.complete_connect_as(OnDisconnect::SignalEx)?.ok("CONN-27 NdkCompleteConnectEx")?;
        meeting.accepted()?;
        meeting.works()?;
        let leaving = meeting.passive.disconnect()?;
        meeting.active.wait_for_disconnect()?;
        ends.run.equal(meeting.active.plain_disconnects(), 0u32, "CONN-27 the Ex form of the event")?;
        ends.run.equal(meeting.active.disconnects(), 1u32, "CONN-73 one event")?;
        meeting.active.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        let idle = ends.active.connector()?;
        let answer = idle.complete_connect_as(OnDisconnect::SignalEx)?.wait()?;
        answer.is(ends.run, STATUS_CONNECTION_INVALID, "CONN-27 refused as the plain form")
    })
}

fn conn_28(job: &Job) -> Result {
    once(job, |ends| {
        let run = ends.run;
        let meeting = given_up(ends)?;
        let complete = || meeting.active.complete_connect()?.wait();
        complete()?.is(run, STATUS_CONNECTION_ABORTED, "CONN-23 the accepting peer has given up")?;
        complete()?.is(run, STATUS_CONNECTION_INVALID, "CONN-28 no second try")?;
        let side = Side::new(&ends.active)?;
        let (_listener, to) = ends.listen(0)?;
        let answer = meeting.active.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?.wait()?;
        answer.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-28 no other connect")?;
        let answer = meeting.active.disconnect()?.wait()?;
        answer.is(run, STATUS_CONNECTION_INVALID, "CONN-28 nothing to disconnect")?;
        run.status(meeting.active.reject(&[]), STATUS_CONNECTION_INVALID, "CONN-28 nothing to reject")?;
        meeting.active.start_close()?.ok("CONN-28 it can be closed").map(drop)
    })
}

fn conn_29(job: &Job) -> Result {
    once(job, |ends| {
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        let completing = meeting.active.complete_connect()?;
        meeting.accepted()?;
        time::sleep(CARRIED);
        let pended = completing.inline() == STATUS_PENDING;
        ends.run.equal(completing.calls(), u32::from(pended), "CONN-29 one completion, if it pended")?;
        completing.ok("CONN-21 NdkCompleteConnect")?;
        let failing = meeting.active.complete_connect()?;
        time::sleep(CARRIED);
        let pended = failing.inline() == STATUS_PENDING;
        ends.run.equal(failing.calls(), u32::from(pended), "CONN-29 one completion, if it pended")?;
        failing.wait()?.is(ends.run, STATUS_CONNECTION_INVALID, "CONN-29 the status comes inline or late")
    })
}

fn conn_30(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let (listener, to) = ends.listen(0)?;
        listener.close()?;
        let (side, other) = (Side::new(&ends.active)?, Side::new(&ends.passive)?);
        let region = side.region(8)?;
        run.ok(side.qp.receive(1, &[region.sge(0, 8)]), "WR-12 NdkReceive")?;
        let connector = ends.active.connector()?;
        let connect =
            |from: &Address, to: &Address| connector.connect(&side.qp, from, to, Limits::default(), &[])?.wait();
        let foreign = match ends.family {
            Family::V4 => Address::v4([192, 0, 2, 77], 0),
            Family::V6 => Address::v6([0xFD; 16], 0, 0),
        };
        connect(&ends.from, &to)?.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 nobody listens")?;
        connect(&foreign, &to)?.is(run, STATUS_INVALID_ADDRESS, "CONN-06 a foreign address")?;
        connect(&ends.from, &to)?.is(run, STATUS_CONNECTION_REFUSED, "CONN-30 again after both")?;
        connect(&ends.from, &foreign.with_port(PORT)).and_then(|answer| run.check(answer.status < 0, "CONN-13"))?;

        let (listener, to) = crate::contract::ends::listening(&ends.passive, &to)?;
        let connecting = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let accepting = delivered.accept(&other.qp, Limits::default(), &[])?;
        connecting.ok("CONN-30 the same connector and QP connect")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        // The receive from before the failures is the first that is used.
        run.ok(other.qp.send(3, &[], 0), "CONN-30 the QP is unaffected")?;
        side.cq.expect(1, STATUS_SUCCESS, "CONN-30 the QP is unaffected")?;
        other.cq.expect(3, STATUS_SUCCESS, "CONN-30 the QP is unaffected")?;
        message(run, &side, &other)?;
        // A failed connector may be closed at once.
        let failed = ends.active.connector()?;
        let spare = Side::new(&ends.active)?;
        let (gone, nowhere) = ends.listen(0)?;
        gone.close()?;
        let answer = failed.connect(&spare.qp, &ends.from, &nowhere, Limits::default(), &[])?.wait()?;
        answer.is(run, STATUS_CONNECTION_REFUSED, "CONN-11 nobody listens")?;
        failed.close().map(drop)
    })
}
