//! `FRG-01`, `FRG-02`, `FRG-05`, `FRG-08`, `FRG-10`, `FRG-16`, `FRG-17`: what a fast registration makes of its
//! pages. See docs/contract/ndkpi.md; refusals are in `fast_register_refuse.rs`, rights and use in
//! `fast_register_use.rs`.

use super::{
    pages::{OURS, PAGE, Pages, Registration, Setup, reads},
    stage::{empty, take},
    work_help::{STALL, disconnect, done, holds, nothing_in, pattern, release, stall},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Region, nothing, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
    NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE,
    NDK_OP_FLAG_RDMA_READ_SINK, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_SILENT_SUCCESS,
    NdkOperationTypeFastRegister, STATUS_CANCELLED, STATUS_INVALID_PARAMETER, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "FRG-01" frg_01, "the region is the bytes from FBO on, through the pages in order";
    "FRG-02" frg_02, "byte i is addressed as base + i, whatever the base";
    "FRG-05" frg_05, "every base is taken, congruent with FBO or not";
    "FRG-08" frg_08, "the page array is the consumer's again when the call returns";
    "FRG-10" frg_10, "the remote token is there when the call returns, and is the one from before";
    "FRG-16" frg_16, "the completion type is FastRegister";
    "FRG-17" frg_17, "the defined flags are taken, all others refused";
}

/// Rights that consumers ask for most: 0x38.
pub const ALL: u32 = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;

/// An order of pages, from the place in the array and the number of pages.
type Order = fn(usize, usize) -> usize;

const ORDERS: [Order; 4] = [
    |index, _| index,
    |index, count| count - 1 - index,
    // Each second page first.
    |index, count| if index < count.div_ceil(2) { 2 * index } else { 2 * (index - count.div_ceil(2)) + 1 },
    // Neighbours change places.
    |index, count| if index ^ 1 < count { index ^ 1 } else { index },
];

/// Calls `look` for each piece of a page: place in the region, place in the buffer, bytes.
fn pieces(
    order: impl Fn(usize) -> usize,
    fbo: usize,
    length: usize,
    mut look: impl FnMut(usize, usize, usize) -> Result,
) -> Result {
    let mut at = 0;
    while at < length {
        let (page, inside) = ((fbo + at) / PAGE, (fbo + at) % PAGE);
        let bytes = (PAGE - inside).min(length - at);
        look(at, order(page) * PAGE + inside, bytes)?;
        at += bytes;
    }
    Ok(())
}

#[inline(never)]
fn in_order(job: &Job, pages: usize, order: Order, fbo: usize, length: usize) -> Result {
    let setup = Setup::new(job, pages)?;
    let order = |index| order(index, pages);
    let list = setup.pages.ordered(order)?;
    let base = 0x7654_0000_0000 + fbo as u64;
    let whole = Registration { fbo: fbo as u32, length, ..Registration::of(&list, base) };
    whole.with(ALL).done(setup.end(), &setup.mr)?;

    job.run.ok(setup.peer_reads(base, length)?, "FRG-01 the peer reads the region")?;
    pieces(order, fbo, length, |at, place, bytes| {
        holds(job.run, setup.theirs.buffer(), at, bytes, (OURS, place), "FRG-01 the pages in the order of the array")
    })?;

    pattern(setup.theirs.buffer(), 0, length, 9);
    job.run.check(setup.peer_writes(base, length)?, "FRG-01 the peer writes the region")?;
    pieces(order, fbo, length, |at, place, bytes| {
        holds(job.run, &setup.buffer, place, bytes, (9, at), "FRG-01 each byte lands in its page")
    })?;
    // What lies before and behind in the first and last page is not of the region.
    let first = order(0) * PAGE;
    holds(job.run, &setup.buffer, first, fbo, (OURS, first), "FRG-01 nothing before the first byte")?;
    let (last, end) = (order((fbo + length - 1) / PAGE) * PAGE, (fbo + length - 1) % PAGE + 1);
    holds(job.run, &setup.buffer, last + end, PAGE - end, (OURS, last + end), "FRG-01 nothing behind the last byte")?;

    // One byte more on either side ends the connection.
    let status = setup.peer_reads(base - 1, 2)?;
    job.run.status(status, STATUS_REMOTE_RESOURCES, "FRG-01 a byte before the region")
}

/// Pages of two mappings in turn, and one page by both its names.
#[inline(never)]
fn two_mappings(job: &Job) -> Result {
    let setup = Setup::new(job, 8)?;
    let again = Pages::new(&setup.end().adapter, &setup.buffer)?;
    let other = Buffer::new(4 * PAGE)?;
    pattern(&other, 0, 4 * PAGE, 77);
    let more = Pages::new(&setup.end().adapter, &other)?;
    let sources = [(&setup.pages, OURS, 3), (&more, 77, 0), (&again, OURS, 3), (&more, 77, 3), (&again, OURS, 7)];
    let mut list: List<u64> = List::new();
    for (pages, _, index) in sources {
        list.try_push(pages.page(index))?;
    }
    Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.peer_reads(0, 5 * PAGE)?, "FRG-01 pages of several mappings")?;
    for (place, (_, seed, index)) in sources.into_iter().enumerate() {
        let from = (seed, index * PAGE);
        holds(job.run, setup.theirs.buffer(), place * PAGE, PAGE, from, "FRG-01 the pages in the order of the array")?;
    }
    // The registration ends before its mappings do.
    setup.invalidated()
}

fn frg_01(job: &Job) -> Result {
    for order in ORDERS {
        for (pages, fbo, short) in [(1, 0, 0), (1, 100, 1), (2, 4095, 0), (7, 0, 4000), (7, 1, 4094), (64, 2048, 17)] {
            job.run.go_on()?;
            in_order(job, pages, order, fbo, pages * PAGE - fbo - short)?;
        }
    }
    // As much as a disk driver asks for at once, and as much as there is.
    in_order(job, 489, ORDERS[0], 512, 489 * PAGE - 1024)?;
    in_order(job, 489, ORDERS[1], 0, 489 * PAGE)?;
    let most = super::stage::adapter(job)?.info()?.FRMRPageCount.min(65_535) as usize;
    in_order(job, most, ORDERS[2], 4095, most * PAGE - 4095)?;
    two_mappings(job)?;
    // A list need not be used up, and may name a page twice.
    let setup = Setup::new(job, 8)?;
    let list = setup.pages.ordered(|index| index / 2)?;
    Registration { length: 3 * PAGE, ..Registration::of(&list, 0) }.with(ALL).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.peer_reads(0, 3 * PAGE)?, "FRG-01 the peer reads the region")?;
    for (page, place) in [(0, 0), (1, 0), (2, 1)] {
        let from = (OURS, place * PAGE);
        holds(job.run, setup.theirs.buffer(), page * PAGE, PAGE, from, "FRG-01 a page that is named twice")?;
    }
    Ok(())
}

/// Both uses of a region at a base: from entries of its own end, and by the peer.
#[inline(never)]
fn at_base(job: &Job, base: u64, fbo: u32, what: &'static str) -> Result {
    let setup = Setup::new(job, 3)?;
    let list = setup.pages.list()?;
    let whole = Registration::of(&list, base).starting_at(fbo).with(ALL);
    whole.done(setup.end(), &setup.mr)?;
    let length = whole.length;

    for (at, bytes) in [(0, length), (0, 1), (length - 1, 1), (PAGE - 1, PAGE + 2)] {
        setup.theirs.buffer().fill(0, length, 0);
        job.run.ok(setup.peer_reads(base.wrapping_add(at as u64), bytes)?, what)?;
        holds(job.run, setup.theirs.buffer(), 0, bytes, (OURS, fbo as usize + at), what)?;
    }
    // In an entry: a write from the region to the peer.
    let theirs = Region::new(&setup.pair.passive.pd, length, ndkpi_sys::NDK_MR_FLAG_ALLOW_REMOTE_WRITE)?;
    let address = base.wrapping_add(77) as usize;
    let entry = [sge(address, length - 77, setup.mr.local_token())];
    let qp = &setup.end().qp;
    job.run.ok(qp.write(1, &entry, theirs.remote(0), theirs.remote_token(), 0), "WRT-01 NdkWrite")?;
    job.run.ok(qp.read(2, &nothing(), 0, 0, 0), "RD-03 a read of zero bytes")?;
    done(setup.end(), 1)?;
    done(setup.end(), 2)?;
    holds(job.run, theirs.buffer(), 0, length - 77, (OURS, fbo as usize + 77), what)
}

fn frg_02(job: &Job) -> Result {
    let what = "FRG-02 byte i is at base + i";
    for fbo in [0, 1, 512, 4095] {
        for page in [0, 0x1000, 0x7FFF_F000, 0x1_0000_0000, 0x7FF0_0000_0000, 0xFFFF_8000_0000_0000] {
            if page != 0 || fbo == 0 {
                at_base(job, page + u64::from(fbo), fbo, what)?;
            }
        }
        // The last byte of the region is the last address there is.
        at_base(job, (u64::MAX - 3 * PAGE as u64 + 1) + u64::from(fbo), fbo, what)?;
    }
    // Outside, on both sides, and round the end of the address space.
    let last = u64::MAX - (PAGE as u64 - 1);
    let cases = [(0x9000u64, 0x8FFFu64, 2usize), (0x9000, 0x9000, PAGE + 1), (0x9000, 0xA000, 1), (0, u64::MAX, 2)];
    for (base, address, length) in
        cases.into_iter().chain([(last, last + 1000, PAGE), (last, 0, 1), (last, last, 4097)])
    {
        let setup = Setup::new(job, 2)?;
        let list = setup.pages.list()?;
        Registration { count: 1, length: PAGE, ..Registration::of(&list, base) }
            .with(ALL)
            .done(setup.end(), &setup.mr)?;
        job.run.ok(setup.peer_reads(base, PAGE)?, "FRG-02 all of it")?;
        job.run.status(setup.peer_reads(address, length)?, STATUS_REMOTE_RESOURCES, "FRG-02 what is outside")?;
    }
    Ok(())
}

fn frg_05(job: &Job) -> Result {
    let what = "FRG-05 any base with any FBO";
    // The documented ones, then those that break the rule.
    for (base, fbo) in [(0x5000_0123, 0x123), (0, 0), (0x5000_0000, 0)] {
        at_base(job, base, fbo, what)?;
    }
    for (base, fbo) in [(0x5000_0123, 0), (1, 0), (0, 0x123), (0x5000_0000, 4095), (0x1234_5677, 8)] {
        at_base(job, base, fbo, what)?;
    }
    Ok(())
}

/// Registers behind a request that waits, spoils the array, and lets both run.
#[inline(never)]
fn spoiled(job: &Job, order: Order) -> Result {
    let setup = Setup::new(job, 6)?;
    let mut list = setup.pages.ordered(|index| order(index, 6))?;
    stall(setup.end())?;
    let whole = Registration::of(&list, 0x10_0000).with(ALL);
    job.run.ok(whole.post(&setup.end().qp, 3, &setup.mr), "FRG-01 NdkFastRegister")?;
    for page in list.iter_mut() {
        *page = 0xDEAD_BEEF_DEAD_B000;
    }
    drop(list);
    nothing_in(&setup.end().initiated, "WR-34 it waits for its turn")?;
    release(setup.end(), &setup.pair.passive)?;
    done(setup.end(), 3)?;
    job.run.ok(setup.peer_reads(0x10_0000, 6 * PAGE)?, "FRG-08 the pages of the call")?;
    let order = |index| order(index, 6);
    pieces(order, 0, 6 * PAGE, |at, place, bytes| {
        holds(job.run, setup.theirs.buffer(), at, bytes, (OURS, place), "FRG-08 the pages of the call")
    })
}

/// How a registration that waits is cut short.
#[derive(Clone, Copy)]
enum Cut {
    Flush,
    Disconnect,
    Close,
}

/// Registrations that wait, deferred ones among them, end without having run; the copies of their arrays go too,
/// or they would be left when the provider unloads.
#[inline(never)]
fn cut_short(job: &Job, cut: Cut) -> Result {
    let setup = Setup::new(job, 6)?;
    let end = setup.end();
    let list = setup.pages.ordered(|index| 5 - index)?;
    stall(end)?;
    for context in 0..4 {
        let defer = if context >= 2 { NDK_OP_FLAG_DEFER } else { 0 };
        let posted = Registration::of(&list, 0).with(ALL | defer).post(&end.qp, context, &setup.mr);
        job.run.ok(posted, "FRG-01 NdkFastRegister")?;
    }
    match cut {
        Cut::Flush => end.qp.flush(),
        Cut::Disconnect => disconnect(end, &setup.pair.passive, || Ok(()))?,
        Cut::Close => end.connector.start_close()?.ok("LIFE-01 closing cannot fail").map(drop)?,
    }
    end.initiated.expect(STALL, STATUS_CANCELLED, "FLUSH-01 what waits is cancelled")?;
    for context in 0..4 {
        end.initiated.expect(context, STATUS_CANCELLED, "FLAG-24 and what is deferred")?;
    }
    nothing_in(&end.initiated, "WR-02 each request completes once")?;
    // None has run: over another connection the region can be registered, and is valid then.
    let token = setup.mr.local_token();
    super::fast_register_refuse::gives_nothing(job, &end.pd, token, 0)
}

fn frg_08(job: &Job) -> Result {
    ORDERS.into_iter().try_for_each(|order| spoiled(job, order))?;
    [Cut::Flush, Cut::Disconnect, Cut::Close].into_iter().try_for_each(|cut| cut_short(job, cut))
}

fn frg_10(job: &Job) -> Result {
    let setup = Setup::new(job, 2)?;
    let token = setup.mr.remote_token();
    job.run.check(token != 0, "MR-30 the token is there after the initialisation")?;
    let list = setup.pages.list()?;
    // Also while the registration has not run, and for one that is refused.
    stall(setup.end())?;
    let whole = Registration::of(&list, 0).with(ALL);
    job.run.ok(whole.post(&setup.end().qp, 3, &setup.mr), "FRG-01 NdkFastRegister")?;
    job.run.equal(setup.mr.remote_token(), token, "FRG-10 when the call has returned")?;
    let refused = Registration { count: 0, ..whole }.post(&setup.end().qp, 4, &setup.mr);
    job.run.status(refused, STATUS_INVALID_PARAMETER, "FRG-04 no pages")?;
    job.run.equal(setup.mr.remote_token(), token, "FRG-10 after a refusal")?;
    release(setup.end(), &setup.pair.passive)?;
    done(setup.end(), 3)?;
    job.run.equal(setup.mr.remote_token(), token, "FRG-10 after the completion")?;
    let into = Region::new(&setup.pair.passive.pd, PAGE, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let status = reads(&setup.pair.passive, &into, (0, PAGE), token)?;
    job.run.ok(status, "FRG-10 it is the token that works")
}

fn frg_16(job: &Job) -> Result {
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let posted = Registration::of(&list, 0).post(&setup.end().qp, 0x1234, &setup.mr);
    job.run.ok(posted, "FRG-01 NdkFastRegister")?;
    let result = take(job.run, &setup.end().initiated)?;
    job.run.ok(result.Status, "FRG-01 it succeeds")?;
    job.run.equal(result.RequestContext.addr(), 0x1234usize, "WR-04 its context")?;
    job.run.equal(result.Type, NdkOperationTypeFastRegister, "FRG-16 its type")
}

fn frg_17(job: &Job) -> Result {
    const GOOD: [u32; 7] = [
        NDK_OP_FLAG_SILENT_SUCCESS,
        NDK_OP_FLAG_READ_FENCE,
        NDK_OP_FLAG_ALLOW_REMOTE_READ,
        NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
        NDK_OP_FLAG_ALLOW_REMOTE_WRITE,
        NDK_OP_FLAG_RDMA_READ_SINK,
        NDK_OP_FLAG_DEFER,
    ];
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let (run, end) = (job.run, setup.end());
    for set in 0..1u32 << GOOD.len() {
        let flags = GOOD.iter().enumerate().filter(|(bit, _)| set & 1 << bit != 0).fold(0, |all, (_, flag)| all | flag);
        let posted = Registration::of(&list, 0).with(flags).post(&end.qp, 1, &setup.mr);
        run.ok(posted, "FRG-17 defined flags")?;
        // Behind it, so that a deferred one is shown to the device too.
        let behind = super::mapped::invalidate(&end.qp, 2, &setup.mr, 0);
        run.ok(behind, "INV-01 NdkInvalidate")?;
        if flags & NDK_OP_FLAG_SILENT_SUCCESS == 0 {
            end.initiated.expect(1, STATUS_SUCCESS, "FRG-17 it succeeds")?;
        }
        end.initiated.expect(2, STATUS_SUCCESS, "FLAG-02 a silent one completes nothing, and has worked")?;
        empty(run, &end.initiated)?;
    }
    let undefined = (0..32).map(|bit| 1u32 << bit).filter(|bit| GOOD.iter().fold(0, |all, flag| all | flag) & bit == 0);
    let others = [NDK_OP_FLAG_SEND_AND_SOLICIT_EVENT, NDK_OP_FLAG_INLINE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE];
    for bit in undefined.chain(others) {
        let posted = Registration::of(&list, 0).with(ALL | bit).post(&end.qp, 1, &setup.mr);
        run.status(posted, STATUS_INVALID_PARAMETER, "FRG-17 other flags")?;
    }
    nothing_in(&end.initiated, "WR-03 what was refused completes nothing")
}
