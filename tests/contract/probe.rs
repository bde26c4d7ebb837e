//! Callbacks that remember how they were called, and run a closure of the test's.
//!
//! A probe is declared before the objects that know its context, so that it drops after they are closed.

use crate::{
    kernel::{Event, Shared, Waited, irql, time},
    run::{Result, Run},
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering::SeqCst},
};
use ndkpi_sys::{
    NDK_CONNECTOR, NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_CQ_NOTIFICATION_CALLBACK,
    NDK_FN_CREATE_COMPLETION, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_REQUEST_COMPLETION,
    NDK_FN_SRQ_NOTIFICATION_CALLBACK, NDK_OBJECT_HEADER, NTSTATUS, PVOID, STATUS_SUCCESS,
};

/// Long enough to show that something does not happen, in milliseconds.
pub const LULL: u32 = 20;

// Numbers the beginnings and ends of callbacks.
static STEP: AtomicU32 = AtomicU32::new(1);

/// The next number in the order of things.
pub fn step() -> u32 {
    STEP.fetch_add(1, SeqCst)
}

/// What a callback left behind.
pub struct Seen {
    event: Event,
    calls: AtomicU32,
    running: AtomicU32,
    overlaps: AtomicU32,
    status: AtomicI32,
    object: AtomicPtr<NDK_OBJECT_HEADER>,
    began: AtomicU32,
    ended: AtomicU32,
    level: AtomicU32,
}

impl Seen {
    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.calls.load(SeqCst)
    }

    /// How many calls have not returned.
    pub fn running(&self) -> u32 {
        self.running.load(SeqCst)
    }

    /// How often a call began while another one was running.
    pub fn overlaps(&self) -> u32 {
        self.overlaps.load(SeqCst)
    }

    /// Latest status.
    pub fn status(&self) -> NTSTATUS {
        self.status.load(SeqCst)
    }

    /// Latest object.
    pub fn object<T>(&self) -> *mut T {
        self.object.load(SeqCst).cast()
    }

    /// [`step`] at which the latest call began.
    pub fn began(&self) -> u32 {
        self.began.load(SeqCst)
    }

    /// [`step`] at which the latest call was about to return.
    pub fn ended(&self) -> u32 {
        self.ended.load(SeqCst)
    }

    /// Highest level of a call.
    pub fn level(&self) -> u32 {
        self.level.load(SeqCst)
    }

    /// Waits at PASSIVE_LEVEL for a call that no earlier wait has had, and until it has returned.
    #[track_caller]
    pub fn wait(&self, run: &Run, what: &'static str) -> Result {
        run.check(self.event.wait(run.patience()) == Waited::Signalled, what)?;
        // The event is set at the end of the call; the last instructions of it are still to come.
        while self.running() != 0 {
            time::sleep(1);
        }
        Ok(())
    }

    /// Waits a little at PASSIVE_LEVEL; true if a call came that no wait has had.
    pub fn comes(&self) -> bool {
        self.event.wait(LULL) == Waited::Signalled
    }
}

#[repr(C)]
struct Block<F> {
    seen: Seen,
    hook: F,
}

/// A callback's context.
pub struct Probe<F>(Shared<Block<F>>);

/// A probe that only remembers.
pub fn probe() -> Result<Probe<fn(&Seen)>> {
    Probe::with(|_| {})
}

impl<F> core::ops::Deref for Probe<F> {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.0.seen
    }
}

impl Probe<fn(&Seen)> {
    fn with(hook: fn(&Seen)) -> Result<Self> {
        hooked(hook)
    }
}

/// A probe that runs a closure inside the callback, at IRQL <= DISPATCH_LEVEL.
pub fn hooked<F: Fn(&Seen)>(hook: F) -> Result<Probe<F>> {
    Ok(Probe(Shared::try_new(Block {
        seen: Seen {
            event: Event::automatic()?,
            calls: AtomicU32::new(0),
            running: AtomicU32::new(0),
            overlaps: AtomicU32::new(0),
            status: AtomicI32::new(STATUS_SUCCESS),
            object: AtomicPtr::new(ptr::null_mut()),
            began: AtomicU32::new(0),
            ended: AtomicU32::new(0),
            level: AtomicU32::new(0),
        },
        hook,
    })?))
}

impl<F: Fn(&Seen)> Probe<F> {
    /// Context for any of the callbacks.
    pub fn context(&self) -> PVOID {
        self.0.as_context()
    }

    /// As completion of a request.
    pub fn request(&self) -> NDK_FN_REQUEST_COMPLETION {
        Some(with_status::<F>)
    }

    /// As completion of a create.
    pub fn create(&self) -> NDK_FN_CREATE_COMPLETION {
        Some(with_object::<F>)
    }

    /// As completion of a close.
    pub fn close(&self) -> NDK_FN_CLOSE_COMPLETION {
        Some(plain::<F>)
    }

    /// As notification of a CQ.
    pub fn cq(&self) -> NDK_FN_CQ_NOTIFICATION_CALLBACK {
        Some(with_status::<F>)
    }

    /// As notification of an SRQ.
    pub fn srq(&self) -> NDK_FN_SRQ_NOTIFICATION_CALLBACK {
        Some(with_status::<F>)
    }

    /// As connect event.
    pub fn connect(&self) -> NDK_FN_CONNECT_EVENT_CALLBACK {
        Some(with_connector::<F>)
    }

    /// As disconnect event.
    pub fn disconnect(&self) -> NDK_FN_DISCONNECT_EVENT_CALLBACK {
        Some(plain::<F>)
    }
}

unsafe extern "system" fn plain<F: Fn(&Seen)>(context: PVOID) {
    // SAFETY: passed on.
    unsafe { enter::<F>(context, STATUS_SUCCESS, ptr::null_mut()) };
}

unsafe extern "system" fn with_status<F: Fn(&Seen)>(context: PVOID, status: NTSTATUS) {
    // SAFETY: passed on.
    unsafe { enter::<F>(context, status, ptr::null_mut()) };
}

unsafe extern "system" fn with_object<F: Fn(&Seen)>(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: passed on.
    unsafe { enter::<F>(context, status, object) };
}

unsafe extern "system" fn with_connector<F: Fn(&Seen)>(context: PVOID, connector: *mut NDK_CONNECTOR) {
    // SAFETY: passed on.
    unsafe { enter::<F>(context, STATUS_SUCCESS, connector.cast()) };
}

/// # Safety
/// The context is that of a live `Probe<F>`.
unsafe fn enter<F: Fn(&Seen)>(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: the caller's promise.
    let block = unsafe { Shared::<Block<F>>::borrow_context(context) };
    let seen = &block.seen;
    if seen.running.fetch_add(1, SeqCst) != 0 {
        seen.overlaps.fetch_add(1, SeqCst);
    }
    seen.began.store(step(), SeqCst);
    seen.level.fetch_max(u32::from(irql::current()), SeqCst);
    seen.status.store(status, SeqCst);
    seen.object.store(object, SeqCst);
    seen.calls.fetch_add(1, SeqCst);
    (block.hook)(seen);
    seen.ended.store(step(), SeqCst);
    seen.event.set();
    seen.running.fetch_sub(1, SeqCst);
}

/// Keeps a callback busy for so many microseconds, at any level.
pub fn linger(microseconds: u64) {
    let until = time::now().wrapping_add(microseconds.saturating_mul(1000));
    while time::now() < until {
        core::hint::spin_loop();
    }
}
