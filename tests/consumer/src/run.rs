//! One run of a workload: what was asked for, what has been counted, and what is expected.

use crate::kernel::{Event, Lock, NoMemory, Shared, Waited};
use core::{
    panic::Location,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use ndkpi_sys::{NTSTATUS, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_TIMEOUT, STATUS_UNSUCCESSFUL};
use ndktest_api as api;

/// What a test step gives, or why the run ends.
pub type Result<T = ()> = core::result::Result<T, Failure>;

/// An expectation that did not hold, with the place that expected it.
#[derive(Clone, Copy)]
pub struct Failure {
    /// What was expected; begins with the requirement's ID where there is one.
    pub what: &'static str,
    /// NTSTATUS that was involved.
    pub status: NTSTATUS,
    /// Value that was seen and value that was wanted.
    pub values: Option<(u64, u64)>,
    /// Line of the expectation.
    pub place: &'static Location<'static>,
}

impl Failure {
    /// Something went otherwise than `what` says.
    #[track_caller]
    pub fn new(what: &'static str, status: NTSTATUS) -> Self {
        Self { what, status, values: None, place: Location::caller() }
    }

    /// For the IOCTL's output.
    pub fn report(&self) -> api::Failure {
        let (seen, wanted) = self.values.unwrap_or((0, 0));
        api::Failure {
            what: api::Text::new(self.what),
            file: api::Text::tail(self.place.file()),
            line: self.place.line(),
            status: self.status,
            seen,
            wanted,
        }
    }

    /// Status of the whole run; a failure is never a success.
    pub fn run_status(&self) -> NTSTATUS {
        if self.status < 0 { self.status } else { STATUS_UNSUCCESSFUL }
    }
}

impl From<NoMemory> for Failure {
    #[track_caller]
    fn from(_: NoMemory) -> Self {
        Self::new("pool memory for the consumer itself", STATUS_INSUFFICIENT_RESOURCES)
    }
}

/// Counts that callbacks and both sides of a connection add to.
#[derive(Default)]
pub struct Counts {
    /// Sends that were accepted.
    pub sends: AtomicU64,
    /// Receives that were accepted.
    pub receives: AtomicU64,
    /// Reads that were accepted.
    pub reads: AtomicU64,
    /// Writes that were accepted.
    pub writes: AtomicU64,
    /// Other work requests that were accepted.
    pub others: AtomicU64,
    /// Results that were fetched.
    pub completions: AtomicU64,
    /// CQ notification callbacks.
    pub notifications: AtomicU64,
    /// Requests that returned STATUS_PENDING.
    pub pended: AtomicU64,
    /// Sends that had to wait for credits.
    pub credit_stalls: AtomicU64,
    /// Most reads or writes out at once.
    pub peak_outstanding: AtomicU64,
    /// Expectations that held.
    pub checks: AtomicU64,
    /// Progress.
    pub done: AtomicU64,
    /// What `done` will be.
    pub total: AtomicU64,
    /// Stages that the run has arrived at.
    pub stage: AtomicU64,
}

impl Counts {
    /// For the IOCTL's output.
    pub fn report(&self) -> api::Counters {
        api::Counters {
            sends: self.sends.load(Relaxed),
            receives: self.receives.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            others: self.others.load(Relaxed),
            completions: self.completions.load(Relaxed),
            notifications: self.notifications.load(Relaxed),
            pended: self.pended.load(Relaxed),
            credit_stalls: self.credit_stalls.load(Relaxed),
            peak_outstanding: self.peak_outstanding.load(Relaxed),
        }
    }

    /// For the progress IOCTL.
    pub fn progress(&self) -> api::Progress {
        api::Progress {
            done: self.done.load(Relaxed),
            total: self.total.load(Relaxed),
            checks: self.checks.load(Relaxed),
            completions: self.completions.load(Relaxed),
            stage: self.stage.load(Relaxed),
        }
    }
}

/// The state of a run that its objects and callbacks share.
pub struct State {
    /// What was asked for.
    pub request: api::Request,
    /// What has happened.
    pub counts: Counts,
    /// The provider has answered STATUS_INSUFFICIENT_RESOURCES to a request.
    pub starved: AtomicBool,
    /// Set to end the run early.
    pub cancel: Event,
    /// Set to let the run go on from a stage.
    pub go_on: Event,
    // The first thing that went wrong where no result could be returned, such as a close in a drop.
    aside: Lock<Option<Failure>>,
}

/// A run, as workloads and wrappers hold it.
#[derive(Clone)]
pub struct Run(Shared<State>);

impl core::ops::Deref for Run {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Run {
    /// A run that has not begun.
    pub fn new(request: api::Request) -> core::result::Result<Self, NoMemory> {
        let state = State {
            request,
            counts: Counts::default(),
            starved: AtomicBool::new(false),
            cancel: Event::manual()?,
            go_on: Event::automatic()?,
            aside: Lock::new(None),
        };
        Ok(Self(Shared::try_new(state)?))
    }

    /// Expects a condition.
    #[track_caller]
    pub fn check(&self, holds: bool, what: &'static str) -> Result {
        if !holds {
            return Err(Failure::new(what, 0));
        }
        self.counts.checks.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Expects a value.
    #[track_caller]
    pub fn equal(&self, seen: impl TryInto<u64>, wanted: impl TryInto<u64>, what: &'static str) -> Result {
        let (seen, wanted) = (seen.try_into().unwrap_or(u64::MAX), wanted.try_into().unwrap_or(u64::MAX));
        if seen != wanted {
            return Err(Failure { values: Some((seen, wanted)), ..Failure::new(what, 0) });
        }
        self.counts.checks.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Expects a certain status.
    #[track_caller]
    pub fn status(&self, seen: NTSTATUS, wanted: NTSTATUS, what: &'static str) -> Result {
        if seen != wanted {
            let values = Some((u64::from(seen.cast_unsigned()), u64::from(wanted.cast_unsigned())));
            return Err(Failure { values, ..Failure::new(what, seen) });
        }
        self.counts.checks.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Expects STATUS_SUCCESS.
    #[track_caller]
    pub fn ok(&self, status: NTSTATUS, what: &'static str) -> Result {
        self.status(status, ndkpi_sys::STATUS_SUCCESS, what)
    }

    /// Longest wait for one event, in milliseconds.
    pub fn patience(&self) -> u32 {
        match self.request.patience {
            0 => 30_000,
            patience => patience,
        }
    }

    /// Waits for an event at PASSIVE_LEVEL; the run's patience or its cancelling ends the wait.
    #[track_caller]
    pub fn wait(&self, event: &Event, what: &'static str) -> Result {
        match event.wait_unless(&self.cancel, self.patience()) {
            Waited::Signalled => Ok(()),
            Waited::Other => Err(Failure::new("the run was cancelled", STATUS_CANCELLED)),
            // What was refused for want of memory causes no event either.
            Waited::TimedOut if self.starved.load(Relaxed) => Err(Failure::new(what, STATUS_INSUFFICIENT_RESOURCES)),
            Waited::TimedOut => Err(Failure::new(what, STATUS_IO_TIMEOUT)),
        }
    }

    /// Arrives at the next stage and waits at PASSIVE_LEVEL until the host lets the run go on.
    #[track_caller]
    pub fn stage(&self) -> Result {
        self.counts.stage.fetch_add(1, Relaxed);
        self.wait(&self.go_on, "the host lets the run go on")
    }

    /// Ends the step if the run was cancelled.
    #[track_caller]
    pub fn go_on(&self) -> Result {
        if self.cancel.is_set() {
            return Err(Failure::new("the run was cancelled", STATUS_CANCELLED));
        }
        Ok(())
    }

    /// Adds to what the progress IOCTL tells.
    pub fn advance(&self, by: u64) {
        self.counts.done.fetch_add(by, Relaxed);
    }

    /// Remembers a failure for the end of the run; the first one stays. IRQL <= DISPATCH_LEVEL.
    pub fn set_aside(&self, failure: Failure) {
        self.aside.with(|aside| {
            aside.get_or_insert(failure);
        });
    }

    /// The failure that was set aside.
    pub fn aside(&self) -> Option<Failure> {
        self.aside.with(|aside| *aside)
    }

    /// A generator of pattern bytes and choices, from the seed of the request.
    pub fn random(&self, stream: u64) -> Random {
        Random(self.request.seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// A small generator (SplitMix64): the same seed gives the same run.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below a limit (0 if the limit is 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }
}
