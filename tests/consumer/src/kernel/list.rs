//! A growing array in pool whose growth can fail.

use crate::kernel::pool::{self, NoMemory};
use core::{
    mem::{align_of, size_of},
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};

/// Elements in pool. IRQL <= DISPATCH_LEVEL, as far as dropping an element allows it.
pub struct List<T> {
    memory: NonNull<T>,
    length: usize,
    capacity: usize,
}

// SAFETY: the list owns its elements.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: `&List` gives `&T` only.
unsafe impl<T: Sync> Sync for List<T> {}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> List<T> {
    /// An empty list, which has no memory yet.
    pub const fn new() -> Self {
        Self { memory: NonNull::dangling(), length: 0, capacity: 0 }
    }

    /// Appends an element; on failure the element is dropped and the list is as before.
    pub fn try_push(&mut self, element: T) -> Result<(), NoMemory> {
        if self.length == self.capacity {
            self.grow()?;
        }
        // SAFETY: `length` is below `capacity` now, so the place lies inside the memory and is vacant.
        unsafe { self.memory.add(self.length).write(element) };
        self.length += 1;
        Ok(())
    }

    /// Drops all elements and keeps the memory.
    pub fn clear(&mut self) {
        let elements: *mut [T] = &mut **self;
        self.length = 0;
        // SAFETY: these were the initialised elements; the length says already that they are gone.
        unsafe { core::ptr::drop_in_place(elements) };
    }

    fn grow(&mut self) -> Result<(), NoMemory> {
        const { assert!(align_of::<T>() <= 16 && size_of::<T>() > 0, "pool gives no more; no empty types") };
        let capacity = self.capacity.saturating_mul(2).max(8);
        let bytes = capacity.checked_mul(size_of::<T>()).ok_or(NoMemory)?;
        let memory = pool::allocate(bytes)?.cast::<T>();
        // SAFETY: both hold at least `length` elements, and fresh memory overlaps nothing.
        unsafe { memory.copy_from_nonoverlapping(self.memory, self.length) };
        self.release();
        self.memory = memory;
        self.capacity = capacity;
        Ok(())
    }

    // Frees the memory without dropping elements.
    fn release(&mut self) {
        if self.capacity != 0 {
            // SAFETY: memory with a capacity came from `allocate`.
            unsafe { pool::free(self.memory.cast()) };
        }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the first `length` elements are initialised.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the list is borrowed uniquely.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.length) }
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        let elements: *mut [T] = &mut **self;
        // SAFETY: the elements are initialised and are not touched again.
        unsafe { core::ptr::drop_in_place(elements) };
        self.release();
    }
}
