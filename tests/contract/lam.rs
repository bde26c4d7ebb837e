//! `LAM-01` to `LAM-15`: building and releasing mappings. See docs/contract/ndkpi.md; what they are used for is in
//! `lam_use.rs`.

use super::{
    lam_locked::{fails_midway, stays_as_it_is},
    lam_use::{Ends, sends},
    mr::Part,
    pages::{Built, HEAD, Lam, PAGE, Pages, UNEXPECTED, build, release, spanned},
    stage::adapter,
    work_help::{holds, pattern},
};
use crate::{
    kernel::{Buffer, irql},
    ndk::Adapter,
    run::Result,
    workload::Job,
};
use core::{mem::size_of, ptr, sync::atomic::Ordering};
use ndkpi_sys::{
    MDL, NDK_LOGICAL_ADDRESS_MAPPING, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
    STATUS_SUCCESS, ULONG,
};

contract! {
    "LAM-01" lam_01, "one logical address for each page that the range touches, and the offset of the first byte";
    "LAM-02" lam_02, "each address is aligned and stands for one page";
    "LAM-03" lam_03, "the size written is 16 bytes and 8 for each page";
    "LAM-04" lam_04, "a buffer of exactly the size that public consumers compute is enough";
    "LAM-05" lam_05, "a smaller buffer is told the size, and nothing is mapped";
    "LAM-06" lam_06, "a chain that is not virtually contiguous is refused";
    "LAM-07" lam_07, "length 0 or more than the chain holds is refused";
    "LAM-08" lam_08, "the length may end anywhere; what lies behind it is not looked at";
    "LAM-10" lam_10, "a failed build leaves nothing mapped and owes no release";
    "LAM-11" lam_11, "a build without a context is answered at once";
    "LAM-12" lam_12, "the virtual address of the MDL is an index and is not touched";
    "LAM-13" lam_13, "the MDL is not changed, and may go once the build has completed";
    "LAM-14" lam_14, "a mapping is released from wherever the structure lies";
    "LAM-15" lam_15, "a mapping is released at DISPATCH_LEVEL and leaves the MDL as it was";
}

/// Room for mappings of a test.
struct Room(Buffer);

impl Room {
    fn new(pages: usize) -> Result<Self> {
        Ok(Self(Buffer::new(HEAD + 8 * pages)?))
    }

    fn lam(&self) -> Lam {
        self.0.address().as_ptr().cast()
    }

    fn size(&self) -> ULONG {
        self.0.len() as ULONG
    }

    /// Number of pages, as written.
    fn count(&self) -> u32 {
        let mut count = [0; 4];
        self.0.read(8, &mut count);
        u32::from_ne_bytes(count)
    }
}

fn lam_01(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let buffer = Buffer::new(20 * PAGE)?;
    for (offset, length) in [
        (0, 1),
        (0, PAGE),
        (0, PAGE + 1),
        (0, 20 * PAGE),
        (1, PAGE - 1),
        (1, PAGE),
        (4095, 1),
        (4095, 2),
        (4095, PAGE + 2),
        (100, 19 * PAGE),
        (PAGE, PAGE),
        (3 * PAGE + 7, 5000),
    ] {
        // Count and offset are looked at in there.
        let pages = Pages::part(&adapter, &buffer, offset, length)?;
        let (first, list) = (offset / PAGE, pages.list()?);
        job.run.equal(list.len(), spanned(offset, length), "LAM-01 pages that the range touches")?;
        // The same page of the buffer is the same memory, whichever mapping names it: see LAM-19.
        job.run.check(list.iter().all(|page| *page != 0) || first == 0, "LAM-01 an address for each page")?;
    }
    // A buffer that is smaller than its page.
    for length in [1usize, 16, 100, 4000] {
        let small = Buffer::new(length)?;
        Pages::new(&adapter, &small)?;
    }
    Ok(())
}

fn lam_02(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let buffer = Buffer::new(9 * PAGE)?;
    pattern(&buffer, 0, 9 * PAGE, 3);
    let pages = Pages::part(&ends.pair.active.adapter, &buffer, 200, 8 * PAGE)?;
    for index in 0..pages.count() as usize {
        let page = pages.page(index);
        job.run.equal(page % PAGE as u64, 0u64, "LAM-02 aligned to a page")?;
        // Each one alone, to its last byte; the first and the last page are mapped whole.
        sends(&ends, page, PAGE)?;
        holds(job.run, ends.into.buffer(), 0, PAGE, (3, index * PAGE), "LAM-02 one page of the range")?;
        sends(&ends, page + PAGE as u64 - 1, 1)?;
        holds(job.run, ends.into.buffer(), 0, 1, (3, index * PAGE + PAGE - 1), "LAM-02 its last byte")?;
    }
    Ok(())
}

fn lam_03(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let buffer = Buffer::new(33 * PAGE)?;
    let room = Room::new(1000)?;
    for pages in [1usize, 2, 17, 33] {
        let Built { status, size, fbo } = build(&adapter, buffer.mdl(), pages * PAGE, room.lam(), room.size())?;
        job.run.ok(status, "LAM-01 NdkBuildLAM")?;
        job.run.equal(size as usize, 16 + 8 * pages, "LAM-03 the number of bytes written")?;
        job.run.equal(room.count() as usize, pages, "LAM-01 the number of pages")?;
        job.run.equal(fbo, 0u32, "LAM-01 the offset of the first byte")?;
        let mut behind = [0u8; 64];
        room.0.read(HEAD + 8 * pages, &mut behind);
        release(&adapter, room.lam());
        job.run.check(behind == [0; 64], "LAM-03 nothing is written behind them")?;
        room.0.fill(0, room.0.len(), 0);
    }
    Ok(())
}

fn lam_04(job: &Job) -> Result {
    let adapter = adapter(job)?;
    job.run.equal(size_of::<NDK_LOGICAL_ADDRESS_MAPPING>(), 24usize, "LAM-04 the structure has one page")?;
    let buffer = Buffer::new(513 * PAGE)?;
    for pages in [1usize, 2, 3, 16, 64, 511, 512] {
        for offset in [0, 12] {
            let length = pages * PAGE - offset;
            let part = Part::new(&buffer, offset, length)?;
            let exact = size_of::<NDK_LOGICAL_ADDRESS_MAPPING>() + (pages - 1) * 8;
            let room = Buffer::new(exact + 16)?;
            room.fill(exact, 16, 0x99);
            let lam = room.address().as_ptr().cast();
            let built = build(&adapter, part.mdl(), length, lam, exact as ULONG)?;
            job.run.ok(built.status, "LAM-04 exactly enough")?;
            release(&adapter, lam);
            let mut behind = [0; 16];
            room.read(exact, &mut behind);
            job.run.check(behind == [0x99; 16], "LAM-04 and no more is written")?;
        }
    }
    Ok(())
}

fn lam_05(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let buffer = Buffer::new(7 * PAGE)?;
    let room = Room::new(8)?;
    for pages in [1usize, 2, 7] {
        let exact = 16 + 8 * pages;
        for size in [0, 1, 8, 15, 16, 23, 24, exact - 8, exact - 1].into_iter().filter(|size| *size < exact) {
            room.0.fill(0, room.0.len(), 0x77);
            let built = build(&adapter, buffer.mdl(), pages * PAGE, room.lam(), size as ULONG)?;
            job.run.status(built.status, STATUS_BUFFER_TOO_SMALL, "LAM-05 a buffer that is too small")?;
            job.run.equal(built.size as usize, exact, "LAM-05 the size that it takes")?;
            let mut wrong = 0u64;
            let all = room.0.len();
            room.0.for_each(size, all, |bytes| wrong += bytes.iter().filter(|byte| **byte != 0x77).count() as u64);
            job.run.equal(wrong, 0u64, "LAM-05 nothing is written behind the size given")?;
        }
        let query = build(&adapter, buffer.mdl(), pages * PAGE, ptr::null_mut(), 0)?;
        job.run.status(query.status, STATUS_BUFFER_TOO_SMALL, "LAM-05 the size query")?;
        job.run.equal(query.size as usize, exact, "LAM-05 the size that it takes")?;
        let built = build(&adapter, buffer.mdl(), pages * PAGE, room.lam(), query.size)?;
        job.run.ok(built.status, "LAM-05 with that size it works")?;
        release(&adapter, room.lam());
    }
    // Had anything been mapped, the close of the adapter would wait for it (LIFE-18).
    drop(adapter);
    Ok(())
}

/// A build that is refused for its chain or length.
#[track_caller]
fn refused(adapter: &Adapter, mdl: *mut MDL, length: usize, what: &'static str) -> Result {
    let room = Room::new(600)?;
    let built = build(adapter, mdl, length, room.lam(), room.size())?;
    adapter.run().status(built.status, STATUS_INVALID_PARAMETER, what)?;
    // The size query looks at the chain as well.
    let query = build(adapter, mdl, length, ptr::null_mut(), 0)?;
    adapter.run().status(query.status, STATUS_INVALID_PARAMETER, what)
}

fn lam_06(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let (buffer, other) = (Buffer::new(4 * PAGE)?, Buffer::new(PAGE)?);
    let first = Part::new(&buffer, 100, PAGE)?;
    let what = "LAM-06 a chain that is not virtually contiguous";
    for next in [
        Part::new(&buffer, 100 + PAGE + 1, PAGE)?,
        Part::new(&buffer, 100 + PAGE - 1, PAGE)?,
        Part::new(&buffer, 100 + 2 * PAGE, PAGE)?,
        Part::new(&buffer, 100, PAGE)?,
        Part::new(&buffer, 0, 100)?,
        Part::new(&other, 0, PAGE)?,
    ] {
        first.then(&next);
        refused(&adapter, first.mdl(), PAGE + 1, what)?;
        refused(&adapter, first.mdl(), PAGE + 100, what)?;
    }
    // The third of three.
    let (second, third) = (Part::new(&buffer, 100 + PAGE, 500)?, Part::new(&buffer, 101 + PAGE + 500, 500)?);
    first.then(&second);
    second.then(&third);
    refused(&adapter, first.mdl(), PAGE + 501, what)?;
    Pages::of(&adapter, first.mdl(), PAGE + 500, buffer.address().addr().get() + 100).map(drop)
}

fn lam_07(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let buffer = Buffer::new(10_000)?;
    let what = "LAM-07 nothing, or more than there is";
    for length in [0, 10_001, 16_384, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, (1 << 32) + 10_000, 1 << 63, usize::MAX] {
        refused(&adapter, buffer.mdl(), length, what)?;
    }
    let (first, second) = (Part::new(&buffer, 10, 5000)?, Part::new(&buffer, 5010, 100)?);
    first.then(&second);
    for length in [0, 5101, 0xFFFF_FFFF, usize::MAX] {
        refused(&adapter, first.mdl(), length, what)?;
    }
    Pages::of(&adapter, first.mdl(), 5100, buffer.address().addr().get() + 10).map(drop)
}

fn lam_08(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let (buffer, other) = (Buffer::new(6 * PAGE)?, Buffer::new(PAGE)?);
    pattern(&buffer, 0, 6 * PAGE, 3);
    let start = buffer.address().addr().get() + 30;
    let first = Part::new(&buffer, 30, 5000)?;
    let second = Part::new(&buffer, 5030, 7001)?;
    let elsewhere = Part::new(&other, 5, 10)?;
    first.then(&second);
    second.then(&elsewhere);
    for length in [1, 7, 4066, 4067, 4999, 5000, 5001, 8161, 8162, 12_000, 12_001] {
        let pages = Pages::of(adapter, first.mdl(), length, start)?;
        // The last byte of the range, by the page it is in.
        sends(&ends, pages.address(length - 1), 1)?;
        holds(job.run, ends.into.buffer(), 0, 1, (3, 30 + length - 1), "LAM-08 the last byte")?;
        sends(&ends, pages.address(0), 1)?;
        holds(job.run, ends.into.buffer(), 0, 1, (3, 30), "LAM-08 the first byte")?;
        if pages.address(length - 1) == pages.address(0) + (length - 1) as u64 {
            sends(&ends, pages.address(0), length)?;
            holds(job.run, ends.into.buffer(), 0, length, (3, 30), "LAM-08 all, over the border of the MDLs")?;
        }
    }
    // Behind the range even a chain without an end does no harm.
    second.then(&second);
    let pages = Pages::of(adapter, first.mdl(), 5001, start)?;
    second.then(&elsewhere);
    sends(&ends, pages.address(5000), 1)?;
    holds(job.run, ends.into.buffer(), 0, 1, (3, 5030), "LAM-08 a byte of the second MDL")
}

fn lam_10(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let (buffer, other) = (Buffer::new(4 * PAGE)?, Buffer::new(PAGE)?);
    let (first, second) = (Part::new(&buffer, 0, PAGE)?, Part::new(&buffer, PAGE, PAGE)?);
    let third = Part::new(&other, 0, PAGE)?;
    first.then(&second);
    second.then(&third);
    let room = Room::new(8)?;
    // The first MDLs are in order each time; it is the third, the length or the room that is wrong.
    for _ in 0..50 {
        for (length, size, wanted) in [
            (3 * PAGE, room.size(), STATUS_INVALID_PARAMETER),
            (4 * PAGE, room.size(), STATUS_INVALID_PARAMETER),
            (2 * PAGE, 16, STATUS_BUFFER_TOO_SMALL),
            (2 * PAGE, 31, STATUS_BUFFER_TOO_SMALL),
        ] {
            let built = build(&adapter, first.mdl(), length, room.lam(), size)?;
            job.run.status(built.status, wanted, "LAM-10 a build that fails")?;
        }
    }
    // Nothing is owed: the adapter's close does not wait (LIFE-18), and the memory may go at once.
    drop(adapter);
    fails_midway(job)
}

fn lam_11(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let before = UNEXPECTED.load(Ordering::SeqCst);
    for pages in [1usize, 64, 512] {
        let buffer = Buffer::new(pages * PAGE)?;
        for _ in 0..10 {
            // Success at once is looked at in there; then no completion may come.
            Pages::new(&adapter, &buffer)?;
        }
        // At DISPATCH_LEVEL as well.
        let room = Room::new(pages)?;
        let (mut size, mut fbo) = (room.size(), 0);
        let status = irql::at_dispatch(|| {
            let Some(build) = adapter.dispatch().NdkBuildLAM else { return STATUS_NOT_SUPPORTED };
            let (lam, none) = (room.lam(), ptr::null_mut());
            // SAFETY: the adapter is open, the structure has the room named; the call must not pend.
            unsafe { build(adapter.raw(), buffer.mdl(), buffer.len() as _, None, none, lam, &mut size, &mut fbo) }
        });
        job.run.status(status, STATUS_SUCCESS, "LAM-11 without completion and context")?;
        release(&adapter, room.lam());
    }
    job.run.equal(UNEXPECTED.load(Ordering::SeqCst), before, "CMP-02 no completion after an answer")
}

/// Puts another start into an MDL; gives the old one.
fn moved(part: &Part, start: usize) -> usize {
    // SAFETY: the MDL is the test's own.
    let mdl = unsafe { &mut *part.mdl() };
    let old = mdl.StartVa.addr();
    mdl.StartVa = mdl.StartVa.with_addr(start);
    old
}

fn lam_12(job: &Job) -> Result {
    // Pages of one buffer under addresses at which nothing is mapped, or something else.
    let ends = Ends::new(job)?;
    let (buffer, decoy) = (Buffer::new(2 * PAGE)?, Buffer::new(2 * PAGE)?);
    pattern(&buffer, 0, 2 * PAGE, 3);
    decoy.fill(0, 2 * PAGE, 0xDD);
    for start in [0x7_0000_0000, 0x1000, 0x7FFF_FFFF_F000, decoy.address().addr().get() & !(PAGE - 1)] {
        let part = Part::new(&buffer, 300, PAGE)?;
        let old = moved(&part, start);
        let pages = Pages::of(&ends.pair.active.adapter, part.mdl(), PAGE, start + 300);
        moved(&part, old);
        let pages = pages?;
        sends(&ends, pages.address(0), PAGE - 300)?;
        holds(job.run, ends.into.buffer(), 0, PAGE - 300, (3, 300), "LAM-12 the pages are what is read")?;
    }
    stays_as_it_is(job)
}

/// Bytes of an MDL with its page numbers.
fn snapshot(part: &Part, bytes: &mut [u8]) {
    // SAFETY: an MDL is a header and a number for each page; the tests' have room for that many bytes.
    unsafe { ptr::copy_nonoverlapping(part.mdl().cast::<u8>(), bytes.as_mut_ptr(), bytes.len()) };
}

/// Header and three page numbers.
const MDL_BYTES: usize = size_of::<MDL>() + 3 * 8;

fn lam_13(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let buffer = Buffer::new(6 * PAGE)?;
    pattern(&buffer, 0, 6 * PAGE, 3);
    let start = buffer.address().addr().get() + 10;
    let pages = {
        let (first, second) = (Part::new(&buffer, 10, 2 * PAGE)?, Part::new(&buffer, 10 + 2 * PAGE, 2 * PAGE)?);
        first.then(&second);
        let (mut before, mut after) = ([0u8; MDL_BYTES], [0u8; MDL_BYTES]);
        snapshot(&first, &mut before);
        let pages = Pages::of(adapter, first.mdl(), 4 * PAGE, start)?;
        snapshot(&first, &mut after);
        job.run.check(before == after, "LAM-13 the build does not change the MDL")?;
        // From here on the MDLs are the consumer's again: they describe other things, and go.
        first.then(&first);
        moved(&first, 0);
        moved(&second, 0);
        pages
    };
    for offset in [0, PAGE, 2 * PAGE + 5, 4 * PAGE - 1] {
        sends(&ends, pages.address(offset), 1)?;
        holds(job.run, ends.into.buffer(), 0, 1, (3, 10 + offset), "LAM-13 the mapping works without its MDLs")?;
    }
    Ok(())
}

fn lam_14(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let (one, two) = (Buffer::new(3 * PAGE)?, Buffer::new(3 * PAGE)?);
    pattern(&one, 0, 3 * PAGE, 3);
    pattern(&two, 0, 3 * PAGE, 4);
    let (here, there, kept) = (Room::new(3)?, Room::new(3)?, Room::new(3)?);
    for round in 0..20 {
        job.run.ok(build(adapter, one.mdl(), 3 * PAGE, here.lam(), here.size())?.status, "LAM-01 NdkBuildLAM")?;
        let mut words = [0u8; HEAD + 24];
        here.0.read(0, &mut words);
        there.0.write(0, &words);
        // The first place is used for another mapping, or is scribbled over.
        let again = round % 2 == 0;
        if again {
            job.run.ok(build(adapter, two.mdl(), 3 * PAGE, here.lam(), here.size())?.status, "LAM-01 NdkBuildLAM")?;
        } else {
            here.0.fill(0, here.0.len(), 0xCC);
        }
        let mut page = [0; 8];
        there.0.read(HEAD, &mut page);
        sends(&ends, u64::from_ne_bytes(page), 64)?;
        holds(job.run, ends.into.buffer(), 0, 64, (3, 0), "LAM-14 the mapping that was moved")?;
        release(adapter, there.lam());
        if again {
            here.0.read(HEAD, &mut page);
            sends(&ends, u64::from_ne_bytes(page), 64)?;
            holds(job.run, ends.into.buffer(), 0, 64, (4, 0), "LAM-14 the other one lives on")?;
            here.0.read(0, &mut words);
            kept.0.write(0, &words);
            release(adapter, kept.lam());
        }
    }
    // Nothing is left, or the adapter's close would wait (LIFE-18).
    Ok(())
}

fn lam_15(job: &Job) -> Result {
    let ends = Ends::new(job)?;
    let adapter = &ends.pair.active.adapter;
    let buffer = Buffer::new(4 * PAGE)?;
    pattern(&buffer, 0, 4 * PAGE, 3);
    let part = Part::new(&buffer, 77, 2 * PAGE)?;
    let (mut before, mut after) = ([0u8; MDL_BYTES], [0u8; MDL_BYTES]);
    snapshot(&part, &mut before);
    for _ in 0..50 {
        let pages = Pages::of(adapter, part.mdl(), 2 * PAGE, buffer.address().addr().get() + 77)?;
        sends(&ends, pages.address(0), 100)?;
        irql::at_dispatch(|| pages.release());
        snapshot(&part, &mut after);
        job.run.check(before == after, "LAM-15 the MDL is as it was before the build")?;
    }
    holds(job.run, &buffer, 0, 4 * PAGE, (3, 0), "LAM-15 and so is the memory")?;
    stays_as_it_is(job)
}
