//! Pool memory, and a counted reference to a value in it.

use core::{
    alloc::Layout,
    mem::size_of,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering, fence},
};
use wdk_sys::{
    POOL_FLAG_NON_PAGED, PVOID,
    ntddk::{ExAllocatePool2, ExFreePoolWithTag},
};

/// Tag of every allocation of this driver.
pub const TAG: u32 = u32::from_le_bytes(*b"NdkT");

/// There was no pool memory.
#[derive(Clone, Copy, Debug)]
pub struct NoMemory;

/// Allocates zeroed non-paged memory: 16-aligned, page-aligned from a page on. IRQL <= DISPATCH_LEVEL.
pub fn allocate(bytes: usize) -> Result<NonNull<u8>, NoMemory> {
    // SAFETY: any size above zero may be asked for; the answer is checked.
    let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes.max(1) as u64, TAG) };
    NonNull::new(memory.cast()).ok_or(NoMemory)
}

/// Gives memory back. IRQL <= DISPATCH_LEVEL.
///
/// # Safety
/// The memory came from [`allocate`] and nobody uses it any more.
pub unsafe fn free(memory: NonNull<u8>) {
    // SAFETY: the caller vouches for origin and end of use; the tag is the one of `allocate`.
    unsafe { ExFreePoolWithTag(memory.as_ptr().cast(), TAG) };
}

#[repr(C)]
struct Counted<T> {
    references: AtomicUsize,
    value: T,
}

/// A reference to a value in pool, counted; the last one drops the value.
///
/// References travel through callback contexts as raw pointers ([`Shared::into_context`]). The value drops
/// wherever the last reference goes, so a value whose drop waits may not be left to a callback.
pub struct Shared<T>(NonNull<Counted<T>>);

// SAFETY: as with any counted reference: all threads get `&T`, and one of them drops `T`.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Moves a value to pool.
    pub fn try_new(value: T) -> Result<Self, NoMemory> {
        const { assert!(Layout::new::<Counted<T>>().align() <= 16, "pool gives no more") };
        let memory = allocate(size_of::<Counted<T>>())?.cast::<Counted<T>>();
        // SAFETY: the memory is fresh, large and aligned enough.
        unsafe { memory.write(Counted { references: AtomicUsize::new(1), value }) };
        Ok(Self(memory))
    }

    /// Turns the reference into a context for a callback, which has to take it back or look at it.
    pub fn into_context(self) -> PVOID {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw.cast()
    }

    /// Takes a reference back from a context.
    ///
    /// # Safety
    /// The context came from [`Shared::into_context`] of the same type and is taken back once.
    pub unsafe fn from_context(context: PVOID) -> Option<Self> {
        NonNull::new(context.cast()).map(Self)
    }

    /// The context of a callback without giving a reference away; the caller keeps one while callbacks come.
    pub fn as_context(&self) -> PVOID {
        self.0.as_ptr().cast()
    }

    /// Looks at the value behind a context.
    ///
    /// # Safety
    /// The context belongs to a `Shared<T>` of which a reference exists during `'a`.
    pub unsafe fn borrow_context<'a>(context: PVOID) -> &'a T {
        // SAFETY: the caller keeps the value alive; all sharing is by `&T`.
        unsafe { &(*context.cast::<Counted<T>>()).value }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        // SAFETY: `self` is a reference, so the block lives.
        unsafe { self.0.as_ref() }.references.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `self` is a reference, so the block lives; it is only ever shared.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: `self` is still a reference.
        if unsafe { self.0.as_ref() }.references.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: this was the last reference, nobody else can reach the value.
        unsafe { self.0.drop_in_place() };
        // SAFETY: the block came from `allocate`, and its value is gone.
        unsafe { free(self.0.cast()) };
    }
}
