//! `WR-06`, `WR-08` to `WR-15`, `WR-37`: which states of a connection take requests, and races with its end.

use super::work_help::{
    Fast, Window, dead, disconnect, done, each, each_with, ended, nothing_in, receive, received, send, shared, sink,
    stall,
};
use crate::{
    kernel::{
        Event, Shared,
        thread::{Main, Thread},
        time,
    },
    ndk::{
        Adapter, Address, Connector, Cq, End, Family, Limits, Listener, Pair, PairOptions, Pd, Place, Qp, QpOptions,
        Submitted, nothing, sge, targets,
    },
    run::{Failure, Result, Run},
    workload::Job,
};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_CANCELLED, STATUS_CONNECTION_INVALID,
    STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS,
};
use ndktest_api::Target;

contract! {
    "WR-06" wr_06, "both queues of a QP are posted to in parallel";
    "WR-08" wr_08, "a request that races with a flush is refused or completes once";
    "WR-09" wr_09, "a request that races with the close of the connector is refused or completes once";
    "WR-10" wr_10, "a QP that was never connected refuses every initiator request";
    "WR-11" wr_11, "initiator requests are taken from Accept and CompleteConnect on, not before";
    "WR-12" wr_12, "receives are taken and wait before the connection";
    "WR-14" wr_14, "after the peer's disconnect a request is refused or cancelled";
    "WR-15" wr_15, "a receive after the end is refused or cancelled";
    "WR-37" wr_37, "a request that races with a disconnect is refused or completes once";
    "WR-13" wr_13, "initiator requests are refused once the connection is over";
}

/// One side before a connection.
struct Side {
    connector: Option<Connector>,
    qp: Qp,
    received: Cq,
    initiated: Cq,
    pd: Pd,
    adapter: Adapter,
}

impl Side {
    fn new(job: &Job, target: &Target) -> Result<Self> {
        let adapter = Adapter::open(job.run, job.provider, target)?;
        let pd = adapter.pd()?;
        let (received, initiated) = (adapter.cq(64)?, adapter.cq(64)?);
        let qp = pd.create_qp(&received, &initiated, &QpOptions::default())?.ok("QP-01 NdkCreateQp")?;
        Ok(Self { connector: None, qp, received, initiated, pd, adapter })
    }
}

/// Two sides whose connect and connect event are there; nobody has accepted.
struct Asked {
    active: Side,
    passive: Side,
    connecting: Submitted,
    _listener: Listener,
}

/// Runs a test with each place; `before` sees both sides before there is a connector.
fn asked(job: &Job, before: impl Fn(&Side, &Side) -> Result, test: impl Fn(&Run, Asked) -> Result) -> Result {
    for place in [Place::Same, Place::Across] {
        let Some((passive, active)) = targets(job.run, place) else {
            continue;
        };
        let address = |target: &Target| {
            Address::of(target, Family::V4, 0).ok_or_else(|| Failure::new("an adapter with an IPv4 address", 0))
        };
        let (to, from) = (address(&passive)?, address(&active)?);
        let mut passive = Side::new(job, &passive)?;
        let mut active = Side::new(job, &active)?;
        before(&active, &passive)?;
        let listener = passive.adapter.listener()?;
        listener.listen(&to)?.ok("LSN-03 NdkListen")?;
        let (status, to) = listener.local_address();
        job.run.ok(status, "ADR-01 address of a listener")?;
        let connector = active.adapter.connector()?;
        let connecting = connector.connect(&active.qp, &from, &to, Limits::default(), &[])?;
        active.connector = Some(connector);
        passive.connector = Some(listener.next()?);
        let asked = Asked { active, passive, connecting, _listener: listener };
        test(job.run, asked)?;
    }
    Ok(())
}

fn wr_10(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    let side = Side::new(job, target)?;
    let region = shared(&side.pd, 64, 1)?;
    let window = Window::new(&side.pd)?;
    let fast = Fast::new(&side.pd, 64)?;
    let qp = &side.qp;
    let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    for status in [
        qp.send(1, &[region.sge(0, 64)], 0),
        qp.send(1, &nothing(), 0),
        qp.send_and_invalidate(1, &nothing(), 0, 1),
        window.bind(qp, 1, &region, read),
        fast.register(qp, 1, read),
        fast.invalidate(qp, 1, 0),
        qp.read(1, &[region.sge(0, 64)], 0, 1, 0),
        qp.write(1, &nothing(), 0, 1, 0),
    ] {
        let what = "WR-10 an initiator request without a connection";
        job.run.status(status, STATUS_CONNECTION_INVALID, what)?;
    }
    nothing_in(&side.initiated, "WR-03 what was refused completes nothing")
}

/// Expects a send to be refused.
fn not_yet(side: &Side) -> Result {
    let (run, what) = (side.qp.run(), "WR-11 not before");
    run.status(side.qp.send(1, &[], 0), STATUS_CONNECTION_INVALID, what)?;
    run.status(side.qp.write(1, &nothing(), 0, 0, 0), STATUS_CONNECTION_INVALID, what)
}

/// Establishes the connection; `between` is called after the connect has succeeded.
fn establish(run: &Run, asked: Asked, between: impl Fn(&Side) -> Result) -> Result<(Side, Side)> {
    let Asked { active, passive, connecting, _listener } = asked;
    let connector = |side: &Side| {
        let connector = side.connector.clone();
        connector.ok_or_else(|| Failure::new("the side has a connector", 0))
    };
    let accepting = connector(&passive)?.accept(&passive.qp, Limits::default(), &[])?;
    connecting.ok("CONN-04 NdkConnect")?;
    between(&active)?;
    connector(&active)?.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    run.ok(active.qp.send(7, &[], 0), "WR-11 from CompleteConnect on")?;
    accepting.ok("CONN-32 NdkAccept")?;
    run.ok(passive.qp.send(7, &[], 0), "WR-11 from Accept on")?;
    Ok((active, passive))
}

fn wr_11(job: &Job) -> Result {
    let before = |active: &Side, passive: &Side| {
        not_yet(active)?;
        not_yet(passive)
    };
    asked(job, before, |run, asked| {
        before(&asked.active, &asked.passive)?;
        let (active, passive) = establish(run, asked, not_yet)?;
        for side in [&active, &passive] {
            run.ok(side.qp.receive(8, &[]), "WR-12 NdkReceive")?;
        }
        for side in [&active, &passive] {
            side.initiated.expect(7, STATUS_SUCCESS, "WR-11 the send succeeds")?;
            side.received.expect(8, STATUS_SUCCESS, "WR-11 and arrives")?;
        }
        Ok(())
    })
}

fn wr_12(job: &Job) -> Result {
    let before = |active: &Side, passive: &Side| {
        for side in [active, passive] {
            job.run.ok(side.qp.receive(1, &[]), "WR-12 before there is a connector")?;
            nothing_in(&side.received, "WR-12 it waits")?;
        }
        Ok(())
    };
    asked(job, before, |run, asked| {
        for side in [&asked.active, &asked.passive] {
            run.ok(side.qp.receive(2, &[]), "WR-12 while connecting")?;
        }
        let (active, passive) =
            establish(run, asked, |side| run.ok(side.qp.receive(3, &[]), "WR-12 before CompleteConnect"))?;
        for side in [&active, &passive] {
            side.received.expect(1, STATUS_SUCCESS, "WR-12 the first message")?;
        }
        run.ok(active.qp.send(8, &[], 0), "SND-01 NdkSend")?;
        run.ok(passive.qp.send(8, &[], 0), "SND-01 NdkSend")?;
        for side in [&active, &passive] {
            side.received.expect(2, STATUS_SUCCESS, "WR-12 the second message")?;
        }
        Ok(())
    })
}

/// Expects every type of initiator request to be refused.
fn refused(end: &End, fast: &Fast) -> Result {
    let qp = &end.qp;
    for status in [
        qp.send(1, &[], 0),
        qp.send_and_invalidate(1, &[], 0, 1),
        qp.read(1, &nothing(), 0, 0, 0),
        qp.write(1, &nothing(), 0, 0, 0),
        fast.register(qp, 1, 0),
        fast.invalidate(qp, 1, 0),
    ] {
        let what = "WR-13 no request after the end";
        qp.run().status(status, STATUS_CONNECTION_INVALID, what)?;
    }
    nothing_in(&end.initiated, "WR-03 what was refused completes nothing")
}

fn wr_13(job: &Job) -> Result {
    each(job, |_, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        disconnect(&pair.active, &pair.passive, || refused(&pair.active, &fast))
    })?;
    each(job, |_, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        send(&pair.active, 1, &[sge(0x1000, 64, 0xBAD_BAD)], 0)?;
        let into = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        let what = "WR-26 the bad entry";
        pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
        // At once: the QP has failed when the completion can be fetched.
        refused(&pair.active, &fast)
    })?;
    each(job, |_, pair| {
        let fast = Fast::new(&pair.active.pd, 64)?;
        let closing = pair.active.connector.start_close()?;
        closing.ok("LIFE-01 closing cannot fail")?;
        refused(&pair.active, &fast)
    })
}

fn wr_14(job: &Job) -> Result {
    each(job, |_, pair| {
        // One that waits already, too.
        stall(&pair.passive)?;
        let leaving = pair.active.connector.disconnect()?;
        pair.passive.connector.wait_for_disconnect()?;
        let what = "WR-14 refused or cancelled";
        pair.passive.initiated.expect(super::work_help::STALL, STATUS_CANCELLED, what)?;
        for context in 0..3 {
            let status = pair.passive.qp.send(context, &[], 0);
            dead(&pair.passive.initiated, context, status, what)?;
            let status = pair.passive.qp.read(context, &nothing(), 0, 0, 0);
            dead(&pair.passive.initiated, context, status, what)?;
        }
        pair.passive.connector.disconnect()?.ok("CONN-68 NdkDisconnect")?;
        leaving.ok("CONN-61 NdkDisconnect")?;
        Ok(())
    })
}

fn wr_15(job: &Job) -> Result {
    let after = |end: &End| {
        let status = end.qp.receive(5, &[]);
        dead(&end.received, 5, status, "WR-15 refused or cancelled")
    };
    each(job, |_, pair| {
        disconnect(&pair.active, &pair.passive, || after(&pair.active))?;
        after(&pair.active)?;
        after(&pair.passive)
    })?;
    each(job, |_, pair| {
        send(&pair.active, 1, &[sge(0x1000, 64, 0xBAD_BAD)], 0)?;
        let into = sink(&pair.passive.pd, 64)?;
        receive(&pair.passive, 1, &[into.sge(0, 64)])?;
        let what = "WR-26 the bad entry";
        pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, what)?;
        after(&pair.active)?;
        ended(&pair.passive)?;
        pair.passive.received.expect(1, STATUS_CANCELLED, "WR-29 the receive that waited")?;
        after(&pair.passive)
    })
}

/// Posts zero-byte requests from a thread of its own, until refused or through.
struct Poster {
    qp: Qp,
    receives: bool,
    most: u32,
    accepted: AtomicU32,
    refusal: AtomicI32,
    begun: Event,
}

impl Poster {
    fn new(qp: &Qp, receives: bool, most: u32) -> Result<Shared<Self>> {
        Ok(Shared::try_new(Self {
            qp: qp.clone(),
            receives,
            most,
            accepted: AtomicU32::new(0),
            refusal: AtomicI32::new(STATUS_SUCCESS),
            begun: Event::manual()?,
        })?)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire) as usize
    }

    fn post(&self, context: usize) -> NTSTATUS {
        if self.receives {
            self.qp.receive(context, &[])
        } else if context.is_multiple_of(2) {
            self.qp.send(context, &[], 0)
        } else {
            self.qp.write(context, &nothing(), 0, 0, 0)
        }
    }
}

impl Main for Poster {
    fn main(&self) {
        let mut patience = 5000;
        while self.accepted.load(Ordering::Relaxed) < self.most {
            match self.post(self.accepted()) {
                STATUS_SUCCESS => {
                    let count = self.accepted.fetch_add(1, Ordering::AcqRel);
                    if count == self.most / 8 {
                        self.begun.set();
                    }
                }
                STATUS_NO_MORE_ENTRIES if patience > 0 => {
                    patience -= 1;
                    time::sleep(1);
                }
                status => {
                    self.refusal.store(status, Ordering::Release);
                    break;
                }
            }
        }
        self.begun.set();
    }
}

fn start(poster: &Shared<Poster>) -> Result<Thread> {
    Thread::start(poster.clone()).map_err(|status| Failure::new("a thread starts", status))
}

const REQUESTS: u32 = 1000;

fn deep() -> PairOptions<'static> {
    PairOptions {
        cq_depth: 4 * REQUESTS,
        qp: QpOptions { receive_depth: REQUESTS, initiator_depth: REQUESTS, ..QpOptions::default() },
        ..PairOptions::default()
    }
}

fn wr_06(job: &Job) -> Result {
    each_with(job, &deep(), |run, pair| {
        let posters = [
            Poster::new(&pair.active.qp, true, REQUESTS)?,
            Poster::new(&pair.active.qp, false, REQUESTS)?,
            Poster::new(&pair.passive.qp, true, REQUESTS)?,
            Poster::new(&pair.passive.qp, false, REQUESTS)?,
        ];
        {
            let [one, two, three, four] = &posters;
            let _threads = [start(one)?, start(two)?, start(three)?, start(four)?];
        }
        for poster in &posters {
            run.equal(poster.accepted(), REQUESTS, "WR-06 every post is taken")?;
        }
        for end in [&pair.active, &pair.passive] {
            for context in 0..REQUESTS as usize {
                done(end, context)?;
            }
            // Every second request is a send.
            for context in 0..REQUESTS as usize / 2 {
                received(end, context, 0)?;
            }
        }
        Ok(())
    })
}

/// Posts to both queues of the active side while `act` happens, and counts.
fn race(job: &Job, act: impl Fn(&Run, &Pair) -> Result) -> Result {
    for _ in 0..5 {
        each_with(job, &deep(), |run, pair| {
            for context in 0..REQUESTS as usize {
                receive(&pair.passive, context, &[])?;
            }
            let receives = Poster::new(&pair.active.qp, true, REQUESTS)?;
            let requests = Poster::new(&pair.active.qp, false, REQUESTS)?;
            {
                let _threads = [start(&receives)?, start(&requests)?];
                run.wait(&requests.begun, "the thread posts")?;
                act(run, &pair)?;
            }
            // What was posted after a flush may wait yet.
            pair.active.qp.flush();
            for (poster, cq) in [(&receives, &pair.active.received), (&requests, &pair.active.initiated)] {
                let refusal = poster.refusal.load(Ordering::Acquire);
                run.check(
                    [STATUS_SUCCESS, STATUS_CONNECTION_INVALID].contains(&refusal),
                    "WR-08, WR-09, WR-37 the status of a refusal",
                )?;
                for context in 0..poster.accepted() {
                    let result = cq.next()?;
                    run.equal(result.RequestContext.addr(), context, "WR-05 in posting order")?;
                    run.check(
                        [STATUS_SUCCESS, STATUS_CANCELLED].contains(&result.Status),
                        "WR-08, WR-09, WR-37 finished or cancelled",
                    )?;
                }
                nothing_in(cq, "WR-08, WR-09, WR-37 each completes once")?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn wr_08(job: &Job) -> Result {
    race(job, |_, pair| {
        for _ in 0..20 {
            pair.active.qp.flush();
        }
        Ok(())
    })
}

fn wr_09(job: &Job) -> Result {
    race(job, |_, pair| {
        pair.active.connector.start_close()?.ok("LIFE-01 closing cannot fail")?;
        Ok(())
    })
}

fn wr_37(job: &Job) -> Result {
    race(job, |_, pair| disconnect(&pair.active, &pair.passive, || Ok(())))
}
