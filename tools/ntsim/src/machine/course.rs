//! The course of a seeded machine: what is explored, what happened, and threads that take part.

use std::thread::JoinHandle;

use super::Machine;
use crate::sched::{self, Decision, Ticket, seeded};

/// The course that a seeded machine has taken; [`Machine::course`].
#[derive(Clone, Copy, Debug)]
pub struct Course(());

impl Machine {
    /// How the seeded run goes; `None` in a free machine.
    pub fn course(&self) -> Option<Course> {
        sched::is_seeded().then_some(Course(()))
    }

    /// Runs `f` on a host thread of its own, which takes part in the machine as a kernel thread. In a
    /// seeded machine every host thread that uses it, beside the one that booted it, has to come
    /// from here: then equal seeds give equal runs.
    ///
    /// # Errors
    /// The host has no more threads.
    pub fn spawn<R: Send + 'static>(name: &str, f: impl FnOnce() -> R + Send + 'static) -> std::io::Result<Worker<R>> {
        let ticket = Ticket::new(name);
        match std::thread::Builder::new().name(name.to_owned()).spawn(move || ticket.run(f)) {
            Ok(handle) => Ok(Worker { ticket, handle }),
            Err(error) => {
                ticket.give_up();
                Err(error)
            }
        }
    }
}

/// A host thread that takes part in the machine.
#[derive(Debug)]
#[must_use = "join it"]
pub struct Worker<R> {
    ticket: Ticket,
    handle: JoinHandle<R>,
}

impl<R> Worker<R> {
    /// Waits for its end.
    ///
    /// # Panics
    /// If the thread panicked, with the same payload.
    pub fn join(self) -> R {
        self.ticket.wait();
        self.handle.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}

impl Course {
    /// Whether the strategy chooses at switch points. While it does not, threads run until they wait:
    /// for what is not worth exploring, such as boot. It does from the start.
    pub fn explore(self, on: bool) {
        seeded::explore(on);
    }

    /// Keeps all events from here on; else only the last few, for reports.
    pub fn keep_log(self) {
        seeded::keep_log();
    }

    /// The events that were kept, one a line: number, thread, its name, IRQL, what happened.
    pub fn log(self) -> String {
        seeded::log_text()
    }

    /// The hash of all events.
    pub fn hash(self) -> u64 {
        seeded::log_hash()
    }

    /// How many events there were.
    pub fn events(self) -> u64 {
        seeded::log_count()
    }

    /// Makes bytes of the host, such as results, part of the log.
    pub fn note(self, bytes: &[u8]) {
        seeded::note(bytes);
    }

    /// The choices among several threads, in order, while exploring.
    pub fn decisions(self) -> Vec<Decision> {
        seeded::decisions()
    }
}
