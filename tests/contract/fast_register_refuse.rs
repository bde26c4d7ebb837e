//! `FRG-03`, `FRG-04`, `FRG-06`, `FRG-07`, `FRG-09`, `FRG-12` to `FRG-14`: fast registrations that must fail, and
//! what they leave behind. See docs/contract/ndkpi.md.

use super::{
    fast_register::ALL,
    pages::{OURS, PAGE, Pages, Registration, Setup, frmr},
    stage::{adapter, take},
    work_help::{done, holds, nothing_in},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Cq, Mr, Pd, QpOptions, Region, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ,
    NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_CONNECTION_INVALID,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
};

contract! {
    "FRG-03" frg_03, "any length that the pages hold, and no more";
    "FRG-04" frg_04, "no more pages than initialised, and not none";
    "FRG-06" frg_06, "remote rights need a region with remote access";
    "FRG-07" frg_07, "without a connection it is refused";
    "FRG-09" frg_09, "page addresses are aligned and come from a mapping";
    "FRG-12" frg_12, "a region that is valid cannot be registered over";
    "FRG-13" frg_13, "a regular region, or one not initialised, is refused";
    "FRG-14" frg_14, "region and QP belong to one PD";
}

/// Posts what must be refused inline, and shows that it has changed nothing: the region can be registered, used
/// and invalidated, and the connection stands.
#[track_caller]
fn refused(setup: &Setup, bad: &Registration, wanted: NTSTATUS, what: &'static str) -> Result {
    let status = bad.post(&setup.end().qp, 1, &setup.mr);
    setup.run().status(status, wanted, what)
}

#[inline(never)]
fn still_good(setup: &Setup, list: &[u64]) -> Result {
    nothing_in(&setup.end().initiated, "WR-03 what was refused completes nothing")?;
    Registration::of(list, 0).with(NDK_OP_FLAG_ALLOW_LOCAL_WRITE).done(setup.end(), &setup.mr)?;
    setup.invalidated()
}

fn frg_03(job: &Job) -> Result {
    let setup = Setup::new(job, 3)?;
    let list = setup.pages.list()?;
    let whole = Registration::of(&list, 0).with(ALL);
    let what = "FRG-03 no more than the pages hold";
    for fbo in [0, 1, 4095] {
        let most = 3 * PAGE - fbo as usize;
        let wrong = [0, most + 1, 4 * PAGE, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, usize::MAX - 4095, usize::MAX];
        for length in wrong.into_iter().filter(|length| *length == 0 || *length > most) {
            refused(&setup, &Registration { fbo, length, ..whole }, STATUS_INVALID_PARAMETER, what)?;
        }
    }
    // Bytes that have no address: the range would go on at 0 (WR-35).
    for (base, length) in [(u64::MAX, 2), (u64::MAX - 4094, PAGE), (u64::MAX - 3 * PAGE as u64 + 2, 3 * PAGE)] {
        let bad = Registration { length, ..Registration::of(&list, base) };
        refused(&setup, &bad, STATUS_INVALID_PARAMETER, "FRG-03 more than the address space holds")?;
        let good = Registration { length: length - 1, ..bad };
        good.done(setup.end(), &setup.mr)?;
        setup.invalidated()?;
    }
    for fbo in [4096, 4097, 8192, 0x7FFF_FFFF, 0xFFFF_F000, u32::MAX] {
        let bad = Registration { fbo, length: 1, ..whole };
        refused(&setup, &bad, STATUS_INVALID_PARAMETER, "FRG-03 an offset past the first page")?;
    }
    still_good(&setup, &list)?;
    for (fbo, length) in [(0, 1), (0, 3 * PAGE), (0, PAGE), (1, 3 * PAGE - 1), (4095, 1), (4095, 2 * PAGE + 1)] {
        let good = Registration { fbo, length, ..whole };
        good.done(setup.end(), &setup.mr)?;
        job.run.ok(setup.peer_reads(0, length)?, "FRG-03 all of it")?;
        holds(job.run, setup.theirs.buffer(), 0, length, (OURS, fbo as usize), "FRG-03 all of it")?;
        setup.invalidated()?;
    }
    // Fewer pages than there are: they bound the length.
    let bad = Registration { count: 2, length: 2 * PAGE + 1, ..whole };
    refused(&setup, &bad, STATUS_INVALID_PARAMETER, what)?;
    still_good(&setup, &list)
}

fn frg_04(job: &Job) -> Result {
    let setup = Setup::new(job, 4)?;
    let list = setup.pages.list()?;
    let whole = Registration { length: PAGE, ..Registration::of(&list, 0) };
    // A region for fewer pages than the array has.
    let small = frmr(&setup.end().pd, 3, true)?;
    let what = "FRG-04 more pages than initialised";
    for count in [4, 5, 1024, 65_536, 0x10_0000, 0x2000_0000, 0x8000_0000, u32::MAX] {
        let status = Registration { count, ..whole }.post(&setup.end().qp, 1, &small);
        job.run.status(status, STATUS_INVALID_PARAMETER, what)?;
    }
    refused(&setup, &Registration { count: 0, ..whole }, STATUS_INVALID_PARAMETER, "FRG-04 no pages")?;
    let none = Registration { count: 0, length: 0, ..whole };
    refused(&setup, &none, STATUS_INVALID_PARAMETER, "FRG-04 no pages, no bytes")?;
    for count in 1..=3 {
        Registration { count, ..whole }.done(setup.end(), &small)?;
        super::pages::invalidated(setup.end(), &small)?;
    }
    still_good(&setup, &list)
}

fn frg_06(job: &Job) -> Result {
    let setup = Setup::with(job, 2, false)?;
    let list = setup.pages.list()?;
    let local = NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
    for flags in [NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, ALL, ALL | local] {
        let bad = Registration::of(&list, 0).with(flags);
        refused(&setup, &bad, STATUS_ACCESS_VIOLATION, "FRG-06 remote rights without remote access")?;
    }
    for flags in [0, local] {
        Registration::of(&list, 0).with(flags).done(setup.end(), &setup.mr)?;
        setup.invalidated()?;
    }
    still_good(&setup, &list)
}

fn frg_07(job: &Job) -> Result {
    let what = "FRG-07 without a connection";
    {
        let adapter = adapter(job)?;
        let (pd, cq) = (adapter.pd()?, adapter.cq(16)?);
        let qp = pd.qp(&cq)?;
        let buffer = Buffer::new(PAGE)?;
        let (pages, mr) = (Pages::new(&adapter, &buffer)?, frmr(&pd, 1, true)?);
        let list = pages.list()?;
        job.run.status(Registration::of(&list, 0).post(&qp, 1, &mr), STATUS_CONNECTION_INVALID, what)?;
        nothing_in(&cq, "WR-03 what was refused completes nothing")?;
    }
    let setup = Setup::new(job, 1)?;
    let list = setup.pages.list()?;
    let leaving = setup.end().connector.disconnect()?;
    refused(&setup, &Registration::of(&list, 0), STATUS_CONNECTION_INVALID, what)?;
    setup.pair.passive.connector.wait_for_disconnect()?;
    setup.pair.passive.connector.disconnect()?.ok("CONN-68 NdkDisconnect")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    refused(&setup, &Registration::of(&list, 0), STATUS_CONNECTION_INVALID, what)
}

/// Registers a list with a page that is bad when the request runs; the region then gives nothing.
#[inline(never)]
fn no_page(job: &Job, place: usize, page: impl FnOnce(&Setup, &mut Buffer) -> Result<u64>) -> Result {
    let setup = Setup::new(job, 4)?;
    let mut list = setup.pages.list()?;
    let mut spare = Buffer::new(2 * PAGE)?;
    let bad = page(&setup, &mut spare)?;
    if let Some(place) = list.get_mut(place) {
        *place = bad;
    }
    let posted = Registration::of(&list, 0x8000).with(ALL).post(&setup.end().qp, 1, &setup.mr);
    job.run.ok(posted, "FRG-09 pages are looked up when the request runs")?;
    let result = take(job.run, &setup.end().initiated)?;
    job.run.status(result.Status, STATUS_ACCESS_VIOLATION, "FRG-09 a page of no mapping")?;
    job.run.equal(result.RequestContext.addr(), 1usize, "WR-04 its context")?;
    setup.pair.passive.connector.wait_for_disconnect()?;
    // Over another connection of the same domain, it still is not valid.
    let token = setup.mr.local_token();
    drop(spare);
    gives_nothing(job, &setup.end().pd, token, 0x8000)
}

/// A token of a domain opens nothing at an address, as a source of a fresh connection.
#[inline(never)]
pub fn gives_nothing(job: &Job, pd: &Pd, token: u32, address: usize) -> Result {
    let adapter = pd.adapter();
    let cq = adapter.cq(64)?;
    let qp = pd.qp(&cq)?;
    let other = super::stage::adapter(job)?;
    let (there, their_cq) = (other.pd()?, other.cq(64)?);
    let their_qp = there.qp(&their_cq)?;
    let _joined = super::stage::join(job, (adapter, &qp), (&other, &their_qp))?;
    let region = Region::new(&there, 64, ndkpi_sys::NDK_MR_FLAG_ALLOW_REMOTE_WRITE)?;
    let entry = [sge(address, 8, token)];
    job.run.ok(qp.write(9, &entry, region.remote(0), region.remote_token(), 0), "WR-25 judged when it runs")?;
    let status = take(job.run, &cq)?.Status;
    job.run.status(status, STATUS_ACCESS_VIOLATION, "MR-47 the token opens nothing")
}

fn frg_09(job: &Job) -> Result {
    {
        let setup = Setup::new(job, 4)?;
        for place in 0..4 {
            for offset in [1, 8, 512, 4095] {
                let mut list = setup.pages.list()?;
                if let Some(page) = list.get_mut(place) {
                    *page += offset;
                }
                let bad = Registration::of(&list, 0).with(ALL);
                refused(&setup, &bad, STATUS_INVALID_PARAMETER, "FRG-09 a page address that is not aligned")?;
            }
        }
        still_good(&setup, &setup.pages.list()?)?;
    }
    for place in [0, 1, 3] {
        // Numbers of no mapping: null, system addresses, the ends of the range.
        no_page(job, place, |_, _| Ok(0))?;
        no_page(job, place, |setup, _| Ok(setup.buffer.address().addr().get() as u64))?;
        no_page(job, place, |_, _| Ok(0xFFFF_FFFF_FFFF_F000))?;
        no_page(job, place, |_, _| Ok(0x7FFF_FFFF_FFFF_F000))?;
        no_page(job, place, |setup, _| Ok(setup.pages.page(0) | 1 << 63))?;
        // The page behind the last one of a mapping, and the one before the first.
        no_page(job, place, |setup, _| Ok(setup.pages.page(3) + PAGE as u64))?;
        no_page(job, place, |setup, _| Ok(setup.pages.page(0).wrapping_sub(PAGE as u64)))?;
        // A mapping that is released.
        no_page(job, place, |setup, spare| {
            let gone = Pages::new(&setup.end().adapter, spare)?;
            let page = gone.page(0);
            gone.release();
            Ok(page)
        })?;
    }
    // Of another open of the same adapter.
    let other = adapter(job)?;
    let buffer = Buffer::new(PAGE)?;
    let foreign = Pages::new(&other, &buffer)?;
    no_page(job, 0, |_, _| Ok(foreign.page(0)))?;
    no_page(job, 2, |_, _| Ok(foreign.page(0)))?;
    // All pages in one run that starts in the mapping and ends behind it.
    let setup = Setup::new(job, 4)?;
    let mut list: List<u64> = List::new();
    for page in 1..5u64 {
        list.try_push(setup.pages.page(0) + page * PAGE as u64)?;
    }
    let posted = Registration::of(&list, 0).with(ALL).post(&setup.end().qp, 1, &setup.mr);
    job.run.ok(posted, "FRG-09 pages are looked up when the request runs")?;
    let status = take(job.run, &setup.end().initiated)?.Status;
    job.run.status(status, STATUS_ACCESS_VIOLATION, "FRG-09 a run that leaves its mapping")
}

fn frg_12(job: &Job) -> Result {
    for others in [false, true] {
        let setup = Setup::new(job, 2)?;
        let list = setup.pages.list()?;
        let first = Registration { length: PAGE, ..Registration::of(&list, 0x1000) }.with(ALL);
        first.done(setup.end(), &setup.mr)?;
        // The same once more, or something else.
        let again = if others { Registration::of(&list, 0x9000).with(0) } else { first };
        job.run.ok(again.post(&setup.end().qp, 2, &setup.mr), "FRG-12 judged when it runs")?;
        let status = take(job.run, &setup.end().initiated)?.Status;
        job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "FRG-12 a region that is valid")?;
        setup.pair.passive.connector.wait_for_disconnect()?;
    }
    // Two in a row, posted without a wait between them.
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let (end, whole) = (setup.end(), Registration::of(&list, 0).with(ndkpi_sys::NDK_OP_FLAG_DEFER));
    job.run.ok(whole.post(&end.qp, 1, &setup.mr), "FRG-01 NdkFastRegister")?;
    job.run.ok(whole.with(0).post(&end.qp, 2, &setup.mr), "FRG-12 judged when it runs")?;
    done(end, 1)?;
    end.initiated.expect(2, STATUS_INVALID_DEVICE_REQUEST, "FRG-12 a region that is valid").map(drop)
}

fn frg_13(job: &Job) -> Result {
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let (pd, qp) = (&setup.end().pd, &setup.end().qp);
    let regular = pd.mr()?;
    let registered = Region::new(pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let blank = pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?;
    for mr in [&regular, registered.mr(), &blank] {
        for flags in [0, ALL] {
            let status = Registration::of(&list, 0).with(flags).post(qp, 1, mr);
            job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "FRG-13 no initialised region")?;
        }
    }
    job.run.equal(registered.mr().local_token(), registered.local_token(), "FRG-13 the token is as before")?;
    still_good(&setup, &list)
}

/// A region and a QP of two domains of one open.
#[inline(never)]
fn of_other_domain(setup: &Setup) -> Result<(Pd, Mr)> {
    let pd = setup.end().adapter.pd()?;
    let mr = frmr(&pd, 2, true)?;
    Ok((pd, mr))
}

fn frg_14(job: &Job) -> Result {
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let (pd, foreign) = of_other_domain(&setup)?;
    let theirs = frmr(&setup.pair.passive.pd, 2, true)?;
    for mr in [&foreign, &theirs] {
        let status = Registration::of(&list, 0).with(ALL).post(&setup.end().qp, 1, mr);
        job.run.status(status, STATUS_INVALID_PARAMETER, "FRG-14 a region of another domain")?;
    }
    // A domain that looks the same: both have a QP with the same queues.
    let cq: &Cq = &setup.end().initiated;
    let _twin = pd.create_qp(cq, cq, &QpOptions::default())?.ok("QP-01 NdkCreateQp")?;
    let status = Registration::of(&list, 0).post(&setup.end().qp, 1, &foreign);
    job.run.status(status, STATUS_INVALID_PARAMETER, "FRG-14 a region of another domain")?;
    still_good(&setup, &list)?;
    Registration::of(&list, 0x5000).with(ALL).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.peer_reads(0x5000, PAGE)?, "FRG-14 one of its own")
}
