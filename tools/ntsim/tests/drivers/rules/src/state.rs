//! Kernel objects in the image's own memory, and small helpers.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wdk_sys::ntddk::{KeInitializeDpc, KeInitializeEvent, KeInitializeTimer, KeLowerIrql, KfRaiseIrql};
use wdk_sys::{
    _EVENT_TYPE, DISPATCH_LEVEL, KDPC, KEVENT, KIRQL, KSPIN_LOCK, KTIMER, LARGE_INTEGER, PKDEFERRED_ROUTINE, PVOID,
};

/// Pool tag of this driver.
pub const TAG: u32 = u32::from_le_bytes(*b"Rule");

/// A kernel object that the kernel alone touches.
pub struct Object<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: the kernel's routines synchronise what they do with the object.
unsafe impl<T> Sync for Object<T> {}

impl<T> Object<T> {
    const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::zeroed()))
    }

    /// Its address.
    pub const fn get(&self) -> *mut T {
        self.0.get().cast()
    }
}

pub static EVENT: Object<KEVENT> = Object::new();
/// A zeroed word is a free spin lock.
pub static LOCK: Object<KSPIN_LOCK> = Object::new();
pub static DPC: Object<KDPC> = Object::new();
pub static TIMER: Object<KTIMER> = Object::new();

/// A function that unload calls; 0 for none.
pub static AT_UNLOAD: AtomicUsize = AtomicUsize::new(0);
/// What DPCs set.
pub static RAN: AtomicBool = AtomicBool::new(false);

/// Initialises the objects; `routine` is the DPC's.
pub fn initialize(routine: PKDEFERRED_ROUTINE) {
    // SAFETY: the image's own memory, initialised before any other use.
    unsafe {
        KeInitializeEvent(EVENT.get(), _EVENT_TYPE::SynchronizationEvent, 0);
        KeInitializeTimer(TIMER.get());
        KeInitializeDpc(DPC.get(), routine, null_mut());
    }
}

pub unsafe extern "C" fn mark(_dpc: *mut KDPC, _context: PVOID, _a: PVOID, _b: PVOID) {
    RAN.store(true, Ordering::Release);
}

/// Relative milliseconds as an NT time-out.
pub fn milliseconds(count: i64) -> LARGE_INTEGER {
    LARGE_INTEGER { QuadPart: -10_000 * count }
}

/// Raises to DISPATCH_LEVEL.
pub fn raise() -> KIRQL {
    // SAFETY: called below DISPATCH_LEVEL.
    unsafe { KfRaiseIrql(DISPATCH_LEVEL as KIRQL) }
}

/// Back to `old`.
pub fn lower(old: KIRQL) {
    // SAFETY: `old` came from `raise`.
    unsafe { KeLowerIrql(old) };
}

pub fn at_unload() {
    let function = AT_UNLOAD.load(Ordering::Acquire);
    if function != 0 {
        // SAFETY: only `fn()` pointers are stored.
        let function: fn() = unsafe { core::mem::transmute(function) };
        function();
    }
}
