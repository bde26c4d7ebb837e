//! One value in non-paged pool.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::ptr::NonNull;

use super::{NoMemory, Tag, allocate, free};

/// Owns a value in non-paged pool.
///
/// # Invariants
/// The pointer is of a block of [`allocate`], aligned and initialised for `T`, owned by this box.
pub struct KBox<T> {
    value: NonNull<T>,
    owns: PhantomData<T>,
}

// SAFETY: the box owns its value; sending the box sends the value.
unsafe impl<T: Send> Send for KBox<T> {}
// SAFETY: a shared box gives shared access to the value only.
unsafe impl<T: Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Moves `value` into the pool. For values that fit well on the stack; big ones use
    /// [`KBox::try_zeroed`]. IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Errors
    /// [`NoMemory`]; the value is dropped.
    pub fn try_new(tag: Tag, value: T) -> Result<Self, NoMemory> {
        Ok(KBox::<T>::try_zeroed(tag)?.write(value))
    }

    /// As [`KBox::try_new`], for values that must not move any more.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new_pinned(tag: Tag, value: T) -> Result<Pin<Self>, NoMemory> {
        Self::try_new(tag, value).map(Self::pin)
    }

    /// Zeroed room for a value, to be filled in place. IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_zeroed(tag: Tag) -> Result<KBox<MaybeUninit<T>>, NoMemory> {
        const { assert!(align_of::<T>() <= 4096) };
        let value = allocate(tag, size_of::<T>().max(1), align_of::<T>())?.cast();
        Ok(KBox { value, owns: PhantomData })
    }

    /// Promises that the value will not move.
    #[must_use]
    pub fn pin(self) -> Pin<Self> {
        // SAFETY: the value stays in its block until it is dropped in place: moving the box moves a
        // pointer, and `into_inner` wants an unpinned box.
        unsafe { Pin::new_unchecked(self) }
    }

    /// Moves the value out and frees the block.
    #[must_use]
    pub fn into_inner(self) -> T {
        let value = self.into_raw();
        // SAFETY: the pointer is of a live, initialised value that nobody else owns.
        let inner = unsafe { value.read() };
        // SAFETY: the value has left the block, which came from `allocate`.
        unsafe { free(value.cast()) };
        inner
    }

    /// Lets go of the value without dropping it. [`KBox::from_raw`] takes it back.
    #[must_use]
    pub fn into_raw(self) -> NonNull<T> {
        ManuallyDrop::new(self).value
    }

    /// Lets go of a pinned value without dropping it.
    #[must_use]
    pub fn into_raw_pinned(this: Pin<Self>) -> NonNull<T> {
        // SAFETY: the value is not moved: only its address is taken.
        unsafe { Pin::into_inner_unchecked(this) }.into_raw()
    }

    /// Takes back what [`KBox::into_raw`] let go of.
    ///
    /// # Safety
    /// `value` came from `into_raw` of a `KBox<T>`, is still initialised, and nobody else will use it.
    #[must_use]
    pub const unsafe fn from_raw(value: NonNull<T>) -> Self {
        Self { value, owns: PhantomData }
    }

    /// The address of the value, without making a reference.
    #[must_use]
    pub const fn as_non_null(&self) -> NonNull<T> {
        self.value
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Fills the room.
    #[must_use]
    pub fn write(self, value: T) -> KBox<T> {
        let room = self.into_raw().cast::<T>();
        // SAFETY: the room is aligned, large enough, and owned.
        unsafe { room.write(value) };
        // SAFETY: the value is initialised now, and `into_raw` gave up the box.
        unsafe { KBox::from_raw(room) }
    }

    /// The value was filled in place.
    ///
    /// # Safety
    /// All of the value is initialised (it was zeroed at first).
    #[must_use]
    pub unsafe fn assume_init(self) -> KBox<T> {
        // SAFETY: the caller filled the value; MaybeUninit<T> has the layout of T.
        unsafe { KBox::from_raw(self.into_raw().cast()) }
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the box owns an initialised value.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for KBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the box owns an initialised value and is borrowed mutably.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: the value is initialised and dropped once, here.
        unsafe { self.value.drop_in_place() };
        // SAFETY: the block came from `allocate` and nobody uses it any more.
        unsafe { free(self.value.cast()) };
    }
}

impl<T> fmt::Debug for KBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KBox")
    }
}
