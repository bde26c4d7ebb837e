//! What is said when a seeded machine cannot go on.

use super::core::{Core, Next, State, Task};
use super::seeded;
use crate::bugcheck::Violation;
use crate::symbols::Stack;
use std::time::Duration;

crate::codes! {
    /// No kernel thread can run, and no time-out or timer will change that (seeded machine).
    SCHEDULE_DEADLOCK = 0x1E7;
    /// Kernel threads run and run, and nobody waits for time to pass (seeded machine).
    SCHEDULE_LIVELOCK = 0x101;
    /// A kernel thread has computed for long without any kernel call (seeded machine).
    SCHEDULE_STUCK = 0x101;
}

/// The codes of scheduling.
pub use ALL as CODES;

/// How long a thread may go without a switch point, in time of the host.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stops the machine, with the list of its threads.
pub(super) fn stop(trouble: &Next) -> ! {
    let (code, text) = match trouble {
        Next::Deadlock => (&SCHEDULE_DEADLOCK, "no thread can run, and nobody waits for a time"),
        _ => (&SCHEDULE_LIVELOCK, "the threads have run through twenty million switch points while time stood still"),
    };
    raise(code, text)
}

fn raise(code: &'static crate::bugcheck::Code, text: &str) -> ! {
    let mut violation = Violation::new(code).text(text);
    let about = seeded::with(|core| {
        let tasks: Vec<_> = core.tasks.iter().enumerate().filter(|(_, task)| task.state != State::Ended).collect();
        tasks
            .iter()
            .map(|(number, task)| (heading(core, *number, task), stack(core, *number, task)))
            .collect::<Vec<_>>()
    });
    for (heading, stack) in about.unwrap_or_default() {
        violation = match stack {
            Some(stack) => violation.related(heading, stack),
            None => violation.note(heading),
        };
    }
    violation.raise()
}

fn heading(core: &Core, number: usize, task: &Task) -> String {
    let state = match task.state {
        State::Waiting { until: Some(until), .. } => format!("waits until {until} ns"),
        State::Waiting { until: None, .. } => "waits".to_owned(),
        State::Spinning { .. } => "spins".to_owned(),
        _ if core.running == number => "runs".to_owned(),
        _ => "could run".to_owned(),
    };
    format!("t{number} {} {state}", task.name)
}

/// Where the thread came from the driver; none for a thread of ntsim that has nothing to do.
fn stack(core: &Core, number: usize, task: &Task) -> Option<Stack> {
    // A thread that runs does not stand still for its stack to be read, unless it is this one.
    if core.running == number && !std::ptr::eq(task.context, crate::context::current()) {
        return None;
    }
    // SAFETY: the context is the thread-local block of a thread that has not ended and stands still
    // (or is the running one).
    let context = unsafe { task.context.as_ref() }?;
    let stack = Stack::of(context, None);
    (!stack.frames().is_empty()).then_some(stack)
}

/// What a report says about the run, so that it can be had again. Empty in a free machine.
pub(crate) fn notes() -> Vec<String> {
    // A report may come while this very thread holds the state.
    let Some(guard) = seeded::try_lock() else { return Vec::new() };
    let Some(core) = guard.as_ref() else { return Vec::new() };
    let mut notes = vec![format!(
        "seed {}, strategy {}: {} events, log {:#018x}, time {} ns; the last events:",
        core.seed,
        core.strategy,
        core.log.count(),
        core.log.hash(),
        core.now
    )];
    notes.extend(core.log.last_text(&core.names()).lines().map(|line| format!("  {line}")));
    notes
}

/// Whether the running thread is in a driver; else the host does something of its own.
fn is_inside(core: &Core) -> bool {
    let context = core.tasks.get(core.running).map_or(std::ptr::null(), |task| task.context);
    // SAFETY: the running thread has not ended. It may write the pointer just now: a word is read
    // whole, and only whether it is null matters.
    !context.is_null() && unsafe { (&raw const (*context).transition).cast::<usize>().read_volatile() } != 0
}

/// Watches from outside that switch points come.
pub(super) fn watch() {
    let look = || seeded::with(|core| (core.log.count(), core.running, is_inside(core))).unwrap_or_default();
    let watcher = std::thread::Builder::new().name("schedule watch".to_owned()).spawn(move || {
        let mut before = look();
        loop {
            std::thread::sleep(PATIENCE);
            let now = look();
            if now == before && now.2 {
                raise(&SCHEDULE_STUCK, "the running thread has made no kernel call for long");
            }
            before = now;
        }
    });
    if let Err(error) = watcher {
        eprintln!("ntsim: no thread to watch the schedule: {error}");
    }
}
