//! What most tests of the common rules stand on: an adapter with a domain and a completion queue, and any
//! of the ten kinds of object by its number, under a handle that closes it.

use super::probe::{Probe, Seen};
use crate::{
    ndk::{
        Adapter, Address, Cq, Family, Limits, Notify, Pd, Place, Qp, Submitted,
        request::{self, on_close, on_create},
        targets,
    },
    run::{Failure, Result, Run},
    workload::Job,
};
use core::{
    cell::Cell,
    ptr::{self, NonNull},
};
use ndkpi_sys::*;
use ndktest_api::Target;

/// All kinds that have a close function, antecedents first.
pub const KINDS: [NDK_OBJECT_TYPE; 9] = [
    NdkObjectTypeCq,
    NdkObjectTypePd,
    NdkObjectTypeSharedEndpoint,
    NdkObjectTypeConnector,
    NdkObjectTypeListener,
    NdkObjectTypeMr,
    NdkObjectTypeMw,
    NdkObjectTypeSrq,
    NdkObjectTypeQp,
];

/// Calls an entry of an object's table; STATUS_NOT_SUPPORTED if there is none.
macro_rules! call {
    ($raw:expr, $entry:ident $(, $argument:expr)*) => {{
        let raw = $raw;
        // SAFETY: the object is open, so it points to its table.
        match unsafe { (*(*raw).Dispatch).$entry } {
            // SAFETY: object and arguments fit the function, as the test sees to.
            Some(function) => unsafe { function(raw.cast() $(, $argument)*) },
            None => ndkpi_sys::STATUS_NOT_SUPPORTED,
        }
    }};
}
pub(super) use call;

/// An address that no adapter has.
pub fn foreign() -> Address {
    Address::v4([192, 0, 2, 77], 5445)
}

/// Fetches one result; for callbacks, which have the pointer only.
pub fn poll(cq: *mut NDK_CQ) -> Option<NDK_RESULT> {
    let mut results = [NDK_RESULT::default()];
    // SAFETY: the queue is open.
    let fetch = unsafe { (*(*cq).Dispatch).NdkGetCqResults }?;
    // SAFETY: the array has one element.
    let count = unsafe { fetch(cq, results.as_mut_ptr(), 1) };
    let [result] = results;
    (count == 1).then_some(result)
}

/// Arms for any completion.
pub fn arm(cq: *mut NDK_CQ) {
    // SAFETY: the queue is open.
    if let Some(arm) = unsafe { (*(*cq).Dispatch).NdkArmCq } {
        // SAFETY: as above.
        unsafe { arm(cq, NDK_CQ_NOTIFY_ANY) };
    }
}

/// Closes an object of any kind but the adapter; raw status.
pub fn close_raw(object: *mut NDK_OBJECT_HEADER, completion: NDK_FN_CLOSE_COMPLETION, context: PVOID) -> NTSTATUS {
    // Every table but the adapter's begins with the close function (HDR-12).
    call!(object.cast::<NDK_CQ>(), NdkCloseCq, completion, context)
}

/// An open object of any kind but the adapter. The owner closes it, at the latest by dropping it, which
/// waits at PASSIVE_LEVEL.
pub struct Any {
    raw: NonNull<NDK_OBJECT_HEADER>,
    run: Run,
    open: Cell<bool>,
}

impl Any {
    /// Takes over an open object.
    #[track_caller]
    pub fn adopt<T>(run: &Run, raw: *mut T) -> Result<Self> {
        let raw = NonNull::new(raw.cast()).ok_or_else(|| Failure::new("CMP-06 an object is delivered", 0))?;
        Ok(Self { raw, run: run.clone(), open: Cell::new(true) })
    }

    /// The object.
    pub fn raw<T>(&self) -> *mut T {
        self.raw.as_ptr().cast()
    }

    /// The header.
    pub fn header(&self) -> *mut NDK_OBJECT_HEADER {
        self.raw.as_ptr()
    }

    /// Closes with any callback; raw status. The object is the provider's from now on.
    pub fn close_raw(&self, completion: NDK_FN_CLOSE_COMPLETION, context: PVOID) -> NTSTATUS {
        self.open.set(false);
        close_raw(self.header(), completion, context)
    }

    /// Closes with a probe; raw status.
    pub fn close_with<F: Fn(&Seen)>(&self, probe: &Probe<F>) -> NTSTATUS {
        self.close_raw(probe.close(), probe.context())
    }

    /// Starts to close.
    #[track_caller]
    pub fn start_close(&self) -> Result<Submitted> {
        let closing = request::submit(&self.run, |context| self.close_raw(Some(on_close), context))?;
        self.run.check(
            closing.inline() == STATUS_SUCCESS || closing.inline() == STATUS_PENDING,
            "LIFE-01 a close returns success or pending",
        )?;
        Ok(closing)
    }

    /// Closes and waits.
    #[track_caller]
    pub fn close(self) -> Result {
        self.start_close()?.ok("LIFE-01 closing cannot fail").map(|_| ())
    }

    /// For a callback that closes the object itself: nothing is closed when this drops.
    pub fn disown(&self) {
        self.open.set(false);
    }
}

impl Drop for Any {
    fn drop(&mut self) {
        if !self.open.get() {
            return;
        }
        let closed = self.start_close().and_then(|closing| closing.ok("LIFE-01 closing cannot fail"));
        if let Err(failure) = closed {
            self.run.set_aside(failure);
        }
    }
}

/// An open adapter with what its other objects need.
pub struct Bed {
    /// Signals.
    pub cq: Cq,
    /// Domain.
    pub pd: Pd,
    /// An open of its own.
    pub adapter: Adapter,
    /// An address of the adapter, port 0.
    pub address: Address,
}

impl Bed {
    /// On the first adapter, with the version of the request.
    #[track_caller]
    pub fn new(job: &Job) -> Result<Self> {
        let [first, _] = &job.run.request.adapters;
        Self::on(Adapter::open(job.run, job.provider, first)?, first)
    }

    /// On an adapter that is open.
    #[track_caller]
    pub fn on(adapter: Adapter, target: &Target) -> Result<Self> {
        let address = Family::ALL.iter().find_map(|family| Address::of(target, *family, 0));
        let address = address.ok_or_else(|| Failure::new("an adapter with an address", STATUS_INVALID_PARAMETER))?;
        Ok(Self { cq: adapter.cq(64)?, pd: adapter.pd()?, adapter, address })
    }

    /// Another bed of the same open, with a domain of its own and a queue whose notifications go to a probe.
    #[track_caller]
    pub fn notifying<F: Fn(&Seen)>(&self, probe: &Probe<F>) -> Result<Self> {
        let notify = Notify::Call { function: probe.cq(), context: probe.context() };
        Ok(Self {
            cq: self.adapter.create_cq(64, notify)?.ok("CQ-01 NdkCreateCq")?,
            pd: self.adapter.pd()?,
            adapter: self.adapter.clone(),
            address: self.address,
        })
    }

    /// The run.
    pub fn run(&self) -> &Run {
        self.adapter.run()
    }

    /// Creates an object of any of [`KINDS`]; raw status. IRQL <= DISPATCH_LEVEL. A QP uses the domain's
    /// queue for both sides; a region is an ordinary one.
    #[expect(non_upper_case_globals, reason = "the constants have the names that C gives them")]
    pub fn create_raw(
        &self,
        kind: NDK_OBJECT_TYPE,
        completion: NDK_FN_CREATE_COMPLETION,
        context: PVOID,
        out: &mut *mut NDK_OBJECT_HEADER,
    ) -> NTSTATUS {
        let (adapter, pd, cq) = (self.adapter.raw(), self.pd.raw(), self.cq.raw());
        let none = ptr::null_mut();
        let out: *mut *mut NDK_OBJECT_HEADER = out;
        match kind {
            NdkObjectTypeCq => {
                call!(adapter, NdkCreateCq, 16, None, none, ptr::null_mut(), completion, context, out.cast())
            }
            NdkObjectTypePd => call!(adapter, NdkCreatePd, completion, context, out.cast()),
            NdkObjectTypeSharedEndpoint => {
                let mut address = self.address;
                let length = address.length();
                call!(adapter, NdkCreateSharedEndpoint, address.as_ptr(), length, completion, context, out.cast())
            }
            NdkObjectTypeConnector => call!(adapter, NdkCreateConnector, completion, context, out.cast()),
            NdkObjectTypeListener => call!(adapter, NdkCreateListener, None, none, completion, context, out.cast()),
            NdkObjectTypeMr => call!(pd, NdkCreateMr, 0, completion, context, out.cast()),
            NdkObjectTypeMw => call!(pd, NdkCreateMw, completion, context, out.cast()),
            NdkObjectTypeSrq => {
                call!(pd, NdkCreateSrq, 8, 1, 0, None, none, ptr::null_mut(), completion, context, out.cast())
            }
            NdkObjectTypeQp => call!(pd, NdkCreateQp, cq, cq, none, 16, 16, 2, 2, 0, completion, context, out.cast()),
            _ => STATUS_INVALID_PARAMETER,
        }
    }

    /// Creates an object of any of [`KINDS`].
    #[track_caller]
    pub fn create(&self, kind: NDK_OBJECT_TYPE) -> Result<Any> {
        let mut inline = ptr::null_mut();
        let creating =
            request::submit(self.run(), |context| self.create_raw(kind, Some(on_create), context, &mut inline))?;
        let answer = creating.ok("CMP-06 the object is created")?;
        Any::adopt(self.run(), if answer.pended() { answer.object } else { inline })
    }

    /// A QP of the domain with the bed's queue for both sides.
    #[track_caller]
    pub fn qp(&self) -> Result<Qp> {
        self.pd.qp(&self.cq)
    }

    /// A listener that listens on a free port, with a probe for its connect events; and its address.
    #[track_caller]
    pub fn listener<F: Fn(&Seen)>(&self, event: &Probe<F>) -> Result<(Any, Address)> {
        let mut inline: *mut NDK_LISTENER = ptr::null_mut();
        let creating = request::submit(self.run(), |context| {
            call!(
                self.adapter.raw(),
                NdkCreateListener,
                event.connect(),
                event.context(),
                Some(on_create),
                context,
                &mut inline
            )
        })?;
        let answer = creating.ok("LSN-01 NdkCreateListener")?;
        let listener = Any::adopt(self.run(), if answer.pended() { answer.object.cast() } else { inline })?;
        let address = listen(&listener, &self.address)?;
        Ok((listener, address))
    }
}

/// Listens, waits, and asks for the address.
#[track_caller]
pub fn listen(listener: &Any, address: &Address) -> Result<Address> {
    let raw: *mut NDK_LISTENER = listener.raw();
    let mut address = *address;
    let length = address.length();
    request::submit(&listener.run, |context| {
        call!(raw, NdkListen, address.as_ptr(), length, Some(request::on_request), context)
    })?
    .ok("LSN-03 NdkListen")?;
    let mut found = Address::empty();
    let mut length = found.length();
    let status = call!(raw, NdkGetLocalAddress, found.as_ptr(), &mut length);
    *found.length_mut() = length;
    listener.run.ok(status, "ADR-01 address of a listener")?;
    Ok(found)
}

/// `NdkConnect`; raw status.
pub fn connect<F: Fn(&Seen)>(
    connector: *mut NDK_CONNECTOR,
    qp: &Qp,
    source: &Address,
    destination: &Address,
    probe: &Probe<F>,
) -> NTSTATUS {
    let (mut source, mut destination) = (*source, *destination);
    let (from, to) = (source.length(), destination.length());
    let limits = Limits::default();
    call!(
        connector,
        NdkConnect,
        qp.raw(),
        source.as_ptr(),
        from,
        destination.as_ptr(),
        to,
        limits.inbound,
        limits.outbound,
        ptr::null_mut(),
        0,
        probe.request(),
        probe.context()
    )
}

/// `NdkCompleteConnect` with a probe as disconnect event; raw status.
pub fn complete<E: Fn(&Seen), F: Fn(&Seen)>(
    connector: *mut NDK_CONNECTOR,
    event: &Probe<E>,
    probe: &Probe<F>,
) -> NTSTATUS {
    call!(connector, NdkCompleteConnect, event.disconnect(), event.context(), probe.request(), probe.context())
}

/// `NdkAccept` with a probe as disconnect event; raw status.
pub fn accept<E: Fn(&Seen), F: Fn(&Seen)>(
    connector: *mut NDK_CONNECTOR,
    qp: &Qp,
    event: &Probe<E>,
    probe: &Probe<F>,
) -> NTSTATUS {
    let limits = Limits::default();
    call!(
        connector,
        NdkAccept,
        qp.raw(),
        limits.inbound,
        limits.outbound,
        ptr::null_mut(),
        0,
        event.disconnect(),
        event.context(),
        probe.request(),
        probe.context()
    )
}

/// `NdkDisconnect`; raw status.
pub fn disconnect<F: Fn(&Seen)>(connector: *mut NDK_CONNECTOR, probe: &Probe<F>) -> NTSTATUS {
    call!(connector, NdkDisconnect, probe.request(), probe.context())
}

/// Waits for a request that returned `status` if it is pending; expects success.
#[track_caller]
pub fn done<F>(run: &Run, status: NTSTATUS, probe: &Probe<F>, what: &'static str) -> Result {
    if status != STATUS_PENDING {
        return run.ok(status, what);
    }
    probe.wait(run, "CMP-19 a pending request ends")?;
    run.ok(probe.status(), what)
}

/// Runs a test on one adapter, and across two if the run has two: passive bed, active bed.
#[track_caller]
pub fn each_place(job: &Job, test: impl Fn(&Bed, &Bed) -> Result) -> Result {
    for place in [Place::Same, Place::Across] {
        let Some((passive, active)) = targets(job.run, place) else {
            continue;
        };
        let passive = Bed::on(Adapter::open(job.run, job.provider, &passive)?, &passive)?;
        let active = Bed::on(Adapter::open(job.run, job.provider, &active)?, &active)?;
        test(&passive, &active)?;
    }
    Ok(())
}

/// A connection with a probe for the disconnect event of each side.
pub struct Link {
    /// Passive connector.
    pub passive: Any,
    /// Active connector.
    pub active: Any,
    /// Passive QP.
    pub passive_qp: Qp,
    /// Active QP.
    pub active_qp: Qp,
    /// Still listens.
    pub listener: Any,
    /// What connect, accept and complete-connect returned.
    pub inline: [NTSTATUS; 3],
}

impl Link {
    /// Connects two beds at PASSIVE_LEVEL. `came` is a plain probe for the connect event; it, and the events,
    /// outlive the link.
    #[track_caller]
    pub fn new<C: Fn(&Seen), P: Fn(&Seen), A: Fn(&Seen)>(
        beds: (&Bed, &Bed),
        came: &Probe<C>,
        passive_event: &Probe<P>,
        active_event: &Probe<A>,
    ) -> Result<Self> {
        let requests = [super::probe::probe()?, super::probe::probe()?, super::probe::probe()?];
        Self::with(beds, came, passive_event, active_event, &requests)
    }

    /// The same with probes for connect, accept and complete-connect.
    #[track_caller]
    pub fn with<C: Fn(&Seen), P: Fn(&Seen), A: Fn(&Seen), R: Fn(&Seen)>(
        beds: (&Bed, &Bed),
        came: &Probe<C>,
        passive_event: &Probe<P>,
        active_event: &Probe<A>,
        requests: &[Probe<R>; 3],
    ) -> Result<Self> {
        let (passive_bed, active_bed) = beds;
        let run = passive_bed.run();
        let (passive_qp, active_qp) = (passive_bed.qp()?, active_bed.qp()?);
        let [connecting, accepting, completing] = requests;
        let (listener, address) = passive_bed.listener(came)?;
        let active = active_bed.create(NdkObjectTypeConnector)?;
        let first = connect(active.raw(), &active_qp, &active_bed.address, &address, connecting);
        came.wait(run, "LSN-11 each request gives one connect event")?;
        let passive = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        let second = accept(passive.raw(), &passive_qp, passive_event, accepting);
        done(run, first, connecting, "CONN-04 NdkConnect")?;
        let third = complete(active.raw(), active_event, completing);
        done(run, third, completing, "CONN-21 NdkCompleteConnect")?;
        done(run, second, accepting, "CONN-32 NdkAccept")?;
        Ok(Self { passive, active, passive_qp, active_qp, listener, inline: [first, second, third] })
    }
}

/// A connection request that has reached the passive side and waits there.
pub struct Half {
    /// Pending passive connector.
    pub passive: Any,
    /// Connecting.
    pub active: Any,
    /// Passive QP, not used yet.
    pub passive_qp: Qp,
    /// Active QP.
    pub active_qp: Qp,
    /// Still listens.
    pub listener: Any,
}

impl Half {
    /// Sends a connection request at PASSIVE_LEVEL; it is pending with the probe.
    #[track_caller]
    pub fn new<C: Fn(&Seen), F: Fn(&Seen)>(beds: (&Bed, &Bed), came: &Probe<C>, connecting: &Probe<F>) -> Result<Self> {
        let (passive_bed, active_bed) = beds;
        let run = passive_bed.run();
        let (passive_qp, active_qp) = (passive_bed.qp()?, active_bed.qp()?);
        let (listener, address) = passive_bed.listener(came)?;
        let active = active_bed.create(NdkObjectTypeConnector)?;
        let status = connect(active.raw(), &active_qp, &active_bed.address, &address, connecting);
        run.status(status, STATUS_PENDING, "CONN-04 the connect waits for the peer's consumer")?;
        came.wait(run, "LSN-11 each request gives one connect event")?;
        let passive = Any::adopt(run, came.object::<NDK_CONNECTOR>())?;
        Ok(Self { passive, active, passive_qp, active_qp, listener })
    }
}
