//! Zeroed slices, and raw memory for rings.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use super::{NoMemory, Tag, allocate, free};

/// A type for which all bytes zero is a value.
///
/// # Safety
/// All bytes zero is a valid value of the type, and it needs no drop.
pub unsafe trait Zeroable {}

macro_rules! zeroable {
    ($($name:ty),*) => { $(
        // SAFETY: an integer is valid for every bit pattern and needs no drop.
        unsafe impl Zeroable for $name {}
    )* };
}
zeroable!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

// SAFETY: a null pointer is a value of the type and needs no drop.
unsafe impl<T> Zeroable for *mut T {}
// SAFETY: as above.
unsafe impl<T> Zeroable for *const T {}
// SAFETY: an array of zeroable elements is zeroable.
unsafe impl<T: Zeroable, const N: usize> Zeroable for [T; N] {}

/// Owns a slice in non-paged pool that began as zeros. An empty one has no block.
///
/// # Invariants
/// `first` is of a block of [`allocate`] with `length` initialised elements, or dangling when 0.
pub struct KSlice<T: Zeroable> {
    first: NonNull<T>,
    length: usize,
    owns: PhantomData<T>,
}

// SAFETY: the slice owns its elements.
unsafe impl<T: Zeroable + Send> Send for KSlice<T> {}
// SAFETY: shared access to the slice is shared access to the elements.
unsafe impl<T: Zeroable + Sync> Sync for KSlice<T> {}

impl<T: Zeroable> KSlice<T> {
    /// No elements; cannot fail.
    #[must_use]
    pub const fn empty() -> Self {
        Self { first: NonNull::dangling(), length: 0, owns: PhantomData }
    }

    /// `length` zeroed elements. IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Errors
    /// [`NoMemory`], also when the size overflows.
    pub fn try_zeroed(tag: Tag, length: usize) -> Result<Self, NoMemory> {
        const { assert!(align_of::<T>() <= 4096 && !core::mem::needs_drop::<T>()) };
        let bytes = length.checked_mul(size_of::<T>()).ok_or(NoMemory)?;
        if bytes == 0 {
            return Ok(Self { length, ..Self::empty() });
        }
        let first = allocate(tag, bytes, align_of::<T>())?.cast();
        Ok(Self { first, length, owns: PhantomData })
    }
}

impl<T: Zeroable> Deref for KSlice<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the slice owns `length` initialised elements.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> DerefMut for KSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the slice owns `length` initialised elements and is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.length) }
    }
}

impl<T: Zeroable> Drop for KSlice<T> {
    fn drop(&mut self) {
        if self.length.saturating_mul(size_of::<T>()) != 0 {
            // SAFETY: a slice that has bytes has a block, which nobody uses any more.
            unsafe { free(self.first.cast()) };
        }
    }
}

impl<T: Zeroable> fmt::Debug for KSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KSlice")
    }
}

/// Owns zeroed, 64-byte aligned memory that several parties share by address: rings, slots, page
/// lists. It is never turned into a reference here.
pub struct KBytes {
    first: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory is only reached through raw pointers by code that has its own rules.
unsafe impl Send for KBytes {}
// SAFETY: as above; the owner itself only tells address and length.
unsafe impl Sync for KBytes {}

impl KBytes {
    /// What the memory is aligned to: a cache line.
    pub const ALIGNMENT: usize = 64;

    /// `length` zeroed bytes (one at least is allocated). IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_zeroed(tag: Tag, length: usize) -> Result<Self, NoMemory> {
        let first = allocate(tag, length.max(1), Self::ALIGNMENT)?;
        Ok(Self { first, length })
    }

    /// The first byte. Valid for [`KBytes::len`] bytes until the owner is dropped.
    #[must_use]
    pub const fn as_ptr(&self) -> NonNull<u8> {
        self.first
    }

    /// How many bytes were asked for.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether no bytes were asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Lets go of the memory without freeing it. [`KBytes::from_raw`] takes it back.
    #[must_use]
    pub fn into_raw(self) -> (NonNull<u8>, usize) {
        let this = core::mem::ManuallyDrop::new(self);
        (this.first, this.length)
    }

    /// Takes back what [`KBytes::into_raw`] let go of.
    ///
    /// # Safety
    /// Both values came from one `into_raw`, and nobody else will use or free the memory.
    #[must_use]
    pub const unsafe fn from_raw(first: NonNull<u8>, length: usize) -> Self {
        Self { first, length }
    }
}

impl Drop for KBytes {
    fn drop(&mut self) {
        // SAFETY: the block came from `allocate`; whoever shared the address is done by now.
        unsafe { free(self.first) };
    }
}

impl fmt::Debug for KBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KBytes").field("length", &self.length).finish()
    }
}
