//! KEVENT: the one thing that code at PASSIVE_LEVEL waits on.
//!
//! `unsafe` is here because a kernel event links waiters through its own address.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr;

use wdk_sys::ntddk::{KeClearEvent, KeInitializeEvent, KeReadStateEvent, KeSetEvent, KeWaitForSingleObject};

use crate::bugcheck::{self, Reason};
use crate::irql::{Cx, Passive};
use crate::pool::{KBox, NoMemory, Tag};
use crate::time::Span;

/// KWAIT_REASON Executive.
const EXECUTIVE: wdk_sys::KWAIT_REASON = 0;
/// MODE KernelMode.
const KERNEL_MODE: wdk_sys::KPROCESSOR_MODE = 0;
/// STATUS_TIMEOUT.
const STATUS_TIMEOUT: i32 = 0x102;

/// Whether setting the event releases all waiters or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stays set until cleared.
    Notification,
    /// Releases one waiter and clears itself.
    Synchronization,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Waited {
    /// The object was signalled.
    Signalled,
    /// Time ran out first.
    TimedOut,
}

/// A kernel event.
///
/// # Invariants
/// Initialised in place before any other use, in resident memory, and not moved afterwards.
#[repr(transparent)]
pub struct Event {
    raw: UnsafeCell<MaybeUninit<wdk_sys::KEVENT>>,
    pinned: PhantomPinned,
}

// SAFETY: the kernel's event routines are made for sharing.
unsafe impl Sync for Event {}
// SAFETY: an event has no owner thread; a pinned one is sent by address only.
unsafe impl Send for Event {}

impl Event {
    /// Room for an event, as part of a larger object.
    ///
    /// # Safety
    /// [`Event::init`] is called in its final place before anything else.
    #[must_use]
    pub const unsafe fn uninit() -> Self {
        Self { raw: UnsafeCell::new(MaybeUninit::zeroed()), pinned: PhantomPinned }
    }

    /// Makes it an event.
    ///
    /// # Safety
    /// Called once, in the final place, before any other use; nobody else reaches it meanwhile.
    pub unsafe fn init(&self, kind: Kind, set: bool) {
        let kind = match kind {
            Kind::Notification => 0,
            Kind::Synchronization => 1,
        };
        // SAFETY: resident room of the right size, reached by nobody else.
        unsafe { KeInitializeEvent(self.raw(), kind, u8::from(set)) };
    }

    /// An event in a block of its own.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(tag: Tag, kind: Kind, set: bool) -> Result<Pin<KBox<Self>>, NoMemory> {
        // SAFETY: initialised two lines below, in its final place.
        let event = KBox::try_new_pinned(tag, unsafe { Self::uninit() })?;
        // SAFETY: first use, and pinned.
        unsafe { event.init(kind, set) };
        Ok(event)
    }

    fn raw(&self) -> *mut wdk_sys::KEVENT {
        self.raw.get().cast()
    }

    /// Signals; see [`Event::signal`].
    pub fn set(&self) {
        self.signal();
    }

    /// Signals. (`set` of a `Pin` is another method, hence two names.) The event may be gone when this returns, if a waiter frees it (KP-THR-04).
    /// IRQL: at most DISPATCH_LEVEL, also under locks.
    pub fn signal(&self) {
        // SAFETY: initialised by the type's invariant; Wait is FALSE.
        unsafe { KeSetEvent(self.raw(), 0, 0) };
    }

    /// Clears. IRQL: at most DISPATCH_LEVEL.
    pub fn clear(&self) {
        // SAFETY: initialised by the type's invariant.
        unsafe { KeClearEvent(self.raw()) };
    }

    /// Whether the event is signalled at this moment.
    #[must_use]
    pub fn is_set(&self) -> bool {
        // SAFETY: initialised by the type's invariant.
        unsafe { KeReadStateEvent(self.raw()) != 0 }
    }

    /// Waits without limit.
    pub fn wait(&self, cx: &mut Cx<Passive>) {
        // SAFETY: the event is an initialised dispatcher object that lives across the call.
        let _ = unsafe { wait_for(self.raw().cast(), None, cx) };
    }

    /// Waits for at most `limit`.
    pub fn wait_for(&self, limit: Span, cx: &mut Cx<Passive>) -> Waited {
        // SAFETY: as above.
        unsafe { wait_for(self.raw().cast(), Some(limit), cx) }
    }
}

/// Waits for a dispatcher object: KernelMode and not alertable (KP-THR-03), so it ends only by the
/// object or the limit.
///
/// # Safety
/// `object` is an initialised dispatcher object that lives across the call.
pub(crate) unsafe fn wait_for(object: wdk_sys::PVOID, limit: Option<Span>, _: &mut Cx<Passive>) -> Waited {
    let mut due = limit.map(Span::relative);
    let due = due.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the object is the caller's promise; the token proves PASSIVE_LEVEL.
    let status = unsafe { KeWaitForSingleObject(object, EXECUTIVE, KERNEL_MODE, 0, due) };
    match status {
        0 => Waited::Signalled,
        STATUS_TIMEOUT => Waited::TimedOut,
        other => bugcheck::stop(Reason::WaitFailed, object.expose_provenance(), other as usize, 0),
    }
}

impl core::fmt::Debug for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Event")
    }
}
