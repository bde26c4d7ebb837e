//! System worker threads.

use crate::bugcheck::codes;
use crate::context::{CallSite, call_driver};
use crate::kernel::Image;
use crate::sched::{self, Condition};
use crate::types::WORK_QUEUE_ITEM;
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::time::Duration;

crate::routines! { "ntoskrnl.exe";
    fn ExQueueWorkItem(item: *mut WORK_QUEUE_ITEM, queue: u32) = queue_item: PASSIVE..=DISPATCH;
}

const MOST_WORKERS: usize = 256;

struct Job {
    name: &'static str,
    routine: usize,
    run: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Workers {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Routines of drivers that run now.
    running: Vec<usize>,
}

static WORKERS: Mutex<Option<Workers>> = Mutex::new(None);
static WORK: Condition = Condition::new();

fn workers() -> MutexGuard<'static, Option<Workers>> {
    WORKERS.lock()
}

/// Runs `f` on a system worker thread at PASSIVE_LEVEL. IRQL <= DISPATCH_LEVEL.
pub fn queue(name: &'static str, f: Box<dyn FnOnce() + Send>) {
    queue_for(name, 0, f);
}

/// As [`queue`]; `routine` is the driver's code that `f` will call, for the unload check.
pub fn queue_for(name: &'static str, routine: usize, f: Box<dyn FnOnce() + Send>) {
    let mut guard = workers();
    let workers = guard.get_or_insert_default();
    workers.jobs.push_back(Job { name, routine, run: f });
    // A worker may block for long; there is always one for each job that waits.
    if workers.idle < workers.jobs.len() && workers.threads < MOST_WORKERS {
        let number = workers.threads;
        workers.threads += 1;
        drop(guard);
        if let Err(error) = crate::ps::thread::spawn(&format!("worker {number}"), Box::new(serve)) {
            bugcheck!(codes::NTSIM_FAULT, [0, 0, 0, 0], "the host gives no thread for work items: {error}");
        }
    } else {
        drop(guard);
        WORK.notify_one();
    }
}

fn serve() {
    let mut guard = workers();
    loop {
        let Some(workers) = guard.as_mut() else {
            return;
        };
        if let Some(job) = workers.jobs.pop_front() {
            workers.running.push(job.routine);
            drop(guard);
            (job.run)();
            let after = crate::context::irql();
            if after != 0 {
                bugcheck!(
                    codes::IRQL_CHANGED_AT_RETURN,
                    [0, u64::from(after), 0, 0],
                    "a {} ended at IRQL {after}",
                    job.name
                );
            }
            guard = self::workers();
            if let Some(workers) = guard.as_mut()
                && let Some(index) = workers.running.iter().position(|running| *running == job.routine)
            {
                workers.running.swap_remove(index);
            }
        } else {
            workers.idle += 1;
            WORK.wait(&mut guard, None);
            if let Some(workers) = guard.as_mut() {
                workers.idle -= 1;
            }
        }
    }
}

/// A routine of `image` whose work item is queued or running. A routine that has just done its
/// last step (it set the event that unload waited for) gets a moment to return.
pub(crate) fn pending_of(image: &Image) -> Option<usize> {
    let look = || {
        workers().as_ref().and_then(|workers| {
            let queued = workers.jobs.iter().map(|job| job.routine);
            queued.chain(workers.running.iter().copied()).find(|routine| image.contains(*routine))
        })
    };
    for _ in 0..200 {
        look()?;
        sched::sleep(Duration::from_millis(1));
    }
    look()
}

#[derive(Clone, Copy)]
struct Item(*mut WORK_QUEUE_ITEM);

// SAFETY: the item belongs to the worker until its routine is called.
unsafe impl Send for Item {}

unsafe fn queue_item(item: *mut WORK_QUEUE_ITEM, _queue: u32) {
    // SAFETY: the driver's item.
    let routine = unsafe { (*item).WorkerRoutine }.map_or(0, |routine| routine as usize);
    if routine == 0 {
        bugcheck!(codes::NULL_CALLBACK, [item as u64, 0, 0, 0], "ExQueueWorkItem was given an item without a routine");
    }
    let item = Item(item);
    queue_for(
        "work item",
        routine,
        Box::new(move || {
            let Item(item) = { item };
            // SAFETY: the driver keeps the item until its routine runs.
            let (routine, parameter) = unsafe { ((*item).WorkerRoutine, (*item).Parameter) };
            let target = routine.map_or(0, |routine| routine as usize);
            call_driver(CallSite::new("work item", target), || {
                if let Some(routine) = routine {
                    // SAFETY: the driver's routine with its own parameter.
                    unsafe { routine(parameter) };
                }
            });
        }),
    );
}
