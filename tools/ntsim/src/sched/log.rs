//! What happened, in order, without a host address: equal runs have equal logs.

use crate::kernel::{ImageId, Kernel};
use crate::table::Row;
use std::collections::VecDeque;
use std::fmt::Write;

/// One event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A routine was called.
    Call(&'static Row, Place),
    /// It returns to the driver.
    Return(&'static Row),
    /// A DPC routine starts.
    Dpc(Place),
    /// A locked instruction comes.
    Atomic(Place),
    /// The thread waits, until this time (ns) or for ever.
    Wait(Option<u64>),
    /// It looks again at what it spins for.
    Spin,
    /// It woke another.
    Wake(usize),
    /// The clock went to this time, in ns.
    Time(u64),
    /// The thread begins.
    Begin,
    /// The thread ends.
    End,
    /// What the host wants to be part of the log: a hash of it.
    Note(u64),
}

/// An address in a driver: image and offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    image: Option<ImageId>,
    offset: u64,
}

impl Place {
    pub fn of(address: usize) -> Self {
        match Kernel::get().images.containing(address) {
            Some(image) => Self { image: Some(image.id), offset: (address - image.base) as u64 },
            None => Self { image: None, offset: 0 },
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Record {
    number: u64,
    task: usize,
    irql: u8,
    event: Event,
}

/// How many events are kept for reports when nobody asked for all of them.
const LAST: usize = 40;

/// The log: the events kept, and the hash of all.
#[derive(Debug)]
pub(super) struct Log {
    records: VecDeque<Record>,
    count: u64,
    hash: u64,
    /// Keeps every event.
    pub keep_all: bool,
}

impl Log {
    pub fn new() -> Self {
        Self { records: VecDeque::new(), count: 0, hash: 0xcbf2_9ce4_8422_2325, keep_all: false }
    }

    pub fn add(&mut self, task: usize, irql: u8, event: Event) {
        let (kind, name, value) = parts(&event);
        self.mix((task as u64) << 16 | u64::from(irql) << 8 | kind);
        name.bytes().for_each(|byte| self.mix(u64::from(byte)));
        self.mix(value);
        self.count += 1;
        if !self.keep_all && self.records.len() == LAST {
            self.records.pop_front();
        }
        self.records.push_back(Record { number: self.count, task, irql, event });
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(29);
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The events kept, one a line.
    pub fn text(&self, names: &[String]) -> String {
        self.lines(0, names)
    }

    /// The last events.
    pub fn last_text(&self, names: &[String]) -> String {
        self.lines(self.records.len().saturating_sub(LAST), names)
    }

    fn lines(&self, from: usize, names: &[String]) -> String {
        let mut text = String::new();
        for record in self.records.iter().skip(from) {
            let name = names.get(record.task).map_or("", String::as_str);
            let what = shown(&record.event, names);
            let (number, task, irql) = (record.number, record.task, record.irql);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{number:>7} t{task:<2} {name:<15.15} {irql:>2} {what}");
        }
        text
    }
}

fn parts(event: &Event) -> (u64, &'static str, u64) {
    let place = |place: &Place| place.offset | place.image.map_or(0, |image| u64::from(image.0) + 1) << 48;
    match event {
        Event::Call(row, from) => (1, row.name, place(from)),
        Event::Return(row) => (2, row.name, 0),
        Event::Dpc(routine) => (3, "", place(routine)),
        Event::Atomic(at) => (11, "", place(at)),
        Event::Wait(until) => (4, "", until.unwrap_or(u64::MAX)),
        Event::Spin => (5, "", 0),
        Event::Wake(task) => (6, "", *task as u64),
        Event::Time(now) => (7, "", *now),
        Event::Begin => (8, "", 0),
        Event::End => (9, "", 0),
        Event::Note(hash) => (10, "", *hash),
    }
}

fn shown(event: &Event, names: &[String]) -> String {
    let place = |place: &Place| {
        let image = place.image.and_then(|id| Kernel::get().images.get(id));
        image.map_or_else(|| "the kernel".to_owned(), |image| format!("{}+{:#x}", image.name, place.offset))
    };
    match event {
        Event::Call(row, from) => format!("{} from {}", row.name, place(from)),
        Event::Return(row) => format!("{} returns", row.name),
        Event::Dpc(routine) => format!("DPC {}", place(routine)),
        Event::Atomic(at) => format!("locked instruction at {}", place(at)),
        Event::Wait(None) => "waits".to_owned(),
        Event::Wait(Some(until)) => format!("waits until {until} ns"),
        Event::Spin => "spins".to_owned(),
        Event::Wake(task) => format!("wakes t{task} {}", names.get(*task).map_or("", String::as_str)),
        Event::Time(now) => format!("time is {now} ns"),
        Event::Begin => "begins".to_owned(),
        Event::End => "ends".to_owned(),
        Event::Note(hash) => format!("note {hash:#018x}"),
    }
}
