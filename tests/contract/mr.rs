//! `MR-01` to `MR-22`: regions and their registration. See docs/contract/ndkpi.md; tokens and the end of a
//! registration are in `mr_token.rs`.

use super::stage::{adapter, pair, take};
use crate::{
    kernel::{Buffer, List},
    ndk::{Mr, Pair, PairOptions, Region, nothing, request},
    run::{Failure, Result},
    workload::Job,
};
use core::{mem::offset_of, ptr};
use ndkpi_sys::{
    MDL, NDK_MR_DISPATCH, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    NDK_MR_FLAG_RDMA_READ_SINK, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};
use wdk_sys::ntddk::{IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl};

contract! {
    "MR-01" mr_01, "NdkCreateMr creates regions of both kinds";
    "MR-02" mr_02, "the functions of the other kind are refused";
    "MR-03" mr_03, "more MRs than the adapter has are refused";
    "MR-04" mr_04, "the table has its seven functions in the documented order";
    "MR-10" mr_10, "a registered range is valid in entries and for the peer";
    "MR-11" mr_11, "a chain that is not virtually contiguous is refused";
    "MR-12" mr_12, "length 0 or more than the chain holds is refused";
    "MR-13" mr_13, "a length above MaxRegistrationSize is refused";
    "MR-15" mr_15, "the defined flags are accepted, other bits refused";
    "MR-16" mr_16, "rights are enforced";
    "MR-17" mr_17, "the flag for read sinks is accepted";
    "MR-18" mr_18, "addresses are those of the MDL, not zero-based";
    "MR-19" mr_19, "the virtual address of the MDL is an index and is not touched";
    "MR-20" mr_20, "the MDL may go once the registration has completed";
    "MR-21" mr_21, "a registered MR cannot be registered again";
    "MR-22" mr_22, "one buffer may be registered in several MRs with different rights";
}

const LOCAL: u32 = NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
const READ: u32 = NDK_MR_FLAG_ALLOW_REMOTE_READ;
const WRITE: u32 = NDK_MR_FLAG_ALLOW_REMOTE_WRITE;

fn mr_01(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    for fast in [false, true] {
        let mr = pd.create_mr(fast)?.ok("MR-01 NdkCreateMr")?;
        // SAFETY: the region is open.
        let kind = unsafe { (*mr.raw()).Header.ObjectType };
        job.run.equal(kind.cast_unsigned(), 4u32, "MR-01 the object is an MR")?;
    }
    Ok(())
}

fn initialize_fast(mr: &Mr) -> Result<i32> {
    let answer = request::submit(mr.run(), |context| {
        let Some(initialize) = mr.dispatch().NdkInitializeFastRegisterMr else { return STATUS_NOT_SUPPORTED };
        // SAFETY: the region is open; callback and context fit.
        unsafe { initialize(mr.raw(), 4, 0, Some(request::on_request), context) }
    })?;
    Ok(answer.wait()?.status)
}

fn mr_02(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let buffer = Buffer::new(64)?;
    let (plain, fast) = (pd.mr()?, pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?);
    const WHAT: &str = "MR-02 the function of the other kind";
    job.run.status(initialize_fast(&plain)?, STATUS_INVALID_DEVICE_REQUEST, WHAT)?;
    for _ in 0..2 {
        // SAFETY: the buffer outlives the region.
        unsafe { fast.register(buffer.mdl(), 64, LOCAL) }?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, WHAT)?;
        fast.deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, WHAT)?;
        if fast.local_token() == 0 {
            // Once more, initialised.
            job.run.ok(initialize_fast(&fast)?, "MR-40 the function of its own kind")?;
        }
    }
    // SAFETY: as above; the region is closed before the buffer goes.
    unsafe { plain.register(buffer.mdl(), 64, LOCAL) }?.ok("MR-10 the function of its own kind")?;
    let refused = initialize_fast(&plain)?;
    plain.close()?;
    fast.close()?;
    job.run.status(refused, STATUS_INVALID_DEVICE_REQUEST, WHAT)
}

fn mr_03(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let mut all: List<Mr> = List::new();
    let refusal = loop {
        let created = pd.create_mr(all.len() % 2 == 1)?;
        match created.object {
            Some(mr) => all.try_push(mr)?,
            None => break created.answer.status,
        }
        if all.len() > 1 << 20 {
            return Err(Failure::new("MR-03 an end to the number of MRs", STATUS_SUCCESS));
        }
    };
    job.run.status(refusal, STATUS_INSUFFICIENT_RESOURCES, "MR-03 one MR too many")?;
    all.clear();
    pd.mr().map(drop)
}

fn mr_04(job: &Job) -> Result {
    let order = [
        offset_of!(NDK_MR_DISPATCH, NdkCloseMr),
        offset_of!(NDK_MR_DISPATCH, NdkQueryExtension),
        offset_of!(NDK_MR_DISPATCH, NdkRegisterMr),
        offset_of!(NDK_MR_DISPATCH, NdkDeregisterMr),
        offset_of!(NDK_MR_DISPATCH, NdkInitializeFastRegisterMr),
        offset_of!(NDK_MR_DISPATCH, NdkGetRemoteTokenFromMr),
        offset_of!(NDK_MR_DISPATCH, NdkGetLocalTokenFromMr),
    ];
    for (place, offset) in order.into_iter().enumerate() {
        job.run.equal(offset, 8 * place, "MR-04 the order of the header")?;
    }
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let buffer = Buffer::new(64)?;
    let mr = pd.mr()?;
    // SAFETY: the region is open; its table has these functions.
    let table = unsafe { ptr::from_ref(mr.dispatch()).cast::<[usize; 7]>().read() };
    job.run.check(table.into_iter().all(|entry| entry != 0), "MR-04 seven functions")?;
    mr.deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, "MR-26 NdkDeregisterMr")?;
    job.run.status(initialize_fast(&mr)?, STATUS_INVALID_DEVICE_REQUEST, "MR-02 NdkInitializeFastRegisterMr")?;
    // SAFETY: the region is closed before the buffer goes.
    unsafe { mr.register(buffer.mdl(), 64, LOCAL) }?.ok("MR-10 NdkRegisterMr")?;
    let tokens = (mr.local_token(), mr.remote_token());
    mr.close()?;
    job.run.check(tokens.0 != 0 && tokens.1 != 0, "MR-30 both getters")
}

/// One request of the active end that succeeds, made sure of by a read behind it.
pub fn succeeds(job: &Job, pair: &Pair, posted: i32) -> Result {
    job.run.ok(posted, "the request is accepted")?;
    job.run.ok(pair.active.qp.read(99, &nothing(), 0, 0, 0), "RD-03 a read of zero bytes")?;
    for _ in 0..2 {
        job.run.ok(take(job.run, &pair.active.initiated)?.Status, "the request succeeds")?;
    }
    Ok(())
}

/// One request of the active end that fails at the peer. A write may have left before it is refused.
pub fn refused_by_peer(job: &Job, pair: &Pair, posted: i32, writes: bool) -> Result {
    job.run.ok(posted, "WR-25 rights are checked when the request is executed")?;
    let status = take(job.run, &pair.active.initiated)?.Status;
    let refused = status == STATUS_REMOTE_RESOURCES || (writes && status == STATUS_SUCCESS);
    job.run.check(refused, "RD-08, WRT-06 the request fails")?;
    pair.passive.connector.wait_for_disconnect()
}

/// Both ways over the first, the middle and the last byte of a remote region.
fn mr_10(job: &Job) -> Result {
    for length in [1usize, 63, 4096, 4097, 70_000] {
        let pair = pair(job, PairOptions::default())?;
        let local = Region::new(&pair.active.pd, length, LOCAL)?;
        let remote = Region::new(&pair.passive.pd, length, READ | WRITE)?;
        let (qp, token) = (&pair.active.qp, remote.remote_token());
        for at in [0, length / 2, length - 1] {
            remote.buffer().write(at, &[0xA1]);
            local.buffer().write(at, &[0]);
            succeeds(job, &pair, qp.read(1, &[local.sge(at, 1)], remote.remote(at), token, 0))?;
            let mut byte = [0];
            local.buffer().read(at, &mut byte);
            job.run.check(byte == [0xA1], "MR-10 the byte is read")?;
            local.buffer().write(at, &[0xB2]);
            succeeds(job, &pair, qp.write(1, &[local.sge(at, 1)], remote.remote(at), token, 0))?;
            remote.buffer().read(at, &mut byte);
            job.run.check(byte == [0xB2], "MR-10 the byte is written")?;
        }
        // One byte more is outside.
        let whole = [local.sge(0, length)];
        refused_by_peer(job, &pair, qp.read(1, &whole, remote.remote(1), token, 0), false)?;
    }
    Ok(())
}

/// An MDL for a part of a buffer; it describes the buffer's pages.
pub struct Part(*mut MDL);

impl Part {
    /// Of a range inside the buffer.
    #[track_caller]
    pub fn new(buffer: &Buffer, offset: usize, length: usize) -> Result<Self> {
        let start = buffer.address().as_ptr().wrapping_add(offset);
        let bytes = u32::try_from(length).unwrap_or(0);
        // SAFETY: the range lies inside the buffer; no IRP takes the MDL.
        let mdl = unsafe { IoAllocateMdl(start.cast(), bytes, 0, 0, ptr::null_mut()) };
        if mdl.is_null() {
            return Err(Failure::new("an MDL for the test itself", STATUS_INSUFFICIENT_RESOURCES));
        }
        // SAFETY: both MDLs stand, and the new one covers a part of the buffer's range.
        unsafe { IoBuildPartialMdl(buffer.mdl().cast(), mdl, start.cast(), bytes) };
        Ok(Self(mdl.cast()))
    }

    /// The MDL.
    pub fn mdl(&self) -> *mut MDL {
        self.0
    }

    /// Puts another one behind this one.
    pub fn then(&self, next: &Part) {
        // SAFETY: both MDLs are ours.
        unsafe { (*self.0).Next = next.0 };
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: the MDL is ours, and nobody uses it any more (MR-20).
        unsafe { IoFreeMdl(self.0.cast()) };
    }
}

fn refused(job: &Job, mdl: *mut MDL, length: usize, flags: u32) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let mr = pd.mr()?;
    // SAFETY: a refused registration leaves nothing behind, and the caller holds the memory.
    unsafe { mr.register(mdl, length, flags) }?.wait()?.is(
        job.run,
        STATUS_INVALID_PARAMETER,
        "the registration is refused",
    )?;
    job.run.equal(mr.local_token(), 0u32, "MR-35 and gives no token")?;
    // It may be tried again with something better.
    let buffer = Buffer::new(64)?;
    // SAFETY: the region is closed before the buffer goes.
    unsafe { mr.register(buffer.mdl(), 64, LOCAL) }?.ok("MR-14 the MR can be tried again")?;
    mr.close().map(drop)
}

fn mr_11(job: &Job) -> Result {
    let (buffer, other) = (Buffer::new(4 * 4096)?, Buffer::new(4096)?);
    let first = Part::new(&buffer, 100, 4096)?;
    for next in [
        Part::new(&buffer, 100 + 4096 + 1, 4096)?,
        Part::new(&buffer, 100 + 4095, 4096)?,
        Part::new(&buffer, 100, 4096)?,
        Part::new(&buffer, 0, 100)?,
        Part::new(&other, 0, 4096)?,
    ] {
        first.then(&next);
        refused(job, first.0, 4097, LOCAL)?;
    }
    // A chain that is contiguous, and one whose gap lies behind the length.
    let (second, third) = (Part::new(&buffer, 4196, 1000)?, Part::new(&other, 0, 4096)?);
    first.then(&second);
    second.then(&third);
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let mr = pd.mr()?;
    // SAFETY: the region is closed before MDLs and buffers go.
    unsafe { mr.register(first.0, 5096, LOCAL) }?.ok("MR-11 what lies behind the length is not looked at")?;
    mr.close().map(drop)
}

fn mr_12(job: &Job) -> Result {
    let buffer = Buffer::new(10_000)?;
    for length in [0, 10_001, 16_384, 1 << 32, 1 << 40, usize::MAX] {
        refused(job, buffer.mdl(), length, LOCAL)?;
    }
    let (first, second) = (Part::new(&buffer, 10, 5000)?, Part::new(&buffer, 5010, 100)?);
    first.then(&second);
    refused(job, first.0, 5101, LOCAL)
}

fn mr_13(job: &Job) -> Result {
    let most = adapter(job)?.info()?.MaxRegistrationSize;
    job.run.check(most >= 1 << 20, "MR-13 the limit is reported")?;
    let buffer = Buffer::new(4096)?;
    // No test has that much memory; the limit is refused before or after the chain is found too short.
    for length in [most.saturating_add(1), most.saturating_mul(2), usize::MAX] {
        refused(job, buffer.mdl(), length, LOCAL)?;
    }
    Ok(())
}

fn mr_15(job: &Job) -> Result {
    let buffer = Buffer::new(64)?;
    let good = [0, 1, 2, 3, 5, 7];
    for flags in good.into_iter().chain(good.map(|flags| flags | NDK_MR_FLAG_RDMA_READ_SINK)) {
        let adapter = adapter(job)?;
        let pd = adapter.pd()?;
        let mr = pd.mr()?;
        // SAFETY: the region is closed before the buffer goes.
        unsafe { mr.register(buffer.mdl(), 64, flags) }?.ok("MR-15 defined flags")?;
        mr.close()?;
    }
    for bit in 4..32 {
        refused(job, buffer.mdl(), 64, LOCAL | 1 << bit)?;
    }
    // The stray half of remote write (FLAG-26).
    for flags in [4, 6, 12] {
        refused(job, buffer.mdl(), 64, flags)?;
    }
    Ok(())
}

fn mr_16(job: &Job) -> Result {
    for flags in [0, LOCAL, READ, WRITE, READ | LOCAL, READ | WRITE] {
        let may_write = flags & WRITE == WRITE;
        for writes in [false, true] {
            let pair = pair(job, PairOptions::default())?;
            let local = Region::new(&pair.active.pd, 64, LOCAL)?;
            let remote = Region::new(&pair.passive.pd, 64, flags)?;
            let (entry, address, token) = ([local.sge(0, 64)], remote.remote(0), remote.remote_token());
            let qp = &pair.active.qp;
            let posted =
                if writes { qp.write(1, &entry, address, token, 0) } else { qp.read(1, &entry, address, token, 0) };
            if if writes { may_write } else { flags & READ != 0 } {
                succeeds(job, &pair, posted)?;
            } else {
                refused_by_peer(job, &pair, posted, writes)?;
            }
        }
        // As a sink: local write is the right that counts.
        let pair = pair(job, PairOptions::default())?;
        let sink = Region::new(&pair.active.pd, 64, flags)?;
        let source = Region::new(&pair.passive.pd, 64, READ)?;
        let posted = pair.active.qp.read(1, &[sink.sge(0, 64)], source.remote(0), source.remote_token(), 0);
        job.run.ok(posted, "WR-25 rights are checked when the request is executed")?;
        let wanted = if flags & LOCAL == 0 { STATUS_ACCESS_VIOLATION } else { STATUS_SUCCESS };
        let status = take(job.run, &pair.active.initiated)?.Status;
        job.run.status(status, wanted, "MR-16 a sink needs local write, which remote read does not give")?;
    }
    Ok(())
}

fn mr_17(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let source = Region::new(&pair.passive.pd, 64, READ)?;
    for flags in [LOCAL, LOCAL | NDK_MR_FLAG_RDMA_READ_SINK] {
        let sink = Region::new(&pair.active.pd, 64, flags)?;
        let posted = pair.active.qp.read(1, &[sink.sge(0, 64)], source.remote(0), source.remote_token(), 0);
        succeeds(job, &pair, posted)?;
    }
    Ok(())
}

fn mr_18(job: &Job) -> Result {
    for address in [0u64, 1, 4096] {
        let pair = pair(job, PairOptions::default())?;
        let local = Region::new(&pair.active.pd, 64, LOCAL)?;
        let remote = Region::new(&pair.passive.pd, 8192, READ)?;
        let token = remote.remote_token();
        succeeds(job, &pair, pair.active.qp.read(1, &[local.sge(0, 64)], remote.remote(4096), token, 0))?;
        // Offsets are no addresses.
        let posted = pair.active.qp.read(1, &[local.sge(0, 64)], address, token, 0);
        refused_by_peer(job, &pair, posted, false)?;
    }
    Ok(())
}

fn mr_19(job: &Job) -> Result {
    // Pages of one buffer under an address at which nothing is mapped.
    const NOWHERE: usize = 0x7_0000_0000;
    let pair = pair(job, PairOptions::default())?;
    let buffer = Buffer::new(4096)?;
    let part = Part::new(&buffer, 0, 4096)?;
    let old = {
        // SAFETY: the MDL is ours; the fields are put back before it is freed.
        let mdl = unsafe { &mut *part.0 };
        let old = mdl.StartVa;
        mdl.StartVa = ptr::without_provenance_mut(NOWHERE);
        old
    };
    let mr = pair.passive.pd.mr()?;
    // SAFETY: the region is closed before MDL and buffer go.
    let registered = unsafe { mr.register(part.0, 4096, READ | WRITE) }?.wait()?;
    // SAFETY: as above; the registration has completed (MR-20).
    unsafe { (*part.0).StartVa = old };
    registered.ok(job.run, "MR-19 any address is an index")?;
    buffer.fill(0, 4096, 0x3C);
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    let address = (NOWHERE + 4096 - 64 + buffer.address().addr().get() % 4096) as u64;
    succeeds(job, &pair, pair.active.qp.read(1, &[local.sge(0, 64)], address, mr.remote_token(), 0))?;
    let mut bytes = [0u8; 64];
    local.buffer().read(0, &mut bytes);
    mr.close()?;
    job.run.check(bytes == [0x3C; 64], "MR-19 the pages are what is read")
}

fn mr_20(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let buffer = Buffer::new(8192)?;
    let mr = pair.passive.pd.mr()?;
    {
        let (first, second) = (Part::new(&buffer, 0, 5000)?, Part::new(&buffer, 5000, 3192)?);
        first.then(&second);
        // SAFETY: the region is closed before the buffer goes; the MDLs may go at once.
        unsafe { mr.register(first.0, 8192, READ) }?.ok("MR-10 NdkRegisterMr")?;
        first.then(&first);
        // SAFETY: the MDL is ours; whoever still looks at it runs in circles.
        unsafe { (*first.0).Next = ptr::null_mut() };
    }
    buffer.fill(0, 8192, 0x44);
    let local = Region::new(&pair.active.pd, 8192, LOCAL)?;
    let address = buffer.address().addr().get() as u64;
    let posted = pair.active.qp.read(1, &[local.sge(0, 8192)], address, mr.remote_token(), 0);
    succeeds(job, &pair, posted)?;
    let mut wrong = 0u64;
    local.buffer().for_each(0, 8192, |bytes| wrong += bytes.iter().filter(|byte| **byte != 0x44).count() as u64);
    mr.close()?;
    job.run.equal(wrong, 0u64, "MR-20 the region works without its MDLs")
}

fn mr_21(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let remote = Region::new(&pair.passive.pd, 64, READ)?;
    let other = Buffer::new(64)?;
    for mdl in [other.mdl(), remote.buffer().mdl()] {
        // SAFETY: a refused registration leaves nothing behind.
        unsafe { remote.mr().register(mdl, 64, LOCAL) }?.wait()?.is(
            job.run,
            STATUS_INVALID_DEVICE_REQUEST,
            "MR-21 registered already",
        )?;
    }
    job.run.equal(remote.mr().remote_token(), remote.remote_token(), "MR-21 the token is as before")?;
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    let posted = pair.active.qp.read(1, &[local.sge(0, 64)], remote.remote(0), remote.remote_token(), 0);
    succeeds(job, &pair, posted)
}

fn mr_22(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let readable = Region::new(&pair.passive.pd, 64, READ)?;
    let writable = pair.passive.pd.mr()?;
    // SAFETY: the region is closed before the buffer goes: it is declared later.
    unsafe { writable.register(readable.buffer().mdl(), 64, WRITE) }?.ok("MR-22 the same buffer once more")?;
    job.run.check(writable.remote_token() != readable.remote_token(), "MR-32 each has its own token")?;
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    let (entry, address, qp) = ([local.sge(0, 64)], readable.remote(0), &pair.active.qp);
    local.buffer().fill(0, 64, 0x71);
    succeeds(job, &pair, qp.write(1, &entry, address, writable.remote_token(), 0))?;
    local.buffer().fill(0, 64, 0);
    succeeds(job, &pair, qp.read(2, &entry, address, readable.remote_token(), 0))?;
    let mut bytes = [0u8; 64];
    local.buffer().read(0, &mut bytes);
    job.run.check(bytes == [0x71; 64], "MR-22 both name the same memory")?;
    writable.close()?;
    succeeds(job, &pair, qp.read(3, &entry, address, readable.remote_token(), 0))?;
    // Each keeps its own rights.
    let posted = qp.write(4, &entry, address, readable.remote_token(), 0);
    refused_by_peer(job, &pair, posted, true)
}
