//! `NEG-21` to `NEG-24`: closing in every callback, in every order and in every state.

use super::{
    bed::{Any, Bed, Half, Link, accept, arm, call, close_raw, complete, connect, disconnect, each_place},
    probe::{Probe, Seen, hooked, probe},
};
use crate::{
    ndk::{Pair, PairOptions, Place, Submitted},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicPtr, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "NEG-21" neg_21, "every callback may close everything that it knows of";
    "NEG-22" neg_22, "a connected tree is closed in one of five of its 720 orders";
    "NEG-23" neg_23, "a disconnect in each state of either side";
    "NEG-24" neg_24, "a flush in each state, again and again";
}

/// Objects that a callback closes; each is closed once, by whoever comes first.
struct Doomed<'a> {
    objects: [AtomicPtr<NDK_OBJECT_HEADER>; 3],
    closed: &'a [Probe<fn(&Seen)>; 3],
    pending: AtomicPtr<NDK_OBJECT_HEADER>,
}

impl<'a> Doomed<'a> {
    fn new(closed: &'a [Probe<fn(&Seen)>; 3]) -> Self {
        let none = || AtomicPtr::new(ptr::null_mut());
        Self { objects: [none(), none(), none()], closed, pending: none() }
    }

    fn add(&self, place: usize, object: &Any) {
        object.disown();
        self.set(place, object.header());
    }

    fn set(&self, place: usize, object: *mut NDK_OBJECT_HEADER) {
        if let Some(slot) = self.objects.get(place) {
            slot.store(object, SeqCst);
        }
    }

    /// Closes what is left, in the order in which it was added. IRQL <= DISPATCH_LEVEL.
    fn close(&self) {
        for (slot, probe) in self.objects.iter().zip(self.closed) {
            let object = slot.swap(ptr::null_mut(), SeqCst);
            if !object.is_null() && close_raw(object, probe.close(), probe.context()) == STATUS_PENDING {
                self.pending.store(object, SeqCst);
            }
        }
    }
}

/// The callbacks in which all is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    Event,
    Connect,
    Accept,
    Complete,
    PassiveGone,
    ActiveGone,
    Leave,
    Notification,
}

const INSIDE: [Inside; 8] = [
    Inside::Event,
    Inside::Connect,
    Inside::Accept,
    Inside::Complete,
    Inside::PassiveGone,
    Inside::ActiveGone,
    Inside::Leave,
    Inside::Notification,
];

fn neg_21(job: &Job) -> Result {
    let witness = healthy(job)?;
    for inside in INSIDE {
        each_place(job, |passive, active| closing(passive, active, inside))?;
        check(&witness)?;
    }
    Ok(())
}

/// A pair that has nothing to do with what is closed.
#[track_caller]
fn healthy(job: &Job) -> Result<Pair> {
    Pair::connect(job.run, job.provider, &PairOptions { place: Place::Same, ..PairOptions::default() })?
        .ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

#[track_caller]
fn check(pair: &Pair) -> Result {
    super::work_help::receive(&pair.passive, 1, &[])?;
    super::work_help::send(&pair.active, 2, &[], 0)?;
    super::work_help::done(&pair.active, 2)?;
    super::work_help::received(&pair.passive, 1, 0)?;
    let gone = pair.active.connector.disconnects() + pair.passive.connector.disconnects();
    pair.active.qp.run().equal(gone, 0u32, "NEG no other connection is disturbed")
}

/// Goes all the way from connect to disconnect, as far as the callback that closes everything lets it.
fn closing(passive: &Bed, active: &Bed, inside: Inside) -> Result {
    let run = passive.run();
    let closed = [probe()?, probe()?, probe()?];
    let doomed = Doomed::new(&closed);
    let when = |here: Inside| {
        let doomed = &doomed;
        hooked(move |_: &Seen| {
            if here == inside {
                doomed.close();
            }
        })
    };
    let event = hooked(|seen: &Seen| {
        if inside == Inside::Event {
            doomed.set(0, seen.object());
            doomed.close();
        }
    })?;
    let requests = [when(Inside::Connect)?, when(Inside::Accept)?, when(Inside::Complete)?, when(Inside::Leave)?];
    let [connecting, accepting, completing, leaving] = &requests;
    let (passive_gone, active_gone) = (when(Inside::PassiveGone)?, when(Inside::ActiveGone)?);
    let notified = when(Inside::Notification)?;
    let side = active.notifying(&notified)?;
    let (listener, address) = passive.listener(&event)?;
    let connector = active.create(NdkObjectTypeConnector)?;
    let (passive_qp, active_qp) = (passive.qp()?, side.qp()?);
    if !matches!(inside, Inside::Event | Inside::Accept | Inside::PassiveGone) {
        doomed.add(0, &connector);
    }
    let raw: *mut NDK_CONNECTOR = connector.raw();
    let first = connect(raw, &active_qp, &active.address, &address, connecting);
    run.status(first, STATUS_PENDING, "CONN-04 the connect waits")?;
    event.wait(run, "LSN-11 each request gives one connect event")?;
    let delivered = match inside {
        Inside::Event => None,
        _ => Some(Any::adopt(run, event.object::<NDK_CONNECTOR>())?),
    };
    let accepted = match &delivered {
        Some(delivered) => {
            if matches!(inside, Inside::Accept | Inside::PassiveGone) {
                doomed.add(0, delivered);
            }
            accept(delivered.raw(), &passive_qp, &passive_gone, accepting)
        }
        None => STATUS_SUCCESS,
    };
    connecting.wait(run, "CMP-19 the connect ends")?;
    if connecting.status() == STATUS_SUCCESS && inside != Inside::Connect {
        let third = complete(raw, &active_gone, completing);
        if third == STATUS_PENDING {
            completing.wait(run, "CMP-19 the complete-connect ends")?;
        } else if inside == Inside::Complete {
            doomed.close();
        }
        if accepted == STATUS_PENDING {
            accepting.wait(run, "CMP-19 the accept ends")?;
        }
        end(run, inside, raw, &delivered, (&active_qp, &side), leaving)?;
    }
    // What no callback has closed is closed here, and all that pended ends.
    doomed.close();
    drop((connector, delivered, active_qp, passive_qp, side, listener));
    run.check(closed.iter().all(|probe| probe.calls() <= 1), "LIFE-03 one completion for each close")
}

/// The second half: a connection that stands.
fn end<F: Fn(&Seen)>(
    run: &Run,
    inside: Inside,
    active: *mut NDK_CONNECTOR,
    delivered: &Option<Any>,
    (qp, side): (&crate::ndk::Qp, &Bed),
    leaving: &Probe<F>,
) -> Result {
    let Some(delivered) = delivered else { return Ok(()) };
    let waits = |probe: &Probe<F>, status: NTSTATUS| {
        if status == STATUS_PENDING { probe.wait(run, "CMP-19 the disconnect ends") } else { Ok(()) }
    };
    match inside {
        Inside::Notification => {
            arm(side.cq.raw());
            run.ok(qp.receive(1, &[]), "NdkReceive")?;
            qp.flush();
            Ok(())
        }
        Inside::PassiveGone => {
            let status = disconnect(active, leaving);
            waits(leaving, status)
        }
        Inside::ActiveGone => {
            let status = call!(delivered.raw::<NDK_CONNECTOR>(), NdkDisconnect, leaving.request(), leaving.context());
            waits(leaving, status)
        }
        Inside::Leave => {
            let status = disconnect(active, leaving);
            delivered.start_close()?.ok("LIFE-01 closing cannot fail")?;
            waits(leaving, status)
        }
        _ => Ok(()),
    }
}

/// The `number`th order of six things.
fn order(mut number: usize) -> [usize; 6] {
    let mut left = [0, 1, 2, 3, 4, 5];
    let mut result = [0; 6];
    for (place, chosen) in result.iter_mut().enumerate() {
        let count = 6 - place;
        let at = number % count;
        number /= count;
        let rest = left.get_mut(at..count).unwrap_or(&mut []);
        *chosen = rest.first().copied().unwrap_or(0);
        rest.rotate_left(1);
    }
    result
}

fn neg_22(job: &Job) -> Result {
    let witness = healthy(job)?;
    for number in (0..720).step_by(5) {
        job.run.go_on()?;
        tree(job, order(number), number)?;
        if number % 60 == 0 {
            check(&witness)?;
        }
    }
    Ok(())
}

/// Queue, domain, region, QP and connector of one side, and its peer's connector, with requests in both queues.
fn tree(job: &Job, order: [usize; 6], number: usize) -> Result {
    let options = PairOptions { place: Place::Same, ..PairOptions::default() };
    let Some(pair) = Pair::connect(job.run, job.provider, &options)? else {
        return Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER));
    };
    let region = super::work_help::sink(&pair.active.pd, 64)?;
    for context in 0..3 {
        super::work_help::receive(&pair.active, context, &[region.sge(0, 64)])?;
        if number.is_multiple_of(2) {
            super::work_help::send(&pair.active, context, &[region.sge(0, 64)], 0)?;
        }
    }
    let mut closing: [Option<Submitted>; 6] = [const { None }; 6];
    for (slot, which) in closing.iter_mut().zip(order) {
        let end = &pair.active;
        *slot = Some(match which {
            0 => end.received.start_close()?,
            1 => end.pd.start_close()?,
            2 => region.mr().start_close()?,
            3 => end.qp.start_close()?,
            4 => end.connector.start_close()?,
            _ => pair.passive.connector.start_close()?,
        });
    }
    for closing in closing.into_iter().flatten() {
        closing.ok("LIFE-29 every close completes, whatever the order")?;
    }
    Ok(())
}

/// States of a connection, as far as either side has come.
const STATES: usize = 6;

/// Brings a connection to a state, calls, and takes it down again.
fn in_state(passive: &Bed, active: &Bed, state: usize, act: impl Fn(&Any, &crate::ndk::Qp, bool) -> Result) -> Result {
    let run = passive.run();
    let (came, connecting, accepting, completing) = (probe()?, probe()?, probe()?, probe()?);
    let (passive_gone, active_gone, leaving) = (probe()?, probe()?, probe()?);
    if state < 3 {
        // 0 connecting and pending, 1 done and accepting, 2 rejected and refused.
        let half = Half::new((passive, active), &came, &connecting)?;
        match state {
            1 => {
                let status = accept(half.passive.raw(), &half.passive_qp, &passive_gone, &accepting);
                run.status(status, STATUS_PENDING, "CONN-32 the accept waits")?;
                connecting.wait(run, "CONN-31 the connect ends")?;
            }
            2 => {
                run.ok(call!(half.passive.raw::<NDK_CONNECTOR>(), NdkReject, ptr::null_mut(), 0), "CONN-40 NdkReject")?;
                connecting.wait(run, "CONN-40 the connect ends")?;
            }
            _ => {}
        }
        act(&half.active, &half.active_qp, false)?;
        return act(&half.passive, &half.passive_qp, false);
    }
    // 3 connected, 4 one has left, 5 one has closed.
    let link = Link::with((passive, active), &came, &passive_gone, &active_gone, &[connecting, accepting, completing])?;
    match state {
        3 => {
            act(&link.active, &link.active_qp, true)?;
            act(&link.passive, &link.passive_qp, true)
        }
        4 => {
            let status = disconnect(link.active.raw(), &leaving);
            passive_gone.wait(run, "CONN-72 the disconnect event")?;
            act(&link.active, &link.active_qp, false)?;
            act(&link.passive, &link.passive_qp, true)?;
            // CONN-71: a peer that only closes ends the disconnect.
            link.passive.start_close()?.ok("LIFE-01 closing cannot fail")?;
            if status == STATUS_PENDING { leaving.wait(run, "CMP-19 the disconnect ends") } else { Ok(()) }
        }
        _ => {
            link.active.start_close()?.ok("LIFE-01 closing cannot fail")?;
            passive_gone.wait(run, "CONN-72 the disconnect event")?;
            act(&link.passive, &link.passive_qp, true)
        }
    }
}

fn neg_23(job: &Job) -> Result {
    let witness = healthy(job)?;
    for state in 0..STATES {
        each_place(job, |passive, active| {
            let ends = Cell::new(None::<Submitted>);
            in_state(passive, active, state, |connector, qp, legal| {
                let run = qp.run();
                let leaving = crate::ndk::request::submit(run, |context| {
                    call!(
                        connector.raw::<NDK_CONNECTOR>(),
                        NdkDisconnect,
                        Some(crate::ndk::request::on_request),
                        context
                    )
                })?;
                if !legal {
                    return run.status(leaving.inline(), STATUS_CONNECTION_INVALID, "CONN-69 nothing to disconnect");
                }
                run.check(leaving.inline() >= 0, "CONN-61 it is taken")?;
                // The other side's disconnect lets it end.
                if let Some(first) = ends.replace(Some(leaving)) {
                    first.wait()?;
                }
                Ok(())
            })?;
            match ends.take() {
                Some(last) => last.wait().map(drop),
                None => Ok(()),
            }
        })?;
        check(&witness)?;
    }
    Ok(())
}

fn neg_24(job: &Job) -> Result {
    let witness = healthy(job)?;
    for state in 0..STATES {
        each_place(job, |passive, active| {
            in_state(passive, active, state, |_, qp, _| {
                let cq = if ptr::eq(qp.pd().raw(), passive.pd.raw()) { &passive.cq } else { &active.cq };
                for round in 0..3 {
                    let status = qp.receive(round, &[]);
                    qp.flush();
                    qp.flush();
                    super::work_help::dead(cq, round, status, "FLUSH-01 what waits is cancelled, once")?;
                }
                super::work_help::nothing_in(cq, "FLUSH-07 one completion for each")
            })
        })?;
        check(&witness)?;
    }
    Ok(())
}
