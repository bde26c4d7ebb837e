//! The state of a seeded machine: its threads, its clock, its choices.

use super::choose::{Chooser, Random};
use super::log::{Event, Log};
use super::strategy::Strategy;
use crate::context::Context;
use crate::host;
use std::sync::atomic::{AtomicU32, Ordering};

/// The right to run, passed from thread to thread.
#[derive(Debug, Default)]
pub(super) struct Baton(AtomicU32);

impl Baton {
    pub fn give(&self) {
        self.0.store(1, Ordering::Release);
        host::futex_wake(&self.0);
    }

    pub fn take(&self) {
        while self.0.swap(0, Ordering::Acquire) == 0 {
            host::futex_wait(&self.0, 0, None);
        }
    }
}

/// What a thread is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It runs or could run.
    Ready,
    /// It looked in vain for something that another must do first; what had been done by then.
    Spinning { progress: u64 },
    /// It waits for a wake with this key (0: none comes), or the time in ns.
    Waiting { key: usize, until: Option<u64> },
    /// It is over.
    Ended,
}

/// A kernel thread.
#[derive(Debug)]
pub(super) struct Task {
    pub name: String,
    pub state: State,
    pub baton: &'static Baton,
    /// Its context once it runs; for reports.
    pub context: *const Context,
}

// SAFETY: the context is read only while its thread stands still.
unsafe impl Send for Task {}

/// Whom a choice found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This thread runs.
    Task(usize),
    /// All wait for each other.
    Deadlock,
    /// Time stands still although much is done.
    Livelock,
}

/// Nobody runs: the thread that did has left the machine.
pub(super) const NOBODY: usize = usize::MAX;

/// Switch points without any time passing after which the machine is taken to go round in circles.
const CIRCLES: u64 = 20_000_000;

#[derive(Debug)]
pub(super) struct Core {
    pub seed: u64,
    pub strategy: Strategy,
    pub tasks: Vec<Task>,
    pub running: usize,
    /// Virtual time, ns.
    pub now: u64,
    pub chooser: Chooser,
    pub random: Random,
    pub log: Log,
    /// Switch points, without spins.
    pub progress: u64,
    /// Switch points since time moved.
    pub still: u64,
    runnable: Vec<usize>,
}

impl Core {
    pub fn new(seed: u64, strategy: &Strategy) -> Self {
        Self {
            seed,
            strategy: strategy.clone(),
            tasks: Vec::new(),
            running: NOBODY,
            now: 0,
            chooser: Chooser::new(seed, strategy),
            random: Random::new(seed, 2),
            log: Log::new(),
            progress: 0,
            still: 0,
            runnable: Vec::new(),
        }
    }

    /// A new thread that could run.
    pub fn add(&mut self, name: &str) -> usize {
        let baton = Box::leak(Box::default());
        self.tasks.push(Task { name: name.to_owned(), state: State::Ready, baton, context: std::ptr::null() });
        self.tasks.len() - 1
    }

    pub fn names(&self) -> Vec<String> {
        self.tasks.iter().map(|task| task.name.clone()).collect()
    }

    pub fn wake(&mut self, by: usize, task: usize, irql: u8) {
        self.tasks[task].state = State::Ready;
        self.log.add(by, irql, Event::Wake(task));
    }

    /// Who waits for a wake with this key, in order.
    pub fn waiting_for(&self, key: usize) -> Vec<usize> {
        let waits = |task: &Task| matches!(task.state, State::Waiting { key: other, .. } if other == key);
        self.tasks.iter().enumerate().filter(|(_, task)| waits(task)).map(|(index, _)| index).collect()
    }

    /// Chooses who runs next; time passes when nobody can.
    pub fn next(&mut self) -> Next {
        self.still += 1;
        if self.still > CIRCLES {
            return Next::Livelock;
        }
        loop {
            self.runnable.clear();
            let mut soonest = None;
            for (index, task) in self.tasks.iter_mut().enumerate() {
                match task.state {
                    State::Waiting { until: Some(until), .. } if until <= self.now => task.state = State::Ready,
                    State::Waiting { until: Some(until), .. } => {
                        soonest = Some(soonest.map_or(until, |soonest: u64| soonest.min(until)));
                        continue;
                    }
                    State::Ready => {}
                    State::Spinning { progress } if progress != self.progress => {}
                    _ => continue,
                }
                self.runnable.push(index);
            }
            if !self.runnable.is_empty() {
                let chosen = self.chooser.choose(&self.runnable, self.running);
                self.tasks[chosen].state = State::Ready;
                return Next::Task(chosen);
            }
            let Some(soonest) = soonest else { return Next::Deadlock };
            self.pass(soonest);
        }
    }

    /// The clock goes to `time`, which lets spinning threads look again.
    pub fn pass(&mut self, time: u64) {
        self.now = time;
        self.progress += 1;
        self.still = 0;
        self.log.add(self.tasks.len(), 0, Event::Time(time));
    }
}
