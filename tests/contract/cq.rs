//! `CQ-01` to `CQ-08`: creating completion queues. See docs/contract/ndkpi.md; the rest of `CQ-*` is in
//! `cq_arm.rs`, `cq_callback.rs`, `cq_fail.rs`, `cq_fetch.rs`, `cq_resize.rs` and `cq_moderate.rs`.

use super::stage::{Idle, adapter, drain, empty, join};
use crate::{
    kernel::List,
    ndk::{Adapter, Cq, Notify, QpOptions, nothing, request},
    run::{Failure, Result},
    workload::Job,
};
use core::{mem::offset_of, ptr};
use ndkpi_sys::{
    GROUP_AFFINITY, NDK_CQ, NDK_CQ_DISPATCH, NDK_FN_CREATE_COMPLETION, NTSTATUS, STATUS_CANCELLED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};

contract! {
    "CQ-01" cq_01, "a CQ of any depth up to the maximum holds that many completions";
    "CQ-02" cq_02, "a depth above MaxCqDepth is refused";
    "CQ-03" cq_03, "depth 0 is refused";
    "CQ-04" cq_04, "more than the greatest number of CQs are refused, and nothing leaks";
    "CQ-05" cq_05, "no affinity, however impossible, makes a create fail";
    "CQ-07" cq_07, "the table has its seven functions in the documented order";
    "CQ-08" cq_08, "one CQ serves both queues of QPs of several PDs";
}

fn cq_01(job: &Job) -> Result {
    for depth in [1, 2, 63, 64, 65, 1000, 4096] {
        let idle = Idle::new(job, depth)?;
        // SAFETY: the CQ is open.
        let kind = unsafe { (*idle.cq.raw()).Header.ObjectType };
        job.run.check(kind == ndkpi_sys::NdkObjectTypeCq, "CQ-01 the object is a CQ")?;
        let count = depth as usize;
        idle.complete(0..count)?;
        idle.drain(0..count)?;
    }
    let adapter = adapter(job)?;
    adapter.create_cq(adapter.info()?.MaxCqDepth, Notify::Signal)?.ok("CQ-01 the greatest depth").map(drop)
}

fn refused(job: &Job, adapter: &Adapter, depth: u32) -> Result {
    for notify in [Notify::Signal, Notify::Null] {
        adapter.create_cq(depth, notify)?.fails(STATUS_INVALID_PARAMETER, "the depth is refused")?;
    }
    job.run.check(adapter.cq(1).is_ok(), "a good depth is accepted afterwards")
}

fn cq_02(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let most = adapter.info()?.MaxCqDepth;
    for depth in [most.wrapping_add(1), most.wrapping_mul(2), 0x8000_0000, u32::MAX] {
        refused(job, &adapter, depth)?;
    }
    Ok(())
}

fn cq_03(job: &Job) -> Result {
    refused(job, &adapter(job)?, 0)
}

fn cq_04(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let mut all: List<Cq> = List::new();
    let refusal = loop {
        let created = adapter.create_cq(1, Notify::Null)?;
        match created.object {
            Some(cq) => all.try_push(cq)?,
            None => break created.answer.status,
        }
        if all.len() > 1 << 20 {
            return Err(Failure::new("CQ-04 an end to the number", STATUS_SUCCESS));
        }
    };
    job.run.status(refusal, STATUS_INSUFFICIENT_RESOURCES, "CQ-04 one too many")?;
    all.clear();
    // As many as before fit again; some must do here.
    for _ in 0..100 {
        all.try_push(adapter.cq(1)?)?;
    }
    Ok(())
}

/// Creates a CQ with an affinity; gives the final status.
fn with_affinity(adapter: &Adapter, mut affinity: GROUP_AFFINITY) -> Result<NTSTATUS> {
    let mut cq: *mut NDK_CQ = ptr::null_mut();
    let submitted = request::submit(adapter.run(), |context| {
        let Some(create) = adapter.dispatch().NdkCreateCq else { return STATUS_NOT_SUPPORTED };
        let callback: NDK_FN_CREATE_COMPLETION = Some(request::on_create);
        // SAFETY: the adapter is open; affinity and place for the CQ are locals that outlive the request.
        unsafe { create(adapter.raw(), 4, None, ptr::null_mut(), &mut affinity, callback, context, &mut cq) }
    })?;
    let answer = submitted.wait()?;
    if answer.pended() {
        cq = answer.object.cast();
    }
    if answer.status == STATUS_SUCCESS {
        let closing = request::submit(adapter.run(), |context| {
            // SAFETY: the CQ is open and is not used after this.
            let Some(close) = unsafe { &*(*cq).Dispatch }.NdkCloseCq else { return STATUS_NOT_SUPPORTED };
            // SAFETY: as above.
            unsafe { close(cq.cast(), Some(request::on_close), context) }
        })?;
        closing.ok("LIFE-01 closing cannot fail")?;
    }
    Ok(answer.status)
}

fn cq_05(job: &Job) -> Result {
    let adapter = adapter(job)?;
    adapter.cq(4)?;
    for (mask, group) in [(1, 0), (u64::MAX, 0), (0, 0), (1, 0xFFFF), (0, 0xFFFF), (1 << 63, 7)] {
        let affinity = GROUP_AFFINITY { Mask: mask, Group: group, ..GROUP_AFFINITY::default() };
        let status = with_affinity(&adapter, affinity)?;
        job.run.ok(status, "CQ-05 the affinity is a hint")?;
    }
    Ok(())
}

fn cq_07(job: &Job) -> Result {
    let order = [
        offset_of!(NDK_CQ_DISPATCH, NdkCloseCq),
        offset_of!(NDK_CQ_DISPATCH, NdkQueryExtension),
        offset_of!(NDK_CQ_DISPATCH, NdkResizeCq),
        offset_of!(NDK_CQ_DISPATCH, NdkArmCq),
        offset_of!(NDK_CQ_DISPATCH, NdkGetCqResults),
        offset_of!(NDK_CQ_DISPATCH, NdkControlCqInterruptModeration),
        offset_of!(NDK_CQ_DISPATCH, NdkGetCqResultsEx),
    ];
    for (place, offset) in order.into_iter().enumerate() {
        job.run.equal(offset, 8 * place, "CQ-07 the order of the header")?;
    }
    let idle = Idle::new(job, 4)?;
    // SAFETY: the CQ is open; its table has at least the functions that this test is built with.
    let table = unsafe { ptr::from_ref(idle.cq.dispatch()).cast::<[usize; 7]>().read() };
    for (place, entry) in table.into_iter().enumerate() {
        let twice = table.into_iter().skip(place + 1).any(|other| other == entry);
        job.run.check(entry != 0 && !twice, "CQ-07 seven functions, each another one")?;
    }
    // Each does what its name says.
    job.run.status(idle.cq.resize(0)?.wait()?.status, STATUS_INVALID_PARAMETER, "CQ-53 NdkResizeCq")?;
    job.run.ok(idle.cq.moderate(0, 0), "CQ-63 NdkControlCqInterruptModeration")?;
    idle.cq.arm(ndkpi_sys::NDK_CQ_NOTIFY_ANY);
    idle.complete(0..2)?;
    idle.cq.wait_for_notification()?;
    let mut plain = [ndkpi_sys::NDK_RESULT::default(); 1];
    job.run.equal(idle.cq.poll(&mut plain), 1usize, "CQ-40 NdkGetCqResults")?;
    idle.drain(1..2)?;
    idle.qp.start_close()?.ok("LIFE-01 NdkCloseQp")?;
    let closing = idle.cq.start_close()?;
    job.run.check(closing.inline() == STATUS_SUCCESS || closing.inline() == STATUS_PENDING, "LIFE-01 NdkCloseCq")?;
    closing.ok("LIFE-01 NdkCloseCq").map(drop)
}

fn cq_08(job: &Job) -> Result {
    let adapter = adapter(job)?;
    let cq = adapter.cq(64)?;
    let (one, other) = (adapter.pd()?, adapter.pd()?);
    let options = |context| QpOptions { context, ..QpOptions::default() };
    let left = one.create_qp(&cq, &cq, &options(0x11))?.ok("QP-09 one CQ for both queues")?;
    let right = other.create_qp(&cq, &cq, &options(0x22))?.ok("CQ-08 a QP of another PD")?;
    let third = other.create_qp(&cq, &cq, &options(0x33))?.ok("CQ-08 a third QP")?;
    let joined = join(job, (&adapter, &left), (&adapter, &right))?;
    job.run.ok(right.receive(1, &nothing()), "NdkReceive")?;
    job.run.ok(third.receive(3, &nothing()), "NdkReceive")?;
    job.run.ok(left.send(2, &nothing(), 0), "NdkSend")?;
    let mut seen = [0usize; 2];
    for place in &mut seen {
        let result = cq.next()?;
        job.run.ok(result.Status, "CQ-08 both ends complete in the one CQ")?;
        *place = result.RequestContext.addr() | result.QPContext.addr() << 8;
    }
    seen.sort_unstable();
    job.run.check(seen == [0x1102, 0x2201], "CQ-08 one result for each request, of its own QP")?;
    third.flush();
    drain(job.run, &cq, 3..4, STATUS_CANCELLED)?;
    drop(joined);
    empty(job.run, &cq)
}
