//! NBLs and lists of them: who owns them is a matter of types here.
//!
//! `unsafe` is here because NBLs are linked structures that change owners.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use ndkpi_sys as sys;

use super::Status;
use super::frame::Frames;

/// NBLs that the driver owns, in order.
///
/// # Invariants
/// A chain by `Next` from `first` to `last`, whose `Next` is null; `count` long.
#[derive(Debug)]
pub struct NblList {
    first: *mut sys::NET_BUFFER_LIST,
    last: *mut sys::NET_BUFFER_LIST,
    count: u32,
}

// SAFETY: owned NBLs may be handed to another thread.
unsafe impl Send for NblList {}

impl NblList {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: ptr::null_mut(), last: ptr::null_mut(), count: 0 }
    }

    /// The chain that a handler was given.
    ///
    /// # Safety
    /// The chain is the driver's from now on.
    #[must_use]
    pub unsafe fn from_raw(first: *mut sys::NET_BUFFER_LIST) -> Self {
        let mut list = Self::new();
        let mut next = first;
        while let Some(nbl) = NonNull::new(next) {
            // SAFETY: the driver owns the chain.
            next = unsafe { behind(nbl) };
            list.push(Nbl(nbl));
        }
        list
    }

    /// Gives the chain up.
    pub(super) const fn into_raw(self) -> *mut sys::NET_BUFFER_LIST {
        self.first
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Appends one.
    pub fn push(&mut self, nbl: Nbl) {
        let raw = nbl.0.as_ptr();
        // SAFETY: an owned NBL.
        unsafe { link(nbl.0, ptr::null_mut()) };
        match NonNull::new(self.last) {
            None => self.first = raw,
            // SAFETY: the last one of the list is owned by it.
            Some(last) => unsafe { link(last, raw) },
        }
        self.last = raw;
        self.count = self.count.saturating_add(1);
    }

    /// Takes the first one.
    pub fn pop(&mut self) -> Option<Nbl> {
        let nbl = NonNull::new(self.first)?;
        // SAFETY: the first one of the list is owned by it.
        self.first = unsafe { behind(nbl) };
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        self.count = self.count.saturating_sub(1);
        // SAFETY: as above; a single NBL carries no stale link.
        unsafe { link(nbl, ptr::null_mut()) };
        Some(Nbl(nbl))
    }

    /// Takes the first `most` at most.
    #[must_use]
    pub fn take(&mut self, most: u32) -> Self {
        if self.count <= most {
            return core::mem::take(self);
        }
        let mut taken = Self::new();
        while taken.count < most
            && let Some(nbl) = self.pop()
        {
            taken.push(nbl);
        }
        taken
    }

    /// Appends another list.
    pub fn append(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        let Some(last) = NonNull::new(self.last) else {
            *self = other;
            return;
        };
        // SAFETY: the last one of the list is owned by it.
        unsafe { link(last, other.first) };
        self.last = other.last;
        self.count = self.count.saturating_add(other.count);
    }

    /// Sets the status of each.
    pub fn set_status(&mut self, status: Status) {
        let mut next = self.first;
        while let Some(nbl) = NonNull::new(next) {
            // SAFETY: the list owns its NBLs.
            unsafe { (*nbl.as_ptr()).Status = status };
            // SAFETY: as above.
            next = unsafe { behind(nbl) };
        }
    }
}

impl Default for NblList {
    fn default() -> Self {
        Self::new()
    }
}

/// One NBL that the driver owns. It goes back into a list: dropping it would lose it.
#[derive(Debug)]
#[must_use = "an NBL that is lost is never completed"]
pub struct Nbl(pub(super) NonNull<sys::NET_BUFFER_LIST>);

impl Nbl {
    /// Its status for the completion.
    pub fn set_status(&mut self, status: Status) {
        // SAFETY: an owned NBL.
        unsafe { (*self.0.as_ptr()).Status = status };
    }

    /// Its frames, in order (`MP-TX-04`).
    pub fn frames(&self) -> Frames<'_> {
        // SAFETY: an owned NBL; only the place is computed.
        let first = unsafe { sys::NET_BUFFER_LIST_FIRST_NB(self.0.as_ptr()) };
        // SAFETY: an owned NBL's field.
        let next = unsafe { first.read() };
        Frames { next, nbl: PhantomData }
    }
}

/// The NBL behind another one.
///
/// # Safety
/// The driver owns the NBL.
unsafe fn behind(nbl: NonNull<sys::NET_BUFFER_LIST>) -> *mut sys::NET_BUFFER_LIST {
    // SAFETY: the caller owns the NBL; only the place is computed.
    let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) };
    // SAFETY: a field of an owned NBL.
    unsafe { next.read() }
}

/// Puts an NBL, or none, behind another one.
///
/// # Safety
/// The driver owns `nbl`.
unsafe fn link(nbl: NonNull<sys::NET_BUFFER_LIST>, to: *mut sys::NET_BUFFER_LIST) {
    // SAFETY: the caller owns the NBL; only the place is computed.
    let next = unsafe { sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) };
    // SAFETY: a field of an owned NBL.
    unsafe { next.write(to) };
}
