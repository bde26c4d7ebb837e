//! `HAB-11` to `HAB-16`: how real consumers register and map memory. See habits.md.

use super::{
    mapped::{Mapped, fast_region, invalidate},
    stage::adapter,
    work_help::{LOCAL, REMOTE, done, each, holds, only, pattern, sink},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Mr, Pair, Qp, Region, sge},
    run::Result,
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "HAB-11" hab_11, "1024 fast-register regions at once, with tokens that are there and stay";
    "HAB-12" hab_12, "a mapping is built at once, without a context, in 24 + (N - 1) * 8 bytes";
    "HAB-13" hab_13, "adjacent logical pages are one entry, up to 2 MiB of them";
    "HAB-14" hab_14, "any base and first-byte offset, with the rights that consumers ask for";
    "HAB-15" hab_15, "489 pages in one registration, which the peer reads as a whole";
    "HAB-16" hab_16, "a region without any right takes nothing and gives the peer nothing";
}

const PAGE: usize = 4096;
/// Any remote right; the right to write for the peer has that for the owner in it.
const ALL: ULONG = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;

fn hab_11(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pages = adapter.info()?.FRMRPageCount.min(65_535);
    let pd = adapter.pd()?;
    let mut regions: List<(Mr, UINT32)> = List::new();
    for _ in 0..1024 {
        let mr = fast_region(&pd, pages)?;
        let token = mr.remote_token();
        job.run.check(token != 0, "MR-42 a token at once")?;
        regions.try_push((mr, token))?;
    }
    for (mr, token) in regions.iter() {
        job.run.equal(mr.remote_token(), *token, "MR-46 it stays")?;
    }
    drop(regions);
    // It stays through registration and invalidation, again and again.
    each(job, |run, pair| {
        let end = &pair.active;
        let mr = fast_region(&end.pd, 4)?;
        let mapped = Mapped::new(&end.adapter, 4 * PAGE)?;
        let token = mr.remote_token();
        for _ in 0..4 {
            run.ok(mapped.fast_register(&end.qp, 1, &mr, ALL), "FRG-01 NdkFastRegister")?;
            run.equal(mr.remote_token(), token, "MR-46 it stays")?;
            done(end, 1)?;
            run.ok(invalidate(&end.qp, 2, &mr, 0), "INV-01 NdkInvalidate")?;
            done(end, 2)?;
            run.equal(mr.remote_token(), token, "MR-46 it stays")?;
        }
        Ok(())
    })
}

static LATE: AtomicU32 = AtomicU32::new(0);

unsafe extern "system" fn late(_: PVOID, _: NTSTATUS) {
    LATE.fetch_add(1, SeqCst);
}

fn hab_12(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let (Some(build), Some(release)) = (adapter.dispatch().NdkBuildLAM, adapter.dispatch().NdkReleaseLAM) else {
        return job.run.check(false, "VER-08 no entry of a table is NULL");
    };
    let called = LATE.load(SeqCst);
    for pages in [1usize, 2, 16, 512] {
        let buffer = Buffer::new(pages * PAGE)?;
        // A page behind the list shows whether more than its size is written.
        let list = Buffer::new(24 + (pages - 1) * 8 + 64)?;
        let room = 24 + (pages - 1) * 8;
        list.fill(0, list.len(), 0xA5);
        let mut size = room as ULONG;
        let mut first_byte = 7;
        let lam = list.address().as_ptr().cast();
        let length = buffer.len() as SIZE_T;
        // SAFETY: the adapter is open; list and buffer outlive the mapping.
        let status = unsafe {
            build(adapter.raw(), buffer.mdl(), length, Some(late), ptr::null_mut(), lam, &mut size, &mut first_byte)
        };
        job.run.ok(status, "LAM-01 the mapping is there at once")?;
        job.run.equal(first_byte, 0u32, "a page-aligned buffer has no offset")?;
        job.run.equal(size, room, "LAM-01 the bytes used")?;
        only(job.run, &list, room, 64, 0xA5, "no byte behind the list is written")?;
        // SAFETY: built above, and released once.
        unsafe { release(adapter.raw(), lam) };
    }
    job.run.equal(LATE.load(SeqCst), called, "CMP-02 no callback after success")
}

fn hab_13(job: &Job) -> Result {
    each(job, |run, pair| {
        const PAGES: usize = 512;
        let (from, to) = (&pair.active, &pair.passive);
        let source = Mapped::new(&from.adapter, PAGES * PAGE)?;
        let target = Mapped::new(&to.adapter, PAGES * PAGE)?;
        pattern(&source.buffer, 0, PAGES * PAGE, 3);
        let token = from.pd.privileged_token();
        let mut entries: List<NDK_SGE> = List::new();
        // As consumers do: a page that follows the one before makes the entry longer.
        for page in 0..PAGES {
            let next = source.sge(page * PAGE, PAGE, token);
            match entries.last_mut() {
                Some(last) if logical(last) + i64::from(last.Length) == logical(&next) => last.Length += next.Length,
                _ => entries.try_push(next)?,
            }
        }
        run.check(entries.len() <= 4, "adjacent pages have adjacent addresses")?;
        run.ok(to.qp.receive(1, &[target.sge(0, PAGES * PAGE, to.pd.privileged_token())]), "NdkReceive")?;
        run.ok(from.qp.send(2, &entries, 0), "NdkSend")?;
        done(from, 2)?;
        let result = to.received.expect(1, STATUS_SUCCESS, "the receive succeeds")?;
        run.equal(result.BytesTransferred, PAGES * PAGE, "two mebibytes in one entry")?;
        holds(run, &target.buffer, 0, PAGES * PAGE, (3, 0), "each in its place")
    })
}

fn logical(entry: &NDK_SGE) -> i64 {
    // SAFETY: the entry was made with a logical address, whose member covers the union.
    unsafe { entry.__bindgen_anon_1.LogicalAddress.QuadPart }
}

/// A registration as its numbers say.
struct Shape {
    base: usize,
    first_byte: usize,
    length: usize,
    flags: ULONG,
}

fn register(qp: &Qp, mr: &Mr, mapped: &Mapped, shape: &Shape) -> NTSTATUS {
    let Some(register) = qp.dispatch().NdkFastRegister else { return STATUS_NOT_SUPPORTED };
    let (pages, array) = mapped.array();
    let base = ptr::without_provenance_mut(shape.base);
    let (first_byte, length) = (shape.first_byte as ULONG, shape.length as SIZE_T);
    // SAFETY: QP and region are open; the page list is read during the call (FRG-08).
    unsafe { register(qp.raw(), ptr::null_mut(), mr.raw(), pages, array, first_byte, length, base, shape.flags) }
}

/// The peer writes and reads the whole region, as far as the flags allow.
fn used(pair: &Pair, mr: &Mr, mapped: &Mapped, shape: &Shape) -> Result {
    let (owner, peer) = (&pair.passive, &pair.active);
    let (run, length) = (owner.qp.run(), shape.length);
    run.ok(register(&owner.qp, mr, mapped, shape), "FRG-05 NdkFastRegister")?;
    done(owner, 0)?;
    let (remote, token) = (shape.base as UINT64, mr.remote_token());
    let local = sink(&peer.pd, length)?;
    pattern(local.buffer(), 0, length, 5);
    if shape.flags & NDK_OP_FLAG_ALLOW_REMOTE_WRITE == NDK_OP_FLAG_ALLOW_REMOTE_WRITE {
        run.ok(peer.qp.write(1, &[local.sge(0, length)], remote, token, 0), "NdkWrite")?;
        done(peer, 1)?;
    } else {
        pattern(&mapped.buffer, shape.first_byte, length, 5);
    }
    local.buffer().fill(0, length, 0);
    let status = peer.qp.read(2, &[local.sge(0, length)], remote, token, NDK_OP_FLAG_READ_FENCE);
    run.ok(status, "NdkRead")?;
    done(peer, 2)?;
    holds(run, local.buffer(), 0, length, (5, 0), "FRG-02 byte i is at the base plus i")?;
    holds(run, &mapped.buffer, shape.first_byte, length, (5, 0), "FRG-01 and in its page")?;
    run.ok(invalidate(&owner.qp, 3, mr, 0), "INV-01 NdkInvalidate")?;
    done(owner, 3)?;
    Ok(())
}

fn hab_14(job: &Job) -> Result {
    const BASES: [usize; 5] = [0, 0x1000, 0x7_0123, 0x1_0000_0FFF, 0xFFFF_8000_0123_4000];
    each(job, |_, pair| {
        let owner = &pair.passive;
        let mr = fast_region(&owner.pd, 8)?;
        let mapped = Mapped::new(&owner.adapter, 3 * PAGE)?;
        for flags in [ALL, ALL | NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_ALLOW_REMOTE_READ] {
            for first_byte in [0, 1, 100, PAGE - 1] {
                for base in BASES {
                    let length = 3 * PAGE - first_byte;
                    used(&pair, &mr, &mapped, &Shape { base, first_byte, length, flags })?;
                    mapped.buffer.fill(0, mapped.buffer.len(), 0);
                }
            }
        }
        Ok(())
    })
}

fn hab_15(job: &Job) -> Result {
    each(job, |_, pair| {
        const PAGES: usize = 489;
        let owner = &pair.passive;
        let mr = fast_region(&owner.pd, owner.adapter.info()?.FRMRPageCount.min(65_535))?;
        let mapped = Mapped::new(&owner.adapter, PAGES * PAGE)?;
        for (first_byte, base) in [(0, 0x10_0000), (24, 0x10_0018)] {
            let shape = Shape { base, first_byte, length: PAGES * PAGE - first_byte, flags: ALL };
            used(&pair, &mr, &mapped, &shape)?;
        }
        Ok(())
    })
}

fn hab_16(job: &Job) -> Result {
    // As sink of a read of its owner's.
    each(job, |run, pair| {
        let bare = Region::new(&pair.active.pd, PAGE, 0)?;
        let far = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
        far.buffer().fill(0, PAGE, 0x33);
        let status = pair.active.qp.read(1, &[bare.sge(0, PAGE)], far.remote(0), far.remote_token(), 0);
        run.ok(status, "WR-25 judged when it runs")?;
        let result = pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, "RD-04 no right to write")?;
        run.equal(result.BytesTransferred, 0u32, "no byte")?;
        only(run, bare.buffer(), 0, PAGE, 0, "no byte is written")
    })?;
    // As target of a read of the peer's.
    each(job, |run, pair| {
        let bare = Region::new(&pair.passive.pd, PAGE, 0)?;
        bare.buffer().fill(0, PAGE, 0x33);
        let into = Region::new(&pair.active.pd, PAGE, LOCAL)?;
        let entry = [sge(into.buffer().address().addr().get(), PAGE, into.local_token())];
        run.ok(pair.active.qp.read(1, &entry, bare.remote(0), bare.remote_token(), 0), "WR-25 judged by the peer")?;
        let result = pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, "RD-08 the peer refuses")?;
        run.equal(result.BytesTransferred, 0u32, "no byte")?;
        only(run, into.buffer(), 0, PAGE, 0, "no byte is read")
    })
}
