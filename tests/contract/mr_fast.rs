//! `MR-40` to `MR-48`: regions for fast registration, from their initialisation on. See docs/contract/ndkpi.md.

use super::{
    fast_register::ALL,
    fast_register_refuse::gives_nothing,
    pages::{OURS, PAGE, Pages, Registration, Setup, frmr, initialise, invalidated},
    stage::{adapter, pair, take},
    work_help::{done, holds, nothing_in},
};
use crate::{
    kernel::{
        Buffer, Event, List, Shared,
        thread::{Main, Thread},
    },
    ndk::{Mr, PairOptions, Pd, sge},
    run::{Failure, Result},
    workload::Job,
};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use ndkpi_sys::{
    NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
    STATUS_ACCESS_VIOLATION, STATUS_IMPLEMENTATION_LIMIT, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "MR-40" mr_40, "an initialised region takes registrations of up to its page count";
    "MR-41" mr_41, "every count up to FRMRPageCount works, no more";
    "MR-42" mr_42, "a count of 0 is refused";
    "MR-43" mr_43, "regions are initialised in parallel and by the thousand";
    "MR-44" mr_44, "a region is initialised once";
    "MR-45" mr_45, "registrations can be posted and tokens read at once";
    "MR-46" mr_46, "tokens keep their value over all registrations";
    "MR-47" mr_47, "tokens of a region that is not registered open nothing";
    "MR-48" mr_48, "without remote access no registration gives remote rights";
}

fn mr_40(job: &Job) -> Result {
    for pages in [1usize, 2, 16, 300] {
        for remote in [false, true] {
            let setup = Setup::with(job, pages, remote)?;
            let flags = if remote { ALL } else { NDK_OP_FLAG_ALLOW_LOCAL_WRITE };
            let list = setup.pages.list()?;
            for count in [1, pages.div_ceil(2), pages] {
                let part = list.get(..count).unwrap_or(&[]);
                Registration::of(part, 0x7000).with(flags).done(setup.end(), &setup.mr)?;
                if remote {
                    job.run.ok(setup.peer_reads(0x7000, count * PAGE)?, "MR-40 the pages")?;
                    holds(job.run, setup.theirs.buffer(), 0, count * PAGE, (OURS, 0), "MR-40 the pages")?;
                }
                setup.invalidated()?;
            }
        }
    }
    Ok(())
}

/// A fresh region and how its initialisation ends.
#[track_caller]
fn counted(pd: &Pd, pages: u32) -> Result<(Mr, i32)> {
    let mr = pd.create_mr(true)?.ok("MR-01 NdkCreateMr for fast registration")?;
    let status = initialise(&mr, pages, true)?;
    Ok((mr, status))
}

fn mr_41(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let most = adapter.info()?.FRMRPageCount;
    job.run.check(most >= 256, "MR-41 consumers need a megabyte")?;
    for pages in (1..=most).filter(|pages| *pages < 70 || pages.is_power_of_two() || most - pages < 3) {
        let (mr, status) = counted(&pd, pages)?;
        job.run.ok(status, "MR-41 a count that the adapter can do")?;
        job.run.check(mr.remote_token() != 0, "MR-45 its token")?;
    }
    for pages in [most + 1, most * 2, 65_536.max(most + 1), 1 << 20, 1 << 29, 0x2000_0001, 1 << 31, u32::MAX] {
        let (mr, status) = counted(&pd, pages)?;
        job.run.status(status, STATUS_IMPLEMENTATION_LIMIT, "MR-41 more than the adapter can do")?;
        job.run.equal(mr.remote_token(), 0u32, "MR-35 no token")?;
        job.run.ok(initialise(&mr, most, true)?, "MR-41 it may be tried again with less")?;
    }
    // The greatest one works to its last page.
    let setup = Setup::new(job, most as usize)?;
    let list = setup.pages.list()?;
    Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
    let last = (most as usize - 1) * PAGE;
    job.run.ok(setup.peer_reads(last as u64, PAGE)?, "MR-41 the last page")?;
    holds(job.run, setup.theirs.buffer(), 0, PAGE, (OURS, last), "MR-41 the last page")
}

fn mr_42(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    for remote in [false, true] {
        let mr = pd.create_mr(true)?.ok("MR-01 NdkCreateMr for fast registration")?;
        for _ in 0..2 {
            job.run.status(initialise(&mr, 0, remote)?, STATUS_INVALID_PARAMETER, "MR-42 no pages")?;
            job.run.equal(mr.remote_token(), 0u32, "MR-35 no token")?;
        }
        job.run.ok(initialise(&mr, 1, remote)?, "MR-42 one page")?;
    }
    Ok(())
}

/// Initialises regions of one domain on a thread of its own.
struct Maker {
    pd: Pd,
    pages: u32,
    go: Event,
    made: AtomicU32,
    status: AtomicI32,
}

const EACH: u32 = 64;

impl Maker {
    fn make(&self) -> Result {
        self.pd.run().wait(&self.go, "the threads start together")?;
        let mut all: List<Mr> = List::new();
        for _ in 0..EACH {
            let mr = frmr(&self.pd, self.pages, true)?;
            self.pd.run().check(mr.remote_token() != 0, "MR-45 its token")?;
            all.try_push(mr)?;
            self.made.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    }
}

impl Main for Maker {
    fn main(&self) {
        if let Err(failure) = self.make() {
            self.status.store(STATUS_INVALID_PARAMETER, Ordering::Release);
            self.pd.run().set_aside(failure);
        }
    }
}

#[inline(never)]
fn in_parallel(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let most = adapter.info()?.FRMRPageCount;
    let mut makers: List<Shared<Maker>> = List::new();
    let mut threads: List<Thread> = List::new();
    for pages in [1, 16, most, most / 2] {
        let maker = Shared::try_new(Maker {
            pd: pd.clone(),
            pages,
            go: Event::manual()?,
            made: AtomicU32::new(0),
            status: AtomicI32::new(STATUS_SUCCESS),
        })?;
        makers.try_push(maker.clone())?;
        let thread = Thread::start(maker).map_err(|status| Failure::new("a thread starts", status))?;
        threads.try_push(thread)?;
    }
    makers.iter().for_each(|maker| maker.go.set());
    threads.clear();
    for maker in makers.iter() {
        job.run.ok(maker.status.load(Ordering::Acquire), "MR-43 initialisations in parallel")?;
        job.run.equal(maker.made.load(Ordering::Acquire), EACH, "MR-43 all of them")?;
    }
    Ok(())
}

/// As many regions as a storage consumer makes, with as many pages: all are usable at once.
#[inline(never)]
fn by_the_thousand(job: &Job) -> Result {
    const COUNT: usize = 1024;
    let pair = pair(job, PairOptions { cq_depth: 1024, ..PairOptions::default() })?;
    let pages = pair.active.adapter.info()?.FRMRPageCount.min(65_535);
    let mut all: List<Mr> = List::new();
    let mut tokens: List<u32> = List::new();
    for _ in 0..COUNT {
        let mr = frmr(&pair.active.pd, pages, true)?;
        tokens.try_push(mr.remote_token())?;
        all.try_push(mr)?;
    }
    tokens.sort_unstable();
    job.run.check(!tokens.contains(&0), "MR-31 never 0")?;
    job.run.check(!tokens.windows(2).any(|two| matches!(two, [a, b] if a == b)), "MR-32 no token twice")?;
    let buffer = Buffer::new(4 * PAGE)?;
    let mapped = Pages::new(&pair.active.adapter, &buffer)?;
    let list = mapped.list()?;
    for mr in all.iter() {
        Registration::of(&list, 0).with(ALL).done(&pair.active, mr)?;
    }
    all.iter().try_for_each(|mr| invalidated(&pair.active, mr))
}

fn mr_43(job: &Job) -> Result {
    in_parallel(job)?;
    by_the_thousand(job)
}

fn mr_44(job: &Job) -> Result {
    let setup = Setup::new(job, 4)?;
    let token = setup.mr.remote_token();
    let what = "MR-44 a second initialisation";
    let list = setup.pages.list()?;
    for registered in [false, true] {
        for (pages, remote) in [(4, true), (8, true), (1, false)] {
            let status = initialise(&setup.mr, pages, remote)?;
            job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, what)?;
            job.run.equal(setup.mr.remote_token(), token, "MR-44 the token is as before")?;
        }
        if !registered {
            Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
        }
    }
    // Pages and rights are those of the first one.
    job.run.ok(setup.peer_reads(0, 4 * PAGE)?, "MR-44 the region works on")
}

fn mr_45(job: &Job) -> Result {
    let setup = Setup::new(job, 4)?;
    let list = setup.pages.list()?;
    for _ in 0..20 {
        let mr = frmr(&setup.end().pd, 4, true)?;
        let tokens = (mr.local_token(), mr.remote_token());
        let posted = Registration::of(&list, 0x3000).with(ALL).post(&setup.end().qp, 1, &mr);
        job.run.ok(posted, "MR-45 a registration right after the initialisation")?;
        done(setup.end(), 1)?;
        job.run.check(tokens.0 != 0 && tokens.1 != 0, "MR-45 both tokens")?;
        let at = (0x3000, 4 * PAGE);
        let status = super::pages::reads(&setup.pair.passive, &setup.theirs, at, tokens.1)?;
        job.run.ok(status, "MR-45 the token works")?;
        invalidated(setup.end(), &mr)?;
    }
    Ok(())
}

fn mr_46(job: &Job) -> Result {
    let setup = Setup::new(job, 2)?;
    let (local, remote) = (setup.mr.local_token(), setup.mr.remote_token());
    let list = setup.pages.list()?;
    // More often than any short count of keys goes.
    for round in 0..5000u64 {
        Registration::of(&list, round * PAGE as u64).with(ALL).done(setup.end(), &setup.mr)?;
        let same = setup.mr.local_token() == local && setup.mr.remote_token() == remote;
        job.run.check(same, "MR-46 tokens of a registered region")?;
        if round % 500 == 0 {
            job.run.go_on()?;
            job.run.ok(setup.peer_reads(round * PAGE as u64, PAGE)?, "MR-46 the token works")?;
        }
        setup.invalidated()?;
        let same = setup.mr.local_token() == local && setup.mr.remote_token() == remote;
        job.run.check(same, "MR-46 tokens of an invalidated region")?;
    }
    // The peer's way to invalidate changes them neither.
    Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.end().qp.receive(1, &[]), "WR-12 NdkReceive")?;
    let sent = setup.pair.passive.qp.send_and_invalidate(2, &[], 0, remote);
    job.run.ok(sent, "SINV-01 NdkSendAndInvalidate")?;
    done(&setup.pair.passive, 2)?;
    setup.end().received.expect(1, STATUS_SUCCESS, "SINV-01 the message arrives")?;
    job.run.check(setup.mr.remote_token() == remote, "MR-46 invalidated by the peer")?;
    Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.peer_reads(0, PAGE)?, "MR-46 the token works")
}

/// A region that was never registered, or is invalidated.
#[inline(never)]
fn dormant(job: &Job, invalidated: bool) -> Result<Setup> {
    let setup = Setup::new(job, 2)?;
    if invalidated {
        let list = setup.pages.list()?;
        Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
        job.run.ok(setup.peer_reads(0, PAGE)?, "MR-47 the region is valid between")?;
        setup.invalidated()?;
    }
    Ok(setup)
}

fn mr_47(job: &Job) -> Result {
    for invalidated in [false, true] {
        let setup = dormant(job, invalidated)?;
        job.run.status(setup.peer_reads(0, 1)?, STATUS_REMOTE_RESOURCES, "MR-47 no peer reads")?;
        let setup = dormant(job, invalidated)?;
        job.run.check(!setup.peer_writes(0, 1)?, "MR-47 no peer writes")?;
        holds(job.run, &setup.buffer, 0, 2 * PAGE, (OURS, 0), "MR-47 no byte is changed")?;
        let setup = dormant(job, invalidated)?;
        let token = setup.mr.local_token();
        // The end of one connection is no end of the region: the first one stands.
        gives_nothing(job, &setup.end().pd, token, 0)?;
        let posted = setup.end().qp.receive(1, &[sge(0, 16, token)]);
        job.run.ok(posted, "WR-25 judged when it runs")?;
        job.run.ok(setup.pair.passive.qp.send(2, &[setup.theirs.sge(0, 16)], 0), "SND-01 NdkSend")?;
        let status = take(job.run, &setup.end().received)?.Status;
        job.run.status(status, STATUS_ACCESS_VIOLATION, "MR-47 no message lands")?;
    }
    Ok(())
}

fn mr_48(job: &Job) -> Result {
    let setup = Setup::with(job, 2, false)?;
    let list = setup.pages.list()?;
    let rights = [NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, ALL];
    for _ in 0..3 {
        for flags in rights {
            let posted = Registration::of(&list, 0).with(flags).post(&setup.end().qp, 1, &setup.mr);
            job.run.status(posted, STATUS_ACCESS_VIOLATION, "MR-48 remote rights")?;
        }
        nothing_in(&setup.end().initiated, "WR-03 what was refused completes nothing")?;
        Registration::of(&list, 0).with(NDK_OP_FLAG_ALLOW_LOCAL_WRITE).done(setup.end(), &setup.mr)?;
        setup.invalidated()?;
    }
    Registration::of(&list, 0).with(NDK_OP_FLAG_ALLOW_LOCAL_WRITE).done(setup.end(), &setup.mr)?;
    job.run.status(setup.peer_reads(0, 1)?, STATUS_REMOTE_RESOURCES, "MR-48 the peer reads nothing")
}
