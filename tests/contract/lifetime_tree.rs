//! `LIFE-13` to `LIFE-32`: who keeps whom, and the close of the adapter.

use super::{
    bed::{Any, Bed, Half, KINDS, Link, call, done, each_place},
    probe::{LULL, hooked, linger, probe, step},
};
use crate::{
    kernel::{
        Buffer, Event, Lock, Shared, Waited,
        thread::{Main, Thread},
        time,
    },
    ndk::{Adapter, Limits, QpOptions, Region, Submitted},
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::*;

contract! {
    "LIFE-13" life_13, "the adapter waits for its CQs";
    "LIFE-14" life_14, "the adapter waits for its PDs";
    "LIFE-15" life_15, "the adapter waits for its connectors, delivered ones included";
    "LIFE-16" life_16, "the adapter waits for its listeners";
    "LIFE-17" life_17, "the adapter waits for its shared endpoints";
    "LIFE-18" life_18, "the adapter waits for its mappings";
    "LIFE-19" life_19, "a PD waits for its MRs";
    "LIFE-20" life_20, "a PD waits for its MWs";
    "LIFE-21" life_21, "a PD waits for its SRQs";
    "LIFE-22" life_22, "a PD waits for its QPs";
    "LIFE-23" life_23, "a CQ waits for its QPs in either role";
    "LIFE-24" life_24, "an SRQ waits for its QPs";
    "LIFE-27" life_27, "a listener waits for the connectors it delivered";
    "LIFE-28" life_28, "an MR waits for windows bound to it";
    "LIFE-29" life_29, "a tree closed from its top ends when its leaves are closed";
    "LIFE-30" life_30, "the adapter's close waits for descendants and their callbacks";
    "LIFE-31" life_31, "the adapter's close waits for the callback that set it off";
    "LIFE-32" life_32, "the adapter's close forces nothing";
    "LIFE-25" life_25, "a QP waits for the connector it was given to";
    "LIFE-26" life_26, "a shared endpoint waits for the connectors that use it";
}

/// The antecedent's close was called: it waits until `end` has closed the successor.
fn waits(run: &Run, closing: Submitted, end: impl FnOnce() -> Result) -> Result {
    run.status(closing.inline(), STATUS_PENDING, "LIFE-10 the antecedent's close pends")?;
    time::sleep(LULL);
    run.check(!closing.is_complete(), "it waits for the successor")?;
    end()?;
    closing.ok("it ends with the successor").map(|_| ())
}

/// Closes an adapter on a thread of its own.
struct Closer {
    adapter: Lock<Option<Adapter>>,
    go: Event,
    done: Event,
    finished: AtomicU32,
}

impl Main for Closer {
    fn main(&self) {
        let adapter = self.adapter.with(Option::take);
        let _ = self.go.wait(60_000);
        drop(adapter);
        self.finished.store(step(), SeqCst);
        self.done.set();
    }
}

impl Closer {
    /// The adapter is the last reference. The close begins when `go` is set.
    fn start(adapter: Adapter) -> Result<(Shared<Self>, Thread)> {
        let closer = Shared::try_new(Self {
            adapter: Lock::new(Some(adapter)),
            go: Event::manual()?,
            done: Event::manual()?,
            finished: AtomicU32::new(0),
        })?;
        let thread = Thread::start(closer.clone());
        Ok((closer, thread.map_err(|status| Failure::new("a system thread", status))?))
    }

    fn waits(&self) -> bool {
        self.done.wait(LULL) == Waited::TimedOut
    }

    fn ended(&self, run: &Run) -> Result {
        run.check(self.done.wait(run.patience()) == Waited::Signalled, "the adapter's close returns")
    }
}

/// The adapter's close waits until `end` has closed what is left.
fn adapter_waits(run: &Run, adapter: Adapter, end: impl FnOnce() -> Result) -> Result {
    let (closer, _thread) = Closer::start(adapter)?;
    closer.go.set();
    let waited = closer.waits();
    end()?;
    closer.ended(run)?;
    run.check(waited, "the adapter's close waits for its successor")
}

/// Leaves only the adapter of a bed.
fn bare(bed: Bed) -> Adapter {
    let Bed { cq, pd, adapter, .. } = bed;
    drop((cq, pd));
    adapter
}

fn child_of_adapter(job: &Job, kind: NDK_OBJECT_TYPE) -> Result {
    let bed = Bed::new(job)?;
    let child = bed.create(kind)?;
    adapter_waits(job.run, bare(bed), || child.close())
}

fn life_13(job: &Job) -> Result {
    child_of_adapter(job, NdkObjectTypeCq)
}

fn life_14(job: &Job) -> Result {
    child_of_adapter(job, NdkObjectTypePd)
}

fn life_15(job: &Job) -> Result {
    child_of_adapter(job, NdkObjectTypeConnector)?;
    each_place(job, |_, active| {
        let (came, connecting) = (probe()?, probe()?);
        let passive = Bed::new(job)?;
        let Half { passive: delivered, active: connector, passive_qp, active_qp, listener } =
            Half::new((&passive, active), &came, &connecting)?;
        drop(passive_qp);
        let closing = listener.start_close()?;
        adapter_waits(job.run, bare(passive), || {
            delivered.close()?;
            closing.ok("LIFE-27 the listener's close ends").map(|_| ())
        })?;
        connecting.wait(job.run, "CMP-19 the connect ends")?;
        connector.close()?;
        drop(active_qp);
        Ok(())
    })
}

fn life_16(job: &Job) -> Result {
    child_of_adapter(job, NdkObjectTypeListener)
}

fn life_17(job: &Job) -> Result {
    child_of_adapter(job, NdkObjectTypeSharedEndpoint)
}

fn life_18(job: &Job) -> Result {
    let (buffer, built) = (Buffer::new(64)?, probe()?);
    let adapter = bare(Bed::new(job)?);
    let raw = adapter.raw();
    let (mut room, mut size, mut offset) = ([0u64; 8], 64, 0);
    let mapping: *mut NDK_LOGICAL_ADDRESS_MAPPING = room.as_mut_ptr().cast();
    let status =
        call!(raw, NdkBuildLAM, buffer.mdl(), 64, built.request(), built.context(), mapping, &mut size, &mut offset);
    done(job.run, status, &built, "LAM-01 NdkBuildLAM")?;
    // SAFETY: the adapter is open.
    let release = unsafe { (*(*raw).Dispatch).NdkReleaseLAM };
    adapter_waits(job.run, adapter, || {
        let release = release.ok_or_else(|| Failure::new("VER-08 no entry is NULL", 0))?;
        // SAFETY: the adapter stays until its mapping is released.
        unsafe { release(raw, mapping) };
        Ok(())
    })
}

fn child_of_pd(job: &Job, kind: NDK_OBJECT_TYPE) -> Result {
    let bed = Bed::new(job)?;
    let child = bed.create(kind)?;
    waits(job.run, bed.pd.start_close()?, || child.close())
}

fn life_19(job: &Job) -> Result {
    child_of_pd(job, NdkObjectTypeMr)
}

fn life_20(job: &Job) -> Result {
    child_of_pd(job, NdkObjectTypeMw)
}

fn life_21(job: &Job) -> Result {
    child_of_pd(job, NdkObjectTypeSrq)
}

fn life_22(job: &Job) -> Result {
    child_of_pd(job, NdkObjectTypeQp)
}

fn life_23(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let options = QpOptions::default();
    for role in 0..3 {
        let queue = bed.adapter.cq(16)?;
        let (receive, initiate) = match role {
            0 => (&queue, &bed.cq),
            1 => (&bed.cq, &queue),
            _ => (&queue, &queue),
        };
        let qp = bed.pd.create_qp(receive, initiate, &options)?.ok("QP-01 NdkCreateQp")?;
        waits(job.run, queue.start_close()?, || qp.close().map(|_| ()))?;
    }
    Ok(())
}

fn life_24(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let srq = bed.create(NdkObjectTypeSrq)?;
    let (created, mut raw): (_, *mut NDK_QP) = (probe()?, ptr::null_mut());
    let (pd, cq) = (bed.pd.raw(), bed.cq.raw());
    let status = call!(
        pd,
        NdkCreateQpWithSrq,
        cq,
        cq,
        srq.raw(),
        ptr::null_mut(),
        4,
        1,
        0,
        created.create(),
        created.context(),
        &mut raw
    );
    done(job.run, status, &created, "QP-10 NdkCreateQpWithSrq")?;
    let qp = Any::adopt(job.run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
    waits(job.run, srq.start_close()?, || qp.close())
}

fn life_25(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never, connecting) = (probe()?, probe()?, probe()?, probe()?);
        // From the call on: the connect is pending.
        let half = Half::new((passive, active), &came, &connecting)?;
        waits(run, half.active_qp.start_close()?, || half.active.start_close()?.ok("a close").map(|_| ()))?;
        drop(half);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        waits(run, link.passive_qp.start_close()?, || link.passive.start_close()?.ok("a close").map(|_| ()))?;
        drop(link);
        // A failed connect lets go.
        let half = Half::new((passive, active), &came, &connecting)?;
        half.passive.start_close()?.ok("LIFE-01 a close")?;
        connecting.wait(run, "CMP-19 the connect ends")?;
        half.active_qp.start_close()?.ok("the QP closes while the failed connector is open").map(|_| ())
    })
}

fn life_26(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, connecting) = (probe()?, probe()?);
        let qp = active.qp()?;
        let (_listener, mut address) = passive.listener(&came)?;
        let endpoint = active.create(NdkObjectTypeSharedEndpoint)?;
        let connector = active.create(NdkObjectTypeConnector)?;
        let (limits, length) = (Limits::default(), address.length());
        let status = call!(
            connector.raw::<NDK_CONNECTOR>(),
            NdkConnectWithSharedEndpoint,
            qp.raw(),
            endpoint.raw(),
            address.as_ptr(),
            length,
            limits.inbound,
            limits.outbound,
            ptr::null_mut(),
            0,
            connecting.request(),
            connecting.context()
        );
        run.status(status, STATUS_PENDING, "CONN-19 the connect waits")?;
        came.wait(run, "LSN-11 a connect event")?;
        let delivered = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        waits(run, endpoint.start_close()?, || connector.close())?;
        delivered.close()
    })
}

fn life_27(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        let (came, gone, never, connecting) = (probe()?, probe()?, probe()?, probe()?);
        let half = Half::new((passive, active), &came, &connecting)?;
        waits(run, half.listener.start_close()?, || half.passive.start_close()?.ok("a close").map(|_| ()))?;
        drop(half);
        let link = Link::new((passive, active), &came, &gone, &never)?;
        waits(run, link.listener.start_close()?, || link.passive.start_close()?.ok("a close").map(|_| ()))
    })
}

fn life_28(job: &Job) -> Result {
    each_place(job, |passive, active| {
        let run = passive.run();
        for invalidates in [true, false] {
            let (came, gone, never) = (probe()?, probe()?, probe()?);
            let link = Link::new((passive, active), &came, &gone, &never)?;
            let region = Region::new(&active.pd, 64, NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
            let window = active.create(NdkObjectTypeMw)?;
            let (qp, none) = (link.active_qp.raw(), ptr::null_mut());
            let base = region.buffer().address().as_ptr().cast();
            let right = NDK_OP_FLAG_ALLOW_REMOTE_READ;
            let status = call!(qp, NdkBind, none, region.mr().raw(), window.raw(), base, 64, right);
            run.ok(status, "NdkBind")?;
            active.cq.expect(0, STATUS_SUCCESS, "the bind")?;
            waits(run, region.mr().start_close()?, || {
                if !invalidates {
                    return window.start_close()?.ok("a close").map(|_| ());
                }
                run.ok(call!(qp, NdkInvalidate, none, window.header(), 0), "NdkInvalidate")?;
                active.cq.expect(0, STATUS_SUCCESS, "the invalidation").map(|_| ())
            })?;
        }
        Ok(())
    })
}

fn life_29(job: &Job) -> Result {
    let run = job.run;
    let (came, gone, never) = (probe()?, probe()?, probe()?);
    let (passive, active) = (Bed::new(job)?, Bed::new(job)?);
    let link = Link::new((&passive, &active), &came, &gone, &never)?;
    let closing = [
        passive.pd.start_close()?,
        active.pd.start_close()?,
        passive.cq.start_close()?,
        active.cq.start_close()?,
        link.listener.start_close()?,
        link.passive_qp.start_close()?,
        link.active_qp.start_close()?,
    ];
    time::sleep(LULL);
    run.check(closing.iter().all(|close| !close.is_complete()), "all wait for the connectors")?;
    let last = [link.passive.start_close()?, link.active.start_close()?];
    // The adapter's close is over when all callbacks of its objects have returned (LIFE-30).
    drop(link);
    drop((passive, active));
    for close in closing.into_iter().chain(last) {
        let owed = u32::from(close.inline() == STATUS_PENDING);
        run.equal(close.calls(), owed, "each close ends exactly once")?;
    }
    Ok(())
}

fn life_30(job: &Job) -> Result {
    let run = job.run;
    let closed = hooked(|_| linger(3000))?;
    let bed = Bed::new(job)?;
    let mut children = crate::kernel::List::new();
    for kind in KINDS.into_iter().filter(|kind| {
        // What hangs on the adapter alone, so that nothing of the bed is in the way.
        ![NdkObjectTypeMr, NdkObjectTypeMw, NdkObjectTypeSrq, NdkObjectTypeQp].contains(kind)
    }) {
        children.try_push(bed.create(kind)?)?;
    }
    let domain = bed.create(NdkObjectTypePd)?;
    let (created, mut raw) = (probe()?, ptr::null_mut());
    let status = call!(domain.raw::<NDK_PD>(), NdkCreateMr, 0, created.create(), created.context(), &mut raw);
    done(run, status, &created, "MR-01 NdkCreateMr")?;
    let region = Any::adopt(run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
    run.status(domain.close_with(&closed), STATUS_PENDING, "LIFE-10 the domain's close pends")?;
    let (closer, _thread) = Closer::start(bare(bed))?;
    closer.go.set();
    let mut waited = closer.waits();
    for child in children.iter() {
        child.start_close()?.ok("LIFE-01 a close")?;
    }
    waited &= closer.waits();
    region.close()?;
    closer.ended(run)?;
    run.check(waited, "the adapter's close waits for the last object")?;
    run.check(closed.calls() == 1 && closed.ended() < closer.finished.load(SeqCst), "and for its callback")
}

fn life_31(job: &Job) -> Result {
    for _ in 0..4 {
        let slot = Lock::new(None::<Shared<Closer>>);
        let slot = Shared::try_new(slot)?;
        let closed = hooked(|_| {
            slot.with(|closer| {
                if let Some(closer) = closer {
                    closer.go.set();
                }
            });
            linger(3000);
        })?;
        let bed = Bed::new(job)?;
        let domain = bed.create(NdkObjectTypePd)?;
        let (created, mut raw) = (probe()?, ptr::null_mut());
        let status = call!(domain.raw::<NDK_PD>(), NdkCreateMr, 0, created.create(), created.context(), &mut raw);
        done(job.run, status, &created, "MR-01 NdkCreateMr")?;
        let region = Any::adopt(job.run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
        job.run.status(domain.close_with(&closed), STATUS_PENDING, "LIFE-10 the close pends")?;
        let (closer, _thread) = Closer::start(bare(bed))?;
        slot.with(|slot| *slot = Some(closer.clone()));
        region.close()?;
        closer.ended(job.run)?;
        job.run.check(closed.ended() != 0 && closed.ended() < closer.finished.load(SeqCst), "after the callback")?;
        let _last = slot.with(Option::take);
    }
    Ok(())
}

fn life_32(job: &Job) -> Result {
    let bed = Bed::new(job)?;
    let (domain, queue) = (bed.create(NdkObjectTypePd)?, bed.create(NdkObjectTypeCq)?);
    adapter_waits(job.run, bare(bed), || {
        let (created, mut raw) = (probe()?, ptr::null_mut());
        let pd = domain.raw::<NDK_PD>();
        let status = call!(pd, NdkCreateMr, 0, created.create(), created.context(), &mut raw);
        done(job.run, status, &created, "a domain still makes regions")?;
        let region = Any::adopt(job.run, if status == STATUS_SUCCESS { raw } else { created.object() })?;
        job.run.check(super::bed::poll(queue.raw()).is_none(), "a queue is still fetched from")?;
        region.close()?;
        domain.close()?;
        queue.close()
    })
}
