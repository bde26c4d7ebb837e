//! `race-*`: two threads at what a provider finds hardest, a few steps each, so that schedulers can try
//! many orders of them. Every order must keep the contract.

mod arm;
mod close;
mod deregister;
mod disconnect;
mod halt;
mod post;

use crate::{
    kernel::{
        Shared,
        thread::{Main, Thread},
    },
    ndk::{Adapter, Connector, Cq, Family, Limits, Listener, Pair, PairOptions, Place, Qp},
    run::{Failure, Result, Run},
    workload::{Job, Workload},
};
use ndkpi_sys::{NDK_RESULT_EX, STATUS_INVALID_PARAMETER};

/// The workloads of this folder.
pub static WORKLOADS: [&Workload; 6] =
    [&arm::WORKLOAD, &close::WORKLOAD, &deregister::WORKLOAD, &disconnect::WORKLOAD, &halt::WORKLOAD, &post::WORKLOAD];

/// Two connected ends on one adapter, with little around them.
fn pair(job: &Job) -> Result<Pair> {
    let options = PairOptions { place: Place::Same, cq_depth: 32, ..PairOptions::default() };
    Pair::connect(job.run, job.provider, &options)?
        .ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

/// Two connected QPs of one adapter that complete everything in one CQ.
struct Joined {
    // Fields drop in this order.
    _connectors: [Connector; 2],
    left: Qp,
    right: Qp,
    cq: Cq,
    _listener: Listener,
}

impl Joined {
    fn new(job: &Job) -> Result<Self> {
        let [target, _] = &job.run.request.adapters;
        let adapter = Adapter::open(job.run, job.provider, target)?;
        let pd = adapter.pd()?;
        let cq = adapter.cq(32)?;
        let (left, right) = (pd.qp(&cq)?, pd.qp(&cq)?);
        let none = || Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER);
        let source = adapter.address(Family::V4, 0).ok_or_else(none)?;
        let listener = adapter.listener()?;
        listener.listen(&source)?.ok("LSN-03 NdkListen")?;
        let (status, destination) = listener.local_address();
        job.run.ok(status, "ADR-01 address of a listener")?;
        let connector = adapter.connector()?;
        let connecting = connector.connect(&left, &source, &destination, Limits::default(), &[])?;
        let delivered = listener.next()?;
        let accepting = delivered.accept(&right, Limits::default(), &[])?;
        connecting.ok("CONN-04 NdkConnect")?;
        connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
        accepting.ok("CONN-32 NdkAccept")?;
        Ok(Self { _connectors: [connector, delivered], left, right, cq, _listener: listener })
    }
}

/// The other thread of a race.
struct Beside<F> {
    run: Run,
    work: F,
}

impl<F: Fn() -> Result + Send + Sync + 'static> Main for Beside<F> {
    fn main(&self) {
        if let Err(failure) = (self.work)() {
            self.run.set_aside(failure);
        }
    }
}

/// Starts the other thread; dropping it waits for its end. What fails there fails the run.
fn beside<F: Fn() -> Result + Send + Sync + 'static>(run: &Run, work: F) -> Result<Thread> {
    let shared = Shared::try_new(Beside { run: run.clone(), work })?;
    Thread::start(shared).map_err(|status| Failure::new("a system thread", status))
}

/// Fetches `count` results of any status, and no more are there.
fn fetch(run: &Run, cq: &Cq, count: usize, what: &'static str) -> Result {
    let mut fetched = 0;
    while fetched < count {
        let mut results = [NDK_RESULT_EX::default(); 4];
        fetched += cq.next_few(&mut results)?;
    }
    run.equal(fetched, count, what)?;
    run.equal(cq.poll_ex(&mut [NDK_RESULT_EX::default()]), 0usize, "WR-03 a request completes once")
}
