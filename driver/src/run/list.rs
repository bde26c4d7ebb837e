//! Doubly linked lists of objects, under the connection lock; linking never allocates.
//!
//! `unsafe` is here because the links are inside the objects.

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
};

use super::control::{Connections, ControlCell};

/// An object's place in one list.
pub struct Link<T> {
    next: *mut T,
    previous: *mut T,
    linked: bool,
}

// SAFETY: the pointers are followed only under the connection lock.
unsafe impl<T> Send for Link<T> {}

impl<T> Link<T> {
    /// In no list.
    pub const fn new() -> Self {
        Self { next: ptr::null_mut(), previous: ptr::null_mut(), linked: false }
    }
}

/// Where an object keeps its link for the lists of purpose `P`.
///
/// # Safety
/// `link` always gives the same cell of the same object.
pub unsafe trait Linked<P = ()>: Sized {
    /// The cell.
    fn link(&self) -> &ControlCell<Link<Self>>;
}

/// A list of objects for purpose `P`.
///
/// # Invariants
/// Every object in it is alive: it takes itself out, under the lock, before it goes.
pub struct List<T: Linked<P>, P = ()> {
    first: *mut T,
    last: *mut T,
    purpose: PhantomData<fn() -> P>,
}

// SAFETY: the pointers are followed only under the connection lock.
unsafe impl<T: Linked<P>, P> Send for List<T, P> {}

impl<T: Linked<P>, P> List<T, P> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { first: ptr::null_mut(), last: ptr::null_mut(), purpose: PhantomData }
    }

    /// The oldest object.
    pub const fn first(&self) -> Option<NonNull<T>> {
        NonNull::new(self.first)
    }

    /// The objects, oldest first.
    pub fn iter<'a>(&'a self, proof: &'a Connections) -> Iter<'a, T, P> {
        Iter { next: self.first, proof, purpose: PhantomData }
    }
}

/// Puts `object` at the end of `list`; nothing happens when it is in one already.
///
/// # Safety
/// The object takes itself out with [`remove`] before it goes.
pub unsafe fn append<T: Linked<P>, P>(
    object: NonNull<T>,
    proof: &mut Connections,
    list: &ControlCell<List<T, P>>,
) -> bool {
    // SAFETY: the caller has the object.
    let cell = unsafe { object.as_ref() }.link();
    if cell.get(proof).linked {
        return false;
    }
    let last = core::mem::replace(&mut list.get_mut(proof).last, object.as_ptr());
    match NonNull::new(last) {
        None => list.get_mut(proof).first = object.as_ptr(),
        // SAFETY: what is in the list is alive.
        Some(last) => unsafe { last.as_ref() }.link().get_mut(proof).next = object.as_ptr(),
    }
    *cell.get_mut(proof) = Link { next: ptr::null_mut(), previous: last, linked: true };
    true
}

/// Takes `object` out of the list; nothing happens when it is in none. True when it was in it.
pub fn remove<T: Linked<P>, P>(object: &T, proof: &mut Connections, list: &ControlCell<List<T, P>>) -> bool {
    let link = core::mem::replace(object.link().get_mut(proof), Link::new());
    if !link.linked {
        return false;
    }
    match NonNull::new(link.previous) {
        None => list.get_mut(proof).first = link.next,
        // SAFETY: what is in the list is alive.
        Some(previous) => unsafe { previous.as_ref() }.link().get_mut(proof).next = link.next,
    }
    match NonNull::new(link.next) {
        None => list.get_mut(proof).last = link.previous,
        // SAFETY: as above.
        Some(next) => unsafe { next.as_ref() }.link().get_mut(proof).previous = link.previous,
    }
    true
}

/// The object after `object` in its list.
pub fn next<T: Linked<P>, P>(object: &T, proof: &Connections) -> Option<NonNull<T>> {
    NonNull::new(object.link().get(proof).next)
}

/// The objects of a list.
pub struct Iter<'a, T: Linked<P>, P> {
    next: *mut T,
    proof: &'a Connections,
    purpose: PhantomData<fn() -> P>,
}

impl<'a, T: Linked<P> + 'a, P> Iterator for Iter<'a, T, P> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        let here = NonNull::new(self.next)?;
        // SAFETY: what is in the list is alive as long as the proof is borrowed.
        let here = unsafe { here.as_ref() };
        self.next = here.link().get(self.proof).next;
        Some(here)
    }
}
