//! CQ notifications: from a DPC of each CQ, never two at once, held back by moderation if asked
//! (`CQ-16`, `CQ-23`, `CQ-24`, `CQ-69`, `CQ-75`).
//!
//! ```text
//!  push or arm ──Alarm::Raise──► gate ──first──► KDPC ──► take_notification ──► callback ──┐
//!              │                  └─ busy: again ◄───────────── leave ◄────────────────────┘
//!              └─Alarm::Hold───► KTIMER ──due──► Alarm::Raise
//! ```
//! A queued DPC and an armed timer each hold the CQ, so its close completes after the callback has
//! returned (`CQ-30`).
//!
//! `unsafe` is here for the kernel objects and the consumer's callback.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::NDK_FN_CQ_NOTIFICATION_CALLBACK;
use softndk_abi::completion::{Alarm, Failed, NotifyReason};
use softndk_nic::gate::Gate;
use softndk_nt::{
    dpc::{Dpc, Routine},
    irql::{Cx, Dispatch},
    pure::processors::Processors,
    time::Span,
    timer::Timer,
};
use softndk_provider::{Failure, status::SUCCESS};

use super::object::{Object, Ref};
use crate::ndk::cq::Cq;

/// The notification of one CQ.
pub struct Notifier {
    callback: NDK_FN_CQ_NOTIFICATION_CALLBACK,
    context: *mut c_void,
    gate: Gate,
    dpc: Dpc,
    timer: Timer,
}

// SAFETY: `context` is the consumer's and only passed back to it; the rest is made for sharing.
unsafe impl Send for Notifier {}
// SAFETY: as above.
unsafe impl Sync for Notifier {}

impl Notifier {
    /// The notification of a CQ created with `callback` and `context`.
    ///
    /// # Safety
    /// [`Notifier::start`] is called in the final place before anything else.
    pub unsafe fn new(callback: NDK_FN_CQ_NOTIFICATION_CALLBACK, context: *mut c_void) -> Self {
        Self {
            callback,
            context,
            gate: Gate::new(),
            // SAFETY: `start` initialises it.
            dpc: unsafe { Dpc::uninit() },
            // SAFETY: as above.
            timer: unsafe { Timer::uninit() },
        }
    }

    /// Prepares DPC and timer.
    ///
    /// # Safety
    /// Called once, in the final place, with the CQ of which this is part.
    pub unsafe fn start(&self, cq: NonNull<Object<Cq>>) {
        // SAFETY: whoever queues it takes a reference that the run gives back.
        unsafe { self.dpc.init::<Notify>(cq) };
        // SAFETY: as above.
        unsafe { self.timer.init::<Due>(cq) };
    }

    /// Has the callback run on one of these processors, if any of them is there: a hint (`CQ-05`, `CQ-06`). Before
    /// the CQ is handed out.
    pub fn aim(&self, processors: Processors, turn: u32) {
        let _ = self.dpc.aim(processors, turn);
    }

    /// False for a CQ that is only polled (`CQ-74`).
    pub const fn is_wanted(&self) -> bool {
        self.callback.is_some()
    }

    /// Does what the queue asks for. IRQL: at most DISPATCH_LEVEL, locks allowed: nothing is called.
    pub fn alarm(&self, cq: &Object<Cq>, alarm: Alarm) {
        if !self.is_wanted() {
            return;
        }
        match alarm {
            Alarm::None => {}
            Alarm::Raise => self.raise(cq),
            Alarm::Hold { microseconds } => {
                core::mem::forget(cq.reference());
                if self.timer.set(Span::from_micros(u64::from(microseconds))) {
                    // It was armed: that run's reference serves this one.
                    give_back(cq);
                }
            }
        }
    }

    fn raise(&self, cq: &Object<Cq>) {
        if self.gate.enter() {
            // The run gives the reference back.
            core::mem::forget(cq.reference());
            if !self.dpc.queue() {
                give_back(cq);
            }
        }
    }

    /// The CQ is being closed: no timer keeps it waiting (`CQ-73`), and no callback is owed (`CQ-31`).
    pub fn hush(&self, cq: &Object<Cq>) {
        if self.timer.cancel() {
            give_back(cq);
        }
    }
}

/// Gives back a reference that a queued run held.
fn give_back(cq: &Object<Cq>) {
    // SAFETY: the caller took this reference for a run that will not happen.
    drop(unsafe { Ref::from_raw(NonNull::from(cq)) });
}

struct Notify;

impl Routine for Notify {
    type Target = Object<Cq>;

    unsafe fn run(cq: NonNull<Object<Cq>>, _cx: &mut Cx<Dispatch>) {
        // SAFETY: `raise` took this reference for the run.
        let cq = unsafe { Ref::from_raw(cq) };
        let body = cq.body();
        loop {
            if let (Some(reason), Some(callback)) = (body.queue.take_notification(), body.notifier.callback) {
                // SAFETY: the consumer's function and context, at DISPATCH_LEVEL, with no lock held;
                // the reference delays the close until it has returned.
                unsafe { callback(body.notifier.context, status(reason)) };
            }
            if !body.notifier.gate.leave() {
                return;
            }
        }
    }
}

struct Due;

impl Routine for Due {
    type Target = Object<Cq>;

    unsafe fn run(cq: NonNull<Object<Cq>>, _cx: &mut Cx<Dispatch>) {
        // SAFETY: the setter of the timer took this reference for the run.
        let cq = unsafe { Ref::from_raw(cq) };
        let alarm = cq.body().queue.due();
        cq.body().notifier.alarm(&cq, alarm);
    }
}

const fn status(reason: NotifyReason) -> i32 {
    match reason {
        NotifyReason::Completion => SUCCESS,
        NotifyReason::Failed(Failed::Overflow) => Failure::BufferOverflow.status(),
        NotifyReason::Failed(Failed::Internal) => Failure::Internal.status(),
    }
}
