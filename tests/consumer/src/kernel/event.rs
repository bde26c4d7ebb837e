//! Kernel events.

use crate::kernel::{NoMemory, Shared, irql};
use core::{cell::UnsafeCell, ptr};
use wdk_sys::{
    _EVENT_TYPE::{NotificationEvent, SynchronizationEvent},
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    _WAIT_TYPE::WaitAny,
    KEVENT, LARGE_INTEGER, NTSTATUS, PVOID, STATUS_TIMEOUT, STATUS_WAIT_1,
    ntddk::{
        KeClearEvent, KeInitializeEvent, KeReadStateEvent, KeSetEvent, KeWaitForMultipleObjects, KeWaitForSingleObject,
    },
};

struct Object(UnsafeCell<KEVENT>);

// SAFETY: the kernel synchronises all access to an event.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

/// An event in pool. Setting and looking: IRQL <= DISPATCH_LEVEL. Waiting: PASSIVE_LEVEL.
#[derive(Clone)]
pub struct Event(Shared<Object>);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The event was set.
    Signalled,
    /// The other event of [`Event::wait_unless`] was set.
    Other,
    /// Time ran out.
    TimedOut,
}

impl Event {
    /// An event that stays set until it is cleared and lets all waiters go.
    pub fn manual() -> Result<Self, NoMemory> {
        Self::new(NotificationEvent)
    }

    /// An event that lets one waiter go and is clear again.
    pub fn automatic() -> Result<Self, NoMemory> {
        Self::new(SynchronizationEvent)
    }

    fn new(kind: i32) -> Result<Self, NoMemory> {
        let object = Shared::try_new(Object(UnsafeCell::new(KEVENT::default())))?;
        // SAFETY: the event has its final place in non-paged memory, and nobody else knows of it yet.
        unsafe { KeInitializeEvent(object.0.get(), kind, 0) };
        Ok(Self(object))
    }

    /// Sets the event.
    pub fn set(&self) {
        // SAFETY: the event is initialised; no wait follows at once, so Wait is FALSE.
        unsafe { KeSetEvent(self.raw(), 0, 0) };
    }

    /// Clears the event.
    pub fn clear(&self) {
        // SAFETY: the event is initialised.
        unsafe { KeClearEvent(self.raw()) };
    }

    /// Whether the event is set.
    pub fn is_set(&self) -> bool {
        // SAFETY: the event is initialised.
        unsafe { KeReadStateEvent(self.raw()) != 0 }
    }

    /// Waits for the event at PASSIVE_LEVEL.
    pub fn wait(&self, milliseconds: u32) -> Waited {
        irql::assert_passive();
        let mut timeout = relative(milliseconds);
        // SAFETY: the event lives in pool and `self` holds it; the timeout outlives the call.
        let status = unsafe { KeWaitForSingleObject(self.raw().cast(), Executive, KernelMode as i8, 0, &mut timeout) };
        outcome(status)
    }

    /// Waits at PASSIVE_LEVEL until this event or another one is set; both set counts as this one.
    pub fn wait_unless(&self, other: &Event, milliseconds: u32) -> Waited {
        irql::assert_passive();
        let mut timeout = relative(milliseconds);
        let mut objects: [PVOID; 2] = [self.raw().cast(), other.raw().cast()];
        // SAFETY: both events live while they are borrowed; two objects need no wait blocks of ours.
        let status = unsafe {
            KeWaitForMultipleObjects(
                2,
                objects.as_mut_ptr(),
                WaitAny,
                Executive,
                KernelMode as i8,
                0,
                &mut timeout,
                ptr::null_mut(),
            )
        };
        outcome(status)
    }

    fn raw(&self) -> *mut KEVENT {
        self.0.0.get()
    }
}

fn outcome(status: NTSTATUS) -> Waited {
    match status {
        STATUS_TIMEOUT => Waited::TimedOut,
        STATUS_WAIT_1 => Waited::Other,
        _ => Waited::Signalled,
    }
}

/// A time from now: negative units of 100 ns.
pub(super) fn relative(milliseconds: u32) -> LARGE_INTEGER {
    LARGE_INTEGER { QuadPart: -10_000 * i64::from(milliseconds) }
}
