//! `CONN-61` to `CONN-71`: disconnecting.

use crate::{
    contract::ends::{Meeting, Side, each, once, stays_pending},
    ndk::{Limits, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_RESULT_EX, STATUS_CANCELLED, STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_STATE,
    STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CONN-61" conn_61, "a disconnect completes when the peer has disconnected as well";
    "CONN-62" conn_62, "a disconnect that the peer never answers times out";
    "CONN-64" conn_64, "a completed disconnect has closed both directions";
    "CONN-65" conn_65, "what was pending is cancelled before the disconnect completes";
    "CONN-66" conn_66, "with initiator requests outstanding the disconnect completes";
    "CONN-67" conn_67, "both sides may disconnect at once";
    "CONN-68" conn_68, "after the peer has left the disconnect succeeds";
    "CONN-69" conn_69, "never connected or a second time it is refused";
    "CONN-70" conn_70, "neither connector nor QP connects again";
    "CONN-71" conn_71, "a peer that only closes ends the disconnect";
    "CONN-63" conn_63, "a disconnect whose connection breaks fails";
}

fn conn_61(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let leaving = meeting.active.disconnect()?;
        ends.run.status(leaving.inline(), STATUS_PENDING, "CONN-61 it waits for the peer")?;
        meeting.passive.wait_for_disconnect()?;
        stays_pending(ends.run, &leaving, "CONN-61 it waits for the peer's own disconnect")?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 the peer has disconnected").map(drop)
    })
}

fn conn_62(job: &Job) -> Result {
    once(job, |ends| {
        let meeting = ends.met()?;
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        leaving.wait()?.is(ends.run, STATUS_IO_TIMEOUT, "CONN-62 the peer never answers")
    })
}

fn conn_63(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let status = meeting.passive_side.qp.write(1, &[sge(0x1000, 8, 0x5A5A_5A5A)], 0, 0, 0);
        run.ok(status, "WR-25 tokens are checked when the request is executed")?;
        // The news of the failure is on its way, or has just arrived.
        let leaving = meeting.active.disconnect()?;
        leaving.wait()?.is(run, STATUS_CONNECTION_ABORTED, "CONN-63 the connection breaks")?;
        let result = meeting.passive_side.cq.next()?;
        let cause = result.Status != STATUS_SUCCESS && result.Status != STATUS_CANCELLED;
        run.check(cause, "WR-30 the cause")
    })
}

fn conn_64(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        meeting.disconnect()?;
        for (connector, side) in [(&meeting.active, &meeting.active_side), (&meeting.passive, &meeting.passive_side)] {
            let invalid = STATUS_CONNECTION_INVALID;
            run.status(side.qp.send(1, &[], 0), invalid, "CONN-64 no direction is left open")?;
            run.status(side.qp.read(2, &[], 0, 0, 0), invalid, "CONN-64 no direction is left open")?;
            connector.disconnect()?.wait()?.is(run, invalid, "CONN-64 it is closed")?;
        }
        Ok(())
    })
}

/// Everything that can be fetched now, without waiting; each result has one of two statuses.
#[track_caller]
fn fetched(meeting: &Meeting, side: &Side) -> Result<(usize, usize)> {
    let mut results = [NDK_RESULT_EX::default(); 64];
    let count = side.cq.poll_ex(&mut results);
    let mut cancelled = 0;
    for result in results.iter().take(count) {
        let known = result.Status == STATUS_CANCELLED || result.Status == STATUS_SUCCESS;
        meeting.run.check(known, "CONN-65 cancelled, or done before")?;
        cancelled += usize::from(result.Status == STATUS_CANCELLED);
    }
    Ok((count, cancelled))
}

fn conn_65(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let region = meeting.active_side.region(64)?;
        for context in 0..8 {
            let entry = region.sge(8 * context, 8);
            run.ok(meeting.active_side.qp.receive(context, &[entry]), "WR-12 NdkReceive")?;
        }
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        let (count, cancelled) = fetched(&meeting, &meeting.active_side)?;
        run.equal(count, 8usize, "CONN-65 the completions are in the CQ")?;
        run.equal(cancelled, 8usize, "CONN-65 they are cancelled")
    })
}

fn conn_66(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let region = meeting.active_side.region(64)?;
        // No receive: the messages wait.
        for context in 0..8 {
            let status = meeting.active_side.qp.send(context, &[region.sge(0, 64)], 0);
            run.ok(status, "WR-01 NdkSend")?;
        }
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        meeting.passive.disconnect()?.wait()?;
        let answer = leaving.wait()?;
        let known = answer.status == STATUS_SUCCESS || answer.status == STATUS_CONNECTION_ABORTED;
        run.check(known, "CONN-66 it completes, gracefully or not")?;
        let (count, cancelled) = fetched(&meeting, &meeting.active_side)?;
        run.equal(count, 8usize, "CONN-65 the completions are in the CQ")?;
        run.equal(cancelled, 8usize, "CONN-65 they are cancelled")
    })
}

fn conn_67(job: &Job) -> Result {
    each(job, |ends| {
        for _ in 0..4 {
            let meeting = ends.met()?;
            let (one, two) = (meeting.active.disconnect()?, meeting.passive.disconnect()?);
            one.wait()?.is(ends.run, STATUS_SUCCESS, "CONN-67 the active side")?;
            two.wait()?.is(ends.run, STATUS_SUCCESS, "CONN-67 the passive side")?;
        }
        Ok(())
    })
}

fn conn_68(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let leaving = meeting.passive.disconnect()?;
        meeting.active.wait_for_disconnect()?;
        meeting.active.disconnect()?.wait()?.is(ends.run, STATUS_SUCCESS, "CONN-68 after the disconnect event")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        let meeting = ends.met()?;
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        meeting.passive.disconnect()?.wait()?.is(ends.run, STATUS_SUCCESS, "CONN-68 after the disconnect event")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    })
}

fn conn_69(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let invalid = STATUS_CONNECTION_INVALID;
        let idle = ends.active.connector()?;
        idle.disconnect()?.wait()?.is(run, invalid, "CONN-69 an idle connector")?;
        let mut meeting = ends.meet()?;
        meeting.active.disconnect()?.wait()?.is(run, invalid, "CONN-69 one that is connecting")?;
        meeting.passive.disconnect()?.wait()?.is(run, invalid, "CONN-69 a pending one")?;
        meeting.accept()?;
        meeting.active.disconnect()?.wait()?.is(run, invalid, "CONN-69 before complete-connect")?;
        meeting.complete()?;
        let leaving = meeting.active.disconnect()?;
        meeting.active.disconnect()?.wait()?.is(run, invalid, "CONN-69 a second one, the first pending")?;
        meeting.passive.disconnect()?.ok("CONN-61 NdkDisconnect")?;
        leaving.ok("CONN-61 the first is not touched")?;
        meeting.active.disconnect()?.wait()?.is(run, invalid, "CONN-69 a second one, the first complete")
    })
}

fn conn_70(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        meeting.disconnect()?;
        let side = Side::new(&ends.active)?;
        let (listener, to) = ends.listen(0)?;
        let connect = meeting.active.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?.wait()?;
        connect.is(run, STATUS_INVALID_DEVICE_STATE, "CONN-70 the connector connects no more")?;
        let connector = ends.active.connector()?;
        let refused = |inline: i32| inline < 0;
        let connect = connector.connect(&meeting.active_side.qp, &ends.from, &to, Limits::default(), &[])?.wait()?;
        run.check(refused(connect.inline), "CONN-70 the QP connects no more")?;
        let connecting = connector.connect(&side.qp, &ends.from, &to, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let accept = delivered.accept(&meeting.passive_side.qp, Limits::default(), &[])?.wait()?;
        run.check(refused(accept.inline), "CONN-70 the QP is accepted with no more")?;
        run.ok(delivered.reject(&[]), "CONN-35 the request is still there")?;
        connecting.wait().map(drop)
    })
}

fn conn_71(job: &Job) -> Result {
    each(job, |ends| {
        for after_event in [true, false] {
            let meeting = ends.met()?;
            let leaving = meeting.active.disconnect()?;
            if after_event {
                meeting.passive.wait_for_disconnect()?;
            }
            meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
            let answer = leaving.wait()?;
            let known = answer.status == STATUS_SUCCESS || answer.status == STATUS_CONNECTION_ABORTED;
            ends.run.check(known, "CONN-71 success, or aborted")?;
            // The other order: the peer has closed before.
            let meeting = ends.met()?;
            meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
            if after_event {
                meeting.active.wait_for_disconnect()?;
            }
            let answer = meeting.active.disconnect()?.wait()?;
            let known = answer.status == STATUS_SUCCESS || answer.status == STATUS_CONNECTION_ABORTED;
            ends.run.check(known, "CONN-71 success, or aborted")?;
        }
        Ok(())
    })
}
