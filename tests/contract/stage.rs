//! Set-ups that several files of tests share.

use crate::{
    kernel::{Event, Shared, irql, time},
    ndk::{
        Adapter, Connector, Cq, End, Family, Limits, Listener, Notify, Pair, PairOptions, Pd, Place, Qp, QpOptions,
        nothing,
    },
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    ops::Range,
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering},
};
use ndkpi_sys::{
    NDK_CQ, NDK_CQ_NOTIFY_ANY, NDK_QP, NDK_RESULT_EX, NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_INVALID_PARAMETER,
    STATUS_IO_TIMEOUT, STATUS_SUCCESS, ULONG,
};

/// Long enough for a callback that must not come, in milliseconds.
const QUIET: u32 = 30;

/// An open of the first adapter.
#[track_caller]
pub fn adapter(job: &Job) -> Result<Adapter> {
    let [first, _] = &job.run.request.adapters;
    Adapter::open(job.run, job.provider, first)
}

/// Two connected ends: across two adapters if the run has them, else within one.
#[track_caller]
pub fn pair(job: &Job, options: PairOptions) -> Result<Pair> {
    let [_, second] = &job.run.request.adapters;
    let place = if second.interface == 0 { Place::Same } else { Place::Across };
    Pair::connect(job.run, job.provider, &PairOptions { place, ..options })?
        .ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))
}

/// Two connected ends whose CQs have a certain depth.
#[track_caller]
pub fn pair_of_depth(job: &Job, cq_depth: u32) -> Result<Pair> {
    pair(job, PairOptions { cq_depth, ..PairOptions::default() })
}

/// What connects two QPs of the test's own making.
pub struct Joined {
    /// The connector that connected.
    pub active: Connector,
    /// The connector that accepted.
    pub passive: Connector,
    /// Listens on.
    pub _listener: Listener,
}

/// Connects two QPs, each of an open adapter.
#[track_caller]
pub fn join(job: &Job, active: (&Adapter, &Qp), passive: (&Adapter, &Qp)) -> Result<Joined> {
    let none = || Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER);
    let source = active.0.address(Family::V4, 0).ok_or_else(none)?;
    let listener = passive.0.listener()?;
    listener.listen(&passive.0.address(Family::V4, 0).ok_or_else(none)?)?.ok("LSN-03 NdkListen")?;
    let (status, destination) = listener.local_address();
    job.run.ok(status, "ADR-01 address of a listener")?;
    let connector = active.0.connector()?;
    let connecting = connector.connect(active.1, &source, &destination, Limits::default(), &[])?;
    let delivered = listener.next()?;
    let accepting = delivered.accept(passive.1, Limits::default(), &[])?;
    connecting.ok("CONN-04 NdkConnect")?;
    connector.complete_connect()?.ok("CONN-21 NdkCompleteConnect")?;
    accepting.ok("CONN-32 NdkAccept")?;
    Ok(Joined { active: connector, passive: delivered, _listener: listener })
}

/// A QP that is not connected and one CQ for both its queues: its receives are completed by a flush.
pub struct Idle {
    // Fields drop in this order.
    /// The queue pair.
    pub qp: Qp,
    /// Where everything completes.
    pub cq: Cq,
    /// The domain of the QP.
    pub _pd: Pd,
    /// The open adapter.
    pub adapter: Adapter,
}

impl Idle {
    /// With a CQ that signals.
    #[track_caller]
    pub fn new(job: &Job, depth: u32) -> Result<Self> {
        Self::with(job, depth, Notify::Signal)
    }

    /// With any notification.
    #[track_caller]
    pub fn with(job: &Job, depth: u32, notify: Notify) -> Result<Self> {
        let adapter = adapter(job)?;
        let pd = adapter.pd()?;
        let cq = adapter.create_cq(depth, notify)?.ok("CQ-01 NdkCreateCq")?;
        let options = QpOptions { receive_depth: depth.clamp(64, 4096), ..QpOptions::default() };
        let qp = pd.create_qp(&cq, &cq, &options)?.ok("QP-01 NdkCreateQp")?;
        Ok(Self { qp, cq, _pd: pd, adapter })
    }

    /// Gives the CQ cancelled receives with these contexts.
    #[track_caller]
    pub fn complete(&self, contexts: Range<usize>) -> Result {
        let run = self.qp.run();
        for context in contexts {
            run.ok(self.qp.receive(context, &nothing()), "WR-12 a receive before any connection")?;
        }
        self.qp.flush();
        Ok(())
    }

    /// Fetches cancelled receives with these contexts, in this order.
    #[track_caller]
    pub fn drain(&self, contexts: Range<usize>) -> Result {
        drain(self.qp.run(), &self.cq, contexts, STATUS_CANCELLED)
    }
}

/// Fetches results with these contexts in this order and one status; no others stay behind.
#[track_caller]
pub fn drain(run: &Run, cq: &Cq, contexts: Range<usize>, status: NTSTATUS) -> Result {
    for context in contexts {
        let result = take(run, cq)?;
        run.status(result.Status, status, "WR-02 the status of a result")?;
        run.equal(result.RequestContext.addr(), context, "CQ-40 results come oldest first")?;
    }
    empty(run, cq)
}

/// Expects an empty CQ.
#[track_caller]
pub fn empty(run: &Run, cq: &Cq) -> Result {
    run.equal(cq.poll_ex(&mut [NDK_RESULT_EX::default()]), 0usize, "CQ-40 an empty CQ gives 0")
}

/// The next result of a CQ that is not to be armed: looks again and again.
#[track_caller]
pub fn take(run: &Run, cq: &Cq) -> Result<NDK_RESULT_EX> {
    let mut result = [NDK_RESULT_EX::default()];
    for _ in 0..run.patience() {
        if cq.poll_ex(&mut result) == 1 {
            let [result] = result;
            return Ok(result);
        }
        run.go_on()?;
        time::sleep(1);
    }
    Err(Failure::new("WR-02 each request completes", STATUS_IO_TIMEOUT))
}

/// Posts a write of no bytes, which succeeds.
#[track_caller]
pub fn write(end: &End, contexts: Range<usize>) -> Result {
    for context in contexts {
        end.qp.run().ok(end.qp.write(context, &nothing(), 0, 0, 0), "WRT-03 a write of zero bytes")?;
    }
    Ok(())
}

/// Sends a message of no bytes into a receive of no bytes; both complete with these contexts.
#[track_caller]
pub fn message(pair: &Pair, contexts: Range<usize>, flags: ULONG) -> Result {
    let run = pair.active.qp.run();
    for context in contexts {
        run.ok(pair.passive.qp.receive(context, &nothing()), "WR-21 a receive of zero bytes")?;
        run.ok(pair.active.qp.send(context, &nothing(), flags), "WR-21 a send of zero bytes")?;
    }
    Ok(())
}

/// Expects that a while passes without a notification beyond the first `so_far`.
#[track_caller]
pub fn quiet(run: &Run, cq: &Cq, so_far: u32, what: &'static str) -> Result {
    time::sleep(QUIET);
    run.equal(cq.notifications(), so_far, what)
}

/// Expects the next notification, the `number`th in all, with success.
#[track_caller]
pub fn notified(run: &Run, cq: &Cq, number: u32, what: &'static str) -> Result {
    cq.wait_for_notification()?;
    run.equal(cq.notifications(), number, what)?;
    run.status(cq.notified_status(), STATUS_SUCCESS, "CQ-11 a notification of a healthy CQ")
}

/// Posts, and waits until `count` completions are in an empty CQ: by a count to moderate with (CQ-65).
#[track_caller]
pub fn gather(run: &Run, cq: &Cq, count: u32, post: impl FnOnce() -> Result) -> Result {
    run.ok(cq.moderate(ULONG::MAX, count), "CQ-61 moderation by count")?;
    cq.arm(NDK_CQ_NOTIFY_ANY);
    post()?;
    cq.wait_for_notification()?;
    run.ok(cq.moderate(0, 0), "CQ-63 no moderation")
}

/// What a notification callback does and sees.
pub struct Probe {
    action: fn(&Probe, u32),
    /// Set at the end of each call.
    pub event: Event,
    /// Calls that have begun.
    pub calls: AtomicU32,
    /// Calls that began during another one.
    pub overlaps: AtomicU32,
    /// What an action counts.
    pub count: AtomicU32,
    /// Highest IRQL.
    pub level: AtomicU32,
    /// Latest status.
    pub status: AtomicI32,
    running: AtomicU32,
    cq: AtomicPtr<NDK_CQ>,
    qp: AtomicPtr<NDK_QP>,
}

impl Probe {
    /// A probe whose callback calls `action` with the number of the call, from 1. The test holds it until
    /// the CQ is closed.
    pub fn new(action: fn(&Probe, u32)) -> Result<Shared<Self>> {
        Ok(Shared::try_new(Self {
            action,
            event: Event::automatic()?,
            calls: AtomicU32::new(0),
            overlaps: AtomicU32::new(0),
            count: AtomicU32::new(0),
            level: AtomicU32::new(0),
            status: AtomicI32::new(0),
            running: AtomicU32::new(0),
            cq: AtomicPtr::new(ptr::null_mut()),
            qp: AtomicPtr::new(ptr::null_mut()),
        })?)
    }

    /// For the creation of a CQ.
    pub fn notify(probe: &Shared<Self>) -> Notify {
        Notify::Call { function: Some(on_notification), context: probe.as_context() }
    }

    /// Tells the objects that the action may use.
    pub fn watch(&self, cq: &Cq, qp: &Qp) {
        self.cq.store(cq.raw(), Ordering::Release);
        self.qp.store(qp.raw(), Ordering::Release);
    }

    /// The CQ.
    pub fn cq(&self) -> *mut NDK_CQ {
        self.cq.load(Ordering::Acquire)
    }

    /// Calls so far.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Acquire)
    }

    /// Fetches one result, if there is one.
    pub fn poll(&self) -> Option<NDK_RESULT_EX> {
        let mut result = NDK_RESULT_EX::default();
        // SAFETY: the test closes the CQ only after the last callback.
        let fetch = unsafe { &*(*self.cq()).Dispatch }.NdkGetCqResultsEx?;
        // SAFETY: as above; there is room for one result.
        (unsafe { fetch(self.cq(), &mut result, 1) } == 1).then_some(result)
    }

    /// Arms for anything.
    pub fn arm(&self) {
        // SAFETY: as above.
        if let Some(arm) = unsafe { &*(*self.cq()).Dispatch }.NdkArmCq {
            // SAFETY: as above.
            unsafe { arm(self.cq(), NDK_CQ_NOTIFY_ANY) };
        }
    }

    /// Posts a receive of no bytes and flushes the QP.
    pub fn complete_one(&self) -> NTSTATUS {
        let qp = self.qp.load(Ordering::Acquire);
        // SAFETY: the test closes the QP only after the last callback.
        let dispatch = unsafe { &*(*qp).Dispatch };
        let (Some(receive), Some(flush)) = (dispatch.NdkReceive, dispatch.NdkFlush) else {
            return STATUS_INVALID_PARAMETER;
        };
        // SAFETY: as above; no entries are a null pointer.
        unsafe {
            let status = receive(qp, ptr::null_mut(), ptr::null(), 0);
            flush(qp);
            status
        }
    }
}

unsafe extern "system" fn on_notification(context: PVOID, status: NTSTATUS) {
    // SAFETY: the test holds the probe until the CQ is closed.
    let probe = unsafe { Shared::<Probe>::borrow_context(context) };
    if probe.running.fetch_add(1, Ordering::AcqRel) != 0 {
        probe.overlaps.fetch_add(1, Ordering::AcqRel);
    }
    probe.status.store(status, Ordering::Release);
    probe.level.fetch_max(u32::from(irql::current()), Ordering::AcqRel);
    let number = probe.calls.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
    (probe.action)(probe, number);
    probe.running.fetch_sub(1, Ordering::AcqRel);
    probe.event.set();
}
