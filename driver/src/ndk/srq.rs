//! `NDK_SRQ` (`SRQ-*`).

use core::{ffi::c_void, ptr::NonNull};

use arrayvec::ArrayVec;
use ndkpi_sys::{
    NDK_FN_CLOSE_COMPLETION, NDK_FN_REQUEST_COMPLETION, NDK_FN_SRQ_NOTIFICATION_CALLBACK, NDK_OBJECT_HEADER, NDK_SGE,
    NDK_SRQ, NDK_SRQ_DISPATCH, NTSTATUS, ULONG,
};
use softndk_abi::Sge;
use softndk_nic::{
    gate::Gate,
    srq::{PostError, Srq as Queue},
};
use softndk_nt::{
    dpc::{Dpc, Routine},
    irql::{AtMostDispatch, Cx, Dispatch},
    pool::{KBytes, Tag},
    pure::processors::Processors,
};
use softndk_provider::{
    Failure,
    post::Sgl,
    srq,
    status::{SUCCESS, of_result},
};

use super::{convert::ConsumerSgl, enter, extension, pd::Pd};
use crate::run::{
    engine::Shell,
    object::{Kind, Object, Ref},
};

/// Pool tag of SRQ memory.
const RING: Tag = Tag::new(*b"nkSr");
/// SGEs that a post copies to the stack: no adapter of ours allows more.
const MOST_SGES: usize = 16;

/// Body of an SRQ.
pub struct Srq {
    /// The queue itself.
    pub queue: Queue,
    callback: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    context: *mut c_void,
    gate: Gate,
    dpc: Dpc,
    _memory: KBytes,
    /// The PD it belongs to (`LIFE-21`).
    pub pd: Ref<Pd>,
}

// SAFETY: `context` is the consumer's and only passed back to it.
unsafe impl Send for Srq {}
// SAFETY: as above; the rest is Sync.
unsafe impl Sync for Srq {}

impl Kind for Srq {
    const TYPE: i32 = 10;
    const TAG: Tag = Tag::new(*b"nkSq");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        object.device().quotas().srq.give_back();
    }
}

impl Srq {
    /// The threshold notification is due: called from a DPC, never two at once (`SRQ-31`).
    pub fn raise(&self, object: &Object<Self>) {
        if self.callback.is_some() && self.gate.enter() {
            core::mem::forget(object.reference());
            if !self.dpc.queue() {
                // SAFETY: the reference of the line above.
                drop(unsafe { Ref::from_raw(NonNull::from(object)) });
            }
        }
    }
}

struct Notify;

impl Routine for Notify {
    type Target = Object<Srq>;

    unsafe fn run(srq: NonNull<Object<Srq>>, _cx: &mut Cx<Dispatch>) {
        // SAFETY: `raise` took this reference for the run.
        let srq = unsafe { Ref::from_raw(srq) };
        let body = srq.body();
        loop {
            if let Some(callback) = body.callback {
                // SAFETY: the consumer's function and context, at DISPATCH_LEVEL, no lock held; the
                // reference delays the close until it has returned.
                unsafe { callback(body.context, SUCCESS) };
            }
            if !body.gate.leave() {
                return;
            }
        }
    }
}

/// What a consumer wants to be told, and where (`SRQ-06` to `SRQ-09`).
#[derive(Clone, Copy)]
pub struct Notification {
    /// The consumer's function, if it has one.
    pub callback: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    /// Given back to it.
    pub context: *mut c_void,
    /// Receives below which it is due; 0 does not arm.
    pub threshold: u32,
    /// Where it runs; anywhere if none.
    pub processors: Option<Processors>,
}

/// Makes an SRQ of `pd`.
///
/// # Errors
/// [`Failure::InvalidParameter`], [`Failure::NoResources`] (`SRQ-02` to `SRQ-04`).
pub fn create(pd: &Object<Pd>, depth: u32, max_sge: u32, notification: Notification) -> Result<Ref<Srq>, Failure> {
    let device = pd.device();
    device.check_present()?;
    srq::check_create(device.info(), depth, max_sge)?;
    device.quotas().srq.take()?;
    let made = build(pd, depth, max_sge, notification);
    if made.is_err() {
        device.quotas().srq.give_back();
    }
    made
}

fn build(pd: &Object<Pd>, depth: u32, max_sge: u32, notification: Notification) -> Result<Ref<Srq>, Failure> {
    let Notification { callback, context, threshold, processors } = notification;
    // Room for the greatest depth that a modify may ask for, so that none moves the ring.
    let capacity = pd.device().info().max_srq_depth;
    let memory = KBytes::try_zeroed(RING, Queue::bytes(capacity, max_sge)).map_err(|_| Failure::NoResources)?;
    let place = memory.as_ptr();
    let object = Object::create_with(pd.device(), pd.version(), |address| Srq {
        // SAFETY: fresh memory of that size, which lives as long as the body; posts and modifies are
        // the consumer's to serialise (SRQ-14).
        queue: unsafe { Queue::new(place, capacity, max_sge, threshold, address.as_ptr().expose_provenance()) },
        callback,
        context,
        gate: Gate::new(),
        // SAFETY: initialised below, in its final place.
        dpc: unsafe { Dpc::uninit() },
        _memory: memory,
        pd: pd.reference(),
    })
    .map_err(|_| Failure::NoResources)?;
    // SAFETY: the object does not move; `raise` holds it while the DPC is queued.
    unsafe { object.body().dpc.init::<Notify>(object.as_ptr()) };
    if let Some(processors) = processors {
        // A hint: without such a processor it runs anywhere (SRQ-07).
        let _ = object.body().dpc.aim(processors, pd.device().next_turn());
    }
    // Within the capacity, and nothing is queued yet.
    let _ = object.body().queue.set_depth(depth);
    Ok(object)
}

static TABLE: NDK_SRQ_DISPATCH = NDK_SRQ_DISPATCH {
    NdkCloseSrq: Some(close),
    NdkQueryExtension: Some(extension),
    NdkModifySrq: Some(modify),
    NdkSrqReceive: Some(receive),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open SRQ, once.
        let this = unsafe { Object::<Srq>::from_face(object) };
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn modify(
    srq: *mut NDK_SRQ,
    depth: ULONG,
    threshold: ULONG,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open SRQ.
        let this = unsafe { Object::<Srq>::from_face(srq) };
        of_result(try_modify(this, depth, threshold, cx))
    })
}

fn try_modify(this: &Object<Srq>, depth: u32, threshold: u32, cx: &mut Cx<AtMostDispatch>) -> Result<(), Failure> {
    let queue = &this.body().queue;
    if depth > this.device().info().max_srq_depth {
        return Err(Failure::InvalidParameter);
    }
    if depth != 0 {
        // Only a depth below the number queued is refused here (SRQ-22).
        queue.set_depth(depth).map_err(|_| Failure::BufferOverflow)?;
    }
    if threshold != 0 {
        let shell = Shell::new(this.device());
        queue.arm(threshold, &shell);
        shell.flush(cx);
    }
    Ok(())
}

unsafe extern "system" fn receive(
    srq: *mut NDK_SRQ,
    context: *mut c_void,
    sgl: *const NDK_SGE,
    count: ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open SRQ.
        let this = unsafe { Object::<Srq>::from_face(srq) };
        // SAFETY: the consumer's list, read until the call returns.
        let sgl = unsafe { ConsumerSgl::new(sgl, count) };
        of_result(try_receive(this, context, &sgl, cx))
    })
}

fn try_receive(
    this: &Object<Srq>,
    context: *mut c_void,
    sgl: &ConsumerSgl,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<(), Failure> {
    let queue = &this.body().queue;
    if sgl.len() > queue.max_sge() {
        return Err(Failure::TooManySges);
    }
    let mut sges = ArrayVec::<Sge, MOST_SGES>::new();
    let mut total = 0_u64;
    for index in 0..sgl.len() {
        let sge = sgl.get(index);
        total += u64::from(sge.length);
        sges.try_push(sge).map_err(|_| Failure::TooManySges)?;
    }
    if total > u64::from(this.device().info().max_transfer_length) {
        return Err(Failure::BufferOverflow);
    }
    let shell = Shell::new(this.device());
    let posted = queue.post(context.addr() as u64, &sges, &shell);
    shell.flush(cx);
    posted.map_err(|error| match error {
        PostError::Full => Failure::QueueFull,
        PostError::TooManySges => Failure::TooManySges,
        PostError::TooLong => Failure::BufferOverflow,
    })
}
