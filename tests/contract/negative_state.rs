//! `NEG-31` to `NEG-33`: every request in every state of its QP, and objects of another open or adapter.

use super::{
    ends::{Ends, Meeting, Side, each},
    mapped::{Mapped, Window, fast_region, invalidate},
    stage::empty,
    work_help::REMOTE,
};
use crate::{
    ndk::{Adapter, Limits, Mr, Place, QpOptions, Region, nothing, targets},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::*;

contract! {
    "NEG-31" neg_31, "every request in every state of its QP";
    "NEG-32" neg_32, "objects of another adapter are refused, and stay usable";
    "NEG-33" neg_33, "queues of another open are refused to a QP";
}

/// What the state of a QP lets happen to requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Initiator requests are refused, receives wait.
    Receives,
    /// All are taken.
    All,
    /// Refused, or cancelled.
    Nothing,
}

/// A side with something of every kind to make requests with.
struct Tools<'a> {
    side: &'a Side,
    region: Region,
    fast: Mr,
    mapped: Mapped,
    window: Window,
}

const REQUESTS: usize = 8;

impl<'a> Tools<'a> {
    #[track_caller]
    fn new(adapter: &Adapter, side: &'a Side) -> Result<Self> {
        Ok(Self {
            side,
            region: Region::new(&side.pd, 64, REMOTE)?,
            fast: fast_region(&side.pd, 1)?,
            mapped: Mapped::new(adapter, 64)?,
            window: Window::new(&side.pd)?,
        })
    }

    /// Posts the request of a number; all that a QP in good state takes succeed in this order, but the first two,
    /// which need a receive at the peer. 7 is the receive.
    fn post(&self, number: usize) -> NTSTATUS {
        let qp = &self.side.qp;
        let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
        let address = self.region.buffer().address().addr().get();
        match number {
            0 => qp.send(0, &[self.region.sge(0, 64)], 0),
            1 => qp.read(1, &nothing(), 0, 0, 0),
            2 => qp.write(2, &nothing(), 0, 0, 0),
            3 => self.mapped.fast_register(qp, 3, &self.fast, read),
            4 => invalidate(qp, 4, &self.fast, 0),
            5 => self.window.bind(qp, 5, self.region.mr(), address, 64, read),
            6 => self.window.invalidate(qp, 6),
            _ => qp.receive(7, &[]),
        }
    }

    /// Expects of every request what the state says.
    #[track_caller]
    fn expect(&self, run: &Run, takes: Takes) -> Result {
        let cq = &self.side.cq;
        for number in 0..REQUESTS {
            let receive = number == 7;
            let status = self.post(number);
            match takes {
                Takes::Receives if receive => run.ok(status, "WR-12 receives wait")?,
                Takes::All => run.ok(status, "WR-11 requests are taken")?,
                Takes::Receives => {
                    run.status(status, STATUS_CONNECTION_INVALID, "WR-10, WR-11 no initiator request yet")?;
                }
                Takes::Nothing => {
                    if status == STATUS_SUCCESS {
                        cq.expect(number, STATUS_CANCELLED, "WR-13 to WR-15 cancelled, if taken")?;
                    } else {
                        run.status(status, STATUS_CONNECTION_INVALID, "WR-13 to WR-15 refused")?;
                    }
                }
            }
        }
        if takes == Takes::Receives {
            // Takes them back, so that the state is as it was.
            self.side.qp.flush();
            cq.expect(7, STATUS_CANCELLED, "FLUSH-06 the receive is cancelled")?;
        }
        if takes == Takes::All { Ok(()) } else { empty(run, cq) }
    }
}

fn neg_31(job: &Job) -> Result {
    each(job, |ends| {
        before(ends)?;
        standing(ends)?;
        after(ends)
    })
}

/// On the way to a connection.
fn before(ends: &Ends) -> Result {
    let run = ends.run;
    let fresh = Side::new(&ends.active)?;
    Tools::new(&ends.active, &fresh)?.expect(run, Takes::Receives)?;
    let mut meeting = ends.meet()?;
    both(ends, &meeting, Takes::Receives, Takes::Receives)?;
    meeting.accept()?;
    both(ends, &meeting, Takes::Receives, Takes::Receives)?;
    meeting.complete()?;
    meeting.works()?;
    // One that was refused is as it was.
    let mut refused = ends.meet()?;
    run.ok(refused.passive.reject(&[]), "CONN-40 NdkReject")?;
    refused.connect_ends(STATUS_CONNECTION_REFUSED, "CONN-11 refused")?;
    both(ends, &refused, Takes::Receives, Takes::Receives)
}

#[track_caller]
fn both(ends: &Ends, meeting: &Meeting, active: Takes, passive: Takes) -> Result {
    Tools::new(&ends.active, &meeting.active_side)?.expect(ends.run, active)?;
    Tools::new(&ends.passive, &meeting.passive_side)?.expect(ends.run, passive)
}

/// A connection that stands: every request succeeds, in order.
fn standing(ends: &Ends) -> Result {
    let run = ends.run;
    let meeting = ends.met()?;
    let region = meeting.passive_side.region(64)?;
    run.ok(meeting.passive_side.qp.receive(0, &[region.sge(0, 64)]), "WR-12 NdkReceive")?;
    let tools = Tools::new(&ends.active, &meeting.active_side)?;
    tools.expect(run, Takes::All)?;
    for number in 0..7 {
        tools.side.cq.expect(number, STATUS_SUCCESS, "WR-05 each succeeds, in order")?;
    }
    run.ok(meeting.passive_side.qp.send(1, &[], 0), "SND-01 NdkSend")?;
    tools.side.cq.expect(7, STATUS_SUCCESS, "RCV-01 the receive")?;
    meeting.passive_side.cq.expect(0, STATUS_SUCCESS, "RCV-01 the message")?;
    meeting.passive_side.cq.expect(1, STATUS_SUCCESS, "SND-01 the send")?;
    meeting.works()
}

/// After its end, whichever it was.
fn after(ends: &Ends) -> Result {
    let run = ends.run;
    let meeting = ends.met()?;
    let leaving = meeting.active.disconnect()?;
    meeting.passive.wait_for_disconnect()?;
    both(ends, &meeting, Takes::Nothing, Takes::Nothing)?;
    meeting.passive.disconnect()?.ok("CONN-68 NdkDisconnect")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    both(ends, &meeting, Takes::Nothing, Takes::Nothing)?;

    let meeting = ends.met()?;
    meeting.active.start_close()?.ok("LIFE-35 closing the connector")?;
    meeting.passive.wait_for_disconnect()?;
    Tools::new(&ends.active, &meeting.active_side)?.expect(run, Takes::Nothing)?;

    // A request that failed.
    let meeting = ends.met()?;
    let bad = [crate::ndk::sge(0x1000, 64, 0xBAD_BAD)];
    run.ok(meeting.active_side.qp.write(9, &bad, 0, 0, 0), "WR-25 judged when it runs")?;
    meeting.active_side.cq.expect(9, STATUS_ACCESS_VIOLATION, "WR-26 the bad entry")?;
    meeting.passive.wait_for_disconnect()?;
    both(ends, &meeting, Takes::Nothing, Takes::Nothing)
}

fn neg_32(job: &Job) -> Result {
    let Some((passive, active)) = targets(job.run, Place::Across) else {
        return job.run.check(true, "there is one adapter only");
    };
    let (near, far) = (Adapter::open(job.run, job.provider, &active)?, Adapter::open(job.run, job.provider, &passive)?);
    let (side, other) = (Side::new(&near)?, Side::new(&far)?);
    let run = job.run;
    let wrong = STATUS_INVALID_PARAMETER;
    let options = QpOptions::default();
    for (receive, send) in [(&other.cq, &side.cq), (&side.cq, &other.cq), (&other.cq, &other.cq)] {
        side.pd.create_qp(receive, send, &options)?.fails(wrong, "VER-14 a CQ of another adapter")?;
    }
    let none = || crate::run::Failure::new("an adapter with an address", wrong);
    let family = crate::ndk::Family::V4;
    let (from, to) = (near.address(family, 0).ok_or_else(none)?, far.address(family, 0).ok_or_else(none)?);
    let (listener, to) = super::ends::listening(&far, &to)?;
    let connector = near.connector()?;
    let answer = connector.connect(&other.qp, &from, &to, Limits::default(), &[])?.wait()?;
    answer.is(run, wrong, "VER-14 a QP of another adapter")?;
    let endpoint = far.endpoint(&to.with_port(0))?;
    let answer = connector.connect_from(&side.qp, &endpoint, &to, Limits::default(), &[])?.wait()?;
    answer.is(run, wrong, "VER-14 an endpoint of another adapter")?;
    // The connector is as it was; so is the request that was answered with a wrong QP.
    let connecting = connector.connect(&side.qp, &from, &to, Limits::default(), &[])?;
    let delivered = listener.next()?;
    let answer = delivered.accept(&side.qp, Limits::default(), &[])?.wait()?;
    run.check(answer.status == wrong || answer.status == STATUS_CONNECTION_ACTIVE, "VER-14 a QP of another adapter")?;
    let idle = near.pd()?.qp(&near.cq(16)?)?;
    delivered.accept(&idle, Limits::default(), &[])?.wait()?.is(run, wrong, "VER-14 a QP of another adapter")?;
    let accepting = delivered.accept(&other.qp, Limits::default(), &[])?;
    connecting.ok("CONN-04 NdkConnect")?;
    connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    accepting.ok("CONN-32 NdkAccept")?;
    // Regions and windows of the other adapter in requests that name objects.
    let (tools, foreign) = (Tools::new(&near, &side)?, Tools::new(&far, &other)?);
    let (qp, read) = (&side.qp, NDK_OP_FLAG_ALLOW_REMOTE_READ);
    let (mine, theirs) = (tools.region.buffer().address().addr().get(), foreign.region.buffer().address().addr().get());
    for status in [
        foreign.mapped.fast_register(qp, 1, &foreign.fast, read),
        foreign.window.bind(qp, 1, tools.region.mr(), mine, 64, read),
        tools.window.bind(qp, 1, foreign.region.mr(), theirs, 64, read),
    ] {
        run.status(status, wrong, "VER-14, FRG-14, BND-11 an object of another adapter")?;
    }
    super::ends::message(run, &side, &other)?;
    super::ends::message(run, &other, &side)
}

fn neg_33(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    let (one, two) = (Adapter::open(job.run, job.provider, target)?, Adapter::open(job.run, job.provider, target)?);
    let (side, other) = (Side::new(&one)?, Side::new(&two)?);
    let options = QpOptions::default();
    for (receive, send) in [(&other.cq, &side.cq), (&side.cq, &other.cq), (&other.cq, &other.cq)] {
        let created = side.pd.create_qp(receive, send, &options)?;
        created.fails(STATUS_INVALID_PARAMETER, "VER-14 a CQ of another open")?;
    }
    // Both are as they were.
    let joined = super::stage::join(job, (&one, &side.qp), (&two, &other.qp))?;
    super::ends::message(job.run, &side, &other)?;
    drop(joined);
    Ok(())
}
