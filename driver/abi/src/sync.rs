//! The atomics of the queues: `core`'s in the product, loom's in the models (`--cfg loom`).
//!
//! All lock-free code of abi, nic and provider takes them from here, so that one source is both what ships
//! and what loom explores. `unsafe` is needed for one barrier instruction.

#[cfg(not(loom))]
pub use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// Orders every earlier store before every later load: the fence of a Dekker hand-shake
/// (publish, fence, look at the other side's flag).
///
/// A `fence(SeqCst)`; on x86-64 spelled as a locked no-op on the stack, which costs a fraction of `mfence`.
#[inline(always)]
pub fn full_fence() {
    #[cfg(all(not(loom), not(miri), target_arch = "x86_64"))]
    // SAFETY: `or [rsp], 0` rewrites the word on top of this thread's stack with its own value, and the locked
    // form is a full barrier. As `nomem` is not given, the compiler moves no memory access across it.
    unsafe {
        core::arch::asm!("lock or dword ptr [rsp], 0");
    }
    #[cfg(any(loom, miri, not(target_arch = "x86_64")))]
    fence(Ordering::SeqCst);
}

/// Watches, under loom only, that raw ring memory is not read while it is written. Costs nothing otherwise.
///
/// The rings' slots are raw memory that loom cannot see; each has one of these beside it, and every access
/// goes through [`Tracker::read`] or [`Tracker::write`].
#[cfg(loom)]
#[derive(Debug)]
pub struct Tracker(loom::cell::UnsafeCell<()>);

/// Watches, under loom only, that raw ring memory is not read while it is written. Costs nothing otherwise.
#[cfg(not(loom))]
#[derive(Debug)]
pub struct Tracker(());

impl Tracker {
    /// A tracker of memory that nobody uses yet.
    #[cfg(loom)]
    #[allow(clippy::new_without_default, reason = "only loom builds it")]
    pub fn new() -> Self {
        Self(loom::cell::UnsafeCell::new(()))
    }

    /// A tracker of memory that nobody uses yet.
    #[cfg(not(loom))]
    #[expect(clippy::new_without_default, reason = "a tracker is made where its memory is, never by default")]
    pub const fn new() -> Self {
        Self(())
    }

    /// The memory is being read here.
    #[inline(always)]
    pub fn read(&self) {
        #[cfg(loom)]
        self.0.with(|_| ());
        #[cfg(not(loom))]
        let () = self.0;
    }

    /// The memory is being written here.
    #[inline(always)]
    pub fn write(&self) {
        #[cfg(loom)]
        self.0.with_mut(|_| ());
        #[cfg(not(loom))]
        let () = self.0;
    }
}

/// Keeps what follows on other cache lines than what stands before, whatever the alignment of the whole.
///
/// 128 bytes, because the adjacent-line prefetcher moves lines in pairs. Padding instead of `repr(align)`:
/// the objects live in pool blocks that are aligned to 16 bytes.
#[derive(Clone, Copy)]
pub struct Gap(#[expect(dead_code, reason = "only its size matters")] [u64; 16]);

impl Gap {
    /// The padding.
    pub const fn new() -> Self {
        Self([0; 16])
    }
}

impl Default for Gap {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Gap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Gap")
    }
}
