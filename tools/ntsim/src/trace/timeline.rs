//! The end of the recording, in words.

use super::{Event, What, recorded};
use crate::ke::thread::Thread;
use crate::symbols::describe;
use serde::Serialize;
use std::cmp::Reverse;
use std::time::Duration;

/// The events of one thread.
#[derive(Debug, Clone, Serialize)]
pub struct Lane {
    /// The thread's name.
    pub thread: String,
    /// Its ID.
    pub id: u32,
    /// Whether the report is about it.
    pub is_subject: bool,
    /// Oldest first.
    pub events: Vec<Shown>,
}

/// One event.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Microseconds; 0 is the end of the recording, so that all are negative.
    pub at_us: f64,
    /// What kind of event.
    pub kind: Kind,
    /// The routine, the function or the lock.
    pub name: String,
    /// From where; empty if there is nothing to say.
    pub place: String,
    /// The IRQL.
    pub irql: u8,
    /// The processor that the thread occupied.
    pub cpu: Option<u8>,
}

/// What kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The driver called a routine.
    Call,
    /// The routine returned.
    Return,
    /// The kernel called the driver.
    Enter,
    /// The driver returned.
    Leave,
    /// A spin lock was taken.
    Lock,
    /// A spin lock was released.
    Unlock,
    /// Waits for a spin lock.
    LockWait,
    /// Has waited.
    LockWaitEnd,
    /// An exception was raised.
    Exception,
}

/// The last `most` events of each thread, `subject` first, then who was busy last; threads that did
/// nothing in the time of the subject's events are left out.
pub fn timeline(subject: Option<&Thread>, most: usize) -> Vec<Lane> {
    let end = super::now();
    let is_subject = |thread: &Thread| subject.is_some_and(|subject| subject.id() == thread.id());
    let mut all = recorded();
    for (_, events) in &mut all {
        events.drain(..events.len().saturating_sub(most));
    }
    let own = all.iter().find(|(thread, _)| is_subject(thread)).and_then(|(_, events)| events.first());
    let since = own.map_or(Duration::ZERO, |event| event.at);
    all.retain_mut(|(thread, events)| {
        if !is_subject(thread) {
            events.retain(|event| event.at >= since);
        }
        !events.is_empty()
    });
    all.sort_by_key(|(thread, events)| (!is_subject(thread), Reverse(events.last().map(|event| event.at))));
    all.into_iter()
        .map(|(thread, events)| Lane {
            thread: thread.name().to_owned(),
            id: thread.id(),
            is_subject: is_subject(thread),
            events: events.iter().map(|event| shown(event, end)).collect(),
        })
        .collect()
}

fn shown(event: &Event, end: Duration) -> Shown {
    let lock = |address: usize| format!("spin lock {address:#x}");
    let (kind, name, place) = match event.what {
        What::Call(row, caller) => (Kind::Call, row.name.to_owned(), describe(caller)),
        What::Return(row) => (Kind::Return, row.name.to_owned(), String::new()),
        What::Enter(site) => (Kind::Enter, site.what.to_owned(), describe(site.target)),
        What::Leave(site) => (Kind::Leave, site.what.to_owned(), String::new()),
        What::Lock(address) => (Kind::Lock, lock(address), String::new()),
        What::Unlock(address) => (Kind::Unlock, lock(address), String::new()),
        What::LockWait(address) => (Kind::LockWait, lock(address), String::new()),
        What::LockWaitEnd(address) => (Kind::LockWaitEnd, lock(address), String::new()),
        What::Exception(code) => (Kind::Exception, format!("exception {code:#010x}"), String::new()),
    };
    let at_us = event.at.as_secs_f64() * 1e6 - end.as_secs_f64() * 1e6;
    Shown { at_us, kind, name, place, irql: event.irql, cpu: event.cpu }
}
