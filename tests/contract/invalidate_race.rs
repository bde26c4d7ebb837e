//! `INV-02`: the end of a region while peers are at it. See docs/contract/ndkpi.md.

use super::{
    fast_register::ALL,
    mapped::invalidate,
    pages::{PAGE, Pages, Registration, frmr},
    stage::{Joined, join, pair, take},
    work_help::only,
};
use crate::{
    kernel::{
        Buffer, Event, Shared,
        thread::{Main, Thread},
    },
    ndk::{Cq, End, Mr, Pair, PairOptions, Qp, Region},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::sync::atomic::{AtomicUsize, Ordering};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, STATUS_CANCELLED, STATUS_REMOTE_RESOURCES,
    STATUS_SUCCESS,
};

contract! {
    "INV-02" inv_02, "after the completion of an invalidation no access goes on";
}

/// Writes of a peer that are out at once.
const WRITES: usize = 6;
/// Pages of a region.
const PAGES: usize = 128;
const BYTES: usize = PAGES * PAGE;

/// Memory that the active end registers.
struct Target {
    mr: Mr,
    pages: Pages,
    buffer: Buffer,
}

impl Target {
    #[inline(never)]
    fn new(end: &End) -> Result<Self> {
        let buffer = Buffer::new(BYTES)?;
        Ok(Self { mr: frmr(&end.pd, PAGES as u32, true)?, pages: Pages::new(&end.adapter, &buffer)?, buffer })
    }

    /// Registered in an order that makes a copy take many steps.
    #[inline(never)]
    fn register(&self, end: &End, flags: u32) -> Result {
        let list = self.pages.ordered(|index| index ^ 1)?;
        Registration::of(&list, 0).with(flags).done(end, &self.mr)
    }
}

/// Another connection of the same domains, over which the region is invalidated: what the peer's failing access
/// does to its own connection does not touch it.
struct Aside {
    _joined: Joined,
    ours: Qp,
    _theirs: Qp,
    our_cq: Cq,
    _their_cq: Cq,
}

#[inline(never)]
fn aside(job: &Job, pair: &Pair) -> Result<Aside> {
    let (active, passive) = (&pair.active, &pair.passive);
    let (our_cq, their_cq) = (active.adapter.cq(64)?, passive.adapter.cq(64)?);
    let (ours, theirs) = (active.pd.qp(&our_cq)?, passive.pd.qp(&their_cq)?);
    let joined = join(job, (&active.adapter, &ours), (&passive.adapter, &theirs))?;
    Ok(Aside { _joined: joined, ours, _theirs: theirs, our_cq, _their_cq: their_cq })
}

/// Fetches the results of the peer's accesses: some succeed, one fails, the others are cancelled.
#[inline(never)]
fn ends(run: &Run, end: &End, count: usize) -> Result {
    let mut failed = 0u32;
    for _ in 0..count {
        let status = take(run, &end.initiated)?.Status;
        let known = [STATUS_SUCCESS, STATUS_REMOTE_RESOURCES, STATUS_CANCELLED].contains(&status);
        run.check(known, "INV-02 succeeded, failed or cancelled")?;
        failed += u32::from(status == STATUS_REMOTE_RESOURCES);
    }
    run.check(failed <= 1, "WR-30 one failure")
}

/// The peer's writes, posted by a thread of its own, which copies them meanwhile.
struct Writer {
    qp: Qp,
    source: Region,
    token: u32,
    begun: Event,
    posted: AtomicUsize,
}

impl Main for Writer {
    fn main(&self) {
        for context in 0..WRITES {
            let status = self.qp.write(context, &[self.source.sge(0, BYTES)], 0, self.token, 0);
            // The connection is over once one has failed.
            if status != STATUS_SUCCESS {
                break;
            }
            self.posted.fetch_add(1, Ordering::AcqRel);
            self.begun.set();
        }
        self.begun.set();
    }
}

/// The peer writes while the region is invalidated; afterwards the memory is the consumer's own.
#[inline(never)]
fn writes(job: &Job, round: u8) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let target = Target::new(&pair.active)?;
    let other = aside(job, &pair)?;
    let source = Region::new(&pair.passive.pd, BYTES, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    source.buffer().fill(0, BYTES, round);
    target.register(&pair.active, NDK_OP_FLAG_ALLOW_REMOTE_WRITE)?;
    let token = target.mr.remote_token();
    let (qp, begun) = (pair.passive.qp.clone(), Event::manual()?);
    let writer = Shared::try_new(Writer { qp, source, token, begun, posted: AtomicUsize::new(0) })?;
    let thread = Thread::start(writer.clone()).map_err(|status| Failure::new("a thread starts", status))?;
    job.run.wait(&writer.begun, "the thread writes")?;
    job.run.ok(invalidate(&other.ours, 1, &target.mr, 0), "INV-01 NdkInvalidate")?;
    let status = take(job.run, &other.our_cq)?.Status;
    target.buffer.fill(0, BYTES, 0xEE);
    job.run.ok(status, "INV-02 the invalidation completes")?;
    drop(thread);
    ends(job.run, &pair.passive, writer.posted.load(Ordering::Acquire))?;
    only(job.run, &target.buffer, 0, BYTES, 0xEE, "INV-02 no write goes on after the completion")
}

/// The peer reads while the region is invalidated; what the memory holds afterwards is not read any more.
#[inline(never)]
fn reads(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let target = Target::new(&pair.active)?;
    let other = aside(job, &pair)?;
    let into = Region::new(&pair.passive.pd, BYTES, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    target.register(&pair.active, ALL)?;
    let token = target.mr.remote_token();
    for context in 0..WRITES {
        let posted = pair.passive.qp.read(context, &[into.sge(0, BYTES)], 0, token, 0);
        job.run.ok(posted, "RD-01 NdkRead")?;
    }
    job.run.ok(invalidate(&other.ours, 1, &target.mr, 0), "INV-01 NdkInvalidate")?;
    other.our_cq.expect(1, STATUS_SUCCESS, "INV-02 the invalidation completes")?;
    target.buffer.fill(0, BYTES, 0xEE);
    ends(job.run, &pair.passive, WRITES)?;
    only(job.run, into.buffer(), 0, BYTES, 0, "INV-02 no read goes on after the completion")
}

/// Invalidated over the very QP whose peer is at it, and given back to memory at once.
#[inline(never)]
fn own_queue(job: &Job, round: u8) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let target = Target::new(&pair.active)?;
    let source = Region::new(&pair.passive.pd, BYTES, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    source.buffer().fill(0, BYTES, round);
    target.register(&pair.active, NDK_OP_FLAG_ALLOW_REMOTE_WRITE)?;
    let token = target.mr.remote_token();
    for context in 0..WRITES {
        let posted = pair.passive.qp.write(context, &[source.sge(0, BYTES)], 0, token, 0);
        job.run.ok(posted, "WRT-01 NdkWrite")?;
    }
    let posted = invalidate(&pair.active.qp, 1, &target.mr, 0);
    job.run.ok(posted, "INV-01 NdkInvalidate")?;
    let status = take(job.run, &pair.active.initiated)?.Status;
    // The peer's failure may end the connection before the request has told of its success.
    let known = status == STATUS_SUCCESS || status == STATUS_CANCELLED;
    job.run.check(known, "INV-02 the invalidation completes, or the peer's failure cancels it")?;
    if status == STATUS_SUCCESS {
        target.buffer.fill(0, BYTES, 0xEE);
        ends(job.run, &pair.passive, WRITES)?;
        return only(job.run, &target.buffer, 0, BYTES, 0xEE, "INV-02 no write goes on after the completion");
    }
    ends(job.run, &pair.passive, WRITES)
}

fn inv_02(job: &Job) -> Result {
    for round in 1..41 {
        job.run.go_on()?;
        writes(job, round)?;
    }
    for round in 1..6 {
        job.run.go_on()?;
        reads(job)?;
        own_queue(job, round)?;
    }
    Ok(())
}
