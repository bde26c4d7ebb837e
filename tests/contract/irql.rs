//! `IRQL-*`: at which level functions and callbacks run.

use super::{
    bed::{Any, Bed, KINDS, Link, accept, call, close_raw, complete, connect, disconnect, done, each_place},
    probe::probe,
};
use crate::{
    kernel::{Buffer, irql},
    ndk::{Adapter, Region},
    run::Result,
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "IRQL-01" irql_01, "every function but NdkQueryAdapterInfo works at DISPATCH_LEVEL";
    "IRQL-02" irql_02, "open, query and close work at PASSIVE_LEVEL";
    "IRQL-03" irql_03, "every callback comes at DISPATCH_LEVEL or below";
    "IRQL-04" irql_04, "every function returns at the level it was called at";
    "IRQL-05" irql_05, "what needs a worker is pending when asked for at DISPATCH_LEVEL";
}

const NULL: PVOID = ptr::null_mut();

/// Calls at DISPATCH_LEVEL.
macro_rules! high {
    ($($call:tt)*) => { irql::at_dispatch(|| $($call)*) };
}

fn irql_01(job: &Job) -> Result {
    objects(job)?;
    each_place(job, connection)
}

/// Creates, closes and what needs no connection.
fn objects(job: &Job) -> Result {
    let (run, bed) = (job.run, Bed::new(job)?);
    for kind in KINDS {
        let (created, closed) = (probe()?, probe()?);
        let mut object = ptr::null_mut();
        let status = high!(bed.create_raw(kind, created.create(), created.context(), &mut object));
        done(run, status, &created, "a create at DISPATCH_LEVEL")?;
        if status == STATUS_PENDING {
            object = created.object();
        }
        let status = high!(close_raw(object, closed.close(), closed.context()));
        done(run, status, &closed, "a close at DISPATCH_LEVEL")?;
    }
    let asked = probe()?;
    let (request, context) = (asked.request(), asked.context());
    let cq = bed.cq.raw();
    done(run, high!(call!(cq, NdkResizeCq, 128, request, context)), &asked, "NdkResizeCq")?;
    run.ok(high!(call!(cq, NdkControlCqInterruptModeration, 0, 0)), "NdkControlCqInterruptModeration")?;
    let (buffer, region, fast) = (Buffer::new(8192)?, bed.pd.mr()?, bed.pd.create_mr(true)?.ok("MR-01")?);
    let raw = region.raw();
    let flags = NDK_MR_FLAG_ALLOW_LOCAL_WRITE;
    let status = high!(call!(raw, NdkRegisterMr, buffer.mdl(), 8192, flags, request, context));
    done(run, status, &asked, "NdkRegisterMr")?;
    run.check(high!(region.local_token() != 0 && region.remote_token() != 0), "the tokens")?;
    done(run, high!(call!(raw, NdkDeregisterMr, request, context)), &asked, "NdkDeregisterMr")?;
    let status = high!(call!(fast.raw(), NdkInitializeFastRegisterMr, 2, 1, request, context));
    done(run, status, &asked, "NdkInitializeFastRegisterMr")?;
    run.check(high!(bed.pd.privileged_token() != 0), "NdkGetPrivilegedMemoryRegionToken")?;
    let srq = bed.create(NdkObjectTypeSrq)?;
    let raw: *mut NDK_SRQ = srq.raw();
    run.ok(high!(call!(raw, NdkSrqReceive, NULL, ptr::null(), 0)), "NdkSrqReceive")?;
    done(run, high!(call!(raw, NdkModifySrq, 16, 0, request, context)), &asked, "NdkModifySrq")?;
    let (mut room, mut size, mut offset) = ([0u64; 8], 64, 0);
    let mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING = room.as_mut_ptr().cast();
    let adapter = bed.adapter.raw();
    let status =
        high!(call!(adapter, NdkBuildLAM, buffer.mdl(), 8192, request, context, mapping, &mut size, &mut offset));
    done(run, status, &asked, "NdkBuildLAM")?;
    // SAFETY: the adapter is open and the mapping its own.
    if let Some(release) = unsafe { (*(*adapter).Dispatch).NdkReleaseLAM } {
        // SAFETY: as above.
        high!(unsafe { release(adapter, mapping) });
    }
    idle(&bed)?;
    let endpoint = bed.create(NdkObjectTypeSharedEndpoint)?;
    let mut length = 0;
    let status = high!(call!(endpoint.raw::<NDK_SHARED_ENDPOINT>(), NdkGetLocalAddress, ptr::null_mut(), &mut length));
    run.status(status, STATUS_BUFFER_TOO_SMALL, "ADR-04 the size of an address")
}

/// What is left, on objects that are not connected.
fn idle(bed: &Bed) -> Result {
    let (run, spare, connecting) = (bed.run(), probe()?, probe()?);
    let (qp, fast) = (bed.qp()?, bed.pd.create_mr(true)?.ok("MR-01 NdkCreateMr")?);
    let window = bed.create(NdkObjectTypeMw)?;
    let (raw, page) = (qp.raw(), NDK_LOGICAL_ADDRESS::default());
    let posted = high!([
        call!(raw, NdkSendAndInvalidate, NULL, ptr::null(), 0, 0, 0),
        call!(raw, NdkFastRegister, NULL, fast.raw(), 1, &page, 0, 1, NULL, 0),
    ]);
    for status in posted {
        run.check(status < 0, "refused without a connection")?;
    }
    run.equal(high!(bed.cq.poll_ex(&mut [NDK_RESULT_EX::default()])), 0usize, "NdkGetCqResultsEx")?;
    let raw: *mut NDK_MW = window.raw();
    // SAFETY: the window is open.
    let get = unsafe { (*(*raw).Dispatch).NdkGetRemoteTokenFromMw };
    // SAFETY: as above.
    let token = high!(get.map(|get| unsafe { get(raw) }));
    run.check(token == Some(0), "MW-05 NdkGetRemoteTokenFromMw before the bind")?;
    let connector = bed.create(NdkObjectTypeConnector)?;
    let raw: *mut NDK_CONNECTOR = connector.raw();
    let status = high!(call!(raw, NdkReject, NULL, 0));
    run.status(status, STATUS_CONNECTION_INVALID, "CONN-03 NdkReject of an idle connector")?;
    let version = bed.adapter.version();
    if version.Major == 2 && version.Minor >= 1 {
        let (request, context) = (spare.request(), spare.context());
        let status = high!(call!(raw, NdkCompleteConnectEx, None, NULL, request, context));
        run.status(status, STATUS_CONNECTION_INVALID, "CONN-22 NdkCompleteConnectEx")?;
        let status = high!(call!(raw, NdkAcceptEx, qp.raw(), 1, 1, NULL, 0, None, NULL, request, context));
        run.status(status, STATUS_INVALID_DEVICE_STATE, "CONN-03 NdkAcceptEx")?;
    }
    // Nobody listens at the address of the endpoint itself.
    let (endpoint, other) = (bed.create(NdkObjectTypeSharedEndpoint)?, bed.create(NdkObjectTypeSharedEndpoint)?);
    let mut address = crate::ndk::Address::empty();
    let mut length = address.length();
    let raw_other: *mut NDK_SHARED_ENDPOINT = other.raw();
    run.ok(call!(raw_other, NdkGetLocalAddress, address.as_ptr(), &mut length), "SEP-07 its address")?;
    let status = high!(call!(
        raw,
        NdkConnectWithSharedEndpoint,
        qp.raw(),
        endpoint.raw(),
        address.as_ptr(),
        length,
        1,
        1,
        NULL,
        0,
        connecting.request(),
        connecting.context()
    ));
    if status == STATUS_PENDING {
        connecting.wait(run, "CMP-19 the connect ends")?;
        return run.status(connecting.status(), STATUS_CONNECTION_REFUSED, "SEP-09 nobody listens");
    }
    run.status(status, STATUS_CONNECTION_REFUSED, "SEP-09 nobody listens")
}

/// A connection from listen to disconnect.
fn connection(passive: &Bed, active: &Bed) -> Result {
    let run = passive.run();
    let (came, gone, never) = (probe()?, probe()?, probe()?);
    let [connecting, accepting, completing, leaving, following] = [probe()?, probe()?, probe()?, probe()?, probe()?];
    let (passive_qp, active_qp) = (passive.qp()?, active.qp()?);
    let (listener, address) = passive.listener(&came)?;
    let raw: *mut NDK_LISTENER = listener.raw();
    // SAFETY: the listener is open.
    if let Some(control) = unsafe { (*(*raw).Dispatch).NdkControlConnectEvents } {
        // SAFETY: as above.
        high!(unsafe { control(raw, 0) });
    }
    let connector = active.create(NdkObjectTypeConnector)?;
    let raw: *mut NDK_CONNECTOR = connector.raw();
    let first = high!(connect(raw, &active_qp, &active.address, &address, &connecting));
    came.wait(run, "LSN-11 a connect event")?;
    let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
    let second = high!(accept(delivered.raw(), &passive_qp, &gone, &accepting));
    done(run, first, &connecting, "NdkConnect")?;
    let third = high!(complete(raw, &never, &completing));
    done(run, third, &completing, "NdkCompleteConnect")?;
    done(run, second, &accepting, "NdkAccept")?;
    let (mut length, mut size) = (0, 0);
    let statuses = high!([
        call!(raw, NdkGetLocalAddress, ptr::null_mut(), &mut length),
        call!(raw, NdkGetPeerAddress, ptr::null_mut(), &mut length),
    ]);
    for status in statuses {
        run.status(status, STATUS_BUFFER_TOO_SMALL, "ADR-04 the size of an address")?;
    }
    let status = high!(call!(raw, NdkGetConnectionData, ptr::null_mut(), ptr::null_mut(), NULL, &mut size));
    run.ok(status, "NdkGetConnectionData")?;
    work(passive, active, &passive_qp, &active_qp)?;
    run.ok(high!(passive_qp.receive(9, &[])), "NdkReceive")?;
    high!(passive_qp.flush());
    passive.cq.expect(9, STATUS_CANCELLED, "NdkFlush")?;
    let status = high!(disconnect(raw, &leaving));
    gone.wait(run, "CONN-72 the peer's disconnect event")?;
    let last = high!(disconnect(delivered.raw(), &following));
    done(run, last, &following, "CONN-68 the second disconnect")?;
    done(run, status, &leaving, "NdkDisconnect")
}

/// All work requests of a connected QP.
fn work(passive: &Bed, active: &Bed, passive_qp: &crate::ndk::Qp, active_qp: &crate::ndk::Qp) -> Result {
    let run = passive.run();
    let flags = NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE;
    let (local, remote) = (Region::new(&active.pd, 64, flags)?, Region::new(&passive.pd, 64, flags)?);
    let (entry, at, token) = ([local.sge(0, 64)], remote.remote(0), remote.remote_token());
    let window = active.create(NdkObjectTypeMw)?;
    let (window_raw, base): (*mut NDK_MW, PVOID) = (window.raw(), local.buffer().address().as_ptr().cast());
    run.ok(high!(passive_qp.receive(1, &[remote.sge(0, 64)])), "NdkReceive")?;
    run.ok(high!(active_qp.send(2, &entry, 0)), "NdkSend")?;
    run.ok(high!(active_qp.read(3, &entry, at, token, 0)), "NdkRead")?;
    run.ok(high!(active_qp.write(4, &entry, at, token, 0)), "NdkWrite")?;
    let right = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    let tag = ptr::without_provenance_mut::<core::ffi::c_void>;
    let qp = active_qp.raw();
    run.ok(high!(call!(qp, NdkBind, tag(5), local.mr().raw(), window_raw, base, 64, right)), "NdkBind")?;
    run.ok(high!(call!(qp, NdkInvalidate, tag(6), window.header(), 0)), "NdkInvalidate")?;
    for context in 2..=6 {
        active.cq.expect(context, STATUS_SUCCESS, "the request at DISPATCH_LEVEL")?;
    }
    let taken = high!({
        passive.cq.arm(NDK_CQ_NOTIFY_ANY);
        super::bed::poll(passive.cq.raw())
    });
    if taken.is_none() {
        passive.cq.expect(1, STATUS_SUCCESS, "the receive")?;
    }
    Ok(())
}

fn irql_02(job: &Job) -> Result {
    let [target, _] = &job.run.request.adapters;
    for _ in 0..4 {
        let adapter = Adapter::open(job.run, job.provider, target)?;
        job.run.equal(irql::current(), PASSIVE_LEVEL, "the level after an open")?;
        job.run.check(adapter.info()?.MaxCqDepth != 0, "NdkQueryAdapterInfo")?;
        job.run.equal(irql::current(), PASSIVE_LEVEL, "the level after a query")?;
        drop(adapter);
        job.run.equal(irql::current(), PASSIVE_LEVEL, "the level after a close")?;
    }
    Ok(())
}

fn irql_03(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never) = (probe()?, probe()?, probe()?);
        let (notified, closed, leaving) = (probe()?, probe()?, probe()?);
        let requests = [probe()?, probe()?, probe()?];
        let passive = passive.notifying(&notified)?;
        let link = Link::with((&passive, active), &came, &gone, &never, &requests)?;
        passive.cq.arm(NDK_CQ_NOTIFY_ANY);
        run.ok(link.passive_qp.receive(1, &[]), "NdkReceive")?;
        run.ok(link.active_qp.send(2, &[], 0), "NdkSend")?;
        notified.wait(run, "CQ-11 a notification")?;
        let status = disconnect(link.active.raw(), &leaving);
        gone.wait(run, "CONN-72 the disconnect event")?;
        let domain = active.create(NdkObjectTypePd)?;
        link.passive.start_close()?.ok("LIFE-01 a close")?;
        done(run, domain.close_with(&closed), &closed, "LIFE-01 a close")?;
        if status == STATUS_PENDING {
            leaving.wait(run, "CMP-19 the disconnect ends")?;
        }
        let [connecting, accepting, completing] = &requests;
        for probe in [&came, &gone, &notified, &closed, &leaving, connecting, accepting, completing] {
            run.check(probe.level() <= u32::from(DISPATCH_LEVEL), "at most DISPATCH_LEVEL")?;
        }
        run.check(came.calls() == 1 && gone.calls() == 1 && notified.calls() == 1, "the events came")
    })
}

fn irql_04(job: &Job) -> Result {
    let (run, spare) = (job.run, probe()?);
    let bed = Bed::new(job)?;
    let same = |call: &mut dyn FnMut()| {
        call();
        let low = irql::current();
        let high = irql::at_dispatch(|| {
            call();
            irql::current()
        });
        run.check(low == PASSIVE_LEVEL && high == DISPATCH_LEVEL, "the level is as before the call")
    };
    for kind in KINDS {
        let object = AtomicPtr::new(ptr::null_mut());
        same(&mut || {
            let mut made = ptr::null_mut();
            let status = bed.create_raw(kind, spare.create(), spare.context(), &mut made);
            if status == STATUS_SUCCESS {
                object.store(made, SeqCst);
                let _ = close_raw(made, spare.close(), spare.context());
            }
        })?;
        run.check(!object.load(SeqCst).is_null(), "CMP-06 an object")?;
    }
    let (qp, connector) = (bed.qp()?, bed.adapter.connector()?);
    let (source, raw) = (bed.address, connector.raw());
    same(&mut || {
        let _ = (qp.receive(1, &[]), qp.send(2, &[], 0), super::bed::poll(bed.cq.raw()));
        bed.cq.arm(NDK_CQ_NOTIFY_ANY);
        qp.flush();
    })?;
    same(&mut || {
        let _ = disconnect(raw, &spare);
        let _ = connect(raw, &qp, &super::bed::foreign(), &source, &spare);
        let _ = complete(raw, &spare, &spare);
    })?;
    run.equal(irql::current(), PASSIVE_LEVEL, "nothing is left raised")
}

fn irql_05(job: &Job) -> Result {
    let (run, bed) = (job.run, Bed::new(job)?);
    let (listening, connecting) = (probe()?, probe()?);
    let listener = bed.adapter.listener()?;
    let mut address = bed.address;
    let (raw, length) = (listener.raw(), address.length());
    let (request, context) = (listening.request(), listening.context());
    let status = high!(call!(raw, NdkListen, address.as_ptr(), length, request, context));
    done(run, status, &listening, "NdkListen at DISPATCH_LEVEL")?;
    let (_, destination) = listener.local_address();
    let (qp, connector) = (bed.qp()?, bed.create(NdkObjectTypeConnector)?);
    let status = high!(connect(connector.raw(), &qp, &bed.address, &destination, &connecting));
    run.status(status, STATUS_PENDING, "NdkConnect at DISPATCH_LEVEL pends")?;
    let delivered = listener.next()?;
    run.equal(connecting.calls(), 0u32, "it waits for the peer's consumer")?;
    delivered.close()?;
    connecting.wait(run, "CMP-19 the connect ends")
}
