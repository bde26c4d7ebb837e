//! A spin lock that knows its level.
//!
//! `unsafe` is here because data behind a lock is: the cell is shared by reference and opened only
//! by who holds the raw lock.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::irql::{Cx, Dispatch, Irql};
use crate::level::{After, Held, Level};

/// The machine's spin lock: KSPIN_LOCK in the kernel, an atomic flag on a host.
///
/// # Safety
/// Acquiring gives exclusive ownership until the release, with acquire and release ordering, and
/// code in between runs at DISPATCH_LEVEL.
pub unsafe trait RawLock: Sync {
    /// A lock nobody holds.
    const FREE: Self;
    /// What the release needs to know: the IRQL before.
    type Saved: Copy;
    /// Raises to DISPATCH_LEVEL and takes the lock. IRQL: at most DISPATCH_LEVEL.
    fn acquire(&self) -> Self::Saved;
    /// Releases the lock and lowers the IRQL.
    ///
    /// # Safety
    /// The caller holds the lock by [`RawLock::acquire`], which returned `saved`.
    unsafe fn release(&self, saved: Self::Saved);
    /// Takes the lock.
    ///
    /// # Safety
    /// The caller runs at DISPATCH_LEVEL.
    unsafe fn acquire_at_dispatch(&self);
    /// Releases the lock and stays at DISPATCH_LEVEL.
    ///
    /// # Safety
    /// The caller holds the lock by [`RawLock::acquire_at_dispatch`].
    unsafe fn release_at_dispatch(&self);
}

/// A value that only one processor at a time can reach, at lock level `L`.
///
/// # Invariants
/// The cell is opened only between acquire and release of `raw`. In the kernel the lock lives in
/// non-paged memory and is not moved once shared.
pub struct Spin<T, L: Level, R: RawLock> {
    raw: R,
    value: UnsafeCell<T>,
    level: PhantomData<fn() -> L>,
}

// SAFETY: the raw lock gives the value to one thread at a time; moving values between threads is
// what `T: Send` allows.
unsafe impl<T: Send, L: Level, R: RawLock> Sync for Spin<T, L, R> {}
// SAFETY: the lock owns its value; sending it sends the value. The raw lock has no owner while the
// `Spin` is moved, since a guard would borrow it.
unsafe impl<T: Send, L: Level, R: RawLock> Send for Spin<T, L, R> {}

impl<T, L: Level, R: RawLock> Spin<T, L, R> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { raw: R::FREE, value: UnsafeCell::new(value), level: PhantomData }
    }

    /// Takes the lock. The outer token is borrowed until the guard is dropped: neither waits nor
    /// upcalls compile meanwhile, and guards are dropped in reverse order. Never forget a guard.
    ///
    /// IRQL: at most DISPATCH_LEVEL; DISPATCH_LEVEL until the guard is dropped.
    #[inline]
    pub fn lock<'a, I: Irql, H: Held>(&'a self, cx: &'a mut Cx<I, H>) -> Guard<'a, T, L, R>
    where
        L: After<H>,
    {
        let _ = cx;
        let saved = if I::AT_DISPATCH {
            // SAFETY: the token proves DISPATCH_LEVEL.
            unsafe { self.raw.acquire_at_dispatch() };
            None
        } else {
            Some(self.raw.acquire())
        };
        Guard {
            lock: self,
            saved,
            // SAFETY: the lock of level `L` is held at DISPATCH_LEVEL until the guard, which owns
            // this token, is dropped.
            inner: unsafe { Cx::assume_held() },
        }
    }

    /// Reaches the value without locking: nobody else can hold a reference.
    pub const fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T, L: Level, R: RawLock> core::fmt::Debug for Spin<T, L, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The value is not looked at: printing must not take locks.
        f.write_str("Spin")
    }
}

/// Holds a [`Spin`]; dropping it releases the lock.
#[must_use = "the lock is released when the guard is dropped"]
pub struct Guard<'a, T, L: Level, R: RawLock> {
    lock: &'a Spin<T, L, R>,
    /// The IRQL to go back to; None: taken at DISPATCH_LEVEL.
    saved: Option<R::Saved>,
    inner: Cx<Dispatch, L>,
}

impl<T, L: Level, R: RawLock> Guard<'_, T, L, R> {
    /// The value, and the token for whatever may be called or locked under this lock.
    #[inline]
    pub const fn parts(&mut self) -> (&mut T, &mut Cx<Dispatch, L>) {
        // SAFETY: the lock is held by this guard, which is mutably borrowed for the reference's life.
        let value = unsafe { &mut *self.lock.value.get() };
        (value, &mut self.inner)
    }
}

impl<T, L: Level, R: RawLock> Deref for Guard<'_, T, L, R> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held by this guard, which is borrowed for the reference's life.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T, L: Level, R: RawLock> DerefMut for Guard<'_, T, L, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.parts().0
    }
}

impl<T, L: Level, R: RawLock> Drop for Guard<'_, T, L, R> {
    #[inline]
    fn drop(&mut self) {
        match self.saved {
            // SAFETY: this guard took the lock with `acquire`, which returned `saved`.
            Some(saved) => unsafe { self.lock.raw.release(saved) },
            // SAFETY: this guard took the lock with `acquire_at_dispatch`.
            None => unsafe { self.lock.raw.release_at_dispatch() },
        }
    }
}

/// A flag that spins: for tests of code that is generic over the lock, and for hosts. It knows no
/// IRQL, so the kernel uses KSPIN_LOCK, which Driver Verifier watches.
#[derive(Debug)]
pub struct HostLock(AtomicBool);

// SAFETY: the flag goes from false to true for one thread only, with acquire ordering, and back with
// release ordering; a host has no IRQL.
unsafe impl RawLock for HostLock {
    const FREE: Self = Self(AtomicBool::new(false));
    type Saved = ();

    fn acquire(&self) {
        while self.0.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            core::hint::spin_loop();
        }
    }

    unsafe fn release(&self, (): ()) {
        self.0.store(false, Ordering::Release);
    }

    unsafe fn acquire_at_dispatch(&self) {
        self.acquire();
    }

    unsafe fn release_at_dispatch(&self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::irql::Passive;
    use crate::level::{Adapter, Control, Leaf};

    #[test]
    fn one_thread_at_a_time() {
        let total = Spin::<u64, Leaf, HostLock>::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // SAFETY: a test has no IRQL.
                    let mut cx = unsafe { Cx::<Passive>::assume() };
                    for _ in 0..10_000 {
                        *total.lock(&mut cx) += 1;
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 40_000);
    }

    #[test]
    fn the_whole_order_nests() {
        let control = Spin::<u32, Control, HostLock>::new(1);
        let adapter = Spin::<u32, Adapter, HostLock>::new(2);
        let leaf = Spin::<u32, Leaf, HostLock>::new(3);
        // SAFETY: a test has no IRQL.
        let mut cx = unsafe { Cx::<Passive>::assume() };
        let mut outer = control.lock(&mut cx);
        let (first, inner) = outer.parts();
        let mut middle = adapter.lock(inner);
        let (second, inner) = middle.parts();
        let last = leaf.lock(inner);
        assert_eq!(*first + *second + *last, 6);
    }

    #[test]
    fn a_dropped_guard_frees_the_lock() {
        let lock = Spin::<u32, Leaf, HostLock>::new(0);
        // SAFETY: a test has no IRQL.
        let mut cx = unsafe { Cx::<Dispatch>::assume() };
        *lock.lock(&mut cx) += 1;
        *lock.lock(&mut cx) += 1;
        assert_eq!(*lock.lock(&mut cx), 2);
    }
}
