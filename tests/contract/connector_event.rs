//! `CONN-72` to `CONN-81`: the disconnect event.

use crate::{
    contract::ends::{CARRIED, Meeting, WHILE, each, once},
    kernel::{Event, Lock, Shared, time},
    ndk::{Connector, Limits, OnDisconnect, Submitted, sge},
    run::{Failure, Result},
    workload::Job,
};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use ndkpi_sys::{
    NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_CONNECTION_ABORTED, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CONN-72" conn_72, "the event comes when the peer disconnects or closes, or the connection fails";
    "CONN-73" conn_73, "the event comes once, whatever comes together";
    "CONN-74" conn_74, "who disconnects first gets no event";
    "CONN-75" conn_75, "the event comes after its accept, and not at all if that failed";
    "CONN-76" conn_76, "a peer's disconnect does not flush the QP";
    "CONN-77" conn_77, "what the peer sent before its disconnect is delivered";
    "CONN-78" conn_78, "a failed connection completes the requests";
    "CONN-79" conn_79, "the event has the context that was given";
    "CONN-80" conn_80, "the form of the event is that of the function";
    "CONN-81" conn_81, "a close inside the event pends until it returns";
}

/// Ends a connection by a request that fails, on the active side.
#[track_caller]
fn fail(meeting: &Meeting) -> Result {
    let status = meeting.active_side.qp.write(99, &[sge(0x1000, 8, 0x5A5A_5A5A)], 0, 0, 0);
    meeting.run.ok(status, "WR-25 tokens are checked when the request is executed")
}

fn conn_72(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let _leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        run.equal(meeting.passive.disconnects(), 1u32, "CONN-72 the peer disconnects")?;
        let meeting = ends.met()?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        meeting.active.wait_for_disconnect()?;
        run.equal(meeting.active.disconnects(), 1u32, "CONN-72 the peer closes")?;
        let meeting = ends.met()?;
        fail(&meeting)?;
        meeting.active.wait_for_disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        run.equal(meeting.active.disconnects(), 1u32, "CONN-72 the connection fails, here")?;
        run.equal(meeting.passive.disconnects(), 1u32, "CONN-72 the connection fails, there")
    })
}

fn conn_73(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        fail(&meeting)?;
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        meeting.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        leaving.wait()?;
        time::sleep(CARRIED);
        ends.run.equal(meeting.passive.disconnects(), 1u32, "CONN-73 failure, disconnect and close")?;
        let meeting = ends.met()?;
        let leaving = meeting.passive.disconnect()?;
        meeting.active.wait_for_disconnect()?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        leaving.wait()?.is(ends.run, STATUS_CANCELLED, "LIFE-06 cut short by the close")?;
        time::sleep(CARRIED);
        ends.run.equal(meeting.active.disconnects(), 1u32, "CONN-73 disconnect and close")
    })
}

fn conn_74(job: &Job) -> Result {
    each(job, |ends| {
        let meeting = ends.met()?;
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        time::sleep(CARRIED);
        ends.run.equal(meeting.active.disconnects(), 0u32, "CONN-74 no event for who went first")
    })
}

/// What callbacks of the test's own leave behind.
struct Watch {
    called: Event,
    calls: AtomicU32,
    accepted: AtomicU32,
    in_order: AtomicU32,
    status: AtomicI32,
    closed_inside: AtomicU32,
    connector: Lock<Option<Connector>>,
    closing: Lock<Option<Submitted>>,
}

impl Watch {
    fn new() -> Result<Shared<Self>> {
        Ok(Shared::try_new(Self {
            called: Event::manual()?,
            calls: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
            in_order: AtomicU32::new(0),
            status: AtomicI32::new(STATUS_PENDING),
            closed_inside: AtomicU32::new(0),
            connector: Lock::new(None),
            closing: Lock::new(None),
        })?)
    }
}

unsafe extern "system" fn on_accepted(context: PVOID, status: NTSTATUS) {
    // SAFETY: the test keeps the watch until the connector is closed.
    let watch = unsafe { Shared::<Watch>::borrow_context(context) };
    watch.status.store(status, Ordering::Release);
    watch.accepted.fetch_add(1, Ordering::AcqRel);
}

unsafe extern "system" fn on_event(context: PVOID) {
    // SAFETY: as above.
    let watch = unsafe { Shared::<Watch>::borrow_context(context) };
    watch.in_order.fetch_add(watch.accepted.load(Ordering::Acquire), Ordering::AcqRel);
    watch.calls.fetch_add(1, Ordering::AcqRel);
    watch.called.set();
}

/// Accepts with callbacks of the test's own for both the accept and the event.
#[track_caller]
fn watched(meeting: &mut Meeting, watch: &Shared<Watch>) -> Result {
    let context = watch.as_context();
    let status = match meeting.passive.dispatch().NdkAccept {
        // SAFETY: the objects are open; the test keeps the watch until the connector is closed.
        Some(accept) => unsafe {
            accept(
                meeting.passive.raw(),
                meeting.passive_side.qp.raw(),
                1,
                1,
                core::ptr::null_mut(),
                0,
                Some(on_event),
                context,
                Some(on_accepted),
                context,
            )
        },
        None => STATUS_NOT_SUPPORTED,
    };
    meeting.run.status(status, STATUS_PENDING, "CONN-32 an accept pends")?;
    meeting.connected()
}

fn conn_75(job: &Job) -> Result {
    each(job, |ends| {
        for _ in 0..8 {
            let watch = Watch::new()?;
            let mut meeting = ends.meet()?;
            watched(&mut meeting, &watch)?;
            meeting.active.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
            meeting.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
            ends.run.wait(&watch.called, "CONN-72 the peer's end gives a disconnect event")?;
            ends.run.equal(watch.in_order.load(Ordering::Acquire), 1u32, "CONN-75 the accept has completed before")?;
            ends.run.ok(watch.status.load(Ordering::Acquire), "CONN-75 with success")?;
        }
        let watch = Watch::new()?;
        let mut meeting = ends.meet()?;
        watched(&mut meeting, &watch)?;
        meeting.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        time::sleep(CARRIED);
        let status = watch.status.load(Ordering::Acquire);
        ends.run.status(status, STATUS_CONNECTION_ABORTED, "CONN-33 the active side closes")?;
        ends.run.equal(watch.calls.load(Ordering::Acquire), 0u32, "CONN-75 no event for a failed accept")
    })
}

fn conn_76(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let side = &meeting.passive_side;
        let region = side.region(32)?;
        for context in 0..4 {
            run.ok(side.qp.receive(context, &[region.sge(8 * context, 8)]), "WR-12 NdkReceive")?;
        }
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        time::sleep(WHILE);
        run.equal(side.cq.poll_ex(&mut [Default::default(); 4]), 0usize, "CONN-76 the receives stay pending")?;
        side.qp.flush();
        for context in 0..4 {
            side.cq.expect(context, STATUS_CANCELLED, "CONN-76 until the consumer flushes")?;
        }
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    })
}

fn conn_77(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let (from, to) = (&meeting.active_side, &meeting.passive_side);
        let (source, target) = (from.region(64)?, to.region(64)?);
        source.buffer().fill(0, 64, 0x77);
        for context in 0..8 {
            run.ok(to.qp.receive(context, &[target.sge(8 * context, 8)]), "WR-12 NdkReceive")?;
        }
        for context in 0..8 {
            run.ok(from.qp.send(context, &[source.sge(8 * context, 8)], 0), "WR-01 NdkSend")?;
        }
        for context in 0..8 {
            from.cq.expect(context, STATUS_SUCCESS, "SND-01 the message is sent")?;
        }
        let leaving = meeting.active.disconnect()?;
        meeting.passive.wait_for_disconnect()?;
        for context in 0..8 {
            to.cq.expect(context, STATUS_SUCCESS, "CONN-77 delivered, though fetched after the event")?;
        }
        let mut seen = [0; 64];
        target.buffer().read(0, &mut seen);
        run.check(seen == [0x77; 64], "CONN-77 the bytes")?;
        meeting.passive.disconnect()?.ok("CONN-68 after the peer has left")?;
        leaving.ok("CONN-61 NdkDisconnect").map(drop)
    })
}

fn conn_78(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        let meeting = ends.met()?;
        let (here, there) = (&meeting.active_side, &meeting.passive_side);
        let (near, far) = (here.region(32)?, there.region(32)?);
        for context in 0..4 {
            run.ok(here.qp.receive(context, &[near.sge(8 * context, 8)]), "WR-12 NdkReceive")?;
            run.ok(there.qp.receive(context, &[far.sge(8 * context, 8)]), "WR-12 NdkReceive")?;
        }
        fail(&meeting)?;
        let mut causes = 0u32;
        for (side, count) in [(here, 5), (there, 4)] {
            for _ in 0..count {
                let status = side.cq.next()?.Status;
                run.check(status != STATUS_SUCCESS, "CONN-78 cancelled, or the true error")?;
                causes += u32::from(status != STATUS_CANCELLED);
            }
        }
        run.check((1..=2).contains(&causes), "WR-30 at most one cause on each side")?;
        meeting.passive.wait_for_disconnect()
    })
}

fn conn_79(job: &Job) -> Result {
    each(job, |ends| {
        let watch = Watch::new()?;
        let event = OnDisconnect::Call { function: Some(on_event), context: watch.as_context() };
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        meeting.active.complete_connect_as(event)?.ok("CONN-21 NdkCompleteConnect")?;
        meeting.accepted()?;
        meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
        ends.run.wait(&watch.called, "CONN-79 the context of complete-connect")?;
        let second = Watch::new()?;
        let mut meeting = ends.meet()?;
        let event = OnDisconnect::Call { function: Some(on_event), context: second.as_context() };
        let side = &meeting.passive_side;
        meeting.accepting = Some(meeting.passive.accept_as(&side.qp, Limits::default(), &[], event)?);
        meeting.connected()?;
        meeting.complete()?;
        meeting.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
        ends.run.wait(&second.called, "CONN-79 the context of the accept")?;
        drop(meeting);
        ends.run.equal(watch.calls.load(Ordering::Acquire), 1u32, "CONN-79 each context its event")?;
        ends.run.equal(second.calls.load(Ordering::Acquire), 1u32, "CONN-79 each context its event")
    })
}

fn conn_80(job: &Job) -> Result {
    each(job, |ends| {
        let run = ends.run;
        for fails in [false, true] {
            let mut meeting = ends.meet()?;
            meeting.accept()?;
            meeting.active.complete_connect_as(OnDisconnect::SignalEx)?.ok("CONN-27 NdkCompleteConnectEx")?;
            meeting.accepted()?;
            if fails {
                fail(&meeting)?;
                meeting.passive.wait_for_disconnect()?;
                run.equal(meeting.passive.plain_disconnects(), 1u32, "CONN-80 the plain event for the plain function")?;
            } else {
                meeting.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
            }
            meeting.active.wait_for_disconnect()?;
            run.equal(meeting.active.plain_disconnects(), 0u32, "CONN-80 the Ex event for the Ex function")?;
            if !fails {
                run.equal(meeting.active.disconnect_reason(), 0u32, "CONN-80 no reason for a peer that left")?;
            }
        }
        Ok(())
    })
}

unsafe extern "system" fn on_event_close(context: PVOID) {
    // SAFETY: as for the others.
    let watch = unsafe { Shared::<Watch>::borrow_context(context) };
    watch.calls.fetch_add(1, Ordering::AcqRel);
    // The test has a reference of its own, so this one is not the last.
    let Some(connector) = watch.connector.with(|connector| connector.clone()) else { return };
    if let Ok(closing) = connector.start_close() {
        watch.status.store(closing.inline(), Ordering::Release);
        // Time for a completion that must not come yet.
        let began = time::now();
        while time::now().wrapping_sub(began) < 3_000_000 {
            core::hint::spin_loop();
        }
        watch.closed_inside.store(closing.calls(), Ordering::Release);
        watch.closing.with(|place| *place = Some(closing));
    }
    drop(connector);
    watch.called.set();
}

fn conn_81(job: &Job) -> Result {
    once(job, |ends| {
        let run = ends.run;
        let watch = Watch::new()?;
        let mut meeting = ends.meet()?;
        meeting.accept()?;
        watch.connector.with(|place| *place = Some(meeting.active.clone()));
        watch.status.store(STATUS_SUCCESS, Ordering::Release);
        let event = OnDisconnect::Call { function: Some(on_event_close), context: watch.as_context() };
        meeting.active.complete_connect_as(event)?.ok("CONN-21 NdkCompleteConnect")?;
        meeting.accepted()?;
        let leaving = meeting.passive.disconnect()?;
        let called = run.wait(&watch.called, "CONN-72 the peer's end gives a disconnect event");
        drop(watch.connector.with(Option::take));
        called?;
        run.status(watch.status.load(Ordering::Acquire), STATUS_PENDING, "CONN-81 the close pends")?;
        run.equal(watch.closed_inside.load(Ordering::Acquire), 0u32, "CONN-81 until the event has returned")?;
        let closing = watch.closing.with(Option::take);
        closing.ok_or_else(|| Failure::new("LIFE-01 the close is taken", 0))?.ok("CONN-81 then it completes")?;
        leaving.wait()?;
        time::sleep(CARRIED);
        run.equal(watch.calls.load(Ordering::Acquire), 1u32, "CONN-81 no event after the close")
    })
}
