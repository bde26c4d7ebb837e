//! `CQ-40` to `CQ-51`: what is fetched. See docs/contract/ndkpi.md.

use super::{
    mapped::{Mapped, Window, fast_region, invalidate},
    stage::{Idle, drain, empty, gather, message, pair, take, write},
};
use crate::{
    ndk::{Mr, Pair, PairOptions, QpOptions, Region, nothing},
    run::Result,
    workload::Job,
};
use core::ptr;
use ndkpi_sys::{
    NDK_MR_FLAG_ALLOW_LOCAL_WRITE, NDK_MR_FLAG_ALLOW_REMOTE_READ, NDK_OP_FLAG_ALLOW_REMOTE_READ, NDK_OPERATION_TYPE,
    NDK_RESULT, NDK_RESULT_EX, NdkOperationTypeBind, NdkOperationTypeFastRegister, NdkOperationTypeInvalidate,
    NdkOperationTypeRead, NdkOperationTypeReceive, NdkOperationTypeReceiveAndInvalidate, NdkOperationTypeSend,
    NdkOperationTypeWrite, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_REMOTE_RESOURCES, STATUS_SUCCESS,
};

contract! {
    "CQ-40" cq_40, "a fetch gives as many results as there are and fit, oldest first";
    "CQ-41" cq_41, "room for none gives none and changes nothing";
    "CQ-42" cq_42, "elements beyond the results are not written";
    "CQ-43" cq_43, "the fields of NDK_RESULT";
    "CQ-44" cq_44, "the fields of NDK_RESULT_EX";
    "CQ-45" cq_45, "each request has its type";
    "CQ-46" cq_46, "a receive of a SendAndInvalidate tells type and token";
    "CQ-47" cq_47, "fetched plainly it is like any receive, and the token is dead all the same";
    "CQ-48" cq_48, "the token is dead before the receive can be fetched";
    "CQ-49" cq_49, "plain and wide fetches mix, each result once";
    "CQ-50" cq_50, "cancelled requests have their type";
    "CQ-51" cq_51, "fetching while others complete loses nothing";
}

fn cq_40(job: &Job) -> Result {
    let idle = Idle::new(job, 64)?;
    empty(job.run, &idle.cq)?;
    gather(job.run, &idle.cq, 10, || idle.complete(0..10))?;
    let mut next = 0;
    for wanted in [4, 4, 2, 0] {
        let mut results = [NDK_RESULT::default(); 4];
        job.run.equal(idle.cq.poll(&mut results), wanted, "CQ-40 as many as there are and fit")?;
        for result in results.iter().take(wanted) {
            job.run.equal(result.RequestContext.addr(), next, "CQ-40 oldest first")?;
            next += 1usize;
        }
    }
    Ok(())
}

fn cq_41(job: &Job) -> Result {
    let idle = Idle::new(job, 8)?;
    job.run.equal(idle.cq.poll(&mut []), 0usize, "CQ-41 none of an empty CQ")?;
    gather(job.run, &idle.cq, 2, || idle.complete(0..2))?;
    job.run.equal(idle.cq.poll(&mut []), 0usize, "CQ-41 none")?;
    job.run.equal(idle.cq.poll_ex(&mut []), 0usize, "CQ-41 none")?;
    let fetch = idle.cq.dispatch().NdkGetCqResults;
    // SAFETY: the CQ is open; no element of the array is to be written.
    let count = fetch.map_or(1, |fetch| unsafe { fetch(idle.cq.raw(), ptr::null_mut(), 0) });
    job.run.equal(count, 0u32, "CQ-41 none, whatever the array")?;
    idle.drain(0..2)
}

fn cq_42(job: &Job) -> Result {
    let mark = ptr::without_provenance_mut(0x5A5A_5A5A);
    let idle = Idle::new(job, 8)?;
    gather(job.run, &idle.cq, 3, || idle.complete(0..3))?;
    let old = NDK_RESULT { Status: 77, BytesTransferred: 88, QPContext: mark, RequestContext: mark };
    let mut results = [old; 8];
    job.run.equal(idle.cq.poll(&mut results), 3usize, "CQ-40 all three")?;
    job.run.check(results.iter().skip(3).all(|result| *result == old), "CQ-42 the others are as before")?;
    job.run.check(results.iter().take(3).all(|result| *result != old), "CQ-40 three are written")?;

    gather(job.run, &idle.cq, 3, || idle.complete(0..3))?;
    let old = NDK_RESULT_EX { Status: 77, QPContext: mark, Type: 99, ..NDK_RESULT_EX::default() };
    let mut results = [old; 8];
    job.run.equal(idle.cq.poll_ex(&mut results), 3usize, "CQ-40 all three")?;
    job.run.check(results.iter().skip(3).all(|result| *result == old), "CQ-42 the others are as before")?;
    results = [old; 8];
    job.run.equal(idle.cq.poll_ex(&mut results), 0usize, "CQ-40 nothing is left")?;
    job.run.check(results.iter().all(|result| *result == old), "CQ-42 an empty CQ writes nothing")
}

const CONTEXT: usize = 0xC0FF_EE00_1234_5678;

fn with_context(job: &Job) -> Result<Pair> {
    pair(job, PairOptions { qp: QpOptions { context: CONTEXT, ..QpOptions::default() }, ..PairOptions::default() })
}

/// A message of 1000 bytes, received into 4096.
fn thousand(job: &Job, pair: &Pair) -> Result<(Region, Region)> {
    let from = Region::new(&pair.active.pd, 4096, 0)?;
    let into = Region::new(&pair.passive.pd, 4096, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    job.run.ok(pair.passive.qp.receive(usize::MAX, &[into.sge(0, 4096)]), "NdkReceive")?;
    job.run.ok(pair.active.qp.send(1 << 40, &[from.sge(0, 1000)], 0), "NdkSend")?;
    Ok((from, into))
}

fn cq_43(job: &Job) -> Result {
    let pair = with_context(job)?;
    let _regions = thousand(job, &pair)?;
    for (cq, context, bytes) in [(&pair.passive.received, usize::MAX, 1000), (&pair.active.initiated, 1 << 40, 0)] {
        let mut result = [NDK_RESULT { BytesTransferred: 5, ..NDK_RESULT::default() }];
        cq.arm(ndkpi_sys::NDK_CQ_NOTIFY_ANY);
        cq.wait_for_notification()?;
        job.run.equal(cq.poll(&mut result), 1usize, "CQ-40 the result")?;
        let [result] = result;
        job.run.ok(result.Status, "CQ-43 Status")?;
        job.run.equal(result.BytesTransferred, bytes, "CQ-43 BytesTransferred")?;
        job.run.equal(result.QPContext.addr(), CONTEXT, "CQ-43 QPContext")?;
        job.run.equal(result.RequestContext.addr(), context, "CQ-43 RequestContext")?;
    }
    Ok(())
}

fn cq_44(job: &Job) -> Result {
    let pair = with_context(job)?;
    let _regions = thousand(job, &pair)?;
    let rows = [
        (&pair.passive.received, usize::MAX, 1000, NdkOperationTypeReceive),
        (&pair.active.initiated, 1 << 40, 0, NdkOperationTypeSend),
    ];
    for (cq, context, bytes, kind) in rows {
        let seen = take(job.run, cq)?;
        let wanted = NDK_RESULT_EX {
            Status: STATUS_SUCCESS,
            BytesTransferred: bytes,
            QPContext: ptr::without_provenance_mut(CONTEXT),
            RequestContext: ptr::without_provenance_mut(context),
            Type: kind,
            ProviderErrorCode: 0,
            TypeSpecificCompletionOutput: 0,
        };
        job.run.check(seen == wanted, "CQ-44 each field of NDK_RESULT_EX")?;
        empty(job.run, cq)?;
    }
    Ok(())
}

/// Posted with success; completes with success and a type.
fn typed(job: &Job, pair: &Pair, status: i32, kind: NDK_OPERATION_TYPE) -> Result {
    job.run.ok(status, "the request is accepted")?;
    let result = take(job.run, &pair.active.initiated)?;
    job.run.ok(result.Status, "the request succeeds")?;
    job.run.equal(result.Type.cast_unsigned(), kind.cast_unsigned(), "CQ-45 the type of a result")?;
    job.run.equal(result.TypeSpecificCompletionOutput, 0u64, "CQ-46 no output for other types")?;
    job.run.equal(result.BytesTransferred, 0u32, "CQ-43 bytes are told for receives only")
}

/// A fast-register region of the passive end that its peer may read; valid.
fn readable(job: &Job, pair: &Pair) -> Result<(Mr, Mapped)> {
    let mr = fast_region(&pair.passive.pd, 4)?;
    let memory = Mapped::new(&pair.passive.adapter, 4096)?;
    let status = memory.fast_register(&pair.passive.qp, 1, &mr, NDK_OP_FLAG_ALLOW_REMOTE_READ);
    job.run.ok(status, "FRG-01 NdkFastRegister")?;
    job.run.ok(take(job.run, &pair.passive.initiated)?.Status, "FRG-01 NdkFastRegister")?;
    Ok((mr, memory))
}

fn cq_45(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let (end, peer) = (&pair.active, &pair.passive);
    let (remote, _remote_memory) = readable(job, &pair)?;
    let region = Region::new(&end.pd, 4096, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
    let mr = fast_region(&end.pd, 4)?;
    let memory = Mapped::new(&end.adapter, 4096)?;
    let window = Window::new(&end.pd)?;
    for context in 0..2 {
        job.run.ok(peer.qp.receive(context, &nothing()), "NdkReceive")?;
    }
    typed(job, &pair, end.qp.send(1, &nothing(), 0), NdkOperationTypeSend)?;
    let token = remote.remote_token();
    typed(job, &pair, end.qp.send_and_invalidate(2, &nothing(), 0, token), NdkOperationTypeSend)?;
    typed(job, &pair, memory.fast_register(&end.qp, 3, &mr, 0), NdkOperationTypeFastRegister)?;
    let address = region.buffer().address().addr().get();
    let status = window.bind(&end.qp, 4, region.mr(), address, 100, NDK_OP_FLAG_ALLOW_REMOTE_READ);
    typed(job, &pair, status, NdkOperationTypeBind)?;
    typed(job, &pair, window.invalidate(&end.qp, 5), NdkOperationTypeInvalidate)?;
    typed(job, &pair, invalidate(&end.qp, 6, &mr, 0), NdkOperationTypeInvalidate)?;
    typed(job, &pair, end.qp.read(7, &nothing(), 0, 0, 0), NdkOperationTypeRead)?;
    typed(job, &pair, end.qp.write(8, &nothing(), 0, 0, 0), NdkOperationTypeWrite)?;
    for kind in [NdkOperationTypeReceive, NdkOperationTypeReceiveAndInvalidate] {
        let seen = take(job.run, &peer.received)?.Type;
        job.run.equal(seen.cast_unsigned(), kind.cast_unsigned(), "CQ-45 the types of receives")?;
    }
    let values = [
        (NdkOperationTypeReceive, 1),
        (NdkOperationTypeReceiveAndInvalidate, 0x8001),
        (NdkOperationTypeSend, 2),
        (NdkOperationTypeFastRegister, 4),
        (NdkOperationTypeBind, 8),
        (NdkOperationTypeInvalidate, 16),
        (NdkOperationTypeRead, 32),
        (NdkOperationTypeWrite, 64),
    ];
    job.run.check(values.iter().all(|(name, value)| name == value), "CQ-45 the values of the header")
}

/// The passive end receives a message that invalidates its region.
fn invalidated(job: &Job, pair: &Pair) -> Result<(Mr, Mapped)> {
    let (mr, memory) = readable(job, pair)?;
    job.run.ok(pair.passive.qp.receive(5, &nothing()), "NdkReceive")?;
    let status = pair.active.qp.send_and_invalidate(6, &nothing(), 0, mr.remote_token());
    job.run.ok(status, "SINV-01 NdkSendAndInvalidate")?;
    Ok((mr, memory))
}

/// The peer's read with a token fails.
fn dead(job: &Job, pair: &Pair, mr: &Mr, memory: &Mapped) -> Result {
    let into = Region::new(&pair.active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    let address = memory.address(0) as u64;
    let status = pair.active.qp.read(9, &[into.sge(0, 64)], address, mr.remote_token(), 0);
    job.run.ok(status, "WR-25 tokens are checked when the request is executed")?;
    let mut result = take(job.run, &pair.active.initiated)?;
    if result.RequestContext.addr() == 6 {
        result = take(job.run, &pair.active.initiated)?;
    }
    job.run.status(result.Status, STATUS_REMOTE_RESOURCES, "CQ-48 the token is dead")?;
    pair.passive.connector.wait_for_disconnect()
}

fn cq_46(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let (mr, _memory) = invalidated(job, &pair)?;
    let result = take(job.run, &pair.passive.received)?;
    job.run.ok(result.Status, "SINV-01 the receive succeeds")?;
    job.run.equal(result.Type.cast_unsigned(), 0x8001u32, "CQ-46 the type")?;
    job.run.equal(result.TypeSpecificCompletionOutput, mr.remote_token(), "CQ-46 the token, zero-extended")?;
    job.run.equal(result.RequestContext.addr(), 5usize, "CQ-43 RequestContext")?;
    message(&pair, 7..8, 0)?;
    let result = take(job.run, &pair.passive.received)?;
    job.run.equal(result.TypeSpecificCompletionOutput, 0u64, "CQ-46 0 for other types")
}

fn cq_47(job: &Job) -> Result {
    let pair = pair(job, PairOptions::default())?;
    let cq = &pair.passive.received;
    cq.arm(ndkpi_sys::NDK_CQ_NOTIFY_ANY);
    let (mr, memory) = invalidated(job, &pair)?;
    cq.wait_for_notification()?;
    let mut result = [NDK_RESULT::default()];
    job.run.equal(cq.poll(&mut result), 1usize, "CQ-40 the result")?;
    let [result] = result;
    job.run.ok(result.Status, "CQ-47 a receive like any other")?;
    job.run.equal(result.RequestContext.addr(), 5usize, "CQ-47 a receive like any other")?;
    job.run.equal(result.BytesTransferred, 0u32, "CQ-47 a receive like any other")?;
    dead(job, &pair, &mr, &memory)
}

fn cq_48(job: &Job) -> Result {
    let first = pair(job, PairOptions::default())?;
    let (mr, memory) = invalidated(job, &first)?;
    job.run.ok(take(job.run, &first.passive.received)?.Status, "SINV-01 the receive succeeds")?;
    dead(job, &first, &mr, &memory)?;
    drop(first);

    let second = pair(job, PairOptions::default())?;
    let (mr, _memory) = invalidated(job, &second)?;
    job.run.ok(take(job.run, &second.passive.received)?.Status, "SINV-01 the receive succeeds")?;
    job.run.ok(invalidate(&second.passive.qp, 3, &mr, 0), "INV-06 refused in the completion")?;
    let status = take(job.run, &second.passive.initiated)?.Status;
    job.run.status(status, STATUS_INVALID_DEVICE_REQUEST, "CQ-48 it is not valid locally either")
}

fn cq_49(job: &Job) -> Result {
    let idle = Idle::new(job, 64)?;
    gather(job.run, &idle.cq, 30, || idle.complete(0..30))?;
    for round in 0..10usize {
        let mut plain = [NDK_RESULT::default()];
        let mut wide = [NDK_RESULT_EX::default(); 2];
        job.run.equal(idle.cq.poll(&mut plain), 1usize, "CQ-49 a plain fetch")?;
        job.run.equal(idle.cq.poll_ex(&mut wide), 2usize, "CQ-49 a wide fetch")?;
        let [a] = plain.map(|result| result.RequestContext.addr());
        let [b, c] = wide.map(|result| result.RequestContext.addr());
        job.run.check([a, b, c] == [3 * round, 3 * round + 1, 3 * round + 2], "CQ-49 each result once, in order")?;
    }
    empty(job.run, &idle.cq)
}

fn cq_50(job: &Job) -> Result {
    let idle = Idle::new(job, 8)?;
    idle.complete(0..1)?;
    let result = take(job.run, &idle.cq)?;
    job.run.status(result.Status, STATUS_CANCELLED, "FLUSH-06 a receive is cancelled")?;
    job.run.equal(result.Type.cast_unsigned(), NdkOperationTypeReceive.cast_unsigned(), "CQ-50 its type")?;

    // A send that finds no receive holds the queue; the flush cancels what stands behind it.
    let pair = pair(job, PairOptions::default())?;
    let end = &pair.active;
    let mr = fast_region(&end.pd, 1)?;
    let memory = Mapped::new(&end.adapter, 64)?;
    job.run.ok(end.qp.send(0, &nothing(), 0), "RCV-08 a send that waits")?;
    job.run.ok(end.qp.write(1, &nothing(), 0, 0, 0), "NdkWrite")?;
    job.run.ok(end.qp.read(2, &nothing(), 0, 0, 0), "NdkRead")?;
    job.run.ok(memory.fast_register(&end.qp, 3, &mr, 0), "NdkFastRegister")?;
    job.run.ok(invalidate(&end.qp, 4, &mr, 0), "NdkInvalidate")?;
    end.qp.flush();
    let kinds = [
        NdkOperationTypeSend,
        NdkOperationTypeWrite,
        NdkOperationTypeRead,
        NdkOperationTypeFastRegister,
        NdkOperationTypeInvalidate,
    ];
    let mut cancelled = 0u32;
    for kind in kinds {
        let result = take(job.run, &end.initiated)?;
        job.run.equal(result.Type.cast_unsigned(), kind.cast_unsigned(), "CQ-50 the type of a cancelled request")?;
        cancelled += u32::from(result.Status == STATUS_CANCELLED);
    }
    job.run.check(cancelled != 0, "FLUSH-01 what waited is cancelled")?;
    // The cause of an error has its type as well.
    let pair = super::stage::pair(job, PairOptions::default())?;
    let region = Region::new(&pair.active.pd, 64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE)?;
    job.run.ok(pair.active.qp.read(1, &[region.sge(0, 64)], 1, 0x1234_5678, 0), "NdkRead")?;
    let result = take(job.run, &pair.active.initiated)?;
    job.run.status(result.Status, STATUS_REMOTE_RESOURCES, "RD-08 an unknown token")?;
    job.run.equal(result.Type.cast_unsigned(), NdkOperationTypeRead.cast_unsigned(), "CQ-50 its type")
}

fn cq_51(job: &Job) -> Result {
    // Both ends' completions come from the provider's processors while this thread fetches.
    let pair = pair(job, PairOptions::default())?;
    let mut next = 0;
    for round in 0..40usize {
        job.run.go_on()?;
        write(&pair.active, 50 * round..50 * (round + 1))?;
        let mut results = [NDK_RESULT_EX::default(); 3];
        while next < 50 * (round + 1) {
            let count = pair.active.initiated.poll_ex(&mut results);
            if count == 0 {
                pair.active.initiated.arm(ndkpi_sys::NDK_CQ_NOTIFY_ANY);
                pair.active.initiated.wait_for_notification()?;
            }
            for result in results.iter().take(count) {
                job.run.equal(result.RequestContext.addr(), next, "CQ-51 none lost, none doubled, in order")?;
                next += 1;
            }
        }
    }
    drain(job.run, &pair.active.initiated, 0..0, STATUS_SUCCESS)
}
