//! Mappings and registrations made and undone by several threads at once, each with memory of its own: what
//! `LAM-19` and `MR-36` say holds for each of them. The tests of those names call in here.

use super::{
    lam_use::Ends,
    pages::{PAGE, Pages},
    work_help::{holds, pattern},
};
use crate::{
    kernel::{
        Buffer, List, Shared,
        thread::{Main, Thread},
    },
    ndk::{Pd, Region, sge},
    run::{Failure, Result},
    workload::Job,
};
use core::sync::atomic::{AtomicU32, Ordering};
use ndkpi_sys::{NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, STATUS_SUCCESS};

/// Rounds of a thread.
const ROUNDS: u32 = 400;
const THREADS: usize = 4;

/// A thread that goes its rounds.
struct Worker {
    seed: usize,
    pd: Pd,
    round: fn(&Worker, u32) -> Result,
    rounds: AtomicU32,
    ends: Option<Ends>,
}

impl Main for Worker {
    fn main(&self) {
        for round in 0..ROUNDS {
            if let Err(failure) = (self.round)(self, round) {
                return self.pd.run().set_aside(failure);
            }
            self.rounds.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Lets the workers go their rounds.
fn work(job: &Job, workers: &[Shared<Worker>]) -> Result {
    let mut threads: List<Thread> = List::new();
    for worker in workers {
        let thread = Thread::start(worker.clone()).map_err(|status| Failure::new("a thread starts", status))?;
        threads.try_push(thread)?;
    }
    threads.clear();
    for worker in workers {
        job.run.equal(worker.rounds.load(Ordering::Acquire), ROUNDS, "each thread goes all its rounds")?;
    }
    Ok(())
}

/// Maps a buffer, sends from it over the thread's own connection, and releases it.
fn map_and_send(worker: &Worker, round: u32) -> Result {
    let Some(ends) = &worker.ends else { return Ok(()) };
    let pages = 1 + (round as usize + worker.seed) % 5;
    let buffer = Buffer::new(pages * PAGE)?;
    pattern(&buffer, 0, pages * PAGE, worker.seed);
    let mapped = Pages::new(&ends.pair.active.adapter, &buffer)?;
    let last = (pages - 1) * PAGE;
    let (active, passive) = (&ends.pair.active, &ends.pair.passive);
    let run = active.qp.run();
    run.ok(passive.qp.receive(1, &[ends.into.sge(0, PAGE)]), "WR-12 NdkReceive")?;
    let entry = [mapped.sge(last, PAGE, active.pd.privileged_token())];
    run.ok(active.qp.send(2, &entry, 0), "SND-01 NdkSend")?;
    active.initiated.expect(2, STATUS_SUCCESS, "LAM-19 a mapping among many")?;
    passive.received.expect(1, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    holds(run, ends.into.buffer(), 0, PAGE, (worker.seed, last), "LAM-19 the bytes of its own mapping")
}

/// Builds, uses and releases mappings on several threads at once.
#[inline(never)]
pub fn mappings(job: &Job) -> Result {
    let mut workers: List<Shared<Worker>> = List::new();
    for seed in 0..THREADS {
        let ends = Ends::new(job)?;
        let pd = ends.pair.active.pd.clone();
        let ends = Some(ends);
        workers.try_push(Shared::try_new(Worker {
            seed,
            pd,
            round: map_and_send,
            rounds: AtomicU32::new(0),
            ends,
        })?)?;
    }
    work(job, &workers)
}

/// Registers two buffers, one inside the life of the other, and writes from one to nowhere.
fn register_two(worker: &Worker, _: u32) -> Result {
    let (outer, inner) = (Buffer::new(64)?, Buffer::new(PAGE)?);
    let run = worker.pd.run();
    let (first, second) = (worker.pd.mr()?, worker.pd.mr()?);
    for buffer in [&inner, &outer] {
        // SAFETY: both regions are closed before the buffers go: they are declared later.
        unsafe { first.register(buffer.mdl(), 64, NDK_MR_FLAG_ALLOW_REMOTE_READ) }?.ok("MR-10 NdkRegisterMr")?;
        let token = first.remote_token();
        // SAFETY: as above.
        unsafe { second.register(outer.mdl(), 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE) }?.ok("MR-10 NdkRegisterMr")?;
        run.check(token != second.remote_token(), "MR-32 live regions share no token")?;
        run.check(token == first.remote_token(), "MR-30 a token stays")?;
        first.deregister()?.ok("MR-23 NdkDeregisterMr")?;
        second.deregister()?.ok("MR-23 NdkDeregisterMr")?;
        run.check(second.remote_token() != 0, "MR-31 never 0")?;
    }
    first.close()?;
    second.close().map(drop)
}

/// Registers and deregisters on several threads at once, beside a region that stays and keeps its token.
#[inline(never)]
pub fn registrations(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let stays = Region::new(&ends.pair.active.pd, PAGE, 0)?;
    pattern(stays.buffer(), 0, PAGE, 9);
    let mut workers: List<Shared<Worker>> = List::new();
    for seed in 0..THREADS {
        let pd = ends.pair.active.pd.clone();
        let round = register_two;
        workers.try_push(Shared::try_new(Worker { seed, pd, round, rounds: AtomicU32::new(0), ends: None })?)?;
    }
    work(job, &workers)?;
    let (active, passive) = (&ends.pair.active, &ends.pair.passive);
    job.run.ok(passive.qp.receive(1, &[ends.into.sge(0, PAGE)]), "WR-12 NdkReceive")?;
    let entry = [sge(stays.buffer().address().addr().get(), PAGE, stays.local_token())];
    job.run.ok(active.qp.send(2, &entry, 0), "SND-01 NdkSend")?;
    active.initiated.expect(2, STATUS_SUCCESS, "MR-36 the region that stayed")?;
    passive.received.expect(1, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    holds(job.run, ends.into.buffer(), 0, PAGE, (9, 0), "MR-36 its bytes")
}
