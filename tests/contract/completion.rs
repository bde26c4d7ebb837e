//! `CMP-01` to `CMP-08`: how requests end, at once or by a callback.

use super::{
    bed::{Any, Bed, Half, KINDS, Link, accept, call, complete, connect, disconnect, done, each_place, foreign},
    probe::{LULL, hooked, probe},
};
use crate::{
    kernel::{Buffer, time},
    run::Result,
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "CMP-01" cmp_01, "a pending request is followed by exactly one callback";
    "CMP-02" cmp_02, "any other return value is final";
    "CMP-03" cmp_03, "functions without a callback never pend";
    "CMP-04" cmp_04, "each callback gets the context of its request, NULL included";
    "CMP-05" cmp_05, "the status of a callback is final";
    "CMP-06" cmp_06, "an inline create gives a usable object by the out-parameter";
    "CMP-07" cmp_07, "a pending create writes nothing through the out-parameter";
    "CMP-08" cmp_08, "a failing create delivers no object";
}

fn cmp_01(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let requests = [probe()?, probe()?, probe()?];
        let [leaving, following, closing] = [probe()?, probe()?, probe()?];
        let link = Link::with((passive, active), &came, &gone, &never, &requests)?;
        let [first, second, _] = link.inline;
        run.check(first == STATUS_PENDING && second == STATUS_PENDING, "connect and accept pend")?;
        let inline = disconnect(link.active.raw(), &leaving);
        gone.wait(run, "CONN-72 the peer's disconnect event")?;
        let follows = disconnect(link.passive.raw(), &following);
        done(run, follows, &following, "CONN-68 the second disconnect")?;
        done(run, inline, &leaving, "CONN-61 NdkDisconnect")?;
        let domain = active.create(NdkObjectTypePd)?;
        let closes = domain.close_with(&closing);
        done(run, closes, &closing, "LIFE-01 a close")?;
        time::sleep(LULL);
        for (status, probe) in link.inline.iter().zip(&requests) {
            run.equal(probe.calls(), u32::from(*status == STATUS_PENDING), "one callback if it was pending")?;
        }
        for (status, probe) in [(inline, &leaving), (follows, &following), (closes, &closing)] {
            run.equal(probe.calls(), u32::from(status == STATUS_PENDING), "one callback if it was pending")?;
        }
        Ok(())
    })
}

fn cmp_02(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let asked = probe()?;
    let mut owed = 0;
    let mut answered = |status, wanted| {
        owed += u32::from(status == STATUS_PENDING);
        if status == STATUS_PENDING { Ok(()) } else { job.run.status(status, wanted, "the inline status") }
    };
    let (request, context) = (asked.request(), asked.context());
    for kind in KINDS {
        let created = probe()?;
        let mut inline = ptr::null_mut();
        let status = bed.create_raw(kind, created.create(), created.context(), &mut inline);
        done(job.run, status, &created, "the create")?;
        let object = Any::adopt(job.run, if status == STATUS_SUCCESS { inline } else { created.object() })?;
        let closed = probe()?;
        let ended = object.close_with(&closed);
        done(job.run, ended, &closed, "the close")?;
        for (status, probe) in [(status, &created), (ended, &closed)] {
            job.run.equal(probe.calls(), u32::from(status == STATUS_PENDING), "no callback for success")?;
        }
    }
    answered(call!(bed.cq.raw(), NdkResizeCq, 128, request, context), STATUS_SUCCESS)?;
    answered(call!(bed.cq.raw(), NdkResizeCq, 0, request, context), STATUS_INVALID_PARAMETER)?;
    let region = bed.pd.mr()?;
    let buffer = Buffer::new(64)?;
    let raw = region.raw();
    answered(call!(raw, NdkDeregisterMr, request, context), STATUS_INVALID_DEVICE_REQUEST)?;
    answered(call!(raw, NdkRegisterMr, buffer.mdl(), 0, 0, request, context), STATUS_INVALID_PARAMETER)?;
    answered(call!(raw, NdkRegisterMr, buffer.mdl(), 64, 0, request, context), STATUS_SUCCESS)?;
    answered(call!(raw, NdkDeregisterMr, request, context), STATUS_SUCCESS)?;
    let connector = bed.adapter.connector()?;
    let qp = bed.qp()?;
    let status = connect(connector.raw(), &qp, &foreign(), &foreign(), &asked);
    answered(status, STATUS_INVALID_ADDRESS)?;
    answered(disconnect(connector.raw(), &asked), STATUS_CONNECTION_INVALID)?;
    answered(complete(connector.raw(), &asked, &asked), STATUS_CONNECTION_INVALID)?;
    let listener = bed.adapter.listener()?;
    let mut address = foreign();
    let length = address.length();
    let status = call!(listener.raw(), NdkListen, address.as_ptr(), length, request, context);
    answered(status, STATUS_INVALID_ADDRESS)?;
    time::sleep(LULL);
    job.run.equal(asked.calls(), owed, "no callback for a final status")
}

fn cmp_03(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let (qp, connector) = (bed.qp()?, bed.adapter.connector()?);
    let (listener, endpoint) = (bed.adapter.listener()?, bed.create(NdkObjectTypeSharedEndpoint)?);
    let (region, window) = (bed.pd.mr()?, bed.create(NdkObjectTypeMw)?);
    let none = ptr::null_mut();
    let (mut size, mut length) = (0, 0);
    let page = NDK_LOGICAL_ADDRESS::default();
    let (q, c) = (qp.raw(), connector.raw());
    let mut info = NDK_ADAPTER_INFO::default();
    let mut bytes = size_of::<NDK_ADAPTER_INFO>() as ULONG;
    let statuses = [
        call!(bed.adapter.raw(), NdkQueryAdapterInfo, &mut info, &mut bytes),
        call!(bed.cq.raw(), NdkControlCqInterruptModeration, 0, 0),
        call!(c, NdkReject, none, 0),
        call!(c, NdkGetConnectionData, ptr::null_mut(), ptr::null_mut(), none, &mut size),
        call!(c, NdkGetLocalAddress, ptr::null_mut(), &mut length),
        call!(c, NdkGetPeerAddress, ptr::null_mut(), &mut length),
        call!(listener.raw(), NdkGetLocalAddress, ptr::null_mut(), &mut length),
        call!(endpoint.raw::<NDK_SHARED_ENDPOINT>(), NdkGetLocalAddress, ptr::null_mut(), &mut length),
        call!(q, NdkReceive, none, ptr::null(), 0),
        call!(q, NdkSend, none, ptr::null(), 0, 0),
        call!(q, NdkSendAndInvalidate, none, ptr::null(), 0, 0, 0),
        call!(q, NdkRead, none, ptr::null(), 0, 0, 0, 0),
        call!(q, NdkWrite, none, ptr::null(), 0, 0, 0, 0),
        call!(q, NdkInvalidate, none, window.header(), 0),
        call!(q, NdkBind, none, region.raw(), window.raw(), none, 1, NDK_OP_FLAG_ALLOW_REMOTE_READ),
        call!(q, NdkFastRegister, none, region.raw(), 1, &page, 0, 1, none, 0),
    ];
    for status in statuses {
        job.run.check(status != STATUS_PENDING, "never pending")?;
    }
    let srq = bed.create(NdkObjectTypeSrq)?;
    job.run.ok(call!(srq.raw::<NDK_SRQ>(), NdkSrqReceive, none, ptr::null(), 0), "NdkSrqReceive")
}

static NULLS: AtomicU32 = AtomicU32::new(0);

unsafe extern "system" fn null_request(context: PVOID, _status: NTSTATUS) {
    NULLS.fetch_add(if context.is_null() { 1 } else { 1000 }, SeqCst);
}

unsafe extern "system" fn null_close(context: PVOID) {
    NULLS.fetch_add(if context.is_null() { 1 } else { 1000 }, SeqCst);
}

fn cmp_04(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        NULLS.store(0, SeqCst);
        let delivered = [const { AtomicPtr::<NDK_CONNECTOR>::new(ptr::null_mut()) }; 4];
        let came = hooked(|seen| {
            if let Some(place) = delivered.get(seen.calls().wrapping_sub(1) as usize) {
                place.store(seen.object(), SeqCst);
            }
        })?;
        let requests = [probe()?, probe()?, probe()?];
        let (_listener, address) = passive.listener(&came)?;
        let (qp, extra) = (active.qp()?, active.qp()?);
        let others = [active.qp()?, active.qp()?];
        let nameless = active.create(NdkObjectTypeConnector)?;
        let mut connectors = crate::kernel::List::new();
        for (probe, qp) in requests.iter().zip([&qp, &others[0], &others[1]]) {
            let connector = active.create(NdkObjectTypeConnector)?;
            let status = connect(connector.raw(), qp, &active.address, &address, probe);
            run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
            connectors.try_push(connector)?;
        }
        let (mut from, mut to) = (active.address, address);
        let (source, destination) = (from.length(), to.length());
        let status = call!(
            nameless.raw::<NDK_CONNECTOR>(),
            NdkConnect,
            extra.raw(),
            from.as_ptr(),
            source,
            to.as_ptr(),
            destination,
            1,
            1,
            ptr::null_mut(),
            0,
            Some(null_request),
            ptr::null_mut()
        );
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits")?;
        while came.calls() != 4 {
            came.wait(run, "LSN-11 each request gives one connect event")?;
        }
        // Closing cuts all of them short; each has had its callback when its close is complete (LIFE-07).
        nameless.close()?;
        connectors.clear();
        run.equal(NULLS.load(SeqCst), 1u32, "a NULL context comes back as NULL")?;
        for probe in &requests {
            run.equal(probe.calls(), 1u32, "each request has its own callback")?;
        }
        let domain = active.create(NdkObjectTypePd)?;
        let mut region = ptr::null_mut();
        let (created, raw) = (probe()?, domain.raw::<NDK_PD>());
        let status = call!(raw, NdkCreateMr, 0, created.create(), created.context(), &mut region);
        done(run, status, &created, "MR-01 NdkCreateMr")?;
        let region = Any::adopt(run, if status == STATUS_SUCCESS { region } else { created.object() })?;
        let status = domain.close_raw(Some(null_close), ptr::null_mut());
        run.status(status, STATUS_PENDING, "LIFE-10 the close waits for the region")?;
        region.close()?;
        for connector in &delivered {
            Any::adopt(run, connector.load(SeqCst))?.close()?;
        }
        // The close was an inline one at the latest when the region's had returned, or is waited for here.
        while NULLS.load(SeqCst) < 2 {
            time::sleep(1);
        }
        time::sleep(LULL);
        run.equal(NULLS.load(SeqCst), 2u32, "a NULL context comes back as NULL")
    })
}

fn cmp_05(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, connecting, accepting, gone) = (probe()?, probe()?, probe()?, probe()?);
        let half = Half::new((passive, active), &came, &connecting)?;
        run.ok(call!(half.passive.raw::<NDK_CONNECTOR>(), NdkReject, ptr::null_mut(), 0), "NdkReject")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        run.status(connecting.status(), STATUS_CONNECTION_REFUSED, "CONN-40 the peer refuses")?;
        drop(half);
        let half = Half::new((passive, active), &came, &connecting)?;
        let status = accept(half.passive.raw(), &half.passive_qp, &gone, &accepting);
        run.status(status, STATUS_PENDING, "CONN-32 the accept waits")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        run.ok(connecting.status(), "CONN-04 NdkConnect")?;
        half.active.start_close()?.ok("LIFE-01 a close")?;
        accepting.wait(run, "CMP-19 the accept ends")?;
        run.status(accepting.status(), STATUS_CONNECTION_ABORTED, "CONN-33 the active side gave up")
    })
}

#[expect(non_upper_case_globals, reason = "the constants have the names that C gives them")]
fn cmp_06(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    for kind in KINDS {
        let created = probe()?;
        let mut inline = ptr::null_mut();
        let status = bed.create_raw(kind, created.create(), created.context(), &mut inline);
        done(job.run, status, &created, "the create succeeds")?;
        let object = Any::adopt(job.run, if status == STATUS_SUCCESS { inline } else { created.object() })?;
        // SAFETY: the object is open.
        let found = unsafe { (*object.header()).ObjectType };
        job.run.check(found == kind, "an object of the type asked for")?;
        match kind {
            NdkObjectTypeCq => {
                let mut results = [NDK_RESULT::default()];
                let raw = object.raw::<NDK_CQ>();
                // SAFETY: the queue is open, the array has one element.
                let fetch = unsafe { (*(*raw).Dispatch).NdkGetCqResults };
                // SAFETY: as above.
                let count = fetch.map(|fetch| unsafe { fetch(raw, results.as_mut_ptr(), 1) });
                job.run.check(count == Some(0), "an empty queue")?;
            }
            NdkObjectTypePd => {
                let (created, mut region) = (probe()?, ptr::null_mut());
                let raw = object.raw::<NDK_PD>();
                let status = call!(raw, NdkCreateMr, 0, created.create(), created.context(), &mut region);
                done(job.run, status, &created, "a region of the new domain")?;
                if status == STATUS_PENDING {
                    region = created.object();
                }
                Any::adopt(job.run, region)?.close()?;
            }
            NdkObjectTypeQp => {
                let status = call!(object.raw::<NDK_QP>(), NdkReceive, ptr::null_mut(), ptr::null(), 0);
                job.run.ok(status, "NdkReceive on a new QP")?;
            }
            _ => {}
        }
        object.close()?;
        job.run.equal(created.calls(), u32::from(status == STATUS_PENDING), "CMP-02 no callback")?;
    }
    Ok(())
}

fn cmp_07(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let mark = ptr::without_provenance_mut(0x10);
    for kind in KINDS {
        let created = probe()?;
        let mut inline = mark;
        let status = bed.create_raw(kind, created.create(), created.context(), &mut inline);
        if status == STATUS_PENDING {
            created.wait(job.run, "CMP-19 a pending create ends")?;
            job.run.check(inline == mark, "a pending create writes nothing")?;
            inline = created.object();
        } else {
            job.run.ok(status, "the create succeeds")?;
            job.run.equal(created.calls(), 0u32, "CMP-02 no callback")?;
            job.run.check(inline != mark, "an inline create writes the object")?;
        }
        Any::adopt(job.run, inline)?.close()?;
    }
    Ok(())
}

fn cmp_08(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let info = bed.adapter.info()?;
    let (created, none) = (probe()?, ptr::null_mut());
    let (completion, context) = (created.create(), created.context());
    let fails = |status: NTSTATUS, wanted, out: *mut NDK_OBJECT_HEADER| {
        if status == STATUS_PENDING {
            created.wait(job.run, "CMP-19 a pending create ends")?;
            job.run.status(created.status(), wanted, "the create fails")?;
            job.run.check(created.object::<NDK_CQ>().is_null(), "no object")
        } else {
            job.run.status(status, wanted, "the create fails")?;
            job.run.check(out.is_null(), "the out-parameter is NULL")
        }
    };
    let (adapter, pd, cq) = (bed.adapter.raw(), bed.pd.raw(), bed.cq.raw());
    for depth in [0, info.MaxCqDepth.saturating_add(1)] {
        let mut out: *mut NDK_CQ = ptr::without_provenance_mut(0x10);
        let status = call!(adapter, NdkCreateCq, depth, None, none, ptr::null_mut(), completion, context, &mut out);
        fails(status, STATUS_INVALID_PARAMETER, out.cast())?;
    }
    let mut out: *mut NDK_SHARED_ENDPOINT = ptr::without_provenance_mut(0x10);
    let mut address = foreign();
    let length = address.length();
    let status = call!(adapter, NdkCreateSharedEndpoint, address.as_ptr(), length, completion, context, &mut out);
    fails(status, STATUS_INVALID_ADDRESS, out.cast())?;
    let mut out: *mut NDK_SRQ = ptr::without_provenance_mut(0x10);
    let status = call!(pd, NdkCreateSrq, 0, 1, 0, None, none, ptr::null_mut(), completion, context, &mut out);
    fails(status, STATUS_INVALID_PARAMETER, out.cast())?;
    let deep = info.MaxInitiatorQueueDepth.saturating_add(1);
    let mut out: *mut NDK_QP = ptr::without_provenance_mut(0x10);
    let status = call!(pd, NdkCreateQp, cq, cq, none, 1, deep, 1, 1, 0, completion, context, &mut out);
    fails(status, STATUS_INVALID_PARAMETER, out.cast())?;
    let srq = bed.create(NdkObjectTypeSrq)?;
    let mut out: *mut NDK_QP = ptr::without_provenance_mut(0x10);
    let status = call!(pd, NdkCreateQpWithSrq, cq, cq, srq.raw(), none, deep, 1, 0, completion, context, &mut out);
    fails(status, STATUS_INVALID_PARAMETER, out.cast())
}
