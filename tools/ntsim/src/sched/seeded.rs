//! Seeded scheduling: one kernel thread runs at a time, and a seed chooses at each switch point.
//!
//! ```text
//!   t0 (host) --ioctl--> driver ---KeSetEvent---+                 +--> ...
//!                                    switch point: the seed says t2|
//!   t2 worker           (had waited)            +--> driver ------+ (t2 waits: the seed chooses again)
//! ```
//! Switch points are: each kernel call and each return from one, among them those of NDK functions
//! and callbacks; the start of a DPC routine; each wait and each look of a busy wait. Threads hold no
//! lock of ntsim there. A host thread that left the kernel keeps the right to run: what a test does
//! between two requests is one step.

use super::core::{Baton, Core, NOBODY, Next, State};
use super::log::{Event, Place};
use super::strategy::Strategy;
use super::{Decision, report};
use crate::context;
use crate::table::Row;
use parking_lot::{Mutex, MutexGuard};
use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static CORE: Mutex<Option<Core>> = Mutex::new(None);
/// Virtual time in ns, readable without the lock.
static NOW: AtomicU64 = AtomicU64::new(0);
/// What time 0 is called. Only differences to it are ever seen.
static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One read of the clock by a driver takes this long, so that loops that wait for a time end.
const READ_NS: u64 = 100;

struct Me(Cell<usize>);

thread_local! {
    static ME: Me = const { Me(Cell::new(NOBODY)) };
}

/// A thread that came by itself ends: somebody else goes on, if anybody can.
impl Drop for Me {
    fn drop(&mut self) {
        if self.0.get() != NOBODY {
            leave(self.0.get());
        }
    }
}

/// Makes the machine a seeded one, with the running thread as its first. False if it is one already.
pub(crate) fn start(seed: u64, strategy: &Strategy) -> bool {
    let mut core = CORE.lock();
    if core.is_some() {
        return false;
    }
    LazyLock::force(&BASE);
    *core = Some(Core::new(seed, strategy));
    super::SEEDED.store(true, Ordering::SeqCst);
    crate::table::set_switching(true);
    crate::host::stay_on_processor();
    // The handler that executes CPUID.
    crate::Kernel::get();
    // Where the host cannot, tokens and the like are random; the log does not show them.
    let _ = crate::host::hide_random_instructions();
    drop(core);
    me();
    report::watch();
    true
}

/// With what [`start`] was called.
pub(crate) fn started_with() -> Option<(u64, Strategy)> {
    CORE.lock().as_ref().map(|core| (core.seed, core.strategy.clone()))
}

fn lock() -> MutexGuard<'static, Option<Core>> {
    CORE.lock()
}

/// The state, unless somebody has it.
pub(super) fn try_lock() -> Option<MutexGuard<'static, Option<Core>>> {
    CORE.try_lock()
}

/// Runs `f` on the state; nothing in a free machine.
pub(super) fn with<R>(f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    lock().as_mut().map(f)
}

/// The running thread's place; a thread that has none gets one, and waits for its turn.
pub(super) fn me() -> usize {
    ME.with(|me| {
        if me.0.get() == NOBODY {
            join(me);
        }
        me.0.get()
    })
}

#[cold]
fn join(me: &Me) {
    let name = std::thread::current().name().unwrap_or("host thread").to_owned();
    let mut guard = lock();
    let Some(core) = guard.as_mut() else { return };
    let task = core.add(&name);
    core.tasks[task].context = context::current();
    me.0.set(task);
    if core.running == NOBODY {
        core.running = task;
        core.log.add(task, 0, Event::Begin);
        return;
    }
    let baton = core.tasks[task].baton;
    drop(guard);
    baton.take();
    with(|core| core.log.add(task, 0, Event::Begin));
}

/// A place for a thread that will start.
pub(super) fn announce(name: &str) -> usize {
    me();
    with(|core| core.add(name)).unwrap_or(NOBODY)
}

/// Takes a place that was announced, on the new thread: waits for its turn.
pub(super) fn begin(task: usize) {
    let Some(baton) = with(|core| core.tasks[task].baton) else { return };
    baton.take();
    ME.with(|me| me.0.set(task));
    with(|core| {
        core.tasks[task].context = context::current();
        core.log.add(task, 0, Event::Begin);
    });
}

/// The thread is over.
pub(super) fn end() {
    let task = ME.with(|me| me.0.replace(NOBODY));
    leave(task);
}

fn leave(task: usize) {
    let mut guard = lock();
    let Some(core) = guard.as_mut() else { return };
    forget_in(core, task);
    core.log.add(task, 0, Event::End);
    if core.running != task {
        return;
    }
    match core.next() {
        Next::Task(next) => {
            core.running = next;
            let baton = core.tasks[next].baton;
            drop(guard);
            baton.give();
        }
        // The host goes on by itself; whoever enters next has the machine.
        _ => core.running = NOBODY,
    }
}

/// A place that nobody will take.
pub(super) fn forget(task: usize) {
    with(|core| forget_in(core, task));
}

fn forget_in(core: &mut Core, task: usize) {
    core.tasks[task].state = State::Ended;
    core.tasks[task].context = std::ptr::null();
    let key = end_key(core.tasks[task].baton);
    for waiting in core.waiting_for(key) {
        core.wake(task, waiting, 0);
    }
}

fn end_key(baton: &'static Baton) -> usize {
    std::ptr::from_ref(baton).addr()
}

/// Waits until a thread is over.
pub(super) fn wait_for_end(task: usize) {
    loop {
        let ended = with(|core| (core.tasks[task].state == State::Ended, end_key(core.tasks[task].baton)));
        match ended {
            Some((false, key)) => block(key, None),
            _ => return,
        }
    }
}

/// Virtual time since boot, ns.
pub(crate) fn now_ns() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// The virtual moment.
pub(super) fn now() -> Instant {
    *BASE + Duration::from_nanos(NOW.load(Ordering::Relaxed))
}

/// A driver reads the clock.
pub(crate) fn clock_read() {
    with(|core| {
        core.now += READ_NS;
        NOW.store(core.now, Ordering::Relaxed);
    });
}

/// 64 bits that the seed gives.
pub(super) fn random() -> u64 {
    with(|core| core.random.next()).unwrap_or_default()
}

/// Waits for a wake with this key, or the deadline. May return early.
pub(super) fn block(key: usize, deadline: Option<Instant>) {
    let me = me();
    let until = deadline.map(|deadline| deadline.saturating_duration_since(*BASE).as_nanos() as u64);
    switch(me, State::Waiting { key, until }, Event::Wait(until));
}

/// Sleeps in virtual time.
pub(super) fn sleep(time: Duration) {
    let deadline = now() + time;
    // At least one turn for others, also for no time at all.
    block(0, Some(deadline));
    while now() < deadline {
        block(0, Some(deadline));
    }
}

/// Looks again when another thread has done something.
pub(super) fn spin() {
    let me = me();
    let progress = with(|core| core.progress).unwrap_or_default();
    switch(me, State::Spinning { progress }, Event::Spin);
}

/// Wakes all that wait for the key.
pub(super) fn wake_all(key: usize) {
    wake(key, usize::MAX);
}

/// Wakes the first that waits for the key.
pub(super) fn wake_one(key: usize) {
    wake(key, 1);
}

fn wake(key: usize, most: usize) {
    let irql = context::irql();
    with(|core| {
        let by = core.running;
        for task in core.waiting_for(key).into_iter().take(most) {
            core.wake(by, task, irql);
        }
    });
}

/// A driver calls a routine. From win64 code; see [`crate::trace`].
#[cold]
pub(crate) extern "win64-unwind" fn called(row: &'static Row) {
    let from = Place::of(context::current().caller());
    point(Event::Call(row, from));
}

/// The routine is about to return.
#[cold]
pub(crate) extern "win64-unwind" fn returns(row: &'static Row) {
    point(Event::Return(row));
}

/// A driver is about to execute a locked instruction.
#[cold]
pub(super) fn atomic(at: usize) {
    point(Event::Atomic(Place::of(at)));
}

/// A DPC routine starts.
#[cold]
pub(crate) fn dpc_starts(routine: usize) {
    point(Event::Dpc(Place::of(routine)));
}

/// A switch point of a thread that could go on.
fn point(event: Event) {
    let me = me();
    with(|core| core.progress += 1);
    switch(me, State::Ready, event);
}

/// The running thread is now in `state`; returns when it is chosen again.
fn switch(me: usize, state: State, event: Event) {
    let irql = context::irql();
    let mut guard = lock();
    let Some(core) = guard.as_mut() else { return };
    core.log.add(me, irql, event);
    core.tasks[me].state = state;
    let next = core.next();
    NOW.store(core.now, Ordering::Relaxed);
    let next = match next {
        Next::Task(next) => next,
        trouble => {
            drop(guard);
            report::stop(&trouble)
        }
    };
    if next == me {
        return;
    }
    core.running = next;
    let (theirs, mine) = (core.tasks[next].baton, core.tasks[me].baton);
    drop(guard);
    theirs.give();
    mine.take();
}

/// Whether the strategy chooses; else threads run until they wait. Boot and shutdown of a machine
/// are seldom what is to be explored.
pub(crate) fn explore(on: bool) {
    with(|core| {
        core.chooser.exploring = on;
        core.still = 0;
    });
}

/// Keeps every event for [`log_text`].
pub(crate) fn keep_log() {
    with(|core| core.log.keep_all = true);
}

/// The hash of all events so far.
pub(crate) fn log_hash() -> u64 {
    with(|core| core.log.hash()).unwrap_or_default()
}

/// The events kept, one a line.
pub(crate) fn log_text() -> String {
    with(|core| core.log.text(&core.names())).unwrap_or_default()
}

/// How many events there were.
pub(crate) fn log_count() -> u64 {
    with(|core| core.log.count()).unwrap_or_default()
}

/// Makes bytes of the host part of the log.
pub(crate) fn note(bytes: &[u8]) {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    with(|core| {
        let running = core.running;
        core.log.add(running, 0, Event::Note(hash));
    });
}

/// The choices so far.
pub(crate) fn decisions() -> Vec<Decision> {
    with(|core| core.chooser.decisions.clone()).unwrap_or_default()
}
