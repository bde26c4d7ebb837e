//! What each thread did: kernel calls, driver functions, locks, exceptions, with time and IRQL.
//!
//! Off, this costs a load and a branch at each event. On, each thread writes into a ring of its own;
//! reports show its end, [`chrome`] writes all of it.

pub mod chrome;
mod timeline;

pub use timeline::{Kind, Lane, Shown, timeline};

use crate::context::{self, CallSite, Context};
use crate::ke::thread::Thread;
use crate::table::Row;
use crate::types::KIRQL;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many events of each thread are kept for reports.
pub const FOR_REPORTS: usize = 512;
/// How many events of each thread a trace of the whole run keeps.
pub const FOR_TRACES: usize = 1 << 18;

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// The driver called a routine, from this address.
    Call(&'static Row, usize),
    /// The routine returned.
    Return(&'static Row),
    /// The kernel called the driver.
    Enter(CallSite),
    /// The driver returned to the kernel.
    Leave(CallSite),
    /// A spin lock was taken.
    Lock(usize),
    /// A spin lock was released.
    Unlock(usize),
    /// Another thread holds the spin lock: the wait begins.
    LockWait(usize),
    /// The wait is over.
    LockWaitEnd(usize),
    /// An exception was raised, with this code.
    Exception(u32),
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Since the recording was turned on.
    pub at: Duration,
    /// The IRQL.
    pub irql: KIRQL,
    /// The processor, if the thread occupies one.
    pub cpu: Option<u8>,
    /// What happened.
    pub what: What,
}

/// The events of one thread, oldest first.
#[derive(Debug)]
pub struct Recorder {
    thread: &'static Thread,
    events: Mutex<VecDeque<Event>>,
}

static ON: AtomicBool = AtomicBool::new(false);
static KEPT: AtomicUsize = AtomicUsize::new(0);
static START: OnceLock<Instant> = OnceLock::new();
static END: OnceLock<Duration> = OnceLock::new();
static RECORDERS: Mutex<Vec<&'static Recorder>> = Mutex::new(Vec::new());

/// Turns the recording on; `kept` events of each thread stay.
pub fn start(kept: usize) {
    START.get_or_init(Instant::now);
    KEPT.fetch_max(kept, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    crate::table::set_tracing(true);
}

/// Ends the recording: what is shown ends here, however long the showing takes.
pub fn stop() {
    END.get_or_init(|| START.get().map(Instant::elapsed).unwrap_or_default());
    ON.store(false, Ordering::Relaxed);
    crate::table::set_tracing(false);
}

/// Whether there is anything to show.
pub fn has_recorded() -> bool {
    START.get().is_some()
}

/// Whether events are recorded.
#[inline(always)]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Records what `what` says, if recording is on.
#[inline(always)]
pub(crate) fn record(what: What) {
    if is_on() {
        put(&what);
    }
}

/// Called from win64 code: so that the short way there saves no vector registers, this has that
/// convention too.
#[cold]
#[inline(never)]
extern "win64-unwind" fn put(what: &What) {
    let context = context::current();
    let Some(recorder) = context.recorder.get().or_else(|| attach(context)) else {
        return;
    };
    let cpu = context.cpu.get();
    let event = Event { at: now(), irql: context.irql.get(), cpu: u8::try_from(cpu).ok(), what: *what };
    let mut events = recorder.events.lock();
    if events.len() >= KEPT.load(Ordering::Relaxed) {
        events.pop_front();
    }
    events.push_back(event);
}

/// A thread's first event.
fn attach(context: &Context) -> Option<&'static Recorder> {
    // SAFETY: thread objects are leaked boxes.
    let thread = unsafe { context.thread.get().as_ref() }?;
    let recorder: &'static Recorder = Box::leak(Box::new(Recorder { thread, events: Mutex::new(VecDeque::new()) }));
    context.recorder.set(Some(recorder));
    RECORDERS.lock().push(recorder);
    Some(recorder)
}

/// Since the recording was turned on, until it ended.
pub fn now() -> Duration {
    if let Some(end) = END.get() {
        return *end;
    }
    START.get().map(Instant::elapsed).unwrap_or_default()
}

/// What the threads have recorded. One that does not give its events up in time is left out: this
/// runs when the machine has stopped in whatever state it was in.
fn recorded() -> Vec<(&'static Thread, Vec<Event>)> {
    const PATIENCE: Duration = Duration::from_millis(200);
    let Some(recorders) = RECORDERS.try_lock_for(PATIENCE).map(|list| list.clone()) else {
        return Vec::new();
    };
    let copy = |recorder: &&'static Recorder| {
        let events = recorder.events.try_lock_for(PATIENCE)?;
        Some((recorder.thread, events.iter().copied().collect()))
    };
    recorders.iter().filter_map(copy).collect()
}
