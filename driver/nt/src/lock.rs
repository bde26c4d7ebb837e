//! KSPIN_LOCK behind the typed [`Spin`]: KP-LOCK-01 to KP-LOCK-04.
//!
//! `unsafe` is here because the raw routines trust their arguments; the typed lock above them is
//! safe to use.

use core::cell::UnsafeCell;

use wdk_sys::ntddk::{
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel,
};

pub use softndk_cx::level::{Adapter, After, Control, Held, Leaf, Level, Unlocked};
use softndk_cx::spin::{self, RawLock};

/// A value behind a kernel spin lock of level `L`. It lives in non-paged memory (pool or the
/// image's data) and is not moved once shared.
pub type Spin<T, L> = spin::Spin<T, L, KSpinLock>;

/// Holds a [`Spin`].
pub type SpinGuard<'a, T, L> = spin::Guard<'a, T, L, KSpinLock>;

/// The kernel's spin lock. Zero is free, so a constant will do for KeInitializeSpinLock.
#[derive(Debug)]
#[repr(transparent)]
pub struct KSpinLock(UnsafeCell<wdk_sys::KSPIN_LOCK>);

// SAFETY: the word is only ever touched by the kernel's spin lock routines, which are made for
// sharing between processors.
unsafe impl Sync for KSpinLock {}

// SAFETY: the kernel's routines give exclusive ownership with acquire and release ordering and raise
// to DISPATCH_LEVEL.
unsafe impl RawLock for KSpinLock {
    const FREE: Self = Self(UnsafeCell::new(0));
    type Saved = wdk_sys::KIRQL;

    #[inline]
    fn acquire(&self) -> Self::Saved {
        // SAFETY: the word is a resident spin lock; callers hold a token, so the IRQL is at most
        // DISPATCH_LEVEL.
        unsafe { KeAcquireSpinLockRaiseToDpc(self.0.get()) }
    }

    #[inline]
    unsafe fn release(&self, saved: Self::Saved) {
        // SAFETY: the caller holds the lock and gives back what the acquire returned.
        unsafe { KeReleaseSpinLock(self.0.get(), saved) };
    }

    #[inline]
    unsafe fn acquire_at_dispatch(&self) {
        // SAFETY: the caller is at DISPATCH_LEVEL.
        unsafe { KeAcquireSpinLockAtDpcLevel(self.0.get()) };
    }

    #[inline]
    unsafe fn release_at_dispatch(&self) {
        // SAFETY: the caller holds the lock and took it at DISPATCH_LEVEL.
        unsafe { KeReleaseSpinLockFromDpcLevel(self.0.get()) };
    }
}
