//! `CQ-18`, `CQ-22` to `CQ-24`, `CQ-29` to `CQ-32`, `CQ-74`, `CQ-75`: the notification callback itself.
//! See docs/contract/ndkpi.md.

use super::stage::{Idle, Probe, adapter, drain, join, pair, quiet, write};
use crate::{
    kernel::{Shared, irql, time},
    ndk::{Address, Family, Limits, ListenerOptions, Notify, PairOptions, QpOptions, nothing, request},
    run::{Failure, Result},
    workload::Job,
};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use ndkpi_sys::{
    NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_ERRORS, NDK_CQ_NOTIFY_SOLICITED, NDK_FN_CREATE_COMPLETION, NTSTATUS, PVOID,
    STATUS_CONNECTION_REFUSED, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};
use wdk_sys::{DISPATCH_LEVEL, ntddk::KeGetCurrentProcessorNumberEx};

contract! {
    "CQ-18" cq_18, "the callback gets the context of the create call";
    "CQ-22" cq_22, "a callback with success means that there is a completion";
    "CQ-23" cq_23, "callbacks of one CQ never overlap";
    "CQ-24" cq_24, "a callback that comes due during one is made after it";
    "CQ-29" cq_29, "the callback comes at DISPATCH_LEVEL or below, with no lock held";
    "CQ-30" cq_30, "closing the CQ in its callback pends until the callback has returned";
    "CQ-31" cq_31, "closing an armed CQ gives no callback";
    "CQ-32" cq_32, "two CQs have callbacks of their own";
    "CQ-74" cq_74, "NULL callbacks: a CQ is polled only, a listener rejects";
    "CQ-75" cq_75, "no callback comes from inside an arm, a post or a fetch";
}

fn wait(job: &Job, probe: &Probe) -> Result {
    job.run.wait(&probe.event, "CQ-11 an armed CQ notifies")
}

fn cq_18(job: &Job) -> Result {
    // The probe is found through the context: a call with another context would not be counted here.
    let probes = [Probe::new(|_, _| {})?, Probe::new(|_, _| {})?];
    for probe in &probes {
        let idle = Idle::with(job, 4, Probe::notify(probe))?;
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        idle.complete(0..1)?;
        wait(job, probe)?;
        job.run.equal(probe.calls(), 1u32, "CQ-18 one call with the CQ's own context")?;
    }
    let raw: AtomicPtr<()> = AtomicPtr::new(core::ptr::without_provenance_mut(1));
    let notify = Notify::Call { function: Some(store), context: (&raw const raw).cast_mut().cast() };
    let idle = Idle::with(job, 4, notify)?;
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..1)?;
    idle.drain(0..1)?;
    for _ in 0..job.run.patience() {
        if raw.load(Ordering::Acquire).addr() != 1 {
            break;
        }
        time::sleep(1);
    }
    // No callback comes once the CQ is closed; then the local may go.
    drop(idle);
    job.run.equal(raw.load(Ordering::Acquire).addr(), (&raw const raw).addr(), "CQ-18 the context, bit for bit")
}

unsafe extern "system" fn store(context: PVOID, _: NTSTATUS) {
    // SAFETY: the test keeps the atomic until the CQ is closed.
    unsafe { &*context.cast::<AtomicPtr<()>>() }.store(context.cast(), Ordering::Release);
}

fn cq_22(job: &Job) -> Result {
    let probe = Probe::new(|probe, _| {
        while probe.poll().is_some() {
            probe.count.fetch_add(1, Ordering::AcqRel);
        }
    })?;
    let idle = Idle::with(job, 64, Probe::notify(&probe))?;
    probe.watch(&idle.cq, &idle.qp);
    for round in 1..=50u32 {
        let before = probe.count.load(Ordering::Acquire);
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        idle.complete(0..3)?;
        wait(job, &probe)?;
        job.run.ok(probe.status.load(Ordering::Acquire), "CQ-22 the status of a healthy CQ")?;
        job.run.check(probe.count.load(Ordering::Acquire) > before, "CQ-22 the callback finds a completion")?;
        // What the callback did not find yet is fetched here.
        let mut found = probe.count.load(Ordering::Acquire);
        while found < 3 * round {
            super::stage::take(job.run, &idle.cq)?;
            found = probe.count.fetch_add(1, Ordering::AcqRel) + 1;
        }
    }
    Ok(())
}

fn fetch_all_and_arm(probe: &Probe, _: u32) {
    loop {
        while probe.poll().is_some() {
            probe.count.fetch_add(1, Ordering::AcqRel);
        }
        probe.arm();
        if let Some(_late) = probe.poll() {
            probe.count.fetch_add(1, Ordering::AcqRel);
            continue;
        }
        break;
    }
}

fn cq_23(job: &Job) -> Result {
    const EACH: usize = 2000;
    let probe = Probe::new(fetch_all_and_arm)?;
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    let cq = adapter.create_cq(1024, Probe::notify(&probe))?.ok("CQ-01 NdkCreateCq")?;
    let [left, right] = [pd.qp(&cq)?, pd.qp(&cq)?];
    probe.watch(&cq, &left);
    let joined = join(job, (&adapter, &left), (&adapter, &right))?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    let mut posted = [0usize; 2];
    let mut wanted = 0u32;
    while posted != [EACH; 2] {
        job.run.go_on()?;
        for (count, qp) in posted.iter_mut().zip([&left, &right]) {
            // A full queue refuses; the callback makes room.
            if *count < EACH && qp.write(*count, &nothing(), 0, 0, 0) == STATUS_SUCCESS {
                *count += 1;
                wanted += 1;
            }
        }
        if wanted.saturating_sub(probe.count.load(Ordering::Acquire)) >= 100 {
            time::sleep(1);
        }
    }
    while probe.count.load(Ordering::Acquire) < wanted {
        wait(job, &probe)?;
    }
    drop(joined);
    job.run.equal(probe.count.load(Ordering::Acquire), wanted, "CQ-49 each completion once")?;
    job.run.equal(probe.overlaps.load(Ordering::Acquire), 0u32, "CQ-23 no two callbacks at once")
}

fn cq_24(job: &Job) -> Result {
    let probe = Probe::new(|probe, number| {
        while probe.poll().is_some() {
            probe.count.fetch_add(1, Ordering::AcqRel);
        }
        if number < 20 {
            // From here on another callback is due.
            probe.arm();
            probe.complete_one();
        }
    })?;
    let idle = Idle::with(job, 64, Probe::notify(&probe))?;
    probe.watch(&idle.cq, &idle.qp);
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..1)?;
    while probe.calls() < 20 {
        wait(job, &probe)?;
    }
    idle.qp.start_close()?.ok("LIFE-01 closing cannot fail")?;
    idle.cq.start_close()?.ok("CQ-30 the close waits for the callback")?;
    job.run.equal(probe.calls(), 20u32, "CQ-24 each callback that was due came")?;
    job.run.equal(probe.overlaps.load(Ordering::Acquire), 0u32, "CQ-24 none inside another")?;
    job.run.equal(probe.count.load(Ordering::Acquire), 20u32, "CQ-22 with one completion each")
}

fn cq_29(job: &Job) -> Result {
    // Arms, fetches, posts and flushes inside the callback: a lock of the provider's would stand in the way.
    let probe = Probe::new(|probe, number| {
        while probe.poll().is_some() {
            probe.count.fetch_add(1, Ordering::AcqRel);
        }
        probe.arm();
        if number == 1 {
            probe.complete_one();
        }
    })?;
    let idle = Idle::with(job, 64, Probe::notify(&probe))?;
    probe.watch(&idle.cq, &idle.qp);
    idle.cq.arm(NDK_CQ_NOTIFY_ANY);
    idle.complete(0..1)?;
    wait(job, &probe)?;
    while probe.count.load(Ordering::Acquire) < 2 {
        wait(job, &probe)?;
    }
    job.run.check(probe.level.load(Ordering::Acquire) <= DISPATCH_LEVEL, "CQ-29 at most DISPATCH_LEVEL")
}

const DONE: NDK_FN_CREATE_COMPLETION = Some(request::on_create);

struct Closer {
    cq: AtomicPtr<ndkpi_sys::NDK_CQ>,
    inline: AtomicU32,
    completed_inside: AtomicU32,
    closed: AtomicU32,
    returned: AtomicU32,
    event: crate::kernel::Event,
}

unsafe extern "system" fn close_inside(context: PVOID, _: NTSTATUS) {
    // SAFETY: the test keeps the closer until the close is complete.
    let closer = unsafe { Shared::<Closer>::borrow_context(context) };
    let cq = closer.cq.load(Ordering::Acquire);
    // SAFETY: the CQ is open: this is its only callback, and nobody else closes it.
    let Some(close) = unsafe { &*(*cq).Dispatch }.NdkCloseCq else { return };
    // SAFETY: as above.
    let status = unsafe { close(cq.cast(), Some(on_closed), context) };
    closer.inline.store(status.cast_unsigned(), Ordering::Release);
    closer.completed_inside.store(closer.closed.load(Ordering::Acquire), Ordering::Release);
    closer.returned.store(1, Ordering::Release);
}

unsafe extern "system" fn on_closed(context: PVOID) {
    // SAFETY: as above.
    let closer = unsafe { Shared::<Closer>::borrow_context(context) };
    closer.closed.fetch_add(1 + closer.returned.load(Ordering::Acquire), Ordering::AcqRel);
    closer.event.set();
}

fn cq_30(job: &Job) -> Result {
    let closer = Shared::try_new(Closer {
        cq: AtomicPtr::default(),
        inline: AtomicU32::new(0),
        completed_inside: AtomicU32::new(0),
        closed: AtomicU32::new(0),
        returned: AtomicU32::new(0),
        event: crate::kernel::Event::manual()?,
    })?;
    let adapter = adapter(job)?;
    let pd = adapter.pd()?;
    // Made by hand, since the callback closes it.
    let mut raw = core::ptr::null_mut();
    let context = closer.as_context();
    let answer = request::submit(job.run, |create_context| {
        let Some(create) = adapter.dispatch().NdkCreateCq else { return STATUS_INVALID_PARAMETER };
        let none = core::ptr::null_mut();
        // SAFETY: the adapter is open; the closer outlives the CQ; the place for the CQ is a local.
        unsafe { create(adapter.raw(), 4, Some(close_inside), context, none, DONE, create_context, &mut raw) }
    })?
    .ok("CQ-01 NdkCreateCq")?;
    if answer.pended() {
        raw = answer.object.cast();
    }
    closer.cq.store(raw, Ordering::Release);
    let other = adapter.cq(64)?;
    let mut qp = core::ptr::null_mut();
    let answer = request::submit(job.run, |context| {
        let Some(create) = pd.dispatch().NdkCreateQp else { return STATUS_INVALID_PARAMETER };
        let none = core::ptr::null_mut();
        // SAFETY: all objects are open; the place for the QP is a local.
        unsafe { create(pd.raw(), raw, other.raw(), none, 4, 4, 1, 1, 0, DONE, context, &mut qp) }
    })?
    .ok("QP-01 NdkCreateQp")?;
    if answer.pended() {
        qp = answer.object.cast();
    }
    // SAFETY: the CQ and the QP are open.
    let (cq_table, qp_table) = unsafe { (&*(*raw).Dispatch, &*(*qp).Dispatch) };
    let (Some(arm), Some(receive), Some(flush), Some(close)) =
        (cq_table.NdkArmCq, qp_table.NdkReceive, qp_table.NdkFlush, qp_table.NdkCloseQp)
    else {
        return Err(Failure::new("VER-08 no entry of a table is NULL", 0));
    };
    // The QP goes before the arm is satisfied late: closing it cancels nothing that is not posted.
    // SAFETY: both are open; no entries are a null pointer.
    let posted = unsafe {
        let posted = receive(qp, core::ptr::null_mut(), core::ptr::null(), 0);
        flush(qp);
        posted
    };
    job.run.ok(posted, "WR-12 a receive before any connection")?;
    time::sleep(5);
    // SAFETY: the QP is open and not used after this.
    request::submit(job.run, |context| unsafe { close(qp.cast(), Some(request::on_close), context) })?
        .ok("LIFE-01 NdkCloseQp")?;
    // Satisfied at once (CQ-19): nothing holds the CQ but its callback.
    // At DISPATCH_LEVEL, so that the callback comes after the arm has returned (LIFE-39).
    // SAFETY: the CQ is open until its callback.
    irql::at_dispatch(|| unsafe { arm(raw, NDK_CQ_NOTIFY_ANY) });
    job.run.wait(&closer.event, "CQ-30 the close completes")?;
    job.run.equal(closer.inline.load(Ordering::Acquire), STATUS_PENDING.cast_unsigned(), "CQ-30 the close pends")?;
    job.run.equal(closer.completed_inside.load(Ordering::Acquire), 0u32, "CQ-30 not complete in the callback")?;
    // One completion, after the callback was done with everything.
    job.run.equal(closer.closed.load(Ordering::Acquire), 2u32, "CQ-30 complete after the callback, once")
}

fn cq_31(job: &Job) -> Result {
    for kind in [NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ERRORS] {
        let adapter = adapter(job)?;
        let cq = adapter.cq(4)?;
        cq.arm(kind);
        cq.start_close()?.ok("LIFE-01 closing cannot fail")?;
        quiet(job.run, &cq, 0, "CQ-31 no callback for a close")?;
    }
    Ok(())
}

fn cq_32(job: &Job) -> Result {
    let probes = [Probe::new(|_, _| {})?, Probe::new(|_, _| {})?];
    let [one, other] = &probes;
    let first = Idle::with(job, 4, Probe::notify(one))?;
    let second = Idle::with(job, 4, Probe::notify(other))?;
    first.cq.arm(NDK_CQ_NOTIFY_ANY);
    second.cq.arm(NDK_CQ_NOTIFY_ANY);
    first.complete(0..1)?;
    wait(job, one)?;
    time::sleep(20);
    job.run.equal(other.calls(), 0u32, "CQ-32 no callback on another CQ's behalf")?;
    second.complete(0..1)?;
    wait(job, other)?;
    time::sleep(20);
    job.run.check(one.calls() == 1 && other.calls() == 1, "CQ-32 each its own")
}

fn cq_74(job: &Job) -> Result {
    let idle = Idle::with(job, 8, Notify::Null)?;
    for kind in [NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED, NDK_CQ_NOTIFY_ERRORS, 9] {
        idle.cq.arm(kind);
        idle.complete(0..2)?;
        idle.cq.arm(kind);
        idle.drain(0..2)?;
    }
    let none = || Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER);
    let address: Address = idle.adapter.address(Family::V4, 0).ok_or_else(none)?;
    let listener = idle.adapter.create_listener(ListenerOptions::Null)?.ok("CQ-74 a listener without callback")?;
    listener.listen(&address)?.ok("LSN-03 NdkListen")?;
    let (status, destination) = listener.local_address();
    job.run.ok(status, "ADR-01 address of a listener")?;
    let connector = idle.adapter.connector()?;
    connector.connect(&idle.qp, &address, &destination, Limits::default(), &[])?.wait()?.is(
        job.run,
        STATUS_CONNECTION_REFUSED,
        "CQ-74 the request is rejected",
    )
}

/// Processor that is inside a provider function at DISPATCH_LEVEL, plus one.
static INSIDE: AtomicU32 = AtomicU32::new(0);

fn processor() -> u32 {
    // SAFETY: the output is optional.
    unsafe { KeGetCurrentProcessorNumberEx(core::ptr::null_mut()) }.wrapping_add(1)
}

/// Calls at DISPATCH_LEVEL: a callback on this processor can then come from the inside only.
fn inside<R>(call: impl FnOnce() -> R) -> R {
    irql::at_dispatch(|| {
        INSIDE.store(processor(), Ordering::Release);
        let result = call();
        INSIDE.store(0, Ordering::Release);
        result
    })
}

fn cq_75(job: &Job) -> Result {
    let probe = Probe::new(|probe, _| {
        if INSIDE.load(Ordering::Acquire) == processor() {
            probe.count.fetch_add(1, Ordering::AcqRel);
        }
    })?;
    let idle = Idle::with(job, 64, Probe::notify(&probe))?;
    probe.watch(&idle.cq, &idle.qp);
    for round in 0..20usize {
        // Due because of the posts, then because of the arm.
        idle.cq.arm(NDK_CQ_NOTIFY_ANY);
        let status = inside(|| idle.qp.receive(round, &nothing()));
        job.run.ok(status, "WR-12 a receive before any connection")?;
        inside(|| idle.qp.flush());
        wait(job, &probe)?;
        idle.complete(round..round + 1)?;
        time::sleep(1);
        inside(|| idle.cq.arm(NDK_CQ_NOTIFY_ANY));
        wait(job, &probe)?;
        inside(|| idle.cq.poll_ex(&mut [ndkpi_sys::NDK_RESULT_EX::default(); 8]));
    }
    drop(idle);
    let pair = pair(job, PairOptions { qp: QpOptions::default(), ..PairOptions::default() })?;
    let cq = pair.active.adapter.create_cq(64, Probe::notify(&probe))?.ok("CQ-01 NdkCreateCq")?;
    let qps = [pair.active.pd.qp(&cq)?, pair.active.pd.qp(&cq)?];
    let [left, right] = &qps;
    let joined = join(job, (&pair.active.adapter, left), (&pair.active.adapter, right))?;
    for round in 0..20usize {
        cq.arm(NDK_CQ_NOTIFY_ANY);
        let status = inside(|| left.write(round, &nothing(), 0, 0, 0));
        job.run.ok(status, "WRT-03 a write of zero bytes")?;
        wait(job, &probe)?;
        drain(job.run, &cq, round..round + 1, STATUS_SUCCESS)?;
    }
    drop(joined);
    write(&pair.active, 0..1)?;
    job.run.equal(probe.count.load(Ordering::Acquire), 0u32, "CQ-75 no callback on the caller's stack")
}
