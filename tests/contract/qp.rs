//! `QP-*`: queue pairs. See docs/contract/ndkpi.md.

use super::stage::{Idle, adapter, join, pair, take};
use crate::{
    kernel::List,
    ndk::{Adapter, Address, Cq, Family, Limits, PairOptions, Pd, Qp, QpOptions, Region, nothing, request},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{mem::offset_of, ptr};
use ndkpi_sys::{
    NDK_ADAPTER_INFO, NDK_FN_CREATE_COMPLETION, NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_OP_FLAG_INLINE, NDK_QP,
    NDK_QP_DISPATCH, NDK_SRQ, NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_CONNECTION_INVALID,
    STATUS_CONNECTION_REFUSED, STATUS_DATA_OVERRUN, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};

contract! {
    "QP-01" qp_01, "a QP has queues of the depths asked for";
    "QP-02" qp_02, "a receive queue deeper than the adapter's maximum is refused";
    "QP-03" qp_03, "an initiator queue deeper than the adapter's maximum is refused";
    "QP-04" qp_04, "more receive entries than the adapter's maximum are refused";
    "QP-05" qp_05, "more initiator entries than the adapter's maximum are refused";
    "QP-06" qp_06, "more inline data than the adapter's maximum is refused";
    "QP-07" qp_07, "0 is legal for each of the five sizes";
    "QP-08" qp_08, "more than the greatest number of QPs are refused, and nothing leaks";
    "QP-09" qp_09, "receive and initiator CQ may be the same";
    "QP-10" qp_10, "a QP with SRQ checks its sizes likewise";
    "QP-11" qp_11, "NdkReceive on a QP with SRQ is refused";
    "QP-12" qp_12, "an SRQ of another PD is refused";
    "QP-13" qp_13, "the table has its eleven functions in the documented order";
    "QP-14" qp_14, "a QP carries one connection; a failed attempt leaves it as it was";
    "QP-15" qp_15, "QPContext may be NULL and need not be unique";
}

/// What a QP is made of.
struct Parts {
    cq: Cq,
    pd: Pd,
    info: NDK_ADAPTER_INFO,
    adapter: Adapter,
}

fn parts(job: &Job) -> Result<Parts> {
    let adapter = adapter(job)?;
    Ok(Parts { cq: adapter.cq(256)?, pd: adapter.pd()?, info: adapter.info()?, adapter })
}

impl Parts {
    fn qp(&self, options: &QpOptions) -> Result<Qp> {
        self.pd.create_qp(&self.cq, &self.cq, options)?.ok("QP-01 NdkCreateQp")
    }

    /// The maximum is accepted, more is refused.
    fn exact(&self, most: u32, options: impl Fn(u32) -> QpOptions) -> Result {
        self.qp(&options(most))?;
        for beyond in [most.wrapping_add(1), most.saturating_mul(2).saturating_add(2), 0x8000_0000, u32::MAX] {
            self.pd
                .create_qp(&self.cq, &self.cq, &options(beyond))?
                .fails(STATUS_INVALID_PARAMETER, "QP-02 to QP-06 more than the adapter can do")?;
        }
        Ok(())
    }
}

fn qp_01(job: &Job) -> Result {
    for depth in [1usize, 2, 31, 32, 100] {
        let parts = parts(job)?;
        let options = QpOptions { receive_depth: depth as u32, initiator_depth: depth as u32, ..QpOptions::default() };
        let [left, right] = [parts.qp(&options)?, parts.qp(&options)?];
        // SAFETY: the QP is open.
        let kind = unsafe { (*left.raw()).Header.ObjectType };
        job.run.equal(kind.cast_unsigned(), 2u32, "QP-01 the object is a QP")?;
        for context in 0..depth {
            job.run.ok(left.receive(context, &nothing()), "QP-01 as many receives as asked for")?;
        }
        let joined = join(job, (&parts.adapter, &left), (&parts.adapter, &right))?;
        // Sends that find no receive wait in the queue.
        for context in 0..depth {
            job.run.ok(left.send(context, &nothing(), 0), "QP-01 as many requests as asked for")?;
        }
        for context in 0..depth {
            job.run.ok(right.receive(context, &nothing()), "NdkReceive")?;
        }
        for _ in 0..2 * depth {
            job.run.ok(take(job.run, &parts.cq)?.Status, "QP-01 each completes")?;
        }
        drop(joined);
    }
    Ok(())
}

fn qp_02(job: &Job) -> Result {
    let parts = parts(job)?;
    parts.exact(parts.info.MaxReceiveQueueDepth, |receive_depth| QpOptions { receive_depth, ..QpOptions::default() })
}

fn qp_03(job: &Job) -> Result {
    let parts = parts(job)?;
    let most = parts.info.MaxInitiatorQueueDepth;
    parts.exact(most, |initiator_depth| QpOptions { initiator_depth, ..QpOptions::default() })
}

fn qp_04(job: &Job) -> Result {
    let parts = parts(job)?;
    parts.exact(parts.info.MaxReceiveRequestSge, |receive_sge| QpOptions { receive_sge, ..QpOptions::default() })
}

fn qp_05(job: &Job) -> Result {
    let parts = parts(job)?;
    parts.exact(parts.info.MaxInitiatorRequestSge, |initiator_sge| QpOptions { initiator_sge, ..QpOptions::default() })
}

fn qp_06(job: &Job) -> Result {
    let parts = parts(job)?;
    parts.exact(parts.info.MaxInlineDataSize, |inline| QpOptions { inline, ..QpOptions::default() })
}

fn qp_07(job: &Job) -> Result {
    let parts = parts(job)?;
    let base = QpOptions::default();
    let none =
        QpOptions { receive_depth: 0, initiator_depth: 0, receive_sge: 0, initiator_sge: 0, inline: 0, context: 0 };
    let qp = parts.qp(&none)?;
    job.run.status(qp.receive(1, &nothing()), STATUS_NO_MORE_ENTRIES, "QP-07 no room for receives")?;
    let [left, right] = [
        parts.qp(&QpOptions { receive_depth: 0, initiator_sge: 0, inline: 0, ..base })?,
        parts.qp(&QpOptions { initiator_depth: 0, receive_sge: 0, ..base })?,
    ];
    let _joined = join(job, (&parts.adapter, &left), (&parts.adapter, &right))?;
    let region = Region::new(&parts.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let entry = [region.sge(0, 8)];
    job.run.status(left.receive(1, &nothing()), STATUS_NO_MORE_ENTRIES, "QP-07 no room for receives")?;
    job.run.status(right.send(1, &nothing(), 0), STATUS_NO_MORE_ENTRIES, "QP-07 no room for requests")?;
    job.run.status(right.receive(1, &entry), STATUS_DATA_OVERRUN, "QP-07 no entries of receives")?;
    job.run.status(left.send(1, &entry, 0), STATUS_DATA_OVERRUN, "QP-07 no entries of requests")?;
    let status = left.send(1, &entry, NDK_OP_FLAG_INLINE);
    job.run.status(status, STATUS_BUFFER_OVERFLOW, "QP-07 no inline data")?;
    job.run.ok(right.receive(1, &nothing()), "QP-07 a zero-byte receive still fits")?;
    job.run.ok(left.send(1, &nothing(), NDK_OP_FLAG_INLINE), "QP-07 a zero-byte message still fits")?;
    for _ in 0..2 {
        job.run.ok(take(job.run, &parts.cq)?.Status, "QP-07 and arrives")?;
    }
    Ok(())
}

fn qp_08(job: &Job) -> Result {
    let parts = parts(job)?;
    let small =
        QpOptions { receive_depth: 1, initiator_depth: 1, receive_sge: 1, initiator_sge: 1, inline: 0, context: 0 };
    let mut all: List<Qp> = List::new();
    let refusal = loop {
        let created = parts.pd.create_qp(&parts.cq, &parts.cq, &small)?;
        match created.object {
            Some(qp) => all.try_push(qp)?,
            None => break created.answer.status,
        }
        if all.len() > 1 << 20 {
            return Err(Failure::new("QP-08 an end to the number of QPs", STATUS_SUCCESS));
        }
    };
    job.run.status(refusal, STATUS_INSUFFICIENT_RESOURCES, "QP-08 one QP too many")?;
    all.clear();
    parts.qp(&small).map(drop)
}

fn qp_09(job: &Job) -> Result {
    let idle = Idle::new(job, 16)?;
    idle.complete(0..2)?;
    idle.drain(0..2)?;
    let parts = parts(job)?;
    let [left, right] = [parts.qp(&QpOptions::default())?, parts.qp(&QpOptions::default())?];
    let _joined = join(job, (&parts.adapter, &left), (&parts.adapter, &right))?;
    job.run.ok(right.receive(2, &nothing()), "NdkReceive")?;
    job.run.ok(left.send(1, &nothing(), 0), "NdkSend")?;
    let mut contexts = 0;
    for _ in 0..2 {
        let result = take(job.run, &parts.cq)?;
        job.run.ok(result.Status, "QP-09 both kinds of results in one CQ")?;
        contexts += result.RequestContext.addr();
    }
    job.run.equal(contexts, 3usize, "QP-09 one of each")
}

const CREATED: NDK_FN_CREATE_COMPLETION = Some(request::on_create);

/// An SRQ or a QP over one, by hand; closed when it goes.
struct Made<'a> {
    header: *mut ndkpi_sys::NDK_OBJECT_HEADER,
    close: ndkpi_sys::NDK_FN_CLOSE_OBJECT,
    run: &'a Run,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let closed = request::submit(self.run, |context| {
            let Some(close) = self.close else { return STATUS_SUCCESS };
            // SAFETY: the object is open and not used after this.
            unsafe { close(self.header, Some(request::on_close), context) }
        })
        .and_then(|closing| closing.ok("LIFE-01 closing cannot fail"));
        if let Err(failure) = closed {
            self.run.set_aside(failure);
        }
    }
}

fn srq<'a>(job: &'a Job, pd: &Pd) -> Result<Made<'a>> {
    let mut raw: *mut NDK_SRQ = ptr::null_mut();
    let answer = request::submit(job.run, |context| {
        let Some(create) = pd.dispatch().NdkCreateSrq else { return STATUS_NOT_SUPPORTED };
        let none = ptr::null_mut();
        // SAFETY: the domain is open; the place for the SRQ is a local that outlives the request.
        unsafe { create(pd.raw(), 16, 1, 0, None, none, ptr::null_mut(), CREATED, context, &mut raw) }
    })?
    .ok("SRQ-01 NdkCreateSrq")?;
    let raw = if answer.pended() { answer.object.cast() } else { raw };
    // SAFETY: the SRQ is open.
    Ok(Made { header: raw.cast(), close: unsafe { &*(*raw).Dispatch }.NdkCloseSrq, run: job.run })
}

/// Creates a QP with SRQ; sizes are depth, entries, inline bytes.
fn with_srq<'a>(
    job: &'a Job,
    parts: &Parts,
    srq: &Made,
    [depth, entries, inline]: [u32; 3],
) -> Result<(NTSTATUS, Option<Made<'a>>)> {
    let mut raw: *mut NDK_QP = ptr::null_mut();
    let answer = request::submit(job.run, |context| {
        let Some(create) = parts.pd.dispatch().NdkCreateQpWithSrq else { return STATUS_NOT_SUPPORTED };
        let (cq, none, srq) = (parts.cq.raw(), ptr::null_mut(), srq.header.cast());
        // SAFETY: all objects are open; the place for the QP is a local that outlives the request.
        unsafe { create(parts.pd.raw(), cq, cq, srq, none, depth, entries, inline, CREATED, context, &mut raw) }
    })?
    .wait()?;
    let raw = if answer.pended() { answer.object.cast() } else { raw };
    if answer.status != STATUS_SUCCESS || raw.is_null() {
        job.run.check(raw.is_null(), "CMP-08 a failing create delivers no object")?;
        return Ok((answer.status, None));
    }
    // SAFETY: the QP is open.
    let close = unsafe { &*(*raw).Dispatch }.NdkCloseQp;
    Ok((answer.status, Some(Made { header: raw.cast(), close, run: job.run })))
}

fn qp_10(job: &Job) -> Result {
    let parts = parts(job)?;
    let srq = srq(job, &parts.pd)?;
    let most = [parts.info.MaxInitiatorQueueDepth, parts.info.MaxInitiatorRequestSge, parts.info.MaxInlineDataSize];
    for good in [[16, 1, 0], most, [0, 0, 0]] {
        let (status, qp) = with_srq(job, &parts, &srq, good)?;
        job.run.ok(status, "QP-10 NdkCreateQpWithSrq")?;
        job.run.check(qp.is_some(), "QP-10 a QP")?;
    }
    let [depth, entries, inline] = most;
    for bad in [[depth + 1, 1, 0], [16, entries + 1, 0], [16, 1, inline + 1], [u32::MAX; 3]] {
        let (status, _) = with_srq(job, &parts, &srq, bad)?;
        job.run.status(status, STATUS_INVALID_PARAMETER, "QP-10 more than the adapter can do")?;
    }
    Ok(())
}

fn qp_11(job: &Job) -> Result {
    let parts = parts(job)?;
    let srq = srq(job, &parts.pd)?;
    let (status, qp) = with_srq(job, &parts, &srq, [16, 1, 0])?;
    job.run.ok(status, "QP-10 NdkCreateQpWithSrq")?;
    let Some(qp) = qp else { return Err(Failure::new("QP-10 a QP", status)) };
    let raw: *mut NDK_QP = qp.header.cast();
    // SAFETY: the QP is open; no entries are a null pointer.
    let status = unsafe { &*(*raw).Dispatch }
        .NdkReceive
        .map_or(STATUS_NOT_SUPPORTED, |receive| unsafe { receive(raw, ptr::null_mut(), ptr::null(), 0) });
    job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "QP-11 the receives are the SRQ's")
}

fn qp_12(job: &Job) -> Result {
    let parts = parts(job)?;
    let other = parts.adapter.pd()?;
    let srq = srq(job, &other)?;
    let (status, _) = with_srq(job, &parts, &srq, [16, 1, 0])?;
    job.run.status(status, STATUS_INVALID_PARAMETER, "QP-12 an SRQ of another PD")
}

fn qp_13(job: &Job) -> Result {
    let order = [
        offset_of!(NDK_QP_DISPATCH, NdkCloseQp),
        offset_of!(NDK_QP_DISPATCH, NdkQueryExtension),
        offset_of!(NDK_QP_DISPATCH, NdkFlush),
        offset_of!(NDK_QP_DISPATCH, NdkSend),
        offset_of!(NDK_QP_DISPATCH, NdkReceive),
        offset_of!(NDK_QP_DISPATCH, NdkBind),
        offset_of!(NDK_QP_DISPATCH, NdkFastRegister),
        offset_of!(NDK_QP_DISPATCH, NdkInvalidate),
        offset_of!(NDK_QP_DISPATCH, NdkRead),
        offset_of!(NDK_QP_DISPATCH, NdkWrite),
        offset_of!(NDK_QP_DISPATCH, NdkSendAndInvalidate),
    ];
    for (place, offset) in order.into_iter().enumerate() {
        job.run.equal(offset, 8 * place, "QP-13 the order of the header")?;
    }
    let pair = pair(job, PairOptions::default())?;
    let (qp, cq) = (&pair.active.qp, &pair.active.initiated);
    // SAFETY: the QP is open; its table has these functions.
    let table = unsafe { ptr::from_ref(qp.dispatch()).cast::<[usize; 11]>().read() };
    for (place, entry) in table.into_iter().enumerate() {
        let twice = table.into_iter().skip(place + 1).any(|other| other == entry);
        job.run.check(entry != 0 && !twice, "QP-13 eleven functions, each another one")?;
    }
    // The type of each result says which function the place in the table leads to.
    job.run.ok(pair.passive.qp.receive(1, &nothing()), "NdkReceive")?;
    job.run.ok(qp.send(1, &nothing(), 0), "NdkSend")?;
    job.run.ok(qp.read(2, &nothing(), 0, 0, 0), "NdkRead")?;
    job.run.ok(qp.write(3, &nothing(), 0, 0, 0), "NdkWrite")?;
    for kind in [2, 32, 64] {
        job.run.equal(take(job.run, cq)?.Type.cast_unsigned(), kind, "QP-13 the right function")?;
    }
    job.run.equal(take(job.run, &pair.passive.received)?.Type.cast_unsigned(), 1u32, "QP-13 the right function")?;
    job.run.ok(pair.passive.qp.receive(4, &nothing()), "NdkReceive")?;
    pair.passive.qp.flush();
    let status = take(job.run, &pair.passive.received)?.Status;
    job.run.status(status, STATUS_CANCELLED, "QP-13 NdkFlush")
}

fn connect(qp: &Qp, adapter: &Adapter, source: &Address, destination: &Address) -> Result<NTSTATUS> {
    let connector = adapter.connector()?;
    let connecting = connector.connect(qp, source, destination, Limits::default(), &[])?;
    Ok(connecting.wait()?.status)
}

fn qp_14(job: &Job) -> Result {
    let parts = parts(job)?;
    let (left, right) = (parts.qp(&QpOptions::default())?, parts.qp(&QpOptions::default())?);
    let none = || Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER);
    let source = parts.adapter.address(Family::V4, 0).ok_or_else(none)?;
    // Nobody listens; then somebody refuses.
    let listener = parts.adapter.listener()?;
    listener.listen(&source)?.ok("LSN-03 NdkListen")?;
    let (status, nowhere) = listener.local_address();
    job.run.ok(status, "ADR-01 address of a listener")?;
    {
        let connector = parts.adapter.connector()?;
        let connecting = connector.connect(&left, &source, &nowhere, Limits::default(), &[])?;
        job.run.ok(listener.next()?.reject(&[]), "CONN-40 NdkReject")?;
        connecting.wait()?.is(job.run, STATUS_CONNECTION_REFUSED, "CONN-11 rejected")?;
    }
    listener.close()?;
    for _ in 0..2 {
        let status = connect(&left, &parts.adapter, &source, &nowhere)?;
        job.run.status(status, STATUS_CONNECTION_REFUSED, "CONN-11 no listener")?;
    }
    job.run.ok(left.receive(1, &nothing()), "WR-12 receives wait")?;
    let joined = join(job, (&parts.adapter, &left), (&parts.adapter, &right))?;
    job.run.ok(right.send(1, &nothing(), 0), "QP-14 the QP works after failed attempts")?;
    for _ in 0..2 {
        job.run.ok(take(job.run, &parts.cq)?.Status, "QP-14 the QP works after failed attempts")?;
    }
    // One connection only.
    let leaving = joined.active.disconnect()?;
    joined.passive.wait_for_disconnect()?;
    joined.passive.disconnect()?.ok("CONN-68 NdkDisconnect")?;
    leaving.ok("CONN-61 NdkDisconnect")?;
    drop(joined);
    let listener = parts.adapter.listener()?;
    listener.listen(&source)?.ok("LSN-03 NdkListen")?;
    let (status, destination) = listener.local_address();
    job.run.ok(status, "ADR-01 address of a listener")?;
    for qp in [&left, &right] {
        let status = connect(qp, &parts.adapter, &source, &destination)?;
        job.run.check(status < 0, "QP-14 a QP is not connected twice")?;
        job.run.status(qp.send(1, &nothing(), 0), STATUS_CONNECTION_INVALID, "WR-13 requests are refused")?;
    }
    job.run.equal(listener.events(), 0u32, "QP-14 nobody hears of the attempt")
}

fn qp_15(job: &Job) -> Result {
    let parts = parts(job)?;
    for context in [0, usize::MAX, 42, 42] {
        let options = QpOptions { context, ..QpOptions::default() };
        let qps = [parts.qp(&options)?, parts.qp(&options)?];
        for (number, qp) in qps.iter().enumerate() {
            job.run.ok(qp.receive(number, &nothing()), "WR-12 a receive before any connection")?;
            qp.flush();
            let result = take(job.run, &parts.cq)?;
            job.run.equal(result.QPContext.addr(), context, "QP-15 the context as it was given")?;
            job.run.equal(result.RequestContext.addr(), number, "WR-04 the context of the request")?;
        }
    }
    Ok(())
}
