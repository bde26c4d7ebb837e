//! A value with a counter in front, dropped by whoever lets go last.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use super::{KBox, NoMemory, Tag};
use crate::bugcheck::{self, Reason};

struct Counted<T> {
    count: AtomicUsize,
    value: T,
}

/// A counted reference to a value in non-paged pool; the value does not move. Letting go of the last
/// one drops the value on the spot, at whatever IRQL (at most DISPATCH_LEVEL) that is.
pub struct KRef<T> {
    block: NonNull<Counted<T>>,
}

// SAFETY: references may be dropped on any thread, the last of which drops the value.
unsafe impl<T: Send + Sync> Send for KRef<T> {}
// SAFETY: a shared reference gives `&T` and clones.
unsafe impl<T: Send + Sync> Sync for KRef<T> {}

impl<T> KRef<T> {
    /// The first reference. IRQL: at most DISPATCH_LEVEL.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(tag: Tag, value: T) -> Result<Self, NoMemory> {
        let block = KBox::try_new(tag, Counted { count: AtomicUsize::new(1), value })?.into_raw();
        Ok(Self { block })
    }

    /// Lets go of the reference without dropping it, for a context pointer.
    #[must_use]
    pub fn into_raw(self) -> NonNull<()> {
        ManuallyDrop::new(self).block.cast()
    }

    /// Takes back a reference that [`KRef::into_raw`] let go of.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of a `KRef<T>` and is taken back once.
    #[must_use]
    pub const unsafe fn from_raw(raw: NonNull<()>) -> Self {
        Self { block: raw.cast() }
    }

    fn block(&self) -> &Counted<T> {
        // SAFETY: a live reference keeps the block.
        unsafe { self.block.as_ref() }
    }
}

impl<T> Clone for KRef<T> {
    fn clone(&self) -> Self {
        let before = self.block().count.fetch_add(1, Ordering::Relaxed);
        if before == 0 || before > usize::MAX / 2 {
            bugcheck::stop(Reason::Counter, self.block.addr().get(), before, 0);
        }
        Self { block: self.block }
    }
}

impl<T> Deref for KRef<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.block().value
    }
}

impl<T> Drop for KRef<T> {
    fn drop(&mut self) {
        if self.block().count.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            // SAFETY: this was the last reference, so the box is ours alone.
            drop(unsafe { KBox::from_raw(self.block) });
        }
    }
}

impl<T> fmt::Debug for KRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KRef")
    }
}
