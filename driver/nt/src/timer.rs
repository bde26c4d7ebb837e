//! KTIMER with its DPC: something to be done at DISPATCH_LEVEL after a while.
//!
//! `unsafe` is here because timers are linked into the kernel's table by address.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wdk_sys::ntddk::{KeCancelTimer, KeInitializeTimer, KeSetTimer};

use crate::bugcheck::{self, Reason};
use crate::dpc::{self, Dpc, Routine};
use crate::irql::{Cx, Passive};
use crate::time::Span;

/// A one-shot timer.
///
/// # Invariants
/// Initialised in place before any other use, in resident memory, and not moved afterwards. Neither
/// armed, queued nor running when dropped: [`Timer::stop`] sees to that, and the drop checks it.
pub struct Timer {
    raw: UnsafeCell<MaybeUninit<wdk_sys::KTIMER>>,
    dpc: Dpc,
    ready: UnsafeCell<bool>,
}

// SAFETY: the kernel's timer routines are made for sharing; `ready` is written by `init` only, when
// nobody else reaches the timer.
unsafe impl Sync for Timer {}
// SAFETY: a timer has no owner thread; a pinned one is sent by address only.
unsafe impl Send for Timer {}

impl Timer {
    /// Room for a timer, as part of a larger object.
    ///
    /// # Safety
    /// [`Timer::init`] is called in its final place before anything else (dropping it is fine).
    #[must_use]
    pub const unsafe fn uninit() -> Self {
        Self {
            raw: UnsafeCell::new(MaybeUninit::zeroed()),
            // SAFETY: initialised by `init` below.
            dpc: unsafe { Dpc::uninit() },
            ready: UnsafeCell::new(false),
        }
    }

    /// Makes it a timer that runs `R` on `target` when it is due.
    ///
    /// # Safety
    /// As [`Dpc::init`]; an armed timer counts as a queued DPC.
    pub unsafe fn init<R: Routine>(&self, target: NonNull<R::Target>) {
        // SAFETY: resident room of the right size, reached by nobody else.
        unsafe { KeInitializeTimer(self.raw()) };
        // SAFETY: the caller's promise.
        unsafe { self.dpc.init::<R>(target) };
        // SAFETY: nobody else reaches the timer yet.
        unsafe { self.ready.get().write(true) };
    }

    fn raw(&self) -> *mut wdk_sys::KTIMER {
        self.raw.get().cast()
    }

    /// Arms, or arms anew. True: it was armed, and that earlier run will not happen.
    /// IRQL: at most DISPATCH_LEVEL, also under locks.
    pub fn set(&self, after: Span) -> bool {
        // SAFETY: both objects are initialised by the type's invariant.
        unsafe { KeSetTimer(self.raw(), after.relative(), self.dpc.raw()) != 0 }
    }

    /// Disarms. True: it was armed or its run still queued, and will not run. False: not armed, or
    /// running right now (KP-TMR-02). IRQL: at most DISPATCH_LEVEL.
    #[must_use = "a reference taken for the run is given back when the run was taken out"]
    pub fn cancel(&self) -> bool {
        // SAFETY: initialised by the type's invariant.
        let armed = unsafe { KeCancelTimer(self.raw()) != 0 };
        armed || self.dpc.cancel()
    }

    /// Disarms and waits for a run in progress. Nobody arms the timer afterwards. True: a run was
    /// taken out.
    pub fn stop(&self, cx: &mut Cx<Passive>) -> bool {
        let taken = self.cancel();
        dpc::flush(cx);
        taken
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if *self.ready.get_mut() && self.cancel() {
            // Its run would have hit freed memory.
            bugcheck::stop(Reason::DropWhileArmed, self.raw().expose_provenance(), 0, 0);
        }
    }
}

impl core::fmt::Debug for Timer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Timer")
    }
}
