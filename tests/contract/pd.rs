//! `PD-*`: protection domains and the privileged token. See docs/contract/ndkpi.md.

use super::{
    mapped::{Mapped, Window, fast_region},
    stage::{adapter, join, pair, take},
};
use crate::{
    kernel::List,
    ndk::{Pair, PairOptions, Pd, Region, nothing, sge},
    run::{Failure, Result},
    workload::Job,
};
use core::{mem::offset_of, ptr};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE, NDK_PD_DISPATCH,
    STATUS_ACCESS_VIOLATION, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_REMOTE_RESOURCES,
    STATUS_SUCCESS, UINT32,
};

contract! {
    "PD-01" pd_01, "NdkCreatePd creates a PD";
    "PD-02" pd_02, "more than the greatest number of PDs are refused, and nothing leaks";
    "PD-03" pd_03, "the table has its eight functions in the documented order";
    "PD-04" pd_04, "the privileged token stays the same and is no token of a region or window";
    "PD-05" pd_05, "with it, logical addresses are source and sink of every request";
    "PD-06" pd_06, "a peer that uses its value never reaches memory";
    "PD-07" pd_07, "guessed and stale tokens of any kind end in a failed access";
    "PD-08" pd_08, "regions serve QPs of their own PD only";
    "PD-09" pd_09, "the privileged token works while the close of its PD pends";
}

const REMOTE: u32 = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;

fn pd_01(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let domains = [adapter.pd()?, adapter.pd()?];
    for pd in &domains {
        // SAFETY: the domain is open.
        let kind = unsafe { (*pd.raw()).Header.ObjectType };
        job.run.equal(kind.cast_unsigned(), 6u32, "PD-01 the object is a PD")?;
    }
    let [one, other] = &domains;
    job.run.check(one.raw() != other.raw(), "PD-01 each create makes another")
}

fn pd_02(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let mut all: List<Pd> = List::new();
    let refusal = loop {
        let created = adapter.create_pd()?;
        match created.object {
            Some(pd) => all.try_push(pd)?,
            None => break created.answer.status,
        }
        if all.len() > 1 << 20 {
            return Err(Failure::new("PD-02 an end to the number", STATUS_SUCCESS));
        }
    };
    job.run.status(refusal, STATUS_INSUFFICIENT_RESOURCES, "PD-02 one too many")?;
    all.clear();
    // As many as before fit again; some must do here.
    for _ in 0..100 {
        all.try_push(adapter.pd()?)?;
    }
    Ok(())
}

fn pd_03(job: &Job) -> Result {
    let order = [
        offset_of!(NDK_PD_DISPATCH, NdkClosePd),
        offset_of!(NDK_PD_DISPATCH, NdkQueryExtension),
        offset_of!(NDK_PD_DISPATCH, NdkCreateMr),
        offset_of!(NDK_PD_DISPATCH, NdkCreateMw),
        offset_of!(NDK_PD_DISPATCH, NdkCreateSrq),
        offset_of!(NDK_PD_DISPATCH, NdkCreateQp),
        offset_of!(NDK_PD_DISPATCH, NdkCreateQpWithSrq),
        offset_of!(NDK_PD_DISPATCH, NdkGetPrivilegedMemoryRegionToken),
    ];
    for (place, offset) in order.into_iter().enumerate() {
        job.run.equal(offset, 8 * place, "PD-03 the order of the header")?;
    }
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    // SAFETY: the domain is open; its table has these functions.
    let table = unsafe { ptr::from_ref(pd.dispatch()).cast::<[usize; 8]>().read() };
    for (place, entry) in table.into_iter().enumerate() {
        let twice = table.into_iter().skip(place + 1).any(|other| other == entry);
        job.run.check(entry != 0 && !twice, "PD-03 eight functions, each another one")?;
    }
    // What each makes is what its name says; the wrappers look at nothing but the place in the table.
    let (mr, cq) = (pd.mr()?, adapter.cq(4)?);
    let (qp, window) = (pd.qp(&cq)?, Window::new(&pd)?);
    // SAFETY: both are open.
    let kinds = unsafe { [(*mr.raw()).Header.ObjectType, (*qp.raw()).Header.ObjectType] };
    job.run.check(kinds == [4, 2], "PD-03 the right objects")?;
    drop(window);
    job.run.equal(pd.privileged_token(), pd.privileged_token(), "PD-04 the token")
}

fn pd_04(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let pd = &pair.active.pd;
    let token = pd.privileged_token();
    let mut regions: List<Region> = List::new();
    for _ in 0..200 {
        let region = Region::new(pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE | REMOTE)?;
        let differs = region.local_token() != token && region.remote_token() != token;
        job.run.check(differs, "PD-04 no token of a region")?;
        regions.try_push(region)?;
    }
    let fast = fast_region(pd, 4)?;
    job.run.check(fast.local_token() != token && fast.remote_token() != token, "PD-04 no token of a region")?;
    let window = Window::new(pd)?;
    let region = Region::new(pd, 64, REMOTE)?;
    let address = region.buffer().address().addr().get();
    let flags = ndkpi_sys::NDK_OP_FLAG_ALLOW_REMOTE_READ;
    job.run.ok(window.bind(&pair.active.qp, 1, region.mr(), address, 64, flags), "BND-01 NdkBind")?;
    job.run.ok(take(job.run, &pair.active.initiated)?.Status, "BND-01 NdkBind")?;
    job.run.check(window.remote_token() != token, "PD-04 no token of a window")?;
    job.run.ok(window.invalidate(&pair.active.qp, 2), "INV-01 NdkInvalidate")?;
    job.run.ok(take(job.run, &pair.active.initiated)?.Status, "INV-01 NdkInvalidate")?;
    job.run.equal(pd.privileged_token(), token, "PD-04 the token stays the same")
}

/// Expects bytes of a buffer to be `value`.
fn filled(job: &Job, buffer: &crate::kernel::Buffer, value: u8) -> Result {
    let mut wrong = 0u64;
    buffer.for_each(0, buffer.len(), |bytes| wrong += bytes.iter().filter(|byte| **byte != value).count() as u64);
    job.run.equal(wrong, 0u64, "the bytes of the buffer")
}

/// Every request between two mapped buffers and two registered ones.
fn every_request(job: &Job, pair: &Pair, token: UINT32, memory: &Mapped) -> Result {
    let (end, peer) = (&pair.active, &pair.passive);
    let region = Region::new(&peer.pd, 1024, NDK_MR_FLAG_ALLOW_LOCAL_WRITE | REMOTE)?;
    let ours = [memory.sge(0, 1024, token)];
    let theirs = [region.sge(0, 1024)];

    memory.buffer.fill(0, 1024, 1);
    job.run.ok(peer.qp.receive(1, &theirs), "NdkReceive")?;
    job.run.ok(end.qp.send(1, &ours, 0), "PD-05 source of a send")?;
    job.run.ok(take(job.run, &peer.received)?.Status, "PD-05 source of a send")?;
    job.run.ok(take(job.run, &end.initiated)?.Status, "PD-05 source of a send")?;
    filled(job, region.buffer(), 1)?;

    region.buffer().fill(0, 1024, 2);
    job.run.ok(end.qp.receive(2, &ours), "PD-05 sink of a receive")?;
    job.run.ok(peer.qp.send(2, &theirs, 0), "NdkSend")?;
    job.run.ok(take(job.run, &end.received)?.Status, "PD-05 sink of a receive")?;
    job.run.ok(take(job.run, &peer.initiated)?.Status, "NdkSend")?;
    filled(job, &memory.buffer, 2)?;

    memory.buffer.fill(0, 1024, 3);
    let (address, remote) = (region.remote(0), region.remote_token());
    job.run.ok(end.qp.write(3, &ours, address, remote, 0), "PD-05 source of a write")?;
    job.run.ok(end.qp.read(4, &nothing(), 0, 0, 0), "RD-03 a read of zero bytes")?;
    for _ in 0..2 {
        job.run.ok(take(job.run, &end.initiated)?.Status, "PD-05 source of a write")?;
    }
    filled(job, region.buffer(), 3)?;

    region.buffer().fill(0, 1024, 4);
    job.run.ok(end.qp.read(5, &ours, address, remote, 0), "PD-05 sink of a read")?;
    job.run.ok(take(job.run, &end.initiated)?.Status, "PD-05 sink of a read")?;
    filled(job, &memory.buffer, 4)
}

fn pd_05(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let memory = Mapped::new(&pair.active.adapter, 1024)?;
    every_request(job, &pair, pair.active.pd.privileged_token(), &memory)
}

/// A read and a write with a token fail, and no byte moves.
fn no_access(job: &Job, token: impl Fn(&Pair) -> Result<UINT32>, address: impl Fn(&Mapped) -> u64) -> Result {
    for writes in [false, true] {
        let pair = pair(job, PairOptions::default())?;
        let memory = Mapped::new(&pair.passive.adapter, 64)?;
        memory.buffer.fill(0, 64, 7);
        let region = Region::new(&pair.active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
        region.buffer().fill(0, 64, 8);
        let (entry, token, address) = ([region.sge(0, 64)], token(&pair)?, address(&memory));
        let qp = &pair.active.qp;
        let posted =
            if writes { qp.write(1, &entry, address, token, 0) } else { qp.read(1, &entry, address, token, 0) };
        job.run.ok(posted, "WR-25 tokens are checked when the request is executed")?;
        let status = take(job.run, &pair.active.initiated)?.Status;
        // A write may be on its way already when the peer refuses it.
        let failed = status == STATUS_REMOTE_RESOURCES || (writes && status == STATUS_SUCCESS);
        job.run.check(failed, "RD-08, WRT-06 the request fails")?;
        pair.passive.connector.wait_for_disconnect()?;
        filled(job, &memory.buffer, 7)?;
        filled(job, region.buffer(), 8)?;
    }
    Ok(())
}

fn pd_06(job: &Job) -> Result {
    let logical = |memory: &Mapped| {
        // SAFETY: the union is an address either way.
        (unsafe { memory.sge(0, 64, 0).__bindgen_anon_1.LogicalAddress.QuadPart }).cast_unsigned()
    };
    no_access(job, |pair| Ok(pair.passive.pd.privileged_token()), logical)?;
    no_access(job, |pair| Ok(pair.passive.pd.privileged_token()), |memory| memory.address(0) as u64)
}

fn pd_07(job: &Job) -> Result {
    let mut random = job.run.random(7);
    for _ in 0..8 {
        let guess = random.next() as UINT32;
        no_access(job, |_| Ok(guess), |memory| memory.address(0) as u64)?;
    }
    // A token that was good once.
    let stale = |pair: &Pair| Region::new(&pair.passive.pd, 64, REMOTE).map(|region| region.remote_token());
    no_access(job, stale, |memory| memory.address(0) as u64)?;
    // Locally.
    for number in 0..8 {
        let pair = pair(job, PairOptions::default())?;
        let region = Region::new(&pair.active.pd, 64, 0)?;
        let token = if number == 0 { 0 } else { region.local_token() ^ (1 << (4 * number - 1)) };
        let address = region.buffer().address().addr().get();
        job.run.ok(pair.active.qp.write(1, &[sge(address, 64, token)], 0, 0, 0), "WR-25 executed later")?;
        let status = take(job.run, &pair.active.initiated)?.Status;
        job.run.status(status, STATUS_ACCESS_VIOLATION, "WR-26 a local access fails")?;
    }
    Ok(())
}

fn pd_08(job: &Job) -> Result {
    // Locally.
    let first = pair(job, PairOptions::default())?;
    let other = first.active.adapter.pd()?;
    let region = Region::new(&other, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE | REMOTE)?;
    job.run.ok(first.active.qp.write(1, &[region.sge(0, 64)], 0, 0, 0), "WR-25 executed later")?;
    let status = take(job.run, &first.active.initiated)?.Status;
    job.run.status(status, STATUS_ACCESS_VIOLATION, "PD-08 a region of another PD")?;
    // Remotely, though both domains belong to one open adapter.
    let adapter = adapter(job)?;
    let (mine, other) = (adapter.pd()?, adapter.pd()?);
    let [left_cq, right_cq] = [adapter.cq(64)?, adapter.cq(64)?];
    let [left, right] = [mine.qp(&left_cq)?, mine.qp(&right_cq)?];
    let joined = join(job, (&adapter, &left), (&adapter, &right))?;
    let remote = Region::new(&other, 64, REMOTE)?;
    let local = Region::new(&mine, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    local.buffer().fill(0, 64, 9);
    job.run.ok(left.read(1, &[local.sge(0, 64)], remote.remote(0), remote.remote_token(), 0), "NdkRead")?;
    let status = take(job.run, &left_cq)?.Status;
    job.run.status(status, STATUS_REMOTE_RESOURCES, "PD-08 a region of another PD than the peer's QP")?;
    joined.passive.wait_for_disconnect()?;
    filled(job, local.buffer(), 9)
}

fn pd_09(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let memory = Mapped::new(&pair.active.adapter, 1024)?;
    let token = pair.active.pd.privileged_token();
    let closing = pair.active.pd.start_close()?;
    job.run.status(closing.inline(), STATUS_PENDING, "LIFE-10 closing a PD with a QP pends")?;
    every_request(job, &pair, token, &memory)?;
    job.run.ok(pair.active.qp.receive(9, &[memory.sge(0, 8, token)]), "NdkReceive")?;
    pair.active.qp.flush();
    job.run.status(take(job.run, &pair.active.received)?.Status, STATUS_CANCELLED, "FLUSH-01 cancelled")?;
    job.run.check(!closing.is_complete(), "LIFE-12 the close pends as long")?;
    pair.active.connector.start_close()?.ok("LIFE-01 the connector")?;
    pair.active.qp.start_close()?.ok("LIFE-01 the QP")?;
    closing.ok("LIFE-29 the PD").map(drop)
}
