//! `MR-23` to `MR-39` and `MR-49`: the end of a registration, and tokens. See docs/contract/ndkpi.md.

use super::{
    mapped::{Mapped, Window, fast_region},
    mr::{refused_by_peer, succeeds},
    stage::{adapter, pair, take},
};
use crate::{
    kernel::{Buffer, List},
    ndk::{Pair, PairOptions, Region, sge},
    run::Result,
    workload::Job,
};
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    NDK_OP_FLAG_ALLOW_REMOTE_READ, STATUS_ACCESS_VIOLATION, STATUS_DEVICE_BUSY, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_PENDING, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "MR-23" mr_23, "after deregistration local and remote use fail";
    "MR-24" mr_24, "deregistration waits for accesses in progress";
    "MR-25" mr_25, "a region with a window bound to it cannot be deregistered";
    "MR-26" mr_26, "deregistering what is not registered is refused";
    "MR-27" mr_27, "a deregistered MR can be registered again, with other memory";
    "MR-30" mr_30, "both getters give tokens of a registered region";
    "MR-31" mr_31, "tokens of usable regions are never 0";
    "MR-32" mr_32, "no two live regions or windows share a token";
    "MR-33" mr_33, "a token works at the peer as it is, whatever its value";
    "MR-34" mr_34, "a remote token without remote rights is refused to the peer";
    "MR-35" mr_35, "before the first registration the getters give 0";
    "MR-36" mr_36, "a stale token does not come alive again soon";
    "MR-49" mr_49, "local and remote token are one value, good for both uses";
}

const LOCAL: u32 = NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
const READ: u32 = NDK_MR_FLAG_ALLOW_REMOTE_READ;
const WRITE: u32 = NDK_MR_FLAG_ALLOW_REMOTE_WRITE;

fn mr_23(job: &Job) -> Result {
    // Locally.
    let second = pair(job, PairOptions::default())?;
    let region = Region::new(&second.active.pd, 64, LOCAL)?;
    region.mr().deregister()?.ok("MR-23 NdkDeregisterMr")?;
    job.run.ok(second.active.qp.write(1, &[region.sge(0, 64)], 0, 0, 0), "WR-25 executed later")?;
    let status = take(job.run, &second.active.initiated)?.Status;
    job.run.status(status, STATUS_ACCESS_VIOLATION, "MR-23 local use fails")?;
    // At the peer.
    for writes in [false, true] {
        let pair = pair(job, PairOptions::default())?;
        let local = Region::new(&pair.active.pd, 64, LOCAL)?;
        let remote = Region::new(&pair.passive.pd, 64, READ | WRITE)?;
        remote.mr().deregister()?.ok("MR-23 NdkDeregisterMr")?;
        remote.buffer().fill(0, 64, 0x55);
        let (entry, address, token) = ([local.sge(0, 64)], remote.remote(0), remote.remote_token());
        let qp = &pair.active.qp;
        let posted =
            if writes { qp.write(1, &entry, address, token, 0) } else { qp.read(1, &entry, address, token, 0) };
        refused_by_peer(job, &pair, posted, writes)?;
        let (mut here, mut there) = ([0u8; 64], [0u8; 64]);
        local.buffer().read(0, &mut here);
        remote.buffer().read(0, &mut there);
        job.run.check(here == [0; 64] && there == [0x55; 64], "MR-23 no byte moves")?;
    }
    Ok(())
}

/// Races: whatever the deregistration meets, afterwards nothing changes the buffer any more.
fn mr_24(job: &Job) -> Result {
    const SIZE: usize = 1 << 20;
    for round in 0..8u8 {
        job.run.go_on()?;
        let pair = pair(job, PairOptions::default())?;
        let source = Region::new(&pair.active.pd, SIZE, LOCAL)?;
        let sink = Region::new(&pair.passive.pd, SIZE, WRITE)?;
        source.buffer().fill(0, SIZE, round + 1);
        for context in 0..4 {
            let entry = [source.sge(0, SIZE)];
            let posted = pair.active.qp.write(context, &entry, sink.remote(0), sink.remote_token(), 0);
            job.run.ok(posted, "NdkWrite")?;
        }
        let answer = sink.mr().deregister()?.ok("MR-24 NdkDeregisterMr")?;
        let inline = answer.inline == STATUS_SUCCESS || answer.inline == STATUS_PENDING;
        job.run.check(inline, "MR-24 at once or after waiting")?;
        sink.buffer().fill(0, SIZE, 0xEE);
        let mut seen = 0u32;
        while seen < 4 {
            take(job.run, &pair.active.initiated)?;
            seen += 1;
        }
        let mut wrong = 0u64;
        sink.buffer().for_each(0, SIZE, |bytes| wrong += bytes.iter().filter(|byte| **byte != 0xEE).count() as u64);
        job.run.equal(wrong, 0u64, "MR-24 no access goes on after the deregistration")?;
    }
    Ok(())
}

fn mr_25(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let region = Region::new(&pair.active.pd, 4096, READ)?;
    let window = Window::new(&pair.active.pd)?;
    let address = region.buffer().address().addr().get();
    let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    succeeds(job, &pair, window.bind(&pair.active.qp, 1, region.mr(), address, 100, flags))?;
    for _ in 0..2 {
        let answer = region.mr().deregister()?.wait()?;
        answer.is(job.run, STATUS_DEVICE_BUSY, "MR-25 a window is bound")?;
    }
    succeeds(job, &pair, window.invalidate(&pair.active.qp, 2))?;
    region.mr().deregister()?.ok("MR-25 none is bound any more").map(drop)
}

fn mr_26(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    const WHAT: &str = "MR-26 not registered";
    let mr = pd.mr()?;
    mr.deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, WHAT)?;
    let region = Region::new(&pd, 64, LOCAL)?;
    region.mr().deregister()?.ok("MR-23 NdkDeregisterMr")?;
    region.mr().deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, WHAT)?;
    let fast = fast_region(&pd, 4)?;
    fast.deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, "MR-26 a fast-register region")?;
    let fresh = pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?;
    fresh.deregister()?.wait()?.is(job.run, STATUS_INVALID_DEVICE_REQUEST, "MR-26 a fast-register region")
}

fn mr_27(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    let buffers = [Buffer::new(64)?, Buffer::new(100_000)?, Buffer::new(1)?];
    let mr = pair.passive.pd.mr()?;
    for (buffer, mark) in buffers.iter().zip(1u8..) {
        // SAFETY: the registration ends below, before the buffers go; on an error the region closes first.
        unsafe { mr.register(buffer.mdl(), buffer.len(), READ) }?.ok("MR-27 NdkRegisterMr")?;
        buffer.fill(0, buffer.len(), mark);
        let length = buffer.len().min(64);
        let address = buffer.address().addr().get() as u64;
        let posted = pair.active.qp.read(1, &[local.sge(0, length)], address, mr.remote_token(), 0);
        succeeds(job, &pair, posted)?;
        let mut byte = [0u8];
        local.buffer().read(length - 1, &mut byte);
        job.run.check(byte == [mark], "MR-27 the other memory")?;
        mr.deregister()?.ok("MR-23 NdkDeregisterMr")?;
    }
    Ok(())
}

fn mr_30(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let region = Region::new(&pd, 64, LOCAL | READ)?;
    for _ in 0..3 {
        job.run.equal(region.mr().local_token(), region.local_token(), "MR-30 the local token stays")?;
        job.run.equal(region.mr().remote_token(), region.remote_token(), "MR-30 the remote token stays")?;
    }
    let fast = fast_region(&pd, 4)?;
    job.run.check(fast.local_token() != 0 && fast.remote_token() != 0, "MR-30 after the initialisation as well")
}

fn mr_31(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let buffer = Buffer::new(64)?;
    let mr = pd.mr()?;
    for _ in 0..2000 {
        // SAFETY: the registration ends below; on an error the region, declared later, closes first.
        unsafe { mr.register(buffer.mdl(), 64, READ) }?.ok("MR-10 NdkRegisterMr")?;
        job.run.check(mr.local_token() != 0 && mr.remote_token() != 0, "MR-31 never 0")?;
        mr.deregister()?.ok("MR-23 NdkDeregisterMr")?;
    }
    Ok(())
}

fn mr_32(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let end = &pair.active;
    let other = end.adapter.pd()?;
    let mut regions: List<Region> = List::new();
    let mut tokens: List<u32> = List::new();
    for number in 0..300 {
        let region = Region::new(if number % 2 == 0 { &end.pd } else { &other }, 64, READ)?;
        tokens.try_push(region.remote_token())?;
        if region.local_token() != region.remote_token() {
            tokens.try_push(region.local_token())?;
        }
        regions.try_push(region)?;
    }
    let fast = fast_region(&end.pd, 4)?;
    tokens.try_push(fast.remote_token())?;
    let window = Window::new(&end.pd)?;
    let whole = Region::new(&end.pd, 64, READ)?;
    let address = whole.buffer().address().addr().get();
    let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    succeeds(job, &pair, window.bind(&end.qp, 1, whole.mr(), address, 64, flags))?;
    tokens.try_push(window.remote_token())?;
    tokens.try_push(whole.remote_token())?;
    tokens.sort_unstable();
    let shared = tokens.windows(2).any(|two| matches!(two, [a, b] if a == b));
    job.run.check(!shared, "MR-32 no token twice")?;
    succeeds(job, &pair, window.invalidate(&end.qp, 2))
}

fn mr_33(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let local = Region::new(&pair.active.pd, 1, LOCAL)?;
    // Many values, so that no byte order and no special value goes unseen.
    for number in 0..100u8 {
        let remote = Region::new(&pair.passive.pd, 1, READ)?;
        remote.buffer().fill(0, 1, number);
        let posted = pair.active.qp.read(1, &[local.sge(0, 1)], remote.remote(0), remote.remote_token(), 0);
        succeeds(job, &pair, posted)?;
        let mut byte = [0xFF];
        local.buffer().read(0, &mut byte);
        job.run.check(byte == [number], "MR-33 the token names the region")?;
    }
    Ok(())
}

fn mr_34(job: &Job) -> Result {
    for flags in [0, LOCAL] {
        for writes in [false, true] {
            let pair = pair(job, PairOptions::default())?;
            let local = Region::new(&pair.active.pd, 64, LOCAL)?;
            let remote = Region::new(&pair.passive.pd, 64, flags)?;
            let (entry, address, token) = ([local.sge(0, 64)], remote.remote(0), remote.remote_token());
            let qp = &pair.active.qp;
            let posted =
                if writes { qp.write(1, &entry, address, token, 0) } else { qp.read(1, &entry, address, token, 0) };
            refused_by_peer(job, &pair, posted, writes)?;
        }
    }
    Ok(())
}

fn mr_35(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    for fast in [false, true] {
        let mr = pd.create_mr(fast)?.ok("MR-01 NdkCreateMr")?;
        job.run.equal(mr.local_token(), 0u32, "MR-35 no local token yet")?;
        job.run.equal(mr.remote_token(), 0u32, "MR-35 no remote token yet")?;
    }
    Ok(())
}

/// A read of the passive end's buffer with a token gives this status.
fn read_with(job: &Job, pair: &Pair, address: u64, token: u32, wanted: i32) -> Result {
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    job.run.ok(pair.active.qp.read(1, &[local.sge(0, 64)], address, token, 0), "WR-25 executed later")?;
    job.run.status(take(job.run, &pair.active.initiated)?.Status, wanted, "MR-36 a read with a token")
}

/// Registers over and over, and uses the first token where a short count of tokens would have it back.
#[inline(never)]
fn stale_after(job: &Job, again: usize) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let buffer = Buffer::new(64)?;
    let mr = pair.passive.pd.mr()?;
    // SAFETY: the region is closed before the buffer goes: it is declared later.
    unsafe { mr.register(buffer.mdl(), 64, READ) }?.ok("MR-10 NdkRegisterMr")?;
    let stale = mr.remote_token();
    let mut tokens: List<u32> = List::new();
    tokens.try_push(stale)?;
    for round in 0..again {
        if round % 256 == 0 {
            job.run.go_on()?;
        }
        mr.deregister()?.ok("MR-23 NdkDeregisterMr")?;
        // SAFETY: as above.
        unsafe { mr.register(buffer.mdl(), 64, READ) }?.ok("MR-27 NdkRegisterMr")?;
        tokens.try_push(mr.remote_token())?;
    }
    tokens.sort_unstable();
    let twice = tokens.windows(2).any(|two| matches!(two, [a, b] if a == b));
    job.run.check(!twice, "MR-36 no token comes back")?;
    let address = buffer.address().addr().get() as u64;
    read_with(job, &pair, address, mr.remote_token(), STATUS_SUCCESS)?;
    read_with(job, &pair, address, stale, STATUS_REMOTE_RESOURCES)
}

fn mr_36(job: &Job) -> Result {
    // Up to more than any one place of a token table has values.
    [1, 2, 100, 255, 256, 257, 512, 5000].into_iter().try_for_each(|again| stale_after(job, again))?;
    // Nor does it when the region is another one each time.
    let pair = pair(job, PairOptions::default())?;
    let buffer = Buffer::new(64)?;
    let mut stale = 0;
    for round in 0..600 {
        let mr = pair.passive.pd.mr()?;
        // SAFETY: the region is closed before the buffer goes: it is declared later.
        unsafe { mr.register(buffer.mdl(), 64, READ) }?.ok("MR-10 NdkRegisterMr")?;
        if round == 0 {
            stale = mr.remote_token();
        } else {
            job.run.check(mr.remote_token() != stale, "MR-36 another region's token does not come back either")?;
        }
        mr.close()?;
    }
    read_with(job, &pair, buffer.address().addr().get() as u64, stale, STATUS_REMOTE_RESOURCES)?;
    super::regions_parallel::registrations(job)
}

fn mr_49(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let local = Region::new(&pair.active.pd, 64, LOCAL)?;
    let remote = Region::new(&pair.passive.pd, 64, READ)?;
    job.run.equal(local.local_token(), local.remote_token(), "MR-49 one value")?;
    let fast = fast_region(&pair.active.pd, 4)?;
    job.run.equal(fast.local_token(), fast.remote_token(), "MR-49 one value")?;
    // Each in the other's place.
    let address = local.buffer().address().addr().get();
    let entry = [sge(address, 64, local.remote_token())];
    succeeds(job, &pair, pair.active.qp.read(1, &entry, remote.remote(0), remote.local_token(), 0))?;
    let memory = Mapped::new(&pair.active.adapter, 64)?;
    succeeds(job, &pair, memory.fast_register(&pair.active.qp, 2, &fast, ndkpi_sys::NDK_OP_FLAG_ALLOW_LOCAL_WRITE))?;
    let entry = [sge(memory.address(0), 64, fast.remote_token())];
    succeeds(job, &pair, pair.active.qp.read(3, &entry, remote.remote(0), remote.remote_token(), 0))
}
