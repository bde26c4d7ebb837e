//! `INV-*`: NdkInvalidate. See docs/contract/ndkpi.md; traffic in flight is in `invalidate_race.rs`.

use super::{
    fast_register::ALL,
    mapped::{Window, invalidate},
    pages::{PAGE, Registration, Setup, frmr, reads},
    stage::{adapter, empty, join, take},
    work_help::{done, nothing_in, release, stall},
};
use crate::{
    kernel::Buffer,
    ndk::{End, Mr, Region, nothing, sge},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_OBJECT_HEADER, NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_SILENT_SUCCESS, NTSTATUS,
    NdkOperationTypeInvalidate, STATUS_ACCESS_VIOLATION, STATUS_CONNECTION_INVALID, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "INV-01" inv_01, "regions and windows lose their tokens";
    "INV-03" inv_03, "a regular region is refused";
    "INV-04" inv_04, "an object of another type is refused";
    "INV-05" inv_05, "without a connection it is refused";
    "INV-06" inv_06, "invalidating what is not valid fails in the completion";
    "INV-07" inv_07, "a window is invalidated on the QP that it was bound on";
    "INV-08" inv_08, "a region with windows bound to it cannot be invalidated";
    "INV-09" inv_09, "the completion type is Invalidate";
    "INV-10" inv_10, "the defined flags are taken, all others refused";
    "INV-11" inv_11, "what a peer does with a dead token costs its own connection only";
}

const READ: u32 = NDK_OP_FLAG_ALLOW_REMOTE_READ;

/// A setup whose region is registered with all rights at address 0.
#[inline(never)]
fn registered(job: &Job) -> Result<Setup> {
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    Registration::of(&list, 0).with(ALL).done(setup.end(), &setup.mr)?;
    Ok(setup)
}

/// A window on the first page of a registered region, bound on the QP of the setup.
#[inline(never)]
fn bound(setup: &Setup, length: usize) -> Result<Window> {
    let window = Window::new(&setup.end().pd)?;
    let posted = window.bind(&setup.end().qp, 0xB1, &setup.mr, 0, length, READ);
    setup.run().ok(posted, "BND-01 NdkBind")?;
    done(setup.end(), 0xB1)?;
    Ok(window)
}

/// Invalidates what must not be, and expects the completion that ends the connection.
#[track_caller]
fn fails(end: &End, peer: &End, posted: NTSTATUS, context: usize, what: &'static str) -> Result {
    let run = end.qp.run();
    run.ok(posted, "INV-06 judged when it runs")?;
    let result = take(run, &end.initiated)?;
    run.status(result.Status, STATUS_INVALID_DEVICE_REQUEST, what)?;
    run.equal(result.RequestContext.addr(), context, "WR-04 its context")?;
    peer.connector.wait_for_disconnect()?;
    let after = end.qp.write(9, &nothing(), 0, 0, 0);
    run.status(after, STATUS_CONNECTION_INVALID, "INV-06 the connection is over")
}

fn inv_01(job: &Job) -> Result {
    // By the peer, reading and writing, and by entries of its own end.
    let setup = registered(job)?;
    job.run.ok(setup.peer_reads(0, PAGE)?, "FRG-01 valid before")?;
    setup.invalidated()?;
    job.run.status(setup.peer_reads(0, 1)?, STATUS_REMOTE_RESOURCES, "INV-01 dead for a peer's read")?;
    let setup = registered(job)?;
    setup.invalidated()?;
    job.run.check(!setup.peer_writes(0, 1)?, "INV-01 dead for a peer's write")?;
    let setup = registered(job)?;
    let token = setup.mr.local_token();
    setup.invalidated()?;
    job.run.ok(setup.end().qp.write(1, &[sge(0, 1, token)], 0, 0, 0), "WR-25 judged when it runs")?;
    let status = take(job.run, &setup.end().initiated)?.Status;
    job.run.status(status, STATUS_ACCESS_VIOLATION, "INV-01 dead for an own entry")?;
    // When it executes, not when it is posted.
    let setup = registered(job)?;
    stall(setup.end())?;
    job.run.ok(invalidate(&setup.end().qp, 1, &setup.mr, 0), "INV-01 NdkInvalidate")?;
    job.run.ok(setup.peer_reads(0, PAGE)?, "INV-01 alive until the request runs")?;
    release(setup.end(), &setup.pair.passive)?;
    done(setup.end(), 1)?;
    job.run.status(setup.peer_reads(0, 1)?, STATUS_REMOTE_RESOURCES, "INV-01 dead then")?;
    // Windows, on a region of each kind; the region itself lives on.
    window_dies(job, true)?;
    window_dies(job, false)
}

#[inline(never)]
fn window_dies(job: &Job, fast: bool) -> Result {
    let setup = registered(job)?;
    let plain = Region::new(&setup.end().pd, PAGE, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
    let window = Window::new(&setup.end().pd)?;
    let (mr, address) = if fast { (&setup.mr, 0) } else { (plain.mr(), plain.remote(0) as usize) };
    job.run.ok(window.bind(&setup.end().qp, 1, mr, address, PAGE, READ), "BND-01 NdkBind")?;
    done(setup.end(), 1)?;
    let (peer, token) = (&setup.pair.passive, window.remote_token());
    job.run.ok(reads(peer, &setup.theirs, (address as u64, PAGE), token)?, "BND-06 valid before")?;
    job.run.ok(window.invalidate(&setup.end().qp, 2), "INV-01 NdkInvalidate of a window")?;
    done(setup.end(), 2)?;
    let whole = reads(peer, &setup.theirs, (address as u64, PAGE), mr.remote_token())?;
    job.run.ok(whole, "INV-01 the region lives on")?;
    let status = reads(peer, &setup.theirs, (address as u64, 1), token)?;
    job.run.status(status, STATUS_REMOTE_RESOURCES, "INV-01 the window is dead")
}

fn inv_03(job: &Job) -> Result {
    let setup = registered(job)?;
    let (end, rights) = (setup.end(), NDK_MR_FLAG_ALLOW_REMOTE_READ);
    let region = Region::new(&end.pd, 64, rights)?;
    let blank = end.pd.mr()?;
    for mr in [region.mr(), &blank] {
        let status = invalidate(&end.qp, 1, mr, 0);
        job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "INV-03 a regular region")?;
    }
    nothing_in(&end.initiated, "WR-03 what was refused completes nothing")?;
    let status = reads(&setup.pair.passive, &setup.theirs, (region.remote(0), 64), region.remote_token())?;
    job.run.ok(status, "INV-03 its token is as good as before")
}

fn inv_04(job: &Job) -> Result {
    let setup = registered(job)?;
    let end = setup.end();
    let Some(function) = end.qp.dispatch().NdkInvalidate else { return job.run.ok(STATUS_NOT_SUPPORTED, "INV-04") };
    let adapter: *mut NDK_OBJECT_HEADER = end.adapter.raw().cast();
    let others = [adapter, end.qp.header(), end.pd.header(), end.initiated.header(), end.connector.header()];
    for object in others.into_iter().chain([setup.pair.listener.header()]) {
        // SAFETY: the QP and the object are open.
        let status = unsafe { function(end.qp.raw(), ptr::null_mut(), object, 0) };
        job.run.status(status, STATUS_INVALID_PARAMETER, "INV-04 an object of another type")?;
    }
    nothing_in(&end.initiated, "WR-03 what was refused completes nothing")?;
    setup.invalidated()
}

fn inv_05(job: &Job) -> Result {
    let what = "INV-05 without a connection";
    {
        let adapter = adapter(job)?;
        let (pd, cq) = (adapter.pd()?, adapter.cq(16)?);
        let qp = pd.qp(&cq)?;
        let (mr, window) = (frmr(&pd, 1, true)?, Window::new(&pd)?);
        job.run.status(invalidate(&qp, 1, &mr, 0), STATUS_CONNECTION_INVALID, what)?;
        job.run.status(window.invalidate(&qp, 1), STATUS_CONNECTION_INVALID, what)?;
        nothing_in(&cq, "WR-03 what was refused completes nothing")?;
    }
    let setup = registered(job)?;
    let leaving = setup.end().connector.disconnect()?;
    job.run.status(invalidate(&setup.end().qp, 1, &setup.mr, 0), STATUS_CONNECTION_INVALID, what)?;
    setup.pair.passive.connector.wait_for_disconnect()?;
    setup.pair.passive.connector.disconnect()?.ok("CONN-68 NdkDisconnect")?;
    leaving.ok("CONN-61 NdkDisconnect").map(drop)
}

/// Ways to make a region or window invalid before it is invalidated once more.
#[inline(never)]
fn not_valid(job: &Job, case: usize) -> Result {
    let what = "INV-06 what is not valid";
    let setup = if case == 0 { Setup::new(job, 2)? } else { registered(job)? };
    let (end, peer) = (setup.end(), &setup.pair.passive);
    match case {
        // Never registered; invalidated; invalidated by the peer; never initialised.
        0 => {}
        1 => setup.invalidated()?,
        2 => {
            job.run.ok(end.qp.receive(3, &nothing()), "WR-12 NdkReceive")?;
            let sent = peer.qp.send_and_invalidate(4, &nothing(), 0, setup.mr.remote_token());
            job.run.ok(sent, "SINV-01 NdkSendAndInvalidate")?;
            done(peer, 4)?;
            end.received.expect(3, STATUS_SUCCESS, "SINV-01 the message arrives")?;
        }
        _ => {
            let blank: Mr = end.pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?;
            let posted = invalidate(&end.qp, 5, &blank, 0);
            return fails(end, peer, posted, 5, what);
        }
    }
    fails(end, peer, invalidate(&end.qp, 5, &setup.mr, 0), 5, what)
}

#[inline(never)]
fn window_not_valid(job: &Job, twice: bool) -> Result {
    let setup = registered(job)?;
    let window = if twice { bound(&setup, PAGE)? } else { Window::new(&setup.end().pd)? };
    if twice {
        job.run.ok(window.invalidate(&setup.end().qp, 2), "INV-01 NdkInvalidate")?;
        done(setup.end(), 2)?;
    }
    let posted = window.invalidate(&setup.end().qp, 3);
    fails(setup.end(), &setup.pair.passive, posted, 3, "INV-06 a window that is not valid")
}

fn inv_06(job: &Job) -> Result {
    (0..4).try_for_each(|case| not_valid(job, case))?;
    [false, true].into_iter().try_for_each(|twice| window_not_valid(job, twice))
}

fn inv_07(job: &Job) -> Result {
    let setup = registered(job)?;
    let window = bound(&setup, PAGE)?;
    let (active, passive) = (&setup.pair.active, &setup.pair.passive);
    let (our_cq, their_cq) = (active.adapter.cq(64)?, passive.adapter.cq(64)?);
    let (ours, theirs) = (active.pd.qp(&our_cq)?, passive.pd.qp(&their_cq)?);
    let other = join(job, (&active.adapter, &ours), (&passive.adapter, &theirs))?;
    job.run.ok(window.invalidate(&ours, 1), "INV-06 judged when it runs")?;
    let status = take(job.run, &our_cq)?.Status;
    job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "INV-07 a window of another QP")?;
    other.passive.wait_for_disconnect()?;
    // The QP that it was bound on, and the window, are as they were.
    let status = reads(passive, &setup.theirs, (0, PAGE), window.remote_token())?;
    job.run.ok(status, "INV-07 the window lives on")?;
    job.run.ok(window.invalidate(&active.qp, 2), "INV-01 NdkInvalidate")?;
    done(active, 2).map(drop)
}

fn inv_08(job: &Job) -> Result {
    let setup = registered(job)?;
    let first = bound(&setup, PAGE)?;
    let second = bound(&setup, 1)?;
    // With none bound any more it works, which shows below; with one it fails.
    job.run.ok(second.invalidate(&setup.end().qp, 1), "INV-01 NdkInvalidate")?;
    done(setup.end(), 1)?;
    let posted = invalidate(&setup.end().qp, 2, &setup.mr, 0);
    fails(setup.end(), &setup.pair.passive, posted, 2, "INV-08 a window is bound")?;
    drop(first);
    let setup = registered(job)?;
    let window = bound(&setup, PAGE)?;
    job.run.ok(window.invalidate(&setup.end().qp, 1), "INV-01 NdkInvalidate")?;
    done(setup.end(), 1)?;
    setup.invalidated()
}

fn inv_09(job: &Job) -> Result {
    let setup = registered(job)?;
    let window = bound(&setup, PAGE)?;
    for (number, posted) in
        [window.invalidate(&setup.end().qp, 0), invalidate(&setup.end().qp, 1, &setup.mr, 0)].into_iter().enumerate()
    {
        job.run.ok(posted, "INV-01 NdkInvalidate")?;
        let result = take(job.run, &setup.end().initiated)?;
        job.run.ok(result.Status, "INV-01 it succeeds")?;
        job.run.equal(result.RequestContext.addr(), number, "WR-04 its context")?;
        job.run.equal(result.Type, NdkOperationTypeInvalidate, "INV-09 its type")?;
    }
    Ok(())
}

fn inv_10(job: &Job) -> Result {
    const GOOD: [u32; 3] = [NDK_OP_FLAG_SILENT_SUCCESS, NDK_OP_FLAG_READ_FENCE, NDK_OP_FLAG_DEFER];
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    let (run, end) = (job.run, setup.end());
    for set in 0..1u32 << GOOD.len() {
        let flags = GOOD.iter().enumerate().filter(|(bit, _)| set & 1 << bit != 0).fold(0, |all, (_, flag)| all | flag);
        Registration::of(&list, 0).with(NDK_OP_FLAG_ALLOW_LOCAL_WRITE).done(end, &setup.mr)?;
        run.ok(invalidate(&end.qp, 1, &setup.mr, flags), "INV-10 defined flags")?;
        run.ok(end.qp.write(2, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
        if flags & NDK_OP_FLAG_SILENT_SUCCESS == 0 {
            done(end, 1)?;
        }
        done(end, 2)?;
        empty(run, &end.initiated)?;
    }
    Registration::of(&list, 0).done(end, &setup.mr)?;
    for bit in (0..32).map(|bit| 1u32 << bit).filter(|bit| GOOD.iter().all(|good| good != bit)) {
        let status = invalidate(&end.qp, 1, &setup.mr, bit);
        run.status(status, STATUS_INVALID_PARAMETER, "INV-10 other flags")?;
    }
    nothing_in(&end.initiated, "WR-03 what was refused completes nothing")?;
    setup.invalidated()
}

fn inv_11(job: &Job) -> Result {
    let setup = registered(job)?;
    let (active, passive) = (&setup.pair.active, &setup.pair.passive);
    let (our_cq, their_cq) = (active.adapter.cq(64)?, passive.adapter.cq(64)?);
    let (ours, theirs) = (active.pd.qp(&our_cq)?, passive.pd.qp(&their_cq)?);
    let other = join(job, (&active.adapter, &ours), (&passive.adapter, &theirs))?;
    setup.invalidated()?;
    // The other connection's peer uses the dead token and loses that connection.
    let (token, into) = (setup.mr.remote_token(), [setup.theirs.sge(0, 64)]);
    job.run.ok(theirs.read(1, &into, 0, token, 0), "RD-01 NdkRead")?;
    their_cq.expect(1, STATUS_REMOTE_RESOURCES, "INV-11 fatal for that connection")?;
    other.active.wait_for_disconnect()?;
    // The first one stands, and its region can be registered again.
    let list = setup.pages.list()?;
    Registration::of(&list, 0).with(READ).done(active, &setup.mr)?;
    job.run.ok(setup.peer_reads(0, PAGE)?, "INV-11 other connections go on")?;
    let spare = Buffer::new(64)?;
    let mr = active.pd.mr()?;
    // SAFETY: the region is closed before the buffer goes: it is declared later.
    unsafe { mr.register(spare.mdl(), 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE) }?.ok("MR-10 NdkRegisterMr")?;
    job.run.ok(setup.peer_reads(0, PAGE)?, "INV-11 other connections go on")
}
