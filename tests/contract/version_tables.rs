//! `VER-07`, `VER-08`, `VER-16` to `VER-19`, `VER-22`: what the tables and results of each version have.

use super::{
    bed::{Bed, KINDS, call},
    ends::{Ends, Meeting, once},
    stage::take,
};
use crate::{
    ndk::{Adapter, Cq, Limits, OnDisconnect, Region, nothing},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::mem::{offset_of, size_of};
use ndkpi_sys::*;

contract! {
    "VER-07" ver_07, "a consumer that asked for 1.0 works with the entries of 1.1 alone";
    "VER-08" ver_08, "no entry of any table is NULL, at any version";
    "VER-16" ver_16, "the adapter's table has no close; WSK's close is the one there is";
    "VER-17" ver_17, "ProviderErrorCode is written in every result, and is 0 below 2.1";
    "VER-18" ver_18, "NDK_RESULT_EX is 40 bytes in both layouts";
    "VER-19" ver_19, "plain and Ex forms work on one adapter and mix between the ends";
    "VER-22" ver_22, "asking for 1.0 gives 1.2 with all that it has, at once";
}

const VERSIONS: [(u16, u16); 5] = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)];

/// Both ends of the request, opened at a version.
fn ends_at<'a>(job: &Job<'a>, (major, minor): (u16, u16)) -> Result<Ends<'a>> {
    let version = NDK_VERSION { Major: major, Minor: minor };
    let [first, second] = &job.run.request.adapters;
    let second = if second.interface == 0 { first } else { second };
    let open = |target| {
        let (status, adapter) = Adapter::try_open(job.run, job.provider, target, version)?;
        job.run.ok(status, "VER-01 a supported version is opened")?;
        adapter.ok_or_else(|| Failure::new("VER-01 an adapter is stored", status))
    };
    let (passive, active) = (open(first)?, open(second)?);
    for family in crate::ndk::Family::ALL {
        if let (Some(to), Some(from)) = (passive.address(family, 0), active.address(family, 0)) {
            let place = super::ends::place(job.run);
            return Ok(Ends { run: job.run, active, passive, from, to, place, family });
        }
    }
    Err(Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

/// The next result by the function of 1.0, without a notification.
fn plain(run: &Run, cq: &Cq, context: usize) -> Result {
    let mut result = [NDK_RESULT::default()];
    for _ in 0..run.patience() {
        if cq.poll(&mut result) == 1 {
            let [result] = result;
            run.ok(result.Status, "WR-02 the request succeeds")?;
            return run.equal(result.RequestContext.addr(), context, "CQ-41 the context of the request");
        }
        run.go_on()?;
        crate::kernel::time::sleep(1);
    }
    Err(Failure::new("WR-02 each request completes", STATUS_IO_TIMEOUT))
}

fn ver_07(job: &Job) -> Result {
    for asked in [(1, 0), (1, 1)] {
        let ends = ends_at(job, asked)?;
        let meeting = ends.met()?;
        let (active, passive) = (&meeting.active_side, &meeting.passive_side);
        let rights = NDK_MR_FLAG_ALLOW_LOCAL_WRITE | NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
        let (here, there) = (Region::new(&active.pd, 256, rights)?, Region::new(&passive.pd, 256, rights)?);
        job.run.ok(passive.qp.receive(1, &[there.sge(0, 64)]), "WR-12 NdkReceive")?;
        job.run.ok(active.qp.send(2, &[here.sge(0, 64)], 0), "WR-01 NdkSend")?;
        plain(job.run, &passive.cq, 1)?;
        plain(job.run, &active.cq, 2)?;
        let (remote, token) = (there.remote(64), there.remote_token());
        job.run.ok(active.qp.write(3, &[here.sge(0, 64)], remote, token, 0), "WR-01 NdkWrite")?;
        plain(job.run, &active.cq, 3)?;
        job.run.ok(active.qp.read(4, &[here.sge(64, 64)], remote, token, 0), "WR-01 NdkRead")?;
        plain(job.run, &active.cq, 4)?;
        drop((here, there));
        meeting.disconnect()?;
    }
    Ok(())
}

/// Words of a table: as many as the version has.
#[expect(non_upper_case_globals, reason = "the constants have the names that C gives them")]
fn entries(kind: NDK_OBJECT_TYPE, major: u16) -> usize {
    let bytes = match kind {
        NdkObjectTypeCq => size_of::<NDK_CQ_DISPATCH>(),
        NdkObjectTypePd => size_of::<NDK_PD_DISPATCH>(),
        NdkObjectTypeSharedEndpoint => size_of::<NDK_SHARED_ENDPOINT_DISPATCH>(),
        NdkObjectTypeConnector if major == 1 => offset_of!(NDK_CONNECTOR_DISPATCH, NdkCompleteConnectEx),
        NdkObjectTypeConnector => size_of::<NDK_CONNECTOR_DISPATCH>(),
        NdkObjectTypeListener => size_of::<NDK_LISTENER_DISPATCH>(),
        NdkObjectTypeMr => size_of::<NDK_MR_DISPATCH>(),
        NdkObjectTypeMw => size_of::<NDK_MW_DISPATCH>(),
        NdkObjectTypeSrq => size_of::<NDK_SRQ_DISPATCH>(),
        NdkObjectTypeQp => size_of::<NDK_QP_DISPATCH>(),
        _ => size_of::<NDK_ADAPTER_DISPATCH>(),
    };
    bytes / size_of::<usize>()
}

fn complete(run: &Run, table: *const usize, count: usize) -> Result {
    run.check(count > 0, "a table has entries")?;
    for entry in 0..count {
        // SAFETY: an object that is open points to a table with as many entries as its version has.
        run.check(unsafe { *table.add(entry) } != 0, "VER-08 no entry is NULL")?;
    }
    Ok(())
}

fn ver_08(job: &Job) -> Result {
    let [first, _] = &job.run.request.adapters;
    for asked in VERSIONS {
        let adapter = ends_at(job, asked)?.passive;
        let major = adapter.version().Major;
        let table: *const usize = core::ptr::from_ref(adapter.dispatch()).cast();
        complete(job.run, table, entries(NdkObjectTypeAdapter, major))?;
        let bed = Bed::on(adapter, first)?;
        for kind in KINDS {
            let object = bed.create(kind)?;
            // SAFETY: every object but its header's fields begins alike: the header, then the table's address.
            let table = unsafe { (*object.raw::<NDK_CQ>()).Dispatch };
            complete(job.run, table.cast(), entries(kind, major))?;
        }
    }
    Ok(())
}

fn ver_16(job: &Job) -> Result {
    job.run.equal(offset_of!(NDK_ADAPTER_DISPATCH, NdkQueryExtension), 0usize, "VER-16 it begins with the query")?;
    job.run.equal(entries(NdkObjectTypeAdapter, 2), 9usize, "VER-16 nine entries, none of which closes")?;
    // The first entry is the query: called as such it answers, and the adapter stays open.
    let adapter = ends_at(job, (2, 1))?.passive;
    let mut unknown = GUID { Data1: 0x6e64_6b74, Data2: 0x7665, Data3: 0x7216, Data4: *b"NOTKNOWN" };
    let mut extension = NDK_EXTENSION_INTERFACE::default();
    let version = adapter.version();
    let status = call!(adapter.raw(), NdkQueryExtension, &raw mut unknown, version, &raw mut extension);
    job.run.status(status, STATUS_NOT_SUPPORTED, "HDR-13 an unknown extension")?;
    adapter.pd()?.close()?;
    // The close of WSK, by the drop, comes back: nothing else has closed it before.
    drop(adapter);
    ends_at(job, (2, 1)).map(drop)
}

/// A result with every byte set.
fn dirty() -> NDK_RESULT_EX {
    let mut result = NDK_RESULT_EX::default();
    // SAFETY: the structure is plain numbers and pointers, of which any bytes are a value.
    unsafe { (&raw mut result).cast::<u8>().write_bytes(0xA5, size_of::<NDK_RESULT_EX>()) };
    result
}

/// The bytes at offset 28.
fn code(result: &NDK_RESULT_EX) -> u32 {
    // SAFETY: offset 28 is inside the structure of 40 bytes, which is initialised.
    unsafe { core::ptr::from_ref(result).cast::<u8>().add(28).cast::<u32>().read_unaligned() }
}

fn fetch(run: &Run, cq: &Cq) -> Result<NDK_RESULT_EX> {
    let mut results = [dirty()];
    for _ in 0..run.patience() {
        if cq.poll_ex(&mut results) == 1 {
            let [result] = results;
            return Ok(result);
        }
        run.go_on()?;
        crate::kernel::time::sleep(1);
    }
    Err(Failure::new("WR-02 each request completes", STATUS_IO_TIMEOUT))
}

fn ver_17(job: &Job) -> Result {
    for asked in VERSIONS {
        let ends = ends_at(job, asked)?;
        let meeting = ends.met()?;
        let (active, passive) = (&meeting.active_side, &meeting.passive_side);
        job.run.ok(active.qp.write(1, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
        let good = fetch(job.run, &active.cq)?;
        job.run.ok(good.Status, "WRT-01 it succeeds")?;
        job.run.equal(code(&good), 0u32, "VER-17 0 on success")?;
        job.run.ok(passive.qp.receive(2, &nothing()), "WR-12 NdkReceive")?;
        passive.qp.flush();
        let bad = fetch(job.run, &passive.cq)?;
        job.run.status(bad.Status, STATUS_CANCELLED, "FLUSH-01 a flushed receive")?;
        job.run.check(code(&bad) != 0xA5A5_A5A5, "VER-17 written on failure, too")?;
        if asked.0 == 1 {
            job.run.equal(code(&bad), 0u32, "VER-17 padding below 2.1")?;
        }
        meeting.disconnect()?;
    }
    Ok(())
}

fn ver_18(job: &Job) -> Result {
    job.run.equal(size_of::<NDK_RESULT_EX>(), 40usize, "VER-18 the size")?;
    job.run.equal(offset_of!(NDK_RESULT_EX, ProviderErrorCode), 28usize, "VER-17 the place of the code")?;
    for asked in VERSIONS {
        let ends = ends_at(job, asked)?;
        let meeting = ends.met()?;
        let qp = &meeting.active_side.qp;
        for context in 1..=3 {
            job.run.ok(qp.write(context, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
        }
        // The last one is there, so all are.
        let mut results = [dirty(), dirty(), dirty()];
        let mut count = 0;
        while count < 2 {
            let Some(room) = results.get_mut(count..2) else { break };
            count += meeting.active_side.cq.poll_ex(room);
            job.run.go_on()?;
        }
        let [one, two, rest] = results;
        job.run.equal(one.RequestContext.addr(), 1usize, "VER-18 the first element")?;
        job.run.equal(two.RequestContext.addr(), 2usize, "VER-18 the next one, 40 bytes behind")?;
        job.run.equal(code(&rest), 0xA5A5_A5A5u32, "CQ-40 no more than there was room for")?;
        job.run.equal(take(job.run, &meeting.active_side.cq)?.RequestContext.addr(), 3usize, "the third stays")?;
        meeting.disconnect()?;
    }
    Ok(())
}

fn joined(ends: &Ends, active: OnDisconnect, passive: OnDisconnect) -> Result {
    let mut meeting: Meeting = ends.meet()?;
    let accepting = meeting.passive.accept_as(&meeting.passive_side.qp, Limits::default(), &[], passive)?;
    meeting.accepting = Some(accepting);
    meeting.connected()?;
    meeting.active.complete_connect_as(active)?.ok("CONN-27 complete-connect")?;
    meeting.accepted()?;
    meeting.works()?;
    // Each side has the event that it gave.
    meeting.active.disconnect()?.inline();
    meeting.passive.wait_for_disconnect()?;
    let plain = u32::from(matches!(passive, OnDisconnect::Signal));
    ends.run.equal(meeting.passive.disconnects(), 1u32, "CONN-72 one event")?;
    ends.run.equal(meeting.passive.plain_disconnects(), plain, "VER-19 of the form that was given")
}

fn ver_19(job: &Job) -> Result {
    job.run.equal(offset_of!(NDK_CONNECTOR_DISPATCH, NdkCompleteConnectEx), 88usize, "VER-19 NdkCompleteConnectEx")?;
    job.run.equal(offset_of!(NDK_CONNECTOR_DISPATCH, NdkAcceptEx), 96usize, "VER-19 NdkAcceptEx")?;
    once(job, |ends| {
        for active in [OnDisconnect::Signal, OnDisconnect::SignalEx] {
            for passive in [OnDisconnect::Signal, OnDisconnect::SignalEx] {
                joined(ends, active, passive)?;
            }
        }
        Ok(())
    })
}

fn ver_22(job: &Job) -> Result {
    let ends = ends_at(job, (1, 0))?;
    let version = ends.active.version();
    job.run.equal(u32::from(version.Major) << 16 | u32::from(version.Minor), 0x1_0002u32, "VER-04 1.2 is answered")?;
    let mut info = NDK_ADAPTER_INFO::default();
    let mut size = size_of::<NDK_ADAPTER_INFO>() as u32;
    // SAFETY: the buffer is a local of the size given.
    let status = unsafe { ends.active.query_info(&mut info, &mut size) };
    job.run.ok(status, "VER-22 the longer structure is taken")?;
    job.run.check(info.MaxCalleeData > 0, "ADP-25 and filled")?;
    let meeting = ends.met()?;
    let (active, passive) = (&meeting.active_side, &meeting.passive_side);
    // DEFER, then SendAndInvalidate, then the results in the form of 1.2.
    job.run.ok(active.qp.write(1, &nothing(), 0, 0, NDK_OP_FLAG_DEFER), "FLAG-09 DEFER")?;
    job.run.ok(active.qp.write(2, &nothing(), 0, 0, 0), "FLAG-09 and what rings the bell")?;
    for context in [1, 2] {
        let result = take(job.run, &active.cq)?;
        job.run.equal(result.RequestContext.addr(), context as usize, "WR-16 in order")?;
        job.run.equal(result.Type.cast_unsigned(), NdkOperationTypeWrite.cast_unsigned(), "CQ-45 the type")?;
    }
    let region = super::mapped::fast_region(&passive.pd, 1)?;
    let mapped = super::mapped::Mapped::new(&ends.passive, 4096)?;
    job.run.ok(mapped.fast_register(&passive.qp, 3, &region, NDK_OP_FLAG_ALLOW_REMOTE_READ), "FRMR-01 FastRegister")?;
    job.run.ok(take(job.run, &passive.cq)?.Status, "FRMR-01 it succeeds")?;
    let token = region.remote_token();
    job.run.ok(passive.qp.receive(4, &nothing()), "WR-12 NdkReceive")?;
    job.run.ok(active.qp.send_and_invalidate(5, &nothing(), 0, token), "SAI-01 NdkSendAndInvalidate")?;
    job.run.ok(take(job.run, &active.cq)?.Status, "SAI-01 it succeeds")?;
    let received = take(job.run, &passive.cq)?;
    job.run.ok(received.Status, "RCV-01 the message arrives")?;
    let kind = NdkOperationTypeReceiveAndInvalidate.cast_unsigned();
    job.run.equal(received.Type.cast_unsigned(), kind, "CQ-46 and says that it invalidated")?;
    meeting.disconnect()
}
