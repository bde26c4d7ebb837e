//! Doorbells: who runs the device's engine, and what becomes of its wishes.
//!
//! ```text
//!  post ──► doorbell: run here, up to INLINE_BUDGET bytes ──More──► chore: a worker carries on
//!                      │ gate busy: its holder looks again
//!                      └ no receive at the peer: starved list ──RNR timer──► run again
//! ```
//! The poster itself moves the bytes when the gate is free: no hand-off, no wake-up, which is what
//! makes a small request thirty times cheaper than a second processor could. What is long is cut
//! and carried on at PASSIVE_LEVEL, so nobody copies megabytes at DISPATCH_LEVEL.
//!
//! A [`Shell`] lives for one such call. It queues what the device wishes, and keeps the references
//! that the device gives back until the call has left the device ([`Shell::flush`]).
//!
//! `unsafe` is here because the device knows objects by cookies: their addresses.

use core::{
    cell::{Cell, UnsafeCell},
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use arrayvec::ArrayVec;
use softndk_abi::completion::Alarm;
use softndk_nic::{
    qp::Progress,
    sink::{Loss, Sink},
};
use softndk_nt::{
    dpc::Routine,
    irql::{AtMostDispatch, Cx, Dispatch, Passive},
    pool::KBytes,
    thread::Main,
    timer::Timer,
};

use super::{
    chore::Chores,
    cm,
    device::Device,
    object::{Object, Ref},
};
use crate::ndk::{
    cq::{self, Cq},
    qp::{self, Qp},
    srq::Srq,
};

/// Bytes that a poster moves itself before a worker takes over: some 5 microseconds.
const INLINE_BUDGET: u32 = 128 * 1024;
/// Bytes that a worker moves for one QP before it looks at the others.
const WORKER_BUDGET: u32 = 1024 * 1024;
/// Most worker threads of a device.
pub const MAX_THREADS: usize = 4;

/// How many workers a device starts.
pub fn threads() -> usize {
    // Two copies at a time saturate the memory of the machines this is for; more would only wait.
    2
}

/// A worker thread's body.
pub struct Run;

impl Main for Run {
    type Context = Device;

    fn run(device: &Device, cx: &mut Cx<Passive>) {
        device.engine().chores.serve(cx);
    }
}

/// A QP's place among those that wait for a receive at their peer.
pub struct Starving {
    waiting: AtomicBool,
    next: UnsafeCell<*mut Starving>,
}

// SAFETY: `next` belongs to whoever set `waiting`, then to the stack.
unsafe impl Sync for Starving {}
// SAFETY: as above.
unsafe impl Send for Starving {}

impl Starving {
    /// Not waiting.
    pub const fn new() -> Self {
        Self { waiting: AtomicBool::new(false), next: UnsafeCell::new(ptr::null_mut()) }
    }
}

/// What the engine of one device has beside its QPs.
pub struct Workers {
    chores: Chores,
    starving: AtomicPtr<Starving>,
    timer: Timer,
    stopped: AtomicBool,
}

impl Workers {
    /// Not started.
    ///
    /// # Safety
    /// [`Workers::init`] is called at the final address before anything else.
    pub const unsafe fn new() -> Self {
        Self {
            // SAFETY: `init` initialises it.
            chores: unsafe { Chores::new() },
            starving: AtomicPtr::new(ptr::null_mut()),
            // SAFETY: as above.
            timer: unsafe { Timer::uninit() },
            stopped: AtomicBool::new(false),
        }
    }

    /// Prepares event and timer.
    ///
    /// # Safety
    /// Called once, at the final address, with the device of which this is part.
    pub unsafe fn init(&self, device: NonNull<Device>) {
        // SAFETY: the caller's promise.
        unsafe { self.chores.init() };
        // SAFETY: the device stops the timer before it goes.
        unsafe { self.timer.init::<Retry>(device) };
    }

    /// The queue of chores.
    pub const fn chores(&self) -> &Chores {
        &self.chores
    }

    /// Ends the workers.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.chores.stop();
    }

    /// Disarms the RNR timer; nobody starves any more.
    pub fn stop_timer(&self, cx: &mut Cx<Passive>) {
        self.timer.stop(cx);
    }

    /// Has the QP tried again when the RNR delay has passed.
    fn starve(&self, device: &Device, qp: &Object<Qp>) {
        let place = &qp.body().starving;
        if place.waiting.swap(true, Ordering::AcqRel) {
            return;
        }
        core::mem::forget(qp.reference());
        let mut head = self.starving.load(Ordering::Relaxed);
        loop {
            // SAFETY: `waiting` made the link ours.
            unsafe { *place.next.get() = head };
            let here = ptr::from_ref(place).cast_mut();
            match self.starving.compare_exchange_weak(head, here, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(seen) => head = seen,
            }
        }
        if head.is_null() {
            self.timer.set(device.rnr_delay());
        }
    }
}

struct Retry;

impl Routine for Retry {
    type Target = Device;

    unsafe fn run(device: NonNull<Device>, cx: &mut Cx<Dispatch>) {
        // SAFETY: the device stops the timer before it goes.
        let device = unsafe { device.as_ref() };
        let mut next = device.engine().starving.swap(ptr::null_mut(), Ordering::Acquire);
        while let Some(place) = NonNull::new(next) {
            // SAFETY: the swap made the chain ours; read before the QP may starve again.
            next = unsafe { *place.as_ref().next.get() };
            // SAFETY: the place is part of a QP that `starve` holds.
            let qp = unsafe { Object::<Qp>::of_part(place.cast(), qp::STARVING_OFFSET) };
            // SAFETY: `starve` left this reference.
            let qp = unsafe { Ref::from_raw(qp) };
            qp.body().starving.waiting.store(false, Ordering::Release);
            run(&qp, INLINE_BUDGET, cx.lend());
        }
    }
}

/// Rings the doorbell of the send queue: runs the engine here, if nobody does.
#[inline]
pub fn doorbell(qp: &Object<Qp>, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.run_send(INLINE_BUDGET, &shell);
    shell.finish(qp, progress, cx);
}

/// Rings the doorbell of the receive queue.
#[inline]
pub fn receive_doorbell(qp: &Object<Qp>, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.receive_posted(INLINE_BUDGET, &shell);
    shell.finish(qp, progress, cx);
}

/// Runs a QP with at most `budget` bytes.
fn run(qp: &Object<Qp>, budget: u32, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.run(budget, &shell);
    shell.finish(qp, progress, cx);
}

/// NdkFlush.
pub fn flush(qp: &Object<Qp>, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.flush(INLINE_BUDGET, &shell);
    shell.finish(qp, progress, cx);
}

/// Ends a QP: both queues are cancelled, its link is given up, and it becomes quiet.
pub fn break_down(qp: &Object<Qp>, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.stop(INLINE_BUDGET, &shell);
    shell.finish(qp, progress, cx);
}

/// The peer of a QP is gone: it gives up its link, its receives stay.
pub fn part(qp: &Object<Qp>, cx: &mut Cx<AtMostDispatch>) {
    let shell = Shell::new(qp.device());
    let progress = qp.body().hardware.peer_left(INLINE_BUDGET, &shell);
    shell.finish(qp, progress, cx);
}

/// Links two QPs to each other; each holds the other until it has let go.
pub fn join(one: &Ref<Qp>, other: &Ref<Qp>) {
    for (from, to) in [(one, other), (other, one)] {
        let hold = to.clone();
        // SAFETY: the reference keeps the peer until `unlinked` gives it back.
        let linked = unsafe { from.body().hardware.connect(NonNull::from(&to.body().hardware)) };
        if linked {
            core::mem::forget(hold);
        }
    }
}

/// True when a stopped QP has been drained and nobody copies for it.
pub fn is_quiet(qp: &Object<Qp>) -> bool {
    qp.body().quiet.load(Ordering::Acquire)
}

/// Takes the device's wishes during one call into it.
pub struct Shell<'a> {
    device: &'a Device,
    /// References that the device gave back; dropped when the call has left the device.
    given_back: UnsafeCell<ArrayVec<Ref<Qp>, 8>>,
    sent: Traffic,
    received: Traffic,
    peer: Cell<*const Device>,
}

/// Frames in one direction, and the octets of all of them.
struct Traffic {
    octets: Cell<u64>,
    frames: Cell<u64>,
}

impl Traffic {
    const fn new() -> Self {
        Self { octets: Cell::new(0), frames: Cell::new(0) }
    }

    /// Adds `bytes` in `frames` frames.
    #[inline]
    fn add(&self, bytes: u64, frames: u64) {
        let octets = bytes.wrapping_add(frames.wrapping_mul(FRAME_OVERHEAD));
        self.octets.set(self.octets.get().wrapping_add(octets));
        self.frames.set(self.frames.get().wrapping_add(frames));
    }
}

impl<'a> Shell<'a> {
    /// For a call into the engine of `device`.
    #[inline]
    pub const fn new(device: &'a Device) -> Self {
        Self {
            device,
            given_back: UnsafeCell::new(ArrayVec::new_const()),
            sent: Traffic::new(),
            received: Traffic::new(),
            peer: Cell::new(ptr::null()),
        }
    }

    /// After a run of `qp`: has the rest carried on, and settles what the device gave back.
    #[inline]
    fn finish(self, qp: &Object<Qp>, progress: Progress, cx: &mut Cx<AtMostDispatch>) {
        if progress == Progress::More {
            qp::post(qp, qp::RUN);
        }
        self.flush(cx);
    }

    /// Settles what the device gave back. No call is inside the device any more on this stack.
    #[inline]
    pub fn flush(self, _cx: &mut Cx<AtMostDispatch>) {
        if self.sent.octets.get() | self.received.octets.get() != 0 {
            self.count();
        }
        drop(self.given_back);
    }

    #[cold]
    fn give_back(&self, qp: usize) {
        // SAFETY: the device gives back a reference that was taken for it.
        let reference = unsafe { Ref::from_raw(object::<Qp>(qp)) };
        // SAFETY: `Shell` is not Sync and this borrow ends here.
        let list = unsafe { &mut *self.given_back.get() };
        let kept = list.try_push(reference);
        debug_assert!(kept.is_ok(), "one call gives back at most two links and two holds");
    }

    fn count(&self) {
        let (sent, received) = (&self.sent, &self.received);
        self.device.counters().sent(sent.octets.get(), sent.frames.get());
        self.device.counters().received(received.octets.get(), received.frames.get());
        // SAFETY: a device outlives the calls in which its QPs take part.
        if let Some(peer) = unsafe { self.peer.get().as_ref() } {
            peer.counters().received(sent.octets.get(), sent.frames.get());
            peer.counters().sent(received.octets.get(), received.frames.get());
        }
    }
}

/// The object behind a cookie.
fn object<T: super::object::Kind>(cookie: usize) -> NonNull<Object<T>> {
    let address = ptr::with_exposed_provenance_mut::<Object<T>>(cookie);
    // SAFETY: cookies are addresses of objects, given at their creation.
    unsafe { NonNull::new_unchecked(address) }
}

/// Payload of a full-sized frame on a link with 1500 bytes of MTU, below MPA, TCP and IP headers.
const FRAME_PAYLOAD: u64 = 1448;
/// Ethernet, IP, TCP and MPA overhead of a frame (`OID-19`).
const FRAME_OVERHEAD: u64 = 14 + 20 + 20 + 20;

/// Payload of the frame that asks for a Read: tokens, addresses and length (RFC 5040 section 4.4).
const READ_REQUEST: u64 = 28;

/// Frames of the first `bytes` of a message: each begins a new one, and full frames follow each other.
const fn frames(bytes: u64) -> u64 {
    bytes.div_ceil(FRAME_PAYLOAD)
}

impl Sink for Shell<'_> {
    fn alarm(&self, cookie: usize, alarm: Alarm) {
        // SAFETY: a CQ is alive while one of its QPs runs.
        let cq = unsafe { object::<Cq>(cookie).as_ref() };
        cq.body().notifier.alarm(cq, alarm);
    }

    fn cq_overflow(&self, cookie: usize) {
        // SAFETY: as above.
        let cq = unsafe { object::<Cq>(cookie).as_ref() };
        cq.device().counters().cq_failed();
        cq::post_failed(cq);
    }

    fn lost(&self, cookie: usize, loss: Loss) {
        // SAFETY: the QP, or the peer that it is linked to, is alive during the call.
        let qp = unsafe { object::<Qp>(cookie).as_ref() };
        qp.body().link.bring_down();
        // A flush that cut something short leaves the connection for its consumers to end (FLUSH-09).
        qp::post(qp, if loss == Loss::Cut { qp::RUN } else { qp::LOST | qp::RUN });
    }

    fn starved(&self, cookie: usize) {
        // SAFETY: as above.
        let qp = unsafe { object::<Qp>(cookie).as_ref() };
        qp.device().engine().starve(qp.device(), qp);
    }

    fn kick(&self, cookie: usize) {
        // SAFETY: as above.
        qp::post(unsafe { object::<Qp>(cookie).as_ref() }, qp::RUN);
    }

    fn unlinked(&self, _qp: usize, peer: usize) {
        self.give_back(peer);
    }

    fn quiet(&self, cookie: usize) {
        // SAFETY: the QP is alive: the hold that is given back below is still there.
        let qp = unsafe { object::<Qp>(cookie).as_ref() };
        qp.body().quiet.store(true, Ordering::Release);
        qp::post(qp, qp::QUIET);
        self.give_back(cookie);
    }

    fn drained(&self, owner: usize, index: u32) {
        let device = ptr::with_exposed_provenance::<Device>(owner);
        // SAFETY: the owner of a table is its device, alive while one of its QPs takes part in a run:
        // the slot may be of the peer's.
        let device = unsafe { &*device };
        // SAFETY: the engine runs at IRQL <= DISPATCH_LEVEL and calls a sink with no lock held.
        let mut cx = unsafe { Cx::<AtMostDispatch>::assume() };
        device.tokens().drained(index, &mut cx);
    }

    fn srq_low(&self, cookie: usize) {
        // SAFETY: an SRQ is alive while one of its QPs runs.
        let srq = unsafe { object::<Srq>(cookie).as_ref() };
        srq.body().raise(srq);
    }

    fn srq_fed(&self, _srq: usize) {
        // Whoever starves at it is on the starving list, and tries again when the RNR delay is over:
        // not at the very instant of the post.
    }

    fn unstage(&self, _qp: usize, pages: u64) {
        let list = ptr::with_exposed_provenance_mut::<u8>(usize::try_from(pages).unwrap_or(0));
        if let Some(list) = NonNull::new(list) {
            // SAFETY: the poster of the FastRegister let go of it for this.
            drop(unsafe { KBytes::from_raw(list, 0) });
        }
    }

    #[inline]
    fn moved(&self, from: usize, to: usize, done: u64, bytes: u64) {
        // However a message is cut into pieces here, its frames come to the same; an empty one is a frame, too.
        let frames = if bytes == 0 { 1 } else { frames(done.wrapping_add(bytes)).wrapping_sub(frames(done)) };
        self.went(from, to, bytes, frames);
    }

    #[inline]
    fn asked(&self, from: usize, to: usize) {
        self.went(from, to, READ_REQUEST, 1);
    }
}

impl Shell<'_> {
    #[inline]
    fn went(&self, from: usize, to: usize, bytes: u64, frames: u64) {
        // SAFETY: both QPs are alive during the call.
        let (from, to) = unsafe { (object::<Qp>(from).as_ref(), object::<Qp>(to).as_ref()) };
        if ptr::eq(from.device(), self.device) {
            self.sent.add(bytes, frames);
            self.peer.set(to.device());
        } else {
            self.received.add(bytes, frames);
            self.peer.set(from.device());
        }
    }
}

/// For slots that guard no memory: nobody can be copying through them, so nothing is reported.
pub struct Silent;

impl Sink for Silent {
    fn alarm(&self, _: usize, _: Alarm) {}
    fn cq_overflow(&self, _: usize) {}
    fn lost(&self, _: usize, _: Loss) {}
    fn starved(&self, _: usize) {}
    fn kick(&self, _: usize) {}
    fn unlinked(&self, _: usize, _: usize) {}
    fn quiet(&self, _: usize) {}
    fn drained(&self, _: usize, _: u32) {}
    fn srq_low(&self, _: usize) {}
    fn srq_fed(&self, _: usize) {}
    fn unstage(&self, _: usize, _: u64) {}
}

/// What a worker does for a QP.
pub fn perform_qp(qp: &Ref<Qp>, bits: u32, cx: &mut Cx<AtMostDispatch>) {
    if bits & qp::RUN != 0 {
        run(qp, WORKER_BUDGET, cx);
    }
    if bits & (qp::LOST | qp::QUIET) != 0 {
        cm::poke(qp, bits & qp::LOST != 0, cx);
    }
}
