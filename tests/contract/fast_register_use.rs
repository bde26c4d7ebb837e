//! `FRG-11`, `FRG-15`, `FRG-18`: the rights of a fast registration, and its use by other requests. See
//! docs/contract/ndkpi.md.

use super::{
    fast_register::ALL,
    pages::{OURS, PAGE, Pages, Registration, Setup, frmr, reads},
    stage::{Joined, join, take},
    work_help::{done, holds, pattern, received},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Adapter, Cq, Mr, PairOptions, Pd, Qp, QpOptions, Region, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_LOCAL_WRITE,
    NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_WRITE, NDK_OP_FLAG_DEFER, NDK_OP_FLAG_RDMA_READ_SINK,
    NDK_OP_FLAG_SILENT_SUCCESS, STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "FRG-11" frg_11, "rights are as given, and enforced";
    "FRG-15" frg_15, "a region registered over one QP works on every QP of its PD";
    "FRG-18" frg_18, "a deferred chain of registrations and a send works without waiting";
}

const LOCAL: u32 = NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
const READ: u32 = NDK_OP_FLAG_ALLOW_REMOTE_READ;
const WRITE: u32 = NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
const BASE: u64 = 0x4_0000_0000;

#[inline(never)]
fn registered(job: &Job, flags: u32) -> Result<Setup> {
    let setup = Setup::new(job, 2)?;
    let list = setup.pages.list()?;
    Registration::of(&list, BASE).with(flags).done(setup.end(), &setup.mr)?;
    Ok(setup)
}

/// What the peer may do.
#[inline(never)]
fn remotely(job: &Job, flags: u32) -> Result {
    let setup = registered(job, flags)?;
    let wanted = if flags & READ != 0 { STATUS_SUCCESS } else { STATUS_REMOTE_RESOURCES };
    job.run.status(setup.peer_reads(BASE, 2 * PAGE)?, wanted, "FRG-11 remote read")?;
    let setup = registered(job, flags)?;
    setup.theirs.buffer().fill(0, 2 * PAGE, 0xAB);
    let may = setup.peer_writes(BASE, 2 * PAGE)?;
    job.run.equal(u64::from(may), u64::from(flags & WRITE == WRITE), "FRG-11 remote write")?;
    if !may {
        holds(job.run, &setup.buffer, 0, 2 * PAGE, (OURS, 0), "FRG-11 no byte is changed")?;
    }
    Ok(())
}

/// What entries of its own end may do.
#[inline(never)]
fn locally(job: &Job, flags: u32) -> Result {
    let setup = registered(job, flags)?;
    let remote = NDK_MR_FLAG_ALLOW_REMOTE_READ | ndkpi_sys::NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
    let theirs = Region::new(&setup.pair.passive.pd, PAGE, remote)?;
    let entry = [sge(BASE as usize + 9, 1000, setup.mr.local_token())];
    let qp = &setup.end().qp;
    job.run.ok(qp.write(1, &entry, theirs.remote(0), theirs.remote_token(), 0), "WRT-01 NdkWrite")?;
    done(setup.end(), 1)?;
    let wanted = if flags & LOCAL != 0 { STATUS_SUCCESS } else { STATUS_ACCESS_VIOLATION };
    job.run.ok(qp.read(2, &entry, theirs.remote(0), theirs.remote_token(), 0), "RD-01 NdkRead")?;
    let status = take(job.run, &setup.end().initiated)?.Status;
    job.run.status(status, wanted, "FRG-11 a sink needs local write")?;
    if wanted != STATUS_SUCCESS {
        holds(job.run, &setup.buffer, 0, 2 * PAGE, (OURS, 0), "FRG-11 no byte is changed")?;
    }
    Ok(())
}

fn frg_11(job: &Job) -> Result {
    for rights in [0, LOCAL, READ, WRITE, READ | LOCAL, WRITE | LOCAL, ALL] {
        for flags in [rights, rights | NDK_OP_FLAG_RDMA_READ_SINK] {
            remotely(job, flags)?;
            locally(job, flags)?;
        }
    }
    // The rights of each registration count, not those of the one before.
    let setup = registered(job, ALL)?;
    setup.invalidated()?;
    let list = setup.pages.list()?;
    Registration::of(&list, BASE).with(READ).done(setup.end(), &setup.mr)?;
    job.run.ok(setup.peer_reads(BASE, PAGE)?, "FRG-11 remote read")?;
    job.run.check(!setup.peer_writes(BASE, PAGE)?, "FRG-11 remote write was given to the registration before")
}

/// A second connection between the same domains.
struct Second {
    _joined: Joined,
    ours: Qp,
    theirs: Qp,
    our_cq: Cq,
    their_cq: Cq,
}

#[inline(never)]
fn second(job: &Job, setup: &Setup) -> Result<Second> {
    let (active, passive) = (&setup.pair.active, &setup.pair.passive);
    let (our_cq, their_cq) = (active.adapter.cq(64)?, passive.adapter.cq(64)?);
    let (ours, theirs) = (active.pd.qp(&our_cq)?, passive.pd.qp(&their_cq)?);
    let _joined = join(job, (&active.adapter, &ours), (&passive.adapter, &theirs))?;
    Ok(Second { _joined, ours, theirs, our_cq, their_cq })
}

fn frg_15(job: &Job) -> Result {
    let setup = registered(job, ALL)?;
    let other = second(job, &setup)?;
    let token = setup.mr.remote_token();
    // The peer of the other connection reads, and entries of the other QP send.
    let into = [setup.theirs.sge(0, 2 * PAGE)];
    job.run.ok(other.theirs.read(1, &into, BASE, token, 0), "RD-01 NdkRead")?;
    other.their_cq.expect(1, STATUS_SUCCESS, "FRG-15 the peer of another QP")?;
    holds(job.run, setup.theirs.buffer(), 0, 2 * PAGE, (OURS, 0), "FRG-15 the bytes")?;
    setup.theirs.buffer().fill(0, 2 * PAGE, 0);
    job.run.ok(other.theirs.receive(2, &into), "WR-12 NdkReceive")?;
    job.run.ok(other.ours.send(3, &[sge(BASE as usize, 2 * PAGE, token)], 0), "SND-01 NdkSend")?;
    other.our_cq.expect(3, STATUS_SUCCESS, "FRG-15 an entry of another QP")?;
    other.their_cq.expect(2, STATUS_SUCCESS, "RCV-01 the message arrives")?;
    holds(job.run, setup.theirs.buffer(), 0, 2 * PAGE, (OURS, 0), "FRG-15 the bytes")?;
    // Invalidated over the other QP, registered again over the first.
    job.run.ok(super::mapped::invalidate(&other.ours, 4, &setup.mr, 0), "INV-01 NdkInvalidate")?;
    other.our_cq.expect(4, STATUS_SUCCESS, "FRG-15 invalidated over another QP")?;
    let list = setup.pages.list()?;
    Registration::of(&list, 0).with(READ).done(setup.end(), &setup.mr)?;
    job.run.ok(other.theirs.read(5, &into, 0, token, 0), "RD-01 NdkRead")?;
    other.their_cq.expect(5, STATUS_SUCCESS, "FRG-15 the peer of another QP").map(drop)
}

/// A message that offers memory: what a storage consumer sends to its peer.
fn offer(buffer: &Buffer, number: usize, address: u64, token: u32, length: usize) {
    buffer.write(32 * number, &address.to_ne_bytes());
    buffer.write(32 * number + 8, &token.to_ne_bytes());
    buffer.write(32 * number + 16, &(length as u64).to_ne_bytes());
}

/// The offer as the peer finds it.
fn offered(buffer: &Buffer, number: usize) -> (u64, u32, usize) {
    let (mut address, mut token, mut length) = ([0; 8], [0; 4], [0; 8]);
    buffer.read(32 * number, &mut address);
    buffer.read(32 * number + 8, &mut token);
    buffer.read(32 * number + 16, &mut length);
    (u64::from_ne_bytes(address), u32::from_ne_bytes(token), u64::from_ne_bytes(length) as usize)
}

/// Regions of the sending end, each with memory of its own.
struct Batch {
    regions: List<(Mr, Pages)>,
    memory: List<Buffer>,
}

impl Batch {
    #[inline(never)]
    fn new(adapter: &Adapter, pd: &Pd, count: usize, pages: usize) -> Result<Self> {
        let mut batch = Self { regions: List::new(), memory: List::new() };
        for number in 0..count {
            let buffer = Buffer::new(pages * PAGE)?;
            pattern(&buffer, 0, pages * PAGE, number);
            // Every second one does not begin with its page.
            let fbo = number % 2 * 700;
            let mapped = Pages::part(adapter, &buffer, fbo, pages * PAGE - fbo)?;
            batch.memory.try_push(buffer)?;
            batch.regions.try_push((frmr(pd, pages as u32, true)?, mapped))?;
        }
        Ok(batch)
    }
}

/// One round: all registrations of a batch and the message that offers them, as one deferred chain.
#[inline(never)]
fn round(job: &Job, setup: &Setup, batch: &Batch, note: &Region, into: &Region, silent: u32) -> Result {
    let (run, end, peer) = (job.run, setup.end(), &setup.pair.passive);
    let count = batch.regions.len();
    run.ok(peer.qp.receive(7, &[into.sge(0, 32 * count)]), "WR-12 NdkReceive")?;
    for (number, (mr, mapped)) in batch.regions.iter().enumerate() {
        let list = mapped.list()?;
        let fbo = mapped.fbo();
        let base = 0x10_0000 * (number as u64 + 1) + u64::from(fbo);
        let whole = Registration::of(&list, base).starting_at(fbo).with(ALL | NDK_OP_FLAG_DEFER | silent);
        run.ok(whole.post(&end.qp, number, mr), "FRG-18 NdkFastRegister, deferred")?;
        offer(note.buffer(), number, base, mr.remote_token(), whole.length);
    }
    run.ok(end.qp.send(99, &[note.sge(0, 32 * count)], 0), "FRG-18 NdkSend at the end of the chain")?;
    received(peer, 7, 32 * count)?;
    // The peer acts on the message; the sender has not looked at a completion yet.
    for number in 0..count {
        let (address, token, length) = offered(into.buffer(), number);
        let status = reads(peer, &setup.theirs, (address, length), token)?;
        run.ok(status, "FRG-18 the token works once the message is there")?;
        let from = (number, number % 2 * 700);
        holds(run, setup.theirs.buffer(), 0, length, from, "FRG-18 the bytes of the region")?;
    }
    if silent == 0 {
        (0..count).try_for_each(|number| done(end, number).map(drop))?;
    }
    done(end, 99)?;
    for (number, (mr, _)) in batch.regions.iter().enumerate() {
        let defer = if number + 1 == count { 0 } else { NDK_OP_FLAG_DEFER };
        run.ok(super::mapped::invalidate(&end.qp, number, mr, defer), "INV-10 NdkInvalidate, deferred")?;
    }
    (0..count).try_for_each(|number| done(end, number).map(drop))
}

fn frg_18(job: &Job) -> Result {
    let setup = Setup::new(job, 16)?;
    let batch = Batch::new(&setup.end().adapter, &setup.end().pd, 15, 16)?;
    let note = Region::new(&setup.end().pd, 512, 0)?;
    let into = Region::new(&setup.pair.passive.pd, 512, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    for silent in [0, NDK_OP_FLAG_SILENT_SUCCESS, 0] {
        round(job, &setup, &batch, &note, &into, silent)?;
    }
    // The options of a deep queue, as such a consumer has it, take the chain as well.
    let deep = QpOptions { initiator_depth: 1024, ..QpOptions::default() };
    let pair = super::stage::pair(job, PairOptions { qp: deep, cq_depth: 2048, ..PairOptions::default() })?;
    let batch = Batch::new(&pair.active.adapter, &pair.active.pd, 16, 1)?;
    for (number, (mr, mapped)) in batch.regions.iter().enumerate() {
        let list = mapped.list()?;
        let defer = if number == 15 { 0 } else { NDK_OP_FLAG_DEFER };
        let whole = Registration::of(&list, u64::from(mapped.fbo())).starting_at(mapped.fbo()).with(READ | defer);
        job.run.ok(whole.post(&pair.active.qp, number, mr), "FRG-18 NdkFastRegister, deferred")?;
    }
    (0..16).try_for_each(|number| done(&pair.active, number).map(drop))
}
