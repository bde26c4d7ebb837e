//! KDPC: work at DISPATCH_LEVEL, off the caller's stack (KP-DPC-01 to KP-DPC-05).
//!
//! `unsafe` is here because a DPC links itself into a processor's queue by address, and its target
//! may be freed by the very call that it makes.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use softndk_pure::processors::Processors;
use wdk_sys::_KDPC_IMPORTANCE::MediumHighImportance;
use wdk_sys::ntddk::{
    KeFlushQueuedDpcs, KeInitializeDpc, KeInsertQueueDpc, KeRemoveQueueDpc, KeSetImportanceDpc,
    KeSetTargetProcessorDpcEx,
};

use crate::irql::{self, Cx, Dispatch, Passive};

/// What a DPC does, and to what.
pub trait Routine {
    /// What the DPC is part of.
    type Target;

    /// Runs at DISPATCH_LEVEL with no lock held.
    ///
    /// # Safety
    /// `target` is what [`Dpc::init`] was given, and is alive at the call. The routine itself may
    /// end its life (by a reference it drops): then it does not touch it any more.
    unsafe fn run(target: NonNull<Self::Target>, cx: &mut Cx<Dispatch>);
}

/// A kernel DPC.
///
/// # Invariants
/// Initialised in place before any other use, in resident memory, and not moved afterwards; neither
/// queued nor running when dropped.
#[repr(transparent)]
pub struct Dpc {
    raw: UnsafeCell<MaybeUninit<wdk_sys::KDPC>>,
    pinned: PhantomPinned,
}

// SAFETY: the kernel's DPC routines are made for sharing.
unsafe impl Sync for Dpc {}
// SAFETY: a DPC has no owner thread; a pinned one is sent by address only.
unsafe impl Send for Dpc {}

impl Dpc {
    /// Room for a DPC, as part of a larger object.
    ///
    /// # Safety
    /// [`Dpc::init`] is called in its final place before anything else, or it is never used.
    #[must_use]
    pub const unsafe fn uninit() -> Self {
        Self { raw: UnsafeCell::new(MaybeUninit::zeroed()), pinned: PhantomPinned }
    }

    /// Makes it a DPC that runs `R` on `target`.
    ///
    /// # Safety
    /// Called once, in the final place. Whenever the DPC is queued, `target` stays alive until `R`
    /// has been called, and the DPC's memory until the queue is done with it ([`flush`]) or, if `R`
    /// frees it, until `R` runs (the kernel does not touch a KDPC after calling its routine).
    pub unsafe fn init<R: Routine>(&self, target: NonNull<R::Target>) {
        // SAFETY: resident room of the right size; the shim has the right signature.
        unsafe { KeInitializeDpc(self.raw(), Some(shim::<R>), target.as_ptr().cast()) };
    }

    /// Has it run on one of these processors from now on, on which of them depends on `turn`; false if none of
    /// them is there, and then nothing changes. For a DPC that is not queued. IRQL: any.
    pub fn aim(&self, processors: Processors, turn: u32) -> bool {
        let mut number = wdk_sys::PROCESSOR_NUMBER { Group: processors.group, Number: 0, Reserved: 0 };
        let found = processors.in_turn(turn).any(|candidate| {
            number.Number = candidate;
            // SAFETY: initialised by the type's invariant; the number is a local. A processor that is not
            // there is refused.
            unsafe { KeSetTargetProcessorDpcEx(self.raw(), &raw mut number) == wdk_sys::STATUS_SUCCESS }
        });
        if found {
            // Else another processor would take its time before it looks at its queue.
            // SAFETY: as above.
            unsafe { KeSetImportanceDpc(self.raw(), MediumHighImportance) };
        }
        found
    }

    pub(crate) fn raw(&self) -> *mut wdk_sys::KDPC {
        self.raw.get().cast()
    }

    /// Queues. False: it was queued already and will run once. IRQL: any up to HIGH_LEVEL.
    #[must_use = "a reference taken for the run is given back when nothing new was queued"]
    pub fn queue(&self) -> bool {
        // SAFETY: initialised by the type's invariant.
        unsafe { KeInsertQueueDpc(self.raw(), ptr::null_mut(), ptr::null_mut()) != 0 }
    }

    /// Takes it out of the queue. True: it was queued and will not run. False: it was not queued,
    /// or runs right now.
    #[must_use = "a reference taken for the run is given back when the run was taken out"]
    pub fn cancel(&self) -> bool {
        // SAFETY: initialised by the type's invariant.
        unsafe { KeRemoveQueueDpc(self.raw()) != 0 }
    }
}

impl core::fmt::Debug for Dpc {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Dpc")
    }
}

/// Waits until every DPC that was queued before, on any processor, has run (KP-DPC-03).
pub fn flush(_: &mut Cx<Passive>) {
    // SAFETY: the token proves PASSIVE_LEVEL.
    unsafe { KeFlushQueuedDpcs() };
}

/// What the kernel calls.
unsafe extern "C" fn shim<R: Routine>(_dpc: *mut wdk_sys::_KDPC, target: *mut c_void, _: *mut c_void, _: *mut c_void) {
    // SAFETY: a DPC routine is an entry point at DISPATCH_LEVEL.
    let mut cx = unsafe { irql::enter::<Dispatch>(c"DPC") };
    // SAFETY: `init` was given a non-null target.
    let target = unsafe { NonNull::new_unchecked(target.cast::<R::Target>()) };
    // SAFETY: who queued the DPC keeps the target alive until now.
    unsafe { R::run(target, &mut cx) };
}
