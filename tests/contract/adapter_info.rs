//! `ADP-11`, `ADP-13` to `ADP-29`: what the adapter's data and flags promise. See docs/contract/ndkpi.md.

use super::{
    adapter::at_major,
    mapped::{Mapped, fast_region, invalidate},
    stage::{adapter, drain, message, pair, take, write},
};
use crate::{
    kernel::List,
    ndk::{Family, Mr, Notify, Pair, PairOptions, Place, QpOptions, Region, nothing, request},
    run::{Failure, Result},
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED, NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED,
    NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED, NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED,
    NDK_ADAPTER_FLAG_RDMA_READ_LOCAL_INVALIDATE_SUPPORTED, NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED,
    NDK_ADAPTER_INFO, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    NDK_OP_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE, NDK_SRQ, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};

contract! {
    "ADP-11" adp_11, "MaxSrqDepth says whether SRQs are supported";
    "ADP-13" adp_13, "as much private data as reported arrives intact";
    "ADP-14" adp_14, "LargeRequestThreshold is only a hint";
    "ADP-15" adp_15, "AdapterFlags has defined bits only";
    "ADP-17" adp_17, "without the need for a sink flag, any writable region and a LAM are read sinks";
    "ADP-18" adp_18, "RDMA_READ_SINK_NOT_REQUIRED is reported";
    "ADP-19" adp_19, "moderation works exactly where it is reported";
    "ADP-20" adp_20, "connections progress in parallel";
    "ADP-21" adp_21, "a read that invalidates its sink works where it is reported";
    "ADP-22" adp_22, "resizing works exactly where it is reported";
    "ADP-23" adp_23, "loopback connections between two opens carry every kind of request";
    "ADP-24" adp_24, "one known RDMA technology is reported";
    "ADP-25" adp_25, "connections work over every address of either family";
    "ADP-27" adp_27, "limits leave room for known consumers";
    "ADP-28" adp_28, "the advertised maxima are affordable";
    "ADP-29" adp_29, "RDMA_READ_SINK_NOT_REQUIRED is reported at either major";
    "ADP-26" adp_26, "no undefined bytes come back";
}

fn flag(job: &Job, flag: u32) -> Result<bool> {
    Ok(adapter(job)?.info()?.AdapterFlags & flag == flag)
}

fn adp_11(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let most = adapter.info()?.MaxSrqDepth;
    let pd = adapter.pd()?;
    let mut srq: *mut NDK_SRQ = ptr::null_mut();
    let answer = request::submit(job.run, |context| {
        let Some(create) = pd.dispatch().NdkCreateSrq else { return STATUS_NOT_SUPPORTED };
        let (none, done) = (ptr::null_mut(), Some(request::on_create as unsafe extern "system" fn(_, _, _)));
        // SAFETY: the domain is open; the place for the SRQ is a local that outlives the request.
        unsafe { create(pd.raw(), most.max(1), 1, 0, None, none, ptr::null_mut(), done, context, &mut srq) }
    })?
    .wait()?;
    if most == 0 {
        return job.run.status(answer.status, STATUS_INVALID_PARAMETER, "SRQ-04 no SRQs where none are reported");
    }
    job.run.ok(answer.status, "ADP-11 an SRQ of the depth reported")?;
    let srq = if answer.pended() { answer.object.cast() } else { srq };
    request::submit(job.run, |context| {
        // SAFETY: the SRQ is open and not used after this.
        let Some(close) = unsafe { &*(*srq).Dispatch }.NdkCloseSrq else { return STATUS_NOT_SUPPORTED };
        // SAFETY: as above.
        unsafe { close(srq.cast(), Some(request::on_close), context) }
    })?
    .ok("LIFE-01 closing cannot fail")
    .map(drop)
}

fn adp_13(job: &Job) -> Result {
    let mut data = [0u8; 512];
    for (byte, value) in data.iter_mut().zip((0..=250u8).cycle()) {
        *byte = value;
    }
    let info = adapter(job)?.info()?;
    let (caller, callee) = (info.MaxCallerData as usize, info.MaxCalleeData as usize);
    let none = || Failure::new("ADP-13 limits that this test has data for", STATUS_INVALID_PARAMETER);
    let caller = data.get(..caller).ok_or_else(none)?;
    let callee = data.get(1..=callee).ok_or_else(none)?;
    let pair = pair(job, PairOptions { caller, callee, ..PairOptions::default() })?;
    for (connector, sent) in [(&pair.passive.connector, caller), (&pair.active.connector, callee)] {
        let mut seen = [0u8; 512];
        let length = connector.connection_data(&mut seen).ok(job.run, "CONN-52 NdkGetConnectionData")?.length;
        job.run.equal(length, sent.len(), "ADP-13 every byte arrives")?;
        job.run.check(seen.starts_with(sent), "ADP-13 intact")?;
    }
    Ok(())
}

fn adp_14(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let threshold = (pair.active.adapter.info()?.LargeRequestThreshold as usize).clamp(1, 1 << 20);
    let local = Region::new(&pair.active.pd, threshold + 1, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let flags = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
    let remote = Region::new(&pair.passive.pd, threshold + 1, flags)?;
    for length in [threshold - 1, threshold, threshold + 1] {
        let (ours, theirs) = ([local.sge(0, length)], [remote.sge(0, length)]);
        let (qp, token, address) = (&pair.active.qp, remote.remote_token(), remote.remote(0));
        job.run.ok(pair.passive.qp.receive(1, &theirs), "NdkReceive")?;
        job.run.ok(qp.send(1, &ours, 0), "ADP-14 a send of any size")?;
        job.run.ok(qp.write(2, &ours, address, token, 0), "ADP-14 a write of any size")?;
        job.run.ok(qp.read(3, &ours, address, token, 0), "ADP-14 a read of any size")?;
        drain(job.run, &pair.active.initiated, 1..4, STATUS_SUCCESS)?;
        let bytes = take(job.run, &pair.passive.received)?.BytesTransferred;
        job.run.equal(bytes, length, "ADP-14 the whole message")?;
    }
    Ok(())
}

fn adp_15(job: &Job) -> Result {
    let flags = adapter(job)?.info()?.AdapterFlags;
    job.run.equal(flags & !0x1_011F, 0u32, "ADP-15 defined bits only")
}

fn adp_17(job: &Job) -> Result {
    job.run.check(flag(job, NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED)?, "ADP-18 the flag")?;
    let pair = pair(job, PairOptions::default())?;
    let end = &pair.active;
    let source = Region::new(&pair.passive.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
    source.buffer().fill(0, 64, 0x2D);
    let region = Region::new(&end.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let memory = Mapped::new(&end.adapter, 64)?;
    for entry in [region.sge(0, 64), memory.sge(0, 64, end.pd.privileged_token())] {
        job.run.ok(end.qp.read(1, &[entry], source.remote(0), source.remote_token(), 0), "NdkRead")?;
        job.run.ok(take(job.run, &end.initiated)?.Status, "ADP-17 a sink without a flag of its own")?;
    }
    for buffer in [region.buffer(), &memory.buffer] {
        let mut bytes = [0u8; 64];
        buffer.read(0, &mut bytes);
        job.run.check(bytes == [0x2D; 64], "ADP-17 the bytes are there")?;
    }
    Ok(())
}

fn adp_18(job: &Job) -> Result {
    job.run.check(flag(job, NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED)?, "ADP-18 the flag is reported")
}

fn adp_19(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let status = adapter.cq(16)?.moderate(100, 4);
    let wanted = match flag(job, NDK_ADAPTER_FLAG_CQ_INTERRUPT_MODERATION_SUPPORTED)? {
        true => STATUS_SUCCESS,
        false => STATUS_NOT_SUPPORTED,
    };
    job.run.status(status, wanted, "ADP-19 as it is reported")
}

fn adp_20(job: &Job) -> Result {
    if !flag(job, NDK_ADAPTER_FLAG_MULTI_ENGINE_SUPPORTED)? {
        return job.run.check(true, "ADP-20 nothing is promised");
    }
    let [stuck, going] = [pair(job, PairOptions::default())?, pair(job, PairOptions::default())?];
    // Waits for a receive; the other connection does not wait with it.
    job.run.ok(stuck.active.qp.send(1, &nothing(), 0), "RCV-08 a send that waits")?;
    write(&going.active, 0..50)?;
    drain(job.run, &going.active.initiated, 0..50, STATUS_SUCCESS)?;
    job.run.ok(stuck.passive.qp.receive(1, &nothing()), "NdkReceive")?;
    drain(job.run, &stuck.active.initiated, 1..2, STATUS_SUCCESS)
}

fn adp_21(job: &Job) -> Result {
    job.run.check(adapter(job)?.version().Minor >= 1, "ADP-21 every version answered is 1.2 or later")?;
    if !flag(job, NDK_ADAPTER_FLAG_RDMA_READ_LOCAL_INVALIDATE_SUPPORTED)? {
        return Ok(());
    }
    let pair = pair(job, PairOptions::default())?;
    let end = &pair.active;
    let source = Region::new(&pair.passive.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
    let mr = fast_region(&end.pd, 1)?;
    let memory = Mapped::new(&end.adapter, 64)?;
    job.run.ok(memory.fast_register(&end.qp, 1, &mr, NDK_OP_FLAG_ALLOW_LOCAL_WRITE), "FRG-01 NdkFastRegister")?;
    let entry = [crate::ndk::sge(memory.address(0), 64, mr.local_token())];
    let flags = NDK_OP_FLAG_RDMA_READ_LOCAL_INVALIDATE;
    job.run.ok(end.qp.read(2, &entry, source.remote(0), source.remote_token(), flags), "FLAG-16 NdkRead")?;
    drain(job.run, &end.initiated, 1..3, STATUS_SUCCESS)?;
    job.run.ok(invalidate(&end.qp, 3, &mr, 0), "INV-06 refused in the completion")?;
    let status = take(job.run, &end.initiated)?.Status;
    job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "ADP-21 the sink is invalid after the read")
}

fn adp_22(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let status = adapter.cq(16)?.resize(32)?.wait()?.status;
    let wanted = match flag(job, NDK_ADAPTER_FLAG_CQ_RESIZE_SUPPORTED)? {
        true => STATUS_SUCCESS,
        false => STATUS_NOT_SUPPORTED,
    };
    job.run.status(status, wanted, "ADP-22 as it is reported")
}

/// A message and both kinds of RDMA, with bytes.
fn carries(job: &Job, pair: &Pair) -> Result {
    let local = Region::new(&pair.active.pd, 100, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let flags = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
    let remote = Region::new(&pair.passive.pd, 100, flags)?;
    let (entry, qp) = ([local.sge(0, 100)], &pair.active.qp);
    local.buffer().fill(0, 100, 0x5E);
    job.run.ok(qp.write(1, &entry, remote.remote(0), remote.remote_token(), 0), "NdkWrite")?;
    drain(job.run, &pair.active.initiated, 1..2, STATUS_SUCCESS)?;
    local.buffer().fill(0, 100, 0);
    job.run.ok(qp.read(2, &entry, remote.remote(0), remote.remote_token(), 0), "NdkRead")?;
    drain(job.run, &pair.active.initiated, 2..3, STATUS_SUCCESS)?;
    let mut bytes = [0u8; 100];
    local.buffer().read(0, &mut bytes);
    job.run.check(bytes == [0x5E; 100], "WRT-01, RD-01 the bytes went there and back")?;
    message(pair, 3..4, 0)?;
    drain(job.run, &pair.active.initiated, 3..4, STATUS_SUCCESS)?;
    drain(job.run, &pair.passive.received, 3..4, STATUS_SUCCESS)
}

fn adp_23(job: &Job) -> Result {
    job.run.check(flag(job, NDK_ADAPTER_FLAG_LOOPBACK_CONNECTIONS_SUPPORTED)?, "ADP-23 the flag")?;
    let options = PairOptions { place: Place::Same, ..PairOptions::default() };
    let pair = Pair::connect(job.run, job.provider, &options)?
        .ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))?;
    job.run.check(pair.active.adapter.raw() != pair.passive.adapter.raw(), "ADP-23 two opens")?;
    carries(job, &pair)?;
    // The requests that touch no peer.
    let end = &pair.active;
    let mr = fast_region(&end.pd, 1)?;
    let memory = Mapped::new(&end.adapter, 64)?;
    job.run.ok(memory.fast_register(&end.qp, 1, &mr, 0), "FRG-01 NdkFastRegister")?;
    job.run.ok(invalidate(&end.qp, 2, &mr, 0), "INV-01 NdkInvalidate")?;
    drain(job.run, &end.initiated, 1..3, STATUS_SUCCESS)
}

fn adp_24(job: &Job) -> Result {
    let technology = adapter(job)?.info()?.RdmaTechnology;
    job.run.check((1..=4).contains(&technology), "ADP-24 one known technology")
}

fn adp_25(job: &Job) -> Result {
    let mut count = 0u32;
    for place in [Place::Same, Place::Across] {
        for family in Family::ALL {
            let options = PairOptions { place, family, ..PairOptions::default() };
            let Some(pair) = Pair::connect(job.run, job.provider, &options)? else { continue };
            carries(job, &pair)?;
            count += 1;
        }
    }
    job.run.check(count != 0, "ADP-25 an adapter with an address")
}

fn adp_26(job: &Job) -> Result {
    for major in [1, 2] {
        let adapter = at_major(job, major)?;
        for pattern in [0u64, u64::MAX] {
            let mut room = [pattern; 13];
            let mut size = 104;
            // SAFETY: the room has 104 bytes and is aligned as the structure.
            let status = unsafe { adapter.query_info(room.as_mut_ptr().cast::<NDK_ADAPTER_INFO>(), &mut size) };
            job.run.ok(status, "ADP-02 a large enough buffer")?;
            for place in [1, 12] {
                // The upper halves of these words are padding.
                let padding = room.get(place).map_or(1, |word| word >> 32);
                job.run.check(padding == 0 || padding == pattern >> 32, "ADP-26 no undefined bytes")?;
            }
        }
    }
    Ok(())
}

fn adp_27(job: &Job) -> Result {
    let info = adapter(job)?.info()?;
    let entries = info.MaxInitiatorRequestSge.min(info.MaxReceiveRequestSge).min(info.MaxReadRequestSge);
    job.run.check(entries >= 16, "ADP-27 16 entries")?;
    job.run.check(info.FRMRPageCount >= 511, "ADP-27 511 pages")?;
    let (receives, requests) = (info.MaxReceiveQueueDepth, info.MaxInitiatorQueueDepth);
    job.run.check(receives.min(requests) >= 1024, "ADP-27 1024 requests of each kind")?;
    job.run.check(info.MaxCqDepth >= receives.saturating_add(requests), "ADP-27 a CQ for both queues")?;
    job.run.check(info.MaxInboundReadLimit.min(info.MaxOutboundReadLimit) >= 16, "ADP-27 16 reads")?;
    job.run.check(info.MaxCallerData.min(info.MaxCalleeData) >= 56, "ADP-27 56 bytes of private data")
}

fn adp_28(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let info = adapter.info()?;
    let pd = adapter.pd()?;
    let [receives, requests] = [
        adapter.create_cq(info.MaxCqDepth, Notify::Signal)?.ok("ADP-28 a CQ of maximal depth")?,
        adapter.create_cq(info.MaxCqDepth, Notify::Signal)?.ok("ADP-28 a CQ of maximal depth")?,
    ];
    let options = QpOptions {
        receive_depth: info.MaxReceiveQueueDepth,
        initiator_depth: info.MaxInitiatorQueueDepth,
        receive_sge: info.MaxReceiveRequestSge,
        initiator_sge: info.MaxInitiatorRequestSge,
        inline: info.MaxInlineDataSize,
        context: 0,
    };
    pd.create_qp(&receives, &requests, &options)?.ok("ADP-28 a QP of maximal depths")?;
    let mut regions: List<Mr> = List::new();
    for _ in 0..1024 {
        regions.try_push(fast_region(&pd, info.FRMRPageCount)?)?;
    }
    job.run.equal(regions.len(), 1024usize, "ADP-28 1024 fast-register regions of maximal size")
}

fn adp_29(job: &Job) -> Result {
    for major in [1, 2] {
        let flags = at_major(job, major)?.info()?.AdapterFlags;
        job.run.check(flags & NDK_ADAPTER_FLAG_RDMA_READ_SINK_NOT_REQUIRED != 0, "ADP-29 the flag is reported")?;
    }
    Ok(())
}
