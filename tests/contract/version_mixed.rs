//! `VER-13`, `VER-14`: opens side by side in parallel, and what objects of different opens have to do with each
//! other.

use super::{
    bed::{Bed, call},
    ends::{Side, listening, message},
    stage::adapter,
};
use crate::{
    kernel::{
        Shared,
        thread::{Main, Thread},
    },
    ndk::{Adapter, Address, Cq, Family, Limits, Pd, Submitted, request},
    run::{Failure, Result, Run},
    workload::Job,
    wsk::Provider,
};
use core::ptr;
use ndkpi_sys::{NDK_QP, NDK_SRQ, NDK_VERSION, NdkObjectTypeSrq, STATUS_INVALID_PARAMETER};
use ndktest_api::Target;

contract! {
    "VER-13" ver_13, "opens and closes of different instances run in parallel";
    "VER-14" ver_14, "a QP serves connectors of another open; other mixing, and other miniports, are refused";
}

/// Opens, uses and closes an adapter again and again.
struct Opener {
    run: Run,
    provider: Provider,
    target: Target,
    version: NDK_VERSION,
}

const OPENERS: usize = 4;
const ROUNDS: u32 = 25;

impl Opener {
    fn work(&self) -> Result {
        for _ in 0..ROUNDS {
            let (status, adapter) = Adapter::try_open(&self.run, &self.provider, &self.target, self.version)?;
            self.run.ok(status, "VER-13 an open beside others succeeds")?;
            let adapter = adapter.ok_or_else(|| Failure::new("VER-13 an adapter is stored", status))?;
            adapter.pd()?.close()?;
            adapter.cq(8)?.close()?;
        }
        Ok(())
    }
}

impl Main for Opener {
    fn main(&self) {
        if let Err(failure) = self.work() {
            self.run.set_aside(failure);
        }
    }
}

fn ver_13(job: &Job) -> Result {
    let mut threads: [Option<Thread>; OPENERS] = [const { None }; OPENERS];
    for (number, place) in threads.iter_mut().enumerate() {
        let [first, second] = job.run.request.adapters;
        let target = if number % 2 == 1 && second.interface != 0 { second } else { first };
        let version = NDK_VERSION { Major: if number < 2 { 1 } else { 2 }, Minor: 0 };
        let opener = Opener { run: job.run.clone(), provider: job.provider.clone(), target, version };
        let thread = Thread::start(Shared::try_new(opener)?);
        *place = Some(thread.map_err(|status| Failure::new("a thread of the consumer", status))?);
    }
    for place in &mut threads {
        // Waits for its end.
        place.take();
    }
    let checks = u64::from(ROUNDS) * OPENERS as u64;
    match job.run.aside() {
        Some(failure) => Err(failure),
        None => job.run.check(job.run.counts.progress().checks >= checks, "VER-13 all opens were made"),
    }
}

fn ver_14(job: &Job) -> Result {
    let (one, other) = (adapter(job)?, adapter(job)?);
    borrowed_qps(job, &one, &other)?;
    foreign_queues(job, (&one, &other), "VER-14 a CQ of another open is refused")?;
    foreign_srq(job, &one, &other)?;
    let [_, second] = &job.run.request.adapters;
    if second.interface != 0 {
        let version = NDK_VERSION { Major: 2, Minor: 1 };
        let (status, abroad) = Adapter::try_open(job.run, job.provider, second, version)?;
        let abroad = abroad.ok_or_else(|| Failure::new("VER-01 an adapter is stored", status))?;
        foreign_queues(job, (&one, &abroad), "VER-14 a CQ of another miniport is refused")?;
        foreign_srq(job, &one, &abroad)?;
        foreign_connectors(job, &one, &abroad)?;
    }
    Ok(())
}

fn at(adapter: &Adapter) -> Result<Address> {
    let found = Family::ALL.iter().find_map(|family| adapter.address(*family, 0));
    found.ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

/// A connector connects, and one from a listener is accepted, with QPs of the other open.
fn borrowed_qps(job: &Job, one: &Adapter, other: &Adapter) -> Result {
    let (active, passive) = (Side::new(other)?, Side::new(other)?);
    let (listener, to) = listening(one, &at(one)?)?;
    let connector = one.connector()?;
    let connecting = connector.connect(&active.qp, &at(one)?, &to, Limits::default(), &[])?;
    let delivered = listener.next()?;
    let accepting = delivered.accept(&passive.qp, Limits::default(), &[])?;
    connecting.ok("VER-14 a connect with a QP of another open")?;
    connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    accepting.ok("VER-14 an accept with a QP of another open")?;
    message(job.run, &active, &passive)?;
    message(job.run, &passive, &active)
}

fn create(pd: &Pd, receive: &Cq, initiator: &Cq, run: &Run) -> Result<(ndkpi_sys::NTSTATUS, *mut NDK_QP)> {
    let mut out: *mut NDK_QP = ptr::null_mut();
    let (pd, receive, initiator) = (pd.raw(), receive.raw(), initiator.raw());
    let none = ptr::null_mut();
    let made: Submitted = request::submit(run, |context| {
        let done = Some(request::on_create as unsafe extern "system" fn(_, _, _));
        call!(pd, NdkCreateQp, receive, initiator, none, 4, 4, 1, 1, 0, done, context, &raw mut out)
    })?;
    Ok((made.wait()?.status, out))
}

fn foreign_queues(job: &Job, (one, other): (&Adapter, &Adapter), what: &'static str) -> Result {
    let pd = one.pd()?;
    let (own, foreign) = (one.cq(8)?, other.cq(8)?);
    for (receive, initiator) in [(&own, &foreign), (&foreign, &own), (&foreign, &foreign)] {
        let (status, out) = create(&pd, receive, initiator, job.run)?;
        job.run.status(status, STATUS_INVALID_PARAMETER, what)?;
        job.run.check(out.is_null(), "CMP-08 and nothing is delivered")?;
    }
    Ok(())
}

fn foreign_srq(job: &Job, one: &Adapter, other: &Adapter) -> Result {
    let [first, _] = &job.run.request.adapters;
    let (bed, abroad) = (Bed::on(one.clone(), first)?, Bed::on(other.clone(), first)?);
    let srq = abroad.create(NdkObjectTypeSrq)?;
    let (pd, cq, queue) = (bed.pd.raw(), bed.cq.raw(), srq.raw::<NDK_SRQ>());
    let mut out: *mut NDK_QP = ptr::null_mut();
    let none = ptr::null_mut();
    let made = request::submit(job.run, |context| {
        let done = Some(request::on_create as unsafe extern "system" fn(_, _, _));
        call!(pd, NdkCreateQpWithSrq, cq, cq, queue, none, 4, 1, 0, done, context, &raw mut out)
    })?;
    job.run.status(made.wait()?.status, STATUS_INVALID_PARAMETER, "VER-14 an SRQ of another open is refused")?;
    job.run.check(out.is_null(), "CMP-08 and nothing is delivered")
}

fn foreign_connectors(job: &Job, one: &Adapter, abroad: &Adapter) -> Result {
    let (own, foreign) = (Side::new(one)?, Side::new(abroad)?);
    let (listener, to) = listening(one, &at(one)?)?;
    let connector = one.connector()?;
    let refused = connector.connect(&foreign.qp, &at(one)?, &to, Limits::default(), &[])?.wait()?;
    refused.is(job.run, STATUS_INVALID_PARAMETER, "VER-14 a QP of another miniport is refused")?;
    let endpoint = abroad.endpoint(&at(abroad)?)?;
    let refused = connector.connect_from(&own.qp, &endpoint, &to, Limits::default(), &[])?.wait()?;
    refused.is(job.run, STATUS_INVALID_PARAMETER, "VER-14 and so is an endpoint")?;
    let connecting = connector.connect(&own.qp, &at(one)?, &to, Limits::default(), &[])?;
    let delivered = listener.next()?;
    let refused = delivered.accept(&foreign.qp, Limits::default(), &[])?.wait()?;
    refused.is(job.run, STATUS_INVALID_PARAMETER, "VER-14 also for an accept")?;
    job.run.ok(delivered.reject(&[]), "VER-14 which leaves the request pending")?;
    job.run.check(connecting.wait()?.status < 0, "CONN-11 a reject")
}
