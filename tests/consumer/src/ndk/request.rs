//! Requests that may pend: what they returned, and what their completion callback said.

use crate::{
    kernel::{Event, Shared},
    run::{Failure, Result, Run},
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering},
};
use ndkpi_sys::{NDK_OBJECT_HEADER, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS};

/// What a completion callback leaves behind.
pub struct Completion {
    event: Event,
    status: AtomicI32,
    object: AtomicPtr<NDK_OBJECT_HEADER>,
    calls: AtomicU32,
}

/// How a request went from beginning to end.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// What the function returned.
    pub inline: NTSTATUS,
    /// What the callback said, or the inline status if there was no callback.
    pub status: NTSTATUS,
    /// The object that a create callback delivered; null otherwise.
    pub object: *mut NDK_OBJECT_HEADER,
}

impl Answer {
    /// Whether the function returned STATUS_PENDING.
    pub fn pended(&self) -> bool {
        self.inline == STATUS_PENDING
    }

    /// Expects that the request succeeded, at once or later.
    #[track_caller]
    pub fn ok(&self, run: &Run, what: &'static str) -> Result {
        run.ok(self.status, what)
    }

    /// Expects a final status.
    #[track_caller]
    pub fn is(&self, run: &Run, wanted: NTSTATUS, what: &'static str) -> Result {
        run.status(self.status, wanted, what)
    }
}

/// A request whose function has returned.
#[must_use = "a request may still be pending"]
pub struct Submitted {
    inline: NTSTATUS,
    completion: Shared<Completion>,
    run: Run,
}

/// Makes a request: `call` gets the context for the completion callback (one of this module) and returns
/// what the function returned. IRQL <= DISPATCH_LEVEL, if the function allows it.
#[track_caller]
pub fn submit(run: &Run, call: impl FnOnce(PVOID) -> NTSTATUS) -> Result<Submitted> {
    Ok(Prepared::new()?.submit(run, call))
}

/// The memory of a request that is made later, such as a close, which must not fail.
pub struct Prepared(Shared<Completion>);

impl Prepared {
    /// Takes the memory. IRQL <= DISPATCH_LEVEL.
    #[track_caller]
    pub fn new() -> Result<Self> {
        Ok(Self(Shared::try_new(Completion {
            event: Event::manual()?,
            status: AtomicI32::new(STATUS_PENDING),
            object: AtomicPtr::new(ptr::null_mut()),
            calls: AtomicU32::new(0),
        })?))
    }

    /// As [`submit`], without need of memory.
    pub fn submit(self, run: &Run, call: impl FnOnce(PVOID) -> NTSTATUS) -> Submitted {
        let completion = self.0;
        let context = completion.clone().into_context();
        let inline = call(context);
        note(run, inline);
        if inline == STATUS_PENDING {
            run.counts.pended.fetch_add(1, Ordering::Relaxed);
        } else {
            // No callback comes (CMP-02), so its reference comes back here.
            // SAFETY: the context is the one made above, and nobody else takes it.
            drop(unsafe { Shared::<Completion>::from_context(context) });
        }
        Submitted { inline, completion, run: run.clone() }
    }
}

impl Submitted {
    /// What the function returned.
    pub fn inline(&self) -> NTSTATUS {
        self.inline
    }

    /// Whether the answer is there: not pending, or called back already.
    pub fn is_complete(&self) -> bool {
        self.inline != STATUS_PENDING || self.calls() != 0
    }

    /// How often the callback has run.
    pub fn calls(&self) -> u32 {
        self.completion.calls.load(Ordering::Acquire)
    }

    /// Waits for the end at PASSIVE_LEVEL. A pending request that does not end in the run's patience is an
    /// error; cancelling the run does not shorten the wait, since the provider still has the request.
    #[track_caller]
    pub fn wait(self) -> Result<Answer> {
        if self.inline != STATUS_PENDING {
            return Ok(Answer { inline: self.inline, status: self.inline, object: ptr::null_mut() });
        }
        let ended = self.completion.event.wait(self.run.patience());
        if ended != crate::kernel::Waited::Signalled {
            // A peer that found no memory lets it wait.
            let starved = self.run.starved.load(Ordering::Relaxed);
            let status = if starved { STATUS_INSUFFICIENT_RESOURCES } else { STATUS_SUCCESS };
            return Err(Failure::new("CMP-19 a pending request ends", status));
        }
        self.run.counts.checks.fetch_add(1, Ordering::Relaxed);
        let status = self.completion.status.load(Ordering::Acquire);
        note(&self.run, status);
        Ok(Answer { inline: self.inline, status, object: self.completion.object.load(Ordering::Acquire) })
    }

    /// Waits, and expects success.
    #[track_caller]
    pub fn ok(self, what: &'static str) -> Result<Answer> {
        let run = self.run.clone();
        let answer = self.wait()?;
        answer.ok(&run, what)?;
        Ok(answer)
    }
}

fn note(run: &Run, status: NTSTATUS) {
    if status == STATUS_INSUFFICIENT_RESOURCES {
        run.starved.store(true, Ordering::Relaxed);
    }
}

/// Completion callback of requests, for the context that [`submit`] gives.
///
/// # Safety
/// Called once by the provider, for a request that returned STATUS_PENDING.
pub unsafe extern "system" fn on_request(context: PVOID, status: NTSTATUS) {
    // SAFETY: passed on from the caller.
    unsafe { complete(context, status, ptr::null_mut()) };
}

/// Completion callback of creates, for the context that [`submit`] gives.
///
/// # Safety
/// As [`on_request`].
pub unsafe extern "system" fn on_create(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: passed on from the caller.
    unsafe { complete(context, status, object) };
}

/// Completion callback of closes, for the context that [`submit`] gives.
///
/// # Safety
/// As [`on_request`].
pub unsafe extern "system" fn on_close(context: PVOID) {
    // SAFETY: passed on from the caller.
    unsafe { complete(context, STATUS_SUCCESS, ptr::null_mut()) };
}

unsafe fn complete(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
    // SAFETY: the context holds the reference that `submit` gave to the callback.
    let Some(completion) = (unsafe { Shared::<Completion>::from_context(context) }) else {
        return;
    };
    completion.object.store(object, Ordering::Release);
    completion.status.store(status, Ordering::Release);
    completion.calls.fetch_add(1, Ordering::AcqRel);
    completion.event.set();
}
