//! A whole run in the trace event format that Perfetto and Chrome show.
//!
//! Kernel calls, driver functions (DPCs, NDK callbacks, dispatch routines) and waits for locks are
//! slices on the line of their thread; locks held are instants; the IRQL is a counter.

use super::{Event, What, recorded};
use crate::symbols::describe;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

/// Writes the recording.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path) -> io::Result<()> {
    let mut out = Output { file: BufWriter::new(std::fs::File::create(path)?), first: true };
    out.file.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")?;
    out.put(&json!({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "ntsim"}}))?;
    let mut names = Names::default();
    for (thread, events) in recorded() {
        let name = format!("{} ({})", thread.name(), thread.id());
        out.put(&json!({"ph": "M", "name": "thread_name", "pid": 1, "tid": thread.id(), "args": {"name": name}}))?;
        Line { out: &mut out, names: &mut names, thread: thread.id(), open: Vec::new(), irql: 0 }.all(&events)?;
    }
    out.file.write_all(b"\n]}\n")?;
    out.file.flush()
}

struct Output {
    file: BufWriter<std::fs::File>,
    first: bool,
}

impl Output {
    fn separate(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.first, false) { Ok(()) } else { self.file.write_all(b",\n") }
    }

    fn put(&mut self, value: &Value) -> io::Result<()> {
        self.separate()?;
        serde_json::to_writer(&mut self.file, value).map_err(io::Error::from)
    }
}

/// Symbols are slow and few.
#[derive(Default)]
struct Names(HashMap<usize, Rc<str>>);

impl Names {
    fn of(&mut self, address: usize) -> Rc<str> {
        Rc::clone(self.0.entry(address).or_insert_with(|| describe(address).into()))
    }
}

/// What a slice tells beside its name.
struct Args<'a> {
    irql: u8,
    cpu: Option<u8>,
    key: &'static str,
    value: &'a str,
}

/// What an open slice is, to find its end.
#[derive(PartialEq, Clone, Copy)]
enum Open {
    Routine(*const crate::table::Row),
    Driver(usize),
    Wait(usize),
}

struct Line<'a> {
    out: &'a mut Output,
    names: &'a mut Names,
    thread: u32,
    open: Vec<Open>,
    irql: u8,
}

impl Line<'_> {
    fn all(mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            self.event(event)?;
        }
        let end = events.last().map_or(0.0, microseconds);
        while self.open.pop().is_some() {
            self.end(end)?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let at = microseconds(event);
        if event.irql != self.irql {
            self.irql = event.irql;
            let name = format!("IRQL of thread {}", self.thread);
            self.out.put(&json!({"ph": "C", "name": name, "pid": 1, "ts": at, "args": {"IRQL": event.irql}}))?;
        }
        let (irql, cpu) = (event.irql, event.cpu);
        match event.what {
            What::Call(row, caller) => {
                let value = self.names.of(caller);
                self.begin(Open::Routine(row), at, row.name, "kernel", Args { irql, cpu, key: "caller", value: &value })
            }
            What::Return(row) => self.finish(Open::Routine(row), at),
            What::Enter(site) => {
                let function = self.names.of(site.target);
                let name = format!("{}: {}", site.what, short(&function));
                let args = Args { irql, cpu, key: "function", value: &function };
                self.begin(Open::Driver(site.target), at, &name, category(site.what), args)
            }
            What::Leave(site) => self.finish(Open::Driver(site.target), at),
            What::LockWait(lock) => {
                let value = format!("{lock:#x}");
                let args = Args { irql, cpu, key: "lock", value: &value };
                self.begin(Open::Wait(lock), at, "wait for spin lock", "lock", args)
            }
            What::LockWaitEnd(lock) => self.finish(Open::Wait(lock), at),
            What::Lock(lock) => self.instant(at, "lock taken", "lock", json!({"lock": format!("{lock:#x}")})),
            What::Unlock(lock) => self.instant(at, "lock released", "lock", json!({"lock": format!("{lock:#x}")})),
            What::Exception(code) => {
                self.instant(at, "exception", "exception", json!({"code": format!("{code:#010x}")}))
            }
        }
    }

    fn begin(&mut self, open: Open, at: f64, name: &str, category: &str, args: Args<'_>) -> io::Result<()> {
        self.open.push(open);
        let (tid, name) = (self.thread, Value::from(name));
        let Args { irql, cpu, key, value } = args;
        self.out.separate()?;
        write!(
            self.out.file,
            "{{\"ph\":\"B\",\"name\":{name},\"cat\":\"{category}\",\"pid\":1,\"tid\":{tid},\"ts\":{at:.3},\
             \"args\":{{\"irql\":{irql},\"processor\":{},\"{key}\":{}}}}}",
            cpu.map_or(Value::Null, Value::from),
            Value::from(value)
        )
    }

    /// Ends the slice, and those inside it that an exception has left open. An end whose begin is
    /// older than the ring is dropped.
    fn finish(&mut self, open: Open, at: f64) -> io::Result<()> {
        let Some(depth) = self.open.iter().rposition(|other| *other == open) else {
            return Ok(());
        };
        while self.open.len() > depth {
            self.open.pop();
            self.end(at)?;
        }
        Ok(())
    }

    fn end(&mut self, at: f64) -> io::Result<()> {
        let tid = self.thread;
        self.out.separate()?;
        write!(self.out.file, "{{\"ph\":\"E\",\"pid\":1,\"tid\":{tid},\"ts\":{at:.3}}}")
    }

    fn instant(&mut self, at: f64, name: &str, category: &str, args: Value) -> io::Result<()> {
        let tid = self.thread;
        self.out.put(
            &json!({"ph": "i", "s": "t", "name": name, "cat": category, "pid": 1, "tid": tid, "ts": at, "args": args}),
        )
    }
}

fn microseconds(event: &Event) -> f64 {
    event.at.as_nanos() as f64 / 1000.0
}

/// `driver.sys!function` without file and line.
fn short(function: &str) -> &str {
    function.split_once(" (").map_or(function, |(name, _)| name)
}

fn category(what: &str) -> &'static str {
    match what {
        "DPC routine" => "dpc",
        _ if what.starts_with("Ndk") => "ndk",
        _ if what.ends_with("callback") => "callback",
        _ => "driver",
    }
}
