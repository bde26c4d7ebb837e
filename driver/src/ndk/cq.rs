//! `NDK_CQ` (`CQ-*`): polled and armed without a lock; the notification is [`crate::run::notify`].

use core::{ffi::c_void, mem::offset_of, ptr::NonNull};

use arrayvec::ArrayVec;
use ndkpi_sys::{
    NDK_CQ, NDK_CQ_DISPATCH, NDK_FN_CLOSE_COMPLETION, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_FN_REQUEST_COMPLETION,
    NDK_OBJECT_HEADER, NDK_RESULT, NDK_RESULT_EX, NTSTATUS, ULONG,
};
use softndk_abi::completion::{CompletionQueue, Plan, RINGS, ReplaceError};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    lock::{Leaf, Spin},
    pool::{KBytes, Tag},
    pure::processors::Processors,
};
use softndk_provider::{Failure, cq, status::of_result};

use super::{adapter::Adapter, enter, extension};
use crate::run::{
    chore::Chore,
    cm,
    control::CONTROL,
    engine,
    notify::Notifier,
    object::{Kind, Object, Ref},
};

/// Pool tag of ring memory.
const RING: Tag = Tag::new(*b"nkCr");

/// Body of a CQ.
pub struct Cq {
    /// The queue itself.
    pub queue: CompletionQueue,
    /// Its notification.
    pub notifier: Notifier,
    chore: Chore,
    /// One resize at a time.
    resize: Spin<(), Leaf>,
    /// The adapter it belongs to (`LIFE-13`).
    pub open: Ref<Adapter>,
}

impl Kind for Cq {
    const TYPE: i32 = 3;
    const TAG: Tag = Tag::new(*b"nkCq");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        object.device().quotas().cq.give_back();
    }
}

impl Drop for Cq {
    fn drop(&mut self) {
        for memory in self.queue.memory().into_iter().flatten() {
            // SAFETY: ring memory always comes from `KBytes::into_raw`, and the queue is gone.
            drop(unsafe { KBytes::from_raw(memory, 0) });
        }
    }
}

/// Makes a CQ of `open` that notifies on one of the `processors`, if they are given and there (`CQ-01` to `CQ-06`).
///
/// # Errors
/// [`Failure::InvalidParameter`], [`Failure::NoResources`].
pub fn create(
    open: &Object<Adapter>,
    depth: u32,
    callback: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    context: *mut c_void,
    processors: Option<Processors>,
) -> Result<Ref<Cq>, Failure> {
    let device = open.device();
    device.check_present()?;
    cq::check_depth(device.info(), depth)?;
    device.quotas().cq.take()?;
    let made = build(open, depth, callback, context);
    if let (Ok(cq), Some(processors)) = (&made, processors) {
        cq.body().notifier.aim(processors, device.next_turn());
    }
    if made.is_err() {
        device.quotas().cq.give_back();
    }
    made
}

fn build(
    open: &Object<Adapter>,
    depth: u32,
    callback: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    context: *mut c_void,
) -> Result<Ref<Cq>, Failure> {
    let (memory, _) = ring(depth)?.into_raw();
    let body = Cq {
        // SAFETY: fresh ring memory of that depth, freed with the body; pops are the consumer's to
        // serialise (CQ-51), notifications are taken behind a gate, resizes under a lock.
        queue: unsafe { CompletionQueue::new(memory, depth) },
        // SAFETY: started below, in its final place.
        notifier: unsafe { Notifier::new(callback, context) },
        chore: Chore::new(end_qps),
        resize: Spin::new(()),
        open: open.reference(),
    };
    let object = Object::create(open.device(), open.version(), body).map_err(|_| Failure::NoResources)?;
    // SAFETY: the object does not move; the notifier holds it while anything is queued.
    unsafe { object.body().notifier.start(object.as_ptr()) };
    Ok(object)
}

fn ring(depth: u32) -> Result<KBytes, Failure> {
    KBytes::try_zeroed(RING, CompletionQueue::bytes(depth)).map_err(|_| Failure::NoResources)
}

/// The CQ has failed: a worker ends the QPs that use it (`CQ-35`). IRQL: at most DISPATCH_LEVEL.
pub fn post_failed(cq: &Object<Cq>) {
    let chore = &cq.body().chore;
    if chore.add(1) {
        core::mem::forget(cq.reference());
        cq.device().engine().chores().push(NonNull::from(chore));
    }
}

/// # Safety
/// `chore` is that of a CQ, posted with a reference.
unsafe fn end_qps(chore: NonNull<Chore>, _bits: u32, cx: &mut Cx<AtMostDispatch>) {
    // SAFETY: the chore is that field of the body.
    let cq = unsafe { Object::<Cq>::of_part(chore.cast(), offset_of!(Cq, chore)) };
    // SAFETY: `post_failed` left this reference.
    let cq = unsafe { Ref::from_raw(cq) };
    loop {
        let Some(qp) = cq.device().working_qp_of(&cq, &CONTROL.lock(cx)) else { return };
        qp.body().link.bring_down();
        engine::break_down(&qp, cx);
        // Its connection failed, and not by its consumer's wish: the event is due (CQ-35).
        cm::poke(&qp, true, cx);
    }
}

static TABLE: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH {
    NdkCloseCq: Some(close),
    NdkQueryExtension: Some(extension),
    NdkResizeCq: Some(resize),
    NdkArmCq: Some(arm),
    NdkGetCqResults: Some(get_results),
    NdkControlCqInterruptModeration: Some(control_interrupt_moderation),
    NdkGetCqResultsEx: Some(get_results_ex),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open CQ, once.
        let this = unsafe { Object::<Cq>::from_face(object) };
        // A waiting moderation timer must not delay the close (CQ-73).
        this.body().notifier.hush(this);
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn resize(
    cq: *mut NDK_CQ,
    depth: ULONG,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open CQ.
        let this = unsafe { Object::<Cq>::from_face(cq) };
        of_result(try_resize(this, depth, cx))
    })
}

fn try_resize(this: &Object<Cq>, depth: u32, cx: &mut Cx<AtMostDispatch>) -> Result<(), Failure> {
    cq::check_resize(this.device().info(), depth)?;
    let queue = &this.body().queue;
    let mut old = ArrayVec::<NonNull<u8>, RINGS>::new();
    let guard = this.body().resize.lock(cx);
    while let Some(memory) = queue.reclaim() {
        // There are no more rings than that.
        let _ = old.try_push(memory);
    }
    let plan = queue.plan_resize(depth, this.device().info().max_cq_depth);
    drop(guard);
    for memory in old {
        // SAFETY: the queue has let go of it; it came from `into_raw`.
        drop(unsafe { KBytes::from_raw(memory, 0) });
    }
    let Plan::Memory { capacity } = plan.map_err(refusal)? else { return Ok(()) };
    let (memory, _) = ring(capacity)?.into_raw();
    let guard = this.body().resize.lock(cx);
    // SAFETY: fresh ring memory of that capacity; resizes of this queue are serialised by the lock.
    let replaced = unsafe { queue.replace(memory, capacity, depth) };
    drop(guard);
    replaced.map_err(|error| {
        // SAFETY: a refused replacement leaves the memory to us.
        drop(unsafe { KBytes::from_raw(memory, 0) });
        refusal(error)
    })
}

/// Why a resize was refused (`CQ-54`, `CQ-55`).
const fn refusal(error: ReplaceError) -> Failure {
    match error {
        ReplaceError::TooSmall => Failure::BufferOverflow,
        ReplaceError::Busy => Failure::NoResources,
    }
}

unsafe extern "system" fn arm(cq: *mut NDK_CQ, kind: ULONG) {
    enter(|_| {
        // SAFETY: the consumer's open CQ.
        let this = unsafe { Object::<Cq>::from_face(cq) };
        if this.body().notifier.is_wanted() {
            let alarm = this.body().queue.arm(cq::arm_kind(kind));
            this.body().notifier.alarm(this, alarm);
        }
    });
}

unsafe extern "system" fn get_results(cq: *mut NDK_CQ, results: *mut NDK_RESULT, count: ULONG) -> ULONG {
    // SAFETY: the consumer's open CQ and an array of `count` results.
    unsafe {
        fetch(cq, results, count, |row| NDK_RESULT {
            Status: row.status,
            BytesTransferred: row.bytes,
            QPContext: pointer(row.qp_context),
            RequestContext: pointer(row.request_context),
        })
    }
}

unsafe extern "system" fn get_results_ex(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, count: ULONG) -> ULONG {
    // SAFETY: the consumer's open CQ and an array of `count` results.
    unsafe {
        fetch(cq, results, count, |row| NDK_RESULT_EX {
            Status: row.status,
            BytesTransferred: row.bytes,
            QPContext: pointer(row.qp_context),
            RequestContext: pointer(row.request_context),
            Type: row.kind,
            ProviderErrorCode: row.error_code,
            TypeSpecificCompletionOutput: row.output,
        })
    }
}

/// Moves completions, oldest first, into the caller's array (`CQ-40` to `CQ-42`).
///
/// # Safety
/// `cq` is an open CQ and `results` has room for `count` elements.
#[inline]
unsafe fn fetch<R>(cq: *mut NDK_CQ, results: *mut R, count: ULONG, form: impl Fn(cq::ResultRow) -> R) -> ULONG {
    enter(|_| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Cq>::from_face(cq) };
        let mut fetched = 0;
        while fetched < count {
            let Some(cqe) = this.body().queue.pop() else { break };
            // SAFETY: below `count`.
            let place = unsafe { results.add(fetched as usize) };
            // SAFETY: room for this element, by the caller's promise.
            unsafe { place.write(form(cq::row(&cqe))) };
            fetched += 1;
        }
        fetched
    })
}

/// A context as the consumer gave it.
fn pointer(context: u64) -> *mut c_void {
    core::ptr::without_provenance_mut(usize::try_from(context).unwrap_or(0))
}

unsafe extern "system" fn control_interrupt_moderation(cq: *mut NDK_CQ, interval: ULONG, count: ULONG) -> NTSTATUS {
    enter(|_| {
        // SAFETY: the consumer's open CQ.
        let this = unsafe { Object::<Cq>::from_face(cq) };
        let checked = cq::check_moderation(this.device().info(), interval, count);
        let result = checked.and_then(|()| {
            let alarm = this.body().queue.moderate(count, interval).map_err(|_| Failure::InvalidParameterMix)?;
            this.body().notifier.alarm(this, alarm);
            Ok(())
        });
        of_result(result)
    })
}
