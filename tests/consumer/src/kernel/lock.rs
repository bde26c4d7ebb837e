//! Spin locks around a value.

use core::cell::UnsafeCell;
use wdk_sys::{
    KSPIN_LOCK,
    ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
};

/// A value behind a spin lock, IRQL <= DISPATCH_LEVEL. It has to lie in non-paged memory and stay there
/// once it is shared.
pub struct Lock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time have the value.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// Puts a value behind a lock.
    pub const fn new(value: T) -> Self {
        // A zero is what KeInitializeSpinLock stores.
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Lends the value to a function, at DISPATCH_LEVEL: it may not wait, nor call out of this driver.
    pub fn with<R>(&self, function: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the lock is initialised and does not move while it is borrowed.
        let old = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so this is the only reference.
        let result = function(unsafe { &mut *self.value.get() });
        // SAFETY: acquired above on this processor, with `old` as the level before.
        unsafe { KeReleaseSpinLock(self.lock.get(), old) };
        result
    }
}
