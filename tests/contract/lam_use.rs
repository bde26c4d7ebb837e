//! `LAM-16` to `LAM-20`: logical addresses in requests. See docs/contract/ndkpi.md.

use super::{
    pages::{PAGE, Pages, Registration, Setup},
    stage::{Joined, adapter, join, pair, take},
    work_help::{holds, only, pattern},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Cq, Pair, PairOptions, Pd, Qp, QpOptions, Region, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_SGE, STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "LAM-16" lam_16, "logical addresses are valid for every PD of the adapter instance, until the release";
    "LAM-17" lam_17, "once its requests have completed a mapping can be released, and the memory is left alone";
    "LAM-18" lam_18, "an entry may start at any byte and run over pages that follow each other";
    "LAM-19" lam_19, "pages may be in several mappings at once, each released on its own";
    "LAM-20" lam_20, "an address of no mapping is an access violation";
}

/// Bytes that the other end takes.
const ROOM: usize = 2 << 20;

/// A pair, and memory of the passive end.
pub struct Ends {
    /// The active end sends from mappings.
    pub pair: Pair,
    /// Where the messages land.
    pub into: Region,
}

impl Ends {
    /// Two connected ends.
    #[track_caller]
    #[inline(never)]
    pub fn new(job: &Job) -> Result<Self> {
        let qp = QpOptions { initiator_sge: 16, receive_sge: 16, ..QpOptions::default() };
        let pair = pair(job, PairOptions { qp, ..PairOptions::default() })?;
        let rights = NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_READ;
        let into = Region::new(&pair.passive.pd, ROOM, rights)?;
        Ok(Self { pair, into })
    }

    /// An entry by logical address.
    fn entry(&self, address: u64, length: usize) -> NDK_SGE {
        sge(address as usize, length, self.pair.active.pd.privileged_token())
    }
}

/// Sends bytes by logical address to the start of the other end's memory.
#[track_caller]
pub fn sends(ends: &Ends, address: u64, length: usize) -> Result {
    sends_all(ends, &[ends.entry(address, length)], length)
}

/// Sends the bytes of some entries.
#[track_caller]
#[inline(never)]
fn sends_all(ends: &Ends, entries: &[NDK_SGE], length: usize) -> Result {
    let (active, passive) = (&ends.pair.active, &ends.pair.passive);
    active.qp.run().ok(passive.qp.receive(1, &[ends.into.sge(0, ROOM)]), "WR-12 NdkReceive")?;
    active.qp.run().ok(active.qp.send(2, entries, 0), "SND-01 NdkSend")?;
    active.initiated.expect(2, STATUS_SUCCESS, "WR-23 entries by logical address")?;
    let result = passive.received.expect(1, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    active.qp.run().equal(result.BytesTransferred, length, "RCV-02 its length")
}

/// Reads from the other end's memory into entries by logical address.
#[track_caller]
#[inline(never)]
fn reads_all(ends: &Ends, entries: &[NDK_SGE]) -> Result {
    let active = &ends.pair.active;
    let posted = active.qp.read(3, entries, ends.into.remote(0), ends.into.remote_token(), 0);
    active.qp.run().ok(posted, "RD-01 NdkRead")?;
    active.initiated.expect(3, STATUS_SUCCESS, "WR-23 a sink by logical address").map(drop)
}

/// A connection of another domain of the active end's open.
struct Other {
    _joined: Joined,
    qp: Qp,
    _theirs: Qp,
    cq: Cq,
    _their_cq: Cq,
    pd: Pd,
}

impl Other {
    #[inline(never)]
    fn new(job: &Job, ends: &Ends) -> Result<Self> {
        let (active, passive) = (&ends.pair.active, &ends.pair.passive);
        let pd = active.adapter.pd()?;
        let (cq, their_cq) = (active.adapter.cq(64)?, passive.adapter.cq(64)?);
        let (qp, theirs) = (pd.qp(&cq)?, passive.pd.qp(&their_cq)?);
        let joined = join(job, (&active.adapter, &qp), (&passive.adapter, &theirs))?;
        Ok(Self { _joined: joined, qp, _theirs: theirs, cq, _their_cq: their_cq, pd })
    }
}

fn lam_16(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let buffer = Buffer::new(3 * PAGE)?;
    let pages = Pages::new(&ends.pair.active.adapter, &buffer)?;
    pattern(ends.into.buffer(), 0, PAGE, 8);
    // Domains that were there before the mapping, and after it.
    for round in 0..3 {
        let other = Other::new(job, &ends)?;
        buffer.fill(0, 3 * PAGE, 0);
        let entry = [pages.sge(PAGE, 1000, other.pd.privileged_token())];
        let posted = other.qp.read(round, &entry, ends.into.remote(0), ends.into.remote_token(), 0);
        job.run.ok(posted, "RD-01 NdkRead")?;
        other.cq.expect(round, STATUS_SUCCESS, "LAM-16 a domain of the same adapter instance")?;
        holds(job.run, &buffer, PAGE, 1000, (8, 0), "LAM-16 the bytes")?;
        sends(&ends, pages.address(PAGE), 1000)?;
    }
    // As long as it is not released, however long that is.
    for _ in 0..300 {
        let short = Pages::new(&ends.pair.active.adapter, &buffer)?;
        short.release();
    }
    sends(&ends, pages.address(0), 3 * PAGE).and_then(|()| {
        pages.release();
        fails(job, &ends, pages.page(0), 1, "LAM-16 no longer than to the release")
    })
}

fn lam_17(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    pattern(ends.into.buffer(), 0, 16 * PAGE, 8);
    for round in 0..30u8 {
        let buffer = Buffer::new(16 * PAGE)?;
        let pages = Pages::new(&ends.pair.active.adapter, &buffer)?;
        let entry = [ends.entry(pages.page(0), 16 * PAGE)];
        reads_all(&ends, &entry)?;
        pages.release();
        holds(job.run, &buffer, 0, 16 * PAGE, (8, 0), "WR-32 the bytes are there")?;
        buffer.fill(0, 16 * PAGE, round);
        sends(&ends, mapped_elsewhere(&ends)?.page(0), 1)?;
        only(job.run, &buffer, 0, 16 * PAGE, round, "LAM-17 nobody touches the pages any more")?;
        pattern(ends.into.buffer(), 0, 16 * PAGE, 8);
    }
    Ok(())
}

/// Some other memory, so that the slots of released mappings are used again.
fn mapped_elsewhere(ends: &Ends) -> Result<Elsewhere> {
    let buffer = Buffer::new(PAGE)?;
    let pages = Pages::new(&ends.pair.active.adapter, &buffer)?;
    Ok(Elsewhere { pages, _buffer: buffer })
}

struct Elsewhere {
    // Released before the buffer goes.
    pages: Pages,
    _buffer: Buffer,
}

impl Elsewhere {
    fn page(&self, index: usize) -> u64 {
        self.pages.page(index)
    }
}

/// Runs of pages that follow each other, merged as storage consumers do: place of the first page, pages.
fn runs(pages: &Pages) -> Result<List<(usize, usize)>> {
    const MOST: usize = (2 << 20) / PAGE;
    let mut runs: List<(usize, usize)> = List::new();
    for index in 0..pages.count() as usize {
        match runs.last_mut() {
            Some((first, count))
                if *count < MOST && pages.page(index) == pages.page(*first) + (*count * PAGE) as u64 =>
            {
                *count += 1;
            }
            _ => runs.try_push((index, 1))?,
        }
    }
    Ok(runs)
}

fn lam_18(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    // Any byte offset, any length, over page borders where the pages follow each other.
    let buffer = Buffer::new(4 * PAGE)?;
    pattern(&buffer, 0, 4 * PAGE, 3);
    let pages = Pages::new(adapter, &buffer)?;
    for (offset, length) in
        [(0, 1), (1, 1), (4095, 1), (17, 4000), (4095, 2), (100, 3 * PAGE), (4096, 8192), (0, 4 * PAGE)]
    {
        let last = offset + length - 1;
        let merged = pages.address(last) == pages.address(offset) + (length - 1) as u64;
        if merged {
            sends(&ends, pages.address(offset), length)?;
        } else {
            let split = PAGE - offset % PAGE;
            let parts =
                [ends.entry(pages.address(offset), split), ends.entry(pages.address(offset + split), length - split)];
            sends_all(&ends, &parts, length)?;
        }
        holds(job.run, ends.into.buffer(), 0, length, (3, offset), "LAM-18 the bytes")?;
    }
    merged(job, &ends, 0, 2 << 20)?;
    merged(job, &ends, 1234, (2 << 20) - 5000)?;
    merged(job, &ends, 0, (1 << 20) + 12)
}

/// A large buffer in as few entries of at most 2 MiB as its pages allow, as source and as sink.
#[inline(never)]
fn merged(job: &Job, ends: &Ends, fbo: usize, length: usize) -> Result {
    let buffer = Buffer::new(fbo + length)?;
    pattern(&buffer, 0, fbo + length, 6);
    let pages = Pages::part(&ends.pair.active.adapter, &buffer, fbo, length)?;
    let mut entries: List<NDK_SGE> = List::new();
    for (first, count) in runs(&pages)?.iter() {
        let from = if *first == 0 { fbo } else { 0 };
        let rest = fbo + length - first * PAGE;
        let bytes = (count * PAGE).min(rest) - from;
        entries.try_push(ends.entry(pages.page(*first) + from as u64, bytes))?;
    }
    job.run.check(entries.len() <= 16, "LAM-18 mappings that a storage consumer can send from")?;
    ends.into.buffer().fill(0, ROOM, 0);
    sends_all(ends, &entries, length)?;
    holds(job.run, ends.into.buffer(), 0, length, (6, fbo), "LAM-18 merged as a source")?;
    pattern(ends.into.buffer(), 0, length, 7);
    reads_all(ends, &entries)?;
    holds(job.run, &buffer, fbo, length, (7, 0), "LAM-18 merged as a sink")?;
    holds(job.run, &buffer, 0, fbo, (6, 0), "LAM-18 nothing before it")
}

fn lam_19(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let buffer = Buffer::new(4 * PAGE)?;
    pattern(&buffer, 0, 4 * PAGE, 3);
    let mut all: List<Pages> = List::new();
    for number in 0..20 {
        let offset = number * 50;
        all.try_push(Pages::part(adapter, &buffer, offset, 4 * PAGE - offset)?)?;
    }
    // Another open of the same adapter maps them too.
    let second = super::stage::adapter(job)?;
    let foreign = Pages::new(&second, &buffer)?;
    for number in [7, 0, 19, 3, 11] {
        let Some(gone) = all.get(number) else { continue };
        gone.release();
        for (offset, pages) in all.iter().enumerate().filter(|(other, _)| ![7, 0, 19, 3, 11].contains(other)) {
            sends(&ends, pages.address(0), 100)?;
            holds(job.run, ends.into.buffer(), 0, 100, (3, offset * 50), "LAM-19 the others live on")?;
        }
    }
    foreign.release();
    let Some(one) = all.get(1) else { return Ok(()) };
    sends(&ends, one.address(0), 100)?;
    holds(job.run, ends.into.buffer(), 0, 100, (3, 50), "LAM-19 the others live on")?;
    super::regions_parallel::mappings(job)
}

/// A send from an address that must fail; the connection is over then.
#[track_caller]
fn fails(job: &Job, ends: &Ends, address: u64, length: usize, what: &'static str) -> Result {
    let active = &ends.pair.active;
    job.run.ok(active.qp.send(5, &[ends.entry(address, length)], 0), "WR-25 judged when it runs")?;
    job.run.ok(ends.pair.passive.qp.receive(6, &[ends.into.sge(0, ROOM)]), "WR-12 NdkReceive")?;
    job.run.status(take(job.run, &active.initiated)?.Status, STATUS_ACCESS_VIOLATION, what)
}

/// An address that is none, as source and as sink, each over a connection of its own.
#[inline(never)]
fn nowhere(job: &Job, length: usize, address: impl Fn(&Ends, &Buffer) -> Result<u64>) -> Result {
    let what = "LAM-20 an address of no mapping";
    let buffer = Buffer::new(2 * PAGE)?;
    buffer.fill(0, 2 * PAGE, 0x42);
    {
        let ends = Ends::new(job)?;
        let address = address(&ends, &buffer)?;
        fails(job, &ends, address, length, what)?;
        only(job.run, ends.into.buffer(), 0, 4 * PAGE, 0, "LAM-20 no byte is sent")?;
    }
    let ends = Ends::new(job)?;
    let address = address(&ends, &buffer)?;
    let entry = [ends.entry(address, length)];
    let posted = ends.pair.active.qp.read(3, &entry, ends.into.remote(0), ends.into.remote_token(), 0);
    job.run.ok(posted, "WR-25 judged when it runs")?;
    job.run.status(take(job.run, &ends.pair.active.initiated)?.Status, STATUS_ACCESS_VIOLATION, what)?;
    only(job.run, &buffer, 0, 2 * PAGE, 0x42, "LAM-20 no byte is written")
}

fn lam_20(job: &Job) -> Result {
    // Numbers that never were an address.
    for address in [0, 1, 0x1000, 1 << 63, u64::MAX, u64::MAX - 4095, 0x7FFF_FFFF_FFFF_F000, 0x8000_0000_0000_0000] {
        nowhere(job, 64, |_, _| Ok(address))?;
    }
    // The system address of memory that is there.
    nowhere(job, 64, |_, buffer| Ok(buffer.address().addr().get() as u64))?;
    // A mapping that is released, with others in its place since.
    for others in [0, 1, 300] {
        nowhere(job, 64, |ends, buffer| {
            let gone = Pages::new(&ends.pair.active.adapter, buffer)?;
            gone.release();
            for _ in 0..others {
                Pages::new(&ends.pair.active.adapter, buffer)?;
            }
            Ok(gone.page(0))
        })?;
    }
    released_below(job)?;
    // Of another instance: another open of the same adapter.
    let second = adapter(job)?;
    let memory = Buffer::new(2 * PAGE)?;
    let foreign = Pages::new(&second, &memory)?;
    nowhere(job, 64, |_, _| Ok(foreign.page(0)))?;
    // Over the ends of a mapping, which stays during the request.
    let beyond =
        [(2 * PAGE as u64, 1), (2 * PAGE as u64 - 1, 2), (0, 2 * PAGE + 1), (u64::MAX, 2), (PAGE as u64, ROOM)];
    for (offset, length) in beyond {
        past_the_end(job, offset, length)?;
    }
    // A flipped bit anywhere above the offset.
    (12..64).try_for_each(|bit| flipped(job, bit))
}

/// A consumer that releases a mapping while a region still names its pages: every use of the region fails, also
/// when the memory is mapped again.
#[inline(never)]
fn released_below(job: &Job) -> Result {
    const READ: u32 = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
    for (again, own) in [(false, false), (true, false), (false, true), (true, true)] {
        let setup = Setup::new(job, 2)?;
        let list = setup.pages.list()?;
        Registration::of(&list, 0).with(READ).done(setup.end(), &setup.mr)?;
        job.run.ok(setup.peer_reads(0, 2 * PAGE)?, "FRG-01 the region is valid before")?;
        setup.theirs.buffer().fill(0, 2 * PAGE, 0x42);
        setup.pages.release();
        let second = if again { Some(Pages::new(&setup.end().adapter, &setup.buffer)?) } else { None };
        if own {
            let entry = [sge(0, 64, setup.mr.local_token())];
            job.run.ok(setup.end().qp.write(1, &entry, 0, 0, 0), "WR-25 judged when it runs")?;
            let status = take(job.run, &setup.end().initiated)?.Status;
            job.run.status(status, STATUS_ACCESS_VIOLATION, "LAM-20 a region whose mapping is released")?;
        } else {
            let status = setup.peer_reads(PAGE as u64, 64)?;
            job.run.status(status, STATUS_REMOTE_RESOURCES, "LAM-20 a region whose mapping is released")?;
        }
        only(job.run, setup.theirs.buffer(), 0, 2 * PAGE, 0x42, "LAM-20 no byte moves")?;
        drop(second);
    }
    Ok(())
}

/// From a place relative to a mapping that lives.
#[inline(never)]
fn past_the_end(job: &Job, offset: u64, length: usize) -> Result {
    let ends = Ends::new(job)?;
    let kept = mapped_two(&ends)?;
    sends(&ends, kept.page(0), 2 * PAGE)?;
    fails(job, &ends, kept.page(0).wrapping_add(offset), length, "LAM-20 past the end of a mapping")
}

#[inline(never)]
fn flipped(job: &Job, bit: u32) -> Result {
    let ends = Ends::new(job)?;
    let kept = mapped_two(&ends)?;
    let address = kept.page(0) ^ 1 << bit;
    if address == kept.page(1) {
        return sends(&ends, address, PAGE);
    }
    fails(job, &ends, address, 8, "LAM-20 an address with a wrong bit")
}

/// A mapping of two pages.
fn mapped_two(ends: &Ends) -> Result<Elsewhere> {
    let buffer = Buffer::new(2 * PAGE)?;
    let pages = Pages::new(&ends.pair.active.adapter, &buffer)?;
    Ok(Elsewhere { pages, _buffer: buffer })
}
