//! `NEG-01` to `NEG-08`: accesses that nobody granted, and that no other connection notices.
//!
//! After the NetworkDirect unit tests and the bad-flow tests of rdma-core; see habits.md for the list.

use super::{
    mapped::{Mapped, fast_region, invalidate},
    witness::{Witness, beside, untouched},
    work_help::{LOCAL, REMOTE, done, each, ended, only, receive, send},
};
use crate::{
    kernel::{List, time},
    ndk::{Adapter, Cq, End, Mr, Pair, Pd, Qp, Region, sge},
    run::{Result, Run},
    workload::Job,
};
use ndkpi_sys::*;

contract! {
    "NEG-01" neg_01, "reads with any byte outside the region";
    "NEG-02" neg_02, "writes with any byte outside the region, beside guarded memory";
    "NEG-03" neg_03, "tokens of another domain, open and adapter, local and remote";
    "NEG-04" neg_04, "every right against every use";
    "NEG-05" neg_05, "tokens that were good once";
    "NEG-06" neg_06, "guessed tokens";
    "NEG-07" neg_07, "the privileged token of either side, used by the peer";
    "NEG-08" neg_08, "a local entry outside its region, in each place of a list";
}

const PAGE: usize = 4096;
const GUARD: u8 = 0xA5;
const INSIDE: u8 = 0x11;

/// Bytes in the middle of a larger buffer, registered with all rights at an address of their own.
struct Guarded {
    // Fields drop in this order: the region before its memory.
    mr: Mr,
    mapped: Mapped,
    base: UINT64,
}

/// Where the registered bytes begin in their first page, and how many they are.
const FIRST: usize = 1000;
const LENGTH: usize = 5000;

impl Guarded {
    #[track_caller]
    fn new(end: &End, base: u64) -> Result<Self> {
        let mapped = Mapped::new(&end.adapter, 2 * PAGE)?;
        mapped.buffer.fill(0, 2 * PAGE, GUARD);
        mapped.buffer.fill(FIRST, LENGTH, INSIDE);
        let mr = fast_region(&end.pd, 2)?;
        let (pages, array) = mapped.array();
        let Some(register) = end.qp.dispatch().NdkFastRegister else {
            return Err(crate::run::Failure::new("VER-08 no entry of a table is NULL", 0));
        };
        let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
        let at = core::ptr::without_provenance_mut(base as usize);
        // SAFETY: QP and region are open; the page list is read during the call (FRG-08).
        let status = unsafe {
            register(
                end.qp.raw(),
                core::ptr::null_mut(),
                mr.raw(),
                pages,
                array,
                FIRST as ULONG,
                LENGTH as SIZE_T,
                at,
                flags,
            )
        };
        end.qp.run().ok(status, "FRG-01 NdkFastRegister")?;
        done(end, 0)?;
        Ok(Self { mr, mapped, base })
    }

    /// Expects the memory around the region to be as it was.
    #[track_caller]
    fn intact(&self, run: &Run) -> Result {
        let (behind, what) = (FIRST + LENGTH, "NEG no byte outside the region changes");
        only(run, &self.mapped.buffer, 0, FIRST, GUARD, what)?;
        only(run, &self.mapped.buffer, behind, 2 * PAGE - behind, GUARD, what)
    }
}

/// Offset from the base, and length, of accesses with at least one byte outside.
const OUTSIDE: [(i64, usize); 10] = [
    (-1, 1),
    (-1, 2),
    (-1, LENGTH + 2),
    (0, LENGTH + 1),
    (1, LENGTH),
    (LENGTH as i64 - 1, 2),
    (LENGTH as i64, 1),
    (-(PAGE as i64), 64),
    (1 << 32, 64),
    (i64::MIN, 64),
];

fn outside(job: &Job, base: u64, test: impl Fn(&Run, &Pair, &Guarded, (u64, usize)) -> Result) -> Result {
    for (offset, length) in OUTSIDE {
        beside(job, |run, pair| {
            let target = Guarded::new(&pair.passive, base)?;
            test(run, pair, &target, (target.base.wrapping_add_signed(offset), length))?;
            target.intact(run)?;
            ended(&pair.active)?;
            ended(&pair.passive)
        })?;
    }
    Ok(())
}

fn neg_01(job: &Job) -> Result {
    for base in [0x10_0000, 0] {
        outside(job, base, |run, pair, target, (address, length)| {
            let into = Region::new(&pair.active.pd, 2 * PAGE, LOCAL)?;
            let status = pair.active.qp.read(1, &[into.sge(0, length)], address, target.mr.remote_token(), 0);
            run.ok(status, "RD-11 the peer judges later")?;
            pair.active.initiated.expect(1, STATUS_REMOTE_RESOURCES, "RD-08 the read fails")?;
            untouched(run, &into, 0)
        })?;
    }
    Ok(())
}

fn neg_02(job: &Job) -> Result {
    // The second region ends at the last address that there is.
    for base in [0x10_0000, 0u64.wrapping_sub(LENGTH as u64)] {
        outside(job, base, |run, pair, target, (address, length)| {
            let from = Region::new(&pair.active.pd, 2 * PAGE, 0)?;
            let status = pair.active.qp.write(1, &[from.sge(0, length)], address, target.mr.remote_token(), 0);
            run.ok(status, "WR-25 the peer judges later")?;
            let result = pair.active.initiated.next()?;
            let told = [STATUS_REMOTE_RESOURCES, STATUS_SUCCESS].contains(&result.Status);
            run.check(told, "WRT-06 the write fails, or had completed before it was judged")
        })?;
    }
    Ok(())
}

/// A region with all rights in each of three wrong places: another domain, another open, the other end's open.
fn foreign(job: &Job, end: &End, other: &End, which: u32) -> Result<Region> {
    let pd = match which {
        0 => end.adapter.pd()?,
        1 => {
            let [target, _] = &job.run.request.adapters;
            Adapter::open(job.run, job.provider, target)?.pd()?
        }
        _ => other.pd.clone(),
    };
    let region = Region::new(&pd, PAGE, REMOTE)?;
    region.buffer().fill(0, PAGE, INSIDE);
    Ok(region)
}

fn neg_03(job: &Job) -> Result {
    for which in 0..3 {
        for number in 0..5 {
            beside(job, |run, pair| {
                let mine = Region::new(&pair.active.pd, PAGE, LOCAL)?;
                // The other end's own region is foreign locally and the real target remotely: skip that one.
                let side = if number < 3 { &pair.active } else { &pair.passive };
                let other = if number < 3 { &pair.passive } else { &pair.active };
                let wrong = foreign(job, side, other, which)?;
                let (entry, here) = (wrong.sge(0, 64), mine.sge(0, 64));
                let (remote, token) = (wrong.remote(0), wrong.remote_token());
                let good = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
                receive(&pair.passive, 1, &[good.sge(0, 64)])?;
                let qp = &pair.active.qp;
                let (status, wanted) = match number {
                    0 => (qp.send(2, &[entry], 0), STATUS_ACCESS_VIOLATION),
                    1 => (qp.write(2, &[entry], good.remote(0), good.remote_token(), 0), STATUS_ACCESS_VIOLATION),
                    2 => (qp.read(2, &[entry], good.remote(0), good.remote_token(), 0), STATUS_ACCESS_VIOLATION),
                    3 => (qp.read(2, &[here], remote, token, 0), STATUS_REMOTE_RESOURCES),
                    _ => (qp.write(2, &[here], remote, token, 0), STATUS_REMOTE_RESOURCES),
                };
                run.ok(status, "WR-25 judged when it runs")?;
                let result = pair.active.initiated.next()?;
                let early = number == 4 && result.Status == STATUS_SUCCESS;
                if !early {
                    run.status(result.Status, wanted, "PD-08 regions serve their own domain")?;
                }
                ended(&pair.active)?;
                ended(&pair.passive)?;
                untouched(run, &wrong, INSIDE)?;
                untouched(run, &mine, 0)
            })?;
        }
    }
    Ok(())
}

/// What a region with `flags` allows: receive or read into it, the peer's read, the peer's write.
fn allowed(flags: ULONG, use_of: u32) -> bool {
    let right = |bit: ULONG| flags & bit == bit;
    match use_of {
        0 | 1 => true,
        2 | 3 => right(NDK_MR_FLAG_ALLOW_LOCAL_WRITE),
        4 => right(NDK_MR_FLAG_ALLOW_REMOTE_READ),
        _ => right(NDK_MR_FLAG_ALLOW_REMOTE_WRITE),
    }
}

fn neg_04(job: &Job) -> Result {
    const RIGHTS: [ULONG; 6] = [0, LOCAL, NDK_MR_FLAG_ALLOW_REMOTE_READ, LOCAL | 2, 5, REMOTE];
    for flags in RIGHTS {
        for use_of in 0..6 {
            beside(job, |run, pair| used(run, pair, flags, use_of))?;
        }
    }
    Ok(())
}

/// Uses a region: 0 send from, 1 write from, 2 receive to, 3 read to, 4 the peer reads, 5 the peer writes.
fn used(run: &Run, pair: &Pair, flags: ULONG, use_of: u32) -> Result {
    let (owner, other) =
        if use_of < 4 && use_of != 2 { (&pair.active, &pair.passive) } else { (&pair.passive, &pair.active) };
    let region = Region::new(&owner.pd, 64, flags)?;
    let far = Region::new(&other.pd, 64, REMOTE)?;
    far.buffer().fill(0, 64, INSIDE);
    let (remote, token) = (far.remote(0), far.remote_token());
    let acting = &pair.active;
    let (mine, theirs) = ([region.sge(0, 64)], [far.sge(0, 64)]);
    let status = match use_of {
        0 => {
            receive(&pair.passive, 9, &theirs)?;
            acting.qp.send(1, &mine, 0)
        }
        1 => acting.qp.write(1, &mine, remote, token, 0),
        2 => {
            receive(&pair.passive, 9, &mine)?;
            acting.qp.send(1, &theirs, 0)
        }
        3 => acting.qp.read(1, &mine, remote, token, 0),
        4 => acting.qp.read(1, &theirs, region.remote(0), region.remote_token(), 0),
        _ => acting.qp.write(1, &theirs, region.remote(0), region.remote_token(), 0),
    };
    run.ok(status, "WR-25 rights are checked when the request runs")?;
    let result = acting.initiated.next()?;
    if allowed(flags, use_of) {
        return run.ok(result.Status, "MR-16 a granted right is enough");
    }
    match use_of {
        2 => pair.passive.received.expect(9, STATUS_ACCESS_VIOLATION, "WR-27 a receive needs local write").map(drop)?,
        3 => run.status(result.Status, STATUS_ACCESS_VIOLATION, "WR-27 a read needs local write")?,
        4 => run.status(result.Status, STATUS_REMOTE_RESOURCES, "RD-08 no right to read")?,
        _ => run.check(result.Status != STATUS_CANCELLED, "WRT-06 the write fails, or was done before")?,
    }
    ended(&pair.active)?;
    ended(&pair.passive)?;
    if use_of == 4 {
        return untouched(run, &far, INSIDE);
    }
    untouched(run, &region, 0)
}

fn neg_05(job: &Job) -> Result {
    // 0 deregistered, 1 closed, 2 registered anew elsewhere, 3 invalidated, 4 invalidated by the peer's message.
    for how in 0..5 {
        for write in [false, true] {
            beside(job, |run, pair| stale(run, pair, how, write))?;
        }
    }
    Ok(())
}

fn stale(run: &Run, pair: &Pair, how: u32, write: bool) -> Result {
    let owner = &pair.passive;
    let here = Region::new(&pair.active.pd, 64, LOCAL)?;
    let other = Region::new(&owner.pd, PAGE, 0)?;
    let attempt = |remote: UINT64, token: UINT32| {
        let qp = &pair.active.qp;
        let entry = [here.sge(0, 64)];
        let status = if write { qp.write(1, &entry, remote, token, 0) } else { qp.read(1, &entry, remote, token, 0) };
        run.ok(status, "WR-25 the peer judges later")?;
        let result = pair.active.initiated.next()?;
        let told = result.Status == STATUS_REMOTE_RESOURCES || (write && result.Status == STATUS_SUCCESS);
        run.check(told, "NEG a stale token fails")?;
        ended(&pair.active)?;
        ended(&pair.passive)?;
        untouched(run, &here, 0)
    };
    if how < 3 {
        let region = Region::new(&owner.pd, PAGE, REMOTE)?;
        region.buffer().fill(0, PAGE, INSIDE);
        let (remote, token) = (region.remote(0), region.remote_token());
        match how {
            0 => region.mr().deregister()?.ok("MR-24 NdkDeregisterMr").map(drop)?,
            1 => region.mr().start_close()?.ok("LIFE-37 closing deregisters").map(drop)?,
            _ => {
                region.mr().deregister()?.ok("MR-24 NdkDeregisterMr")?;
                let (mdl, length) = (other.buffer().mdl(), PAGE);
                // SAFETY: the other buffer stays until this function ends, and the region is closed before: `region`
                // is declared later.
                unsafe { region.mr().register(mdl, length, REMOTE) }?.ok("MR-27 registered again")?;
            }
        }
        attempt(remote, token)?;
        untouched(run, &other, 0)?;
        return only(run, region.buffer(), 0, PAGE, INSIDE, "NEG no byte changes");
    }
    let target = Guarded::new(owner, 0x20_0000)?;
    let token = target.mr.remote_token();
    if how == 3 {
        run.ok(invalidate(&owner.qp, 3, &target.mr, 0), "INV-01 NdkInvalidate")?;
        done(owner, 3)?;
    } else {
        receive(owner, 4, &[])?;
        run.ok(pair.active.qp.send_and_invalidate(5, &[], 0, token), "SINV-01 NdkSendAndInvalidate")?;
        done(&pair.active, 5)?;
        owner.received.expect(4, STATUS_SUCCESS, "SINV-01 the message")?;
    }
    attempt(target.base, token)?;
    only(run, &target.mapped.buffer, FIRST, LENGTH, INSIDE, "NEG no byte changes")?;
    target.intact(run)
}

/// Connections for guesses, which each end one.
struct Target {
    pd: Pd,
    cq: Cq,
    adapter: Adapter,
}

fn neg_06(job: &Job) -> Result {
    const BATCHES: usize = 8;
    const AT_ONCE: usize = 32;
    each(job, |run, pair| {
        let witness = Witness::new(job, &pair)?;
        let known = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
        known.buffer().fill(0, PAGE, INSIDE);
        let mut random = run.random(66);
        let near = Target {
            pd: pair.active.pd.clone(),
            cq: pair.active.adapter.cq(64)?,
            adapter: pair.active.adapter.clone(),
        };
        let far = Target {
            pd: pair.passive.pd.clone(),
            cq: pair.passive.adapter.cq(64)?,
            adapter: pair.passive.adapter.clone(),
        };
        let here = Region::new(&near.pd, 64, LOCAL)?;
        for batch in 0..BATCHES {
            let token = known.remote_token();
            let guess = |number: usize, random: u64| match batch {
                // Each bit of a good one, its neighbours, small numbers, anything.
                0 => token ^ (1 << number),
                1 => token.wrapping_add(1 + number as u32),
                2 => token.wrapping_sub(1 + number as u32),
                3 => number as u32,
                _ => random as u32,
            };
            let mut links: List<(super::stage::Joined, Qp, Qp)> = List::new();
            for _ in 0..AT_ONCE {
                let (one, two) = (near.pd.qp(&near.cq)?, far.pd.qp(&far.cq)?);
                let joined = super::stage::join(job, (&near.adapter, &one), (&far.adapter, &two))?;
                links.try_push((joined, one, two))?;
            }
            for (number, (_, qp, _)) in links.iter().enumerate() {
                let guess = guess(number, random.next());
                if guess == token {
                    continue;
                }
                let status = qp.read(number, &[here.sge(0, 64)], known.remote(0), guess, 0);
                run.ok(status, "RD-11 the peer judges later")?;
                near.cq.expect(number, STATUS_REMOTE_RESOURCES, "PD-07 a guess fails")?;
            }
            untouched(run, &here, 0)?;
            witness.well()?;
        }
        Ok(())
    })
}

fn neg_07(job: &Job) -> Result {
    for own in [false, true] {
        for write in [false, true] {
            beside(job, |run, pair| {
                let mapped = Mapped::new(&pair.passive.adapter, PAGE)?;
                mapped.buffer.fill(0, PAGE, INSIDE);
                let here = Region::new(&pair.active.pd, 64, LOCAL)?;
                let token = if own { pair.active.pd.privileged_token() } else { pair.passive.pd.privileged_token() };
                let entry = mapped.sge(0, 64, token);
                // SAFETY: the entry was made with a logical address, whose member covers the union.
                let logical = unsafe { entry.__bindgen_anon_1.LogicalAddress.QuadPart }.cast_unsigned();
                let qp = &pair.active.qp;
                let status = if write {
                    qp.write(1, &[here.sge(0, 64)], logical, token, 0)
                } else {
                    qp.read(1, &[here.sge(0, 64)], logical, token, 0)
                };
                run.ok(status, "WR-25 the peer judges later")?;
                let result = pair.active.initiated.next()?;
                let told = result.Status == STATUS_REMOTE_RESOURCES || (write && result.Status == STATUS_SUCCESS);
                run.check(told, "PD-06 the privileged token is nothing to a peer")?;
                ended(&pair.passive)?;
                untouched(run, &here, 0)?;
                only(run, &mapped.buffer, 0, PAGE, INSIDE, "PD-06 no byte changes")
            })?;
        }
    }
    Ok(())
}

fn neg_08(job: &Job) -> Result {
    for place in 0..4 {
        for number in 0..4 {
            beside(job, |run, pair| bad_entry(run, pair, place, number))?;
        }
    }
    Ok(())
}

/// Three good entries and a bad one at `place`: 0 send, 1 write, 2 read, 3 receive.
fn bad_entry(run: &Run, pair: &Pair, place: usize, number: u32) -> Result {
    let owner = if number == 3 { &pair.passive } else { &pair.active };
    let local = Region::new(&owner.pd, PAGE, LOCAL)?;
    let far = Region::new(&pair.passive.pd, PAGE, REMOTE)?;
    let mut entries = [local.sge(0, 16), local.sge(16, 16), local.sge(32, 16), local.sge(48, 16)];
    if let Some(entry) = entries.get_mut(place) {
        *entry = sge(local.buffer().address().addr().get() + PAGE - 8, 16, local.local_token());
    }
    let (remote, token) = (far.remote(0), far.remote_token());
    let status = match number {
        0 => {
            receive(&pair.passive, 9, &[far.sge(0, 64)])?;
            pair.active.qp.send(1, &entries, 0)
        }
        1 => pair.active.qp.write(1, &entries, remote, token, 0),
        2 => pair.active.qp.read(1, &entries, remote, token, 0),
        _ => {
            receive(&pair.passive, 9, &entries)?;
            let from = Region::new(&pair.active.pd, 64, 0)?;
            send(&pair.active, 1, &[from.sge(0, 64)], 0)?;
            pair.passive.received.expect(9, STATUS_ACCESS_VIOLATION, "RCV-07 the bad entry")?;
            STATUS_SUCCESS
        }
    };
    run.ok(status, "WR-25 judged when it runs")?;
    if number < 3 {
        pair.active.initiated.expect(1, STATUS_ACCESS_VIOLATION, "WR-26 the bad entry")?;
    }
    ended(&pair.active)?;
    ended(&pair.passive)?;
    time::sleep(1);
    only(run, local.buffer(), 64, PAGE - 64, 0, "NEG nothing outside the good entries")?;
    only(run, far.buffer(), 64, PAGE - 64, 0, "NEG nothing outside the target")
}
