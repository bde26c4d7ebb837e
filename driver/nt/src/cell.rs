//! Cells for what is set once and read ever after.
//!
//! `unsafe` is here because the cell is opened by an atomic flag.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

const EMPTY: u8 = 0;
const WRITING: u8 = 1;
const FULL: u8 = 2;

/// A value that is set once, later.
///
/// # Invariants
/// `value` is initialised exactly when `state` is FULL; it is written only by who moved the state
/// from EMPTY to WRITING.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is published by a release store and read after an acquire load.
unsafe impl<T: Send + Sync> Sync for Once<T> {}
// SAFETY: the cell owns its value.
unsafe impl<T: Send> Send for Once<T> {}

impl<T> Once<T> {
    /// An empty cell.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU8::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Sets the value. False (and the value is dropped) when it was set before.
    pub fn set(&self, value: T) -> bool {
        if self.state.compare_exchange(EMPTY, WRITING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        // SAFETY: the state is WRITING by us: nobody else reaches the value.
        unsafe { (*self.value.get()).write(value) };
        self.state.store(FULL, Ordering::Release);
        true
    }

    /// The value, if it has been set.
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: FULL means that nobody writes the value any more while it is shared.
        let value = unsafe { &*self.value.get() };
        // SAFETY: FULL means initialised.
        Some(unsafe { value.assume_init_ref() })
    }

    /// Takes the value out: the cell is empty again.
    pub fn take(&mut self) -> Option<T> {
        if *self.state.get_mut() != FULL {
            return None;
        }
        *self.state.get_mut() = EMPTY;
        // SAFETY: the state said FULL, and now says EMPTY.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> core::fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Once")
    }
}
