//! What a report says.

use super::advice;
use crate::bugcheck::Report;
use crate::context::{Context, LockKind};
use crate::ke::thread::Thread;
use crate::kernel::Kernel;
use crate::machine::UnloadReport;
use crate::symbols::{Named, describe};
use crate::table::irql_name;
use crate::trace::{self, Lane};
use serde::Serialize;

/// How many events of each thread are shown.
const EVENTS: usize = 160;

/// How a run ended.
pub enum Verdict<'a> {
    /// A broken rule.
    Bugcheck {
        /// Which.
        report: &'a Report,
        /// The thread's state.
        context: &'a Context,
        /// The thread; none outside the kernel.
        thread: Option<&'a Thread>,
    },
    /// Drivers left something behind.
    Leaks(Vec<UnloadReport>),
    /// An expectation did not hold.
    Failed(String),
    /// All is well.
    Passed(String),
}

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A broken rule.
    Bugcheck,
    /// Drivers left something behind.
    Leaks,
    /// An expectation did not hold.
    Failed,
    /// All is well.
    Passed,
}

/// A report. Its JSON has these fields.
#[derive(Debug, Serialize)]
pub struct Document {
    /// The simulator's version.
    pub ntsim: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// In a few words.
    pub title: String,
    /// In a paragraph.
    pub summary: String,
    /// What to do; empty when all is well.
    pub advice: String,
    /// The bugcheck, if that is how it ended.
    pub bugcheck: Option<Report>,
    /// Spin locks that the thread of the bugcheck holds.
    pub locks: Vec<HeldLock>,
    /// What drivers left behind.
    pub leaks: Vec<UnloadReport>,
    /// The drivers that were loaded.
    pub drivers: Vec<DriverInfo>,
    /// The machine.
    pub machine: MachineInfo,
    /// What the threads did last.
    pub timeline: Vec<Lane>,
}

/// A spin lock that a thread holds.
#[derive(Debug, Serialize)]
pub struct HeldLock {
    /// Its address.
    pub address: u64,
    /// How it was taken.
    pub kind: &'static str,
    /// Where it was taken.
    pub taken_at: String,
}

/// A driver.
#[derive(Debug, Serialize)]
pub struct DriverInfo {
    /// Its file name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// Where it lies.
    pub base: u64,
    /// How long it is.
    pub size: u64,
    /// Whether it has been unloaded.
    pub unloaded: bool,
    /// Whether its debug information was found.
    pub symbols: bool,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct MachineInfo {
    /// Virtual processors.
    pub processors: u32,
    /// Whether each pool block ends at an inaccessible page.
    pub guard_pages: bool,
    /// How long it ran, in milliseconds.
    pub elapsed_ms: f64,
}

impl Document {
    /// Gathers the report.
    pub(super) fn new(verdict: Verdict<'_>) -> Self {
        let mut document = Self {
            ntsim: env!("CARGO_PKG_VERSION"),
            outcome: Outcome::Passed,
            title: String::new(),
            summary: String::new(),
            advice: String::new(),
            bugcheck: None,
            locks: Vec::new(),
            leaks: Vec::new(),
            drivers: drivers(),
            machine: machine(),
            timeline: Vec::new(),
        };
        let mut subject = None;
        match verdict {
            Verdict::Bugcheck { report, context, thread } => {
                subject = thread;
                document.outcome = Outcome::Bugcheck;
                document.title = report.name.to_owned();
                document.summary = bugcheck(report);
                document.advice = advice::for_rule(report.name).to_owned();
                document.locks = context.held_locks().map(|held| lock(&held)).collect();
                document.bugcheck = Some(report.clone());
            }
            Verdict::Leaks(reports) => {
                let count: usize = reports.iter().map(|report| report.leaks.len()).sum();
                let names: Vec<&str> = reports.iter().map(|report| report.driver.as_str()).collect();
                document.outcome = Outcome::Leaks;
                document.title = "Something was left behind".to_owned();
                document.summary = format!(
                    "The run itself went well, but {count} object(s) of {} were still there after the unload. \
                     On Windows they would be lost until the next start of the system.",
                    names.join(", ")
                );
                document.advice = advice::FOR_LEAKS.to_owned();
                document.leaks = reports;
            }
            Verdict::Failed(why) => {
                document.outcome = Outcome::Failed;
                document.title = "An expectation did not hold".to_owned();
                document.summary =
                    format!("No rule of the kernel was broken, but the run did not do what it should: {why}.");
                document.advice = advice::FOR_EXPECTATIONS.to_owned();
            }
            Verdict::Passed(summary) => {
                document.title = "Passed".to_owned();
                document.summary = format!("All expectations held and no rule was broken: {summary}.");
            }
        }
        document.timeline = trace::timeline(subject, EVENTS);
        document
    }
}

/// The paragraph about a bugcheck.
fn bugcheck(report: &Report) -> String {
    let mut text = format!(
        "The simulated machine stopped because a rule was broken: {}. ",
        report.text.trim_end_matches('.').trim_start()
    );
    let frames = report.stacks.first().map(|stack| stack.frames.as_slice()).unwrap_or_default();
    let own = |frame: &&Named| frame.remark.is_none() && frame.module == report.driver && !frame.function.is_empty();
    let at_return = frames.first().is_some_and(|frame| frame.remark.is_some());
    if at_return {
        text += &format!("It was found when a function of {} returned", report.driver);
    } else if let Some(frame) = frames.iter().find(own) {
        let place = if frame.file.is_empty() { String::new() } else { format!(" ({}:{})", frame.file, frame.line) };
        text += &format!("It happened in the function {} of {}{place}", frame.function, report.driver);
    } else if !report.driver.is_empty() {
        text += &format!("The driver that did it is {}", report.driver);
    } else {
        text += "No driver could be found on the stack";
    }
    match frames.iter().find_map(|frame| frame.remark.as_ref()) {
        Some(remark) if at_return => text += &format!(", which was {remark},"),
        Some(remark) => text += &format!(", {remark},"),
        None => {}
    }
    text += &format!(" on the thread “{}” at IRQL {} ({}).", report.thread, report.irql, irql_name(report.irql));
    text += &format!(" Windows would stop with the code {:#010X}.", report.number);
    text
}

fn lock(held: &crate::context::Held) -> HeldLock {
    let kind = match held.kind {
        LockKind::Spin => "spin lock",
        LockKind::Queued => "in-stack queued spin lock",
        LockKind::Exclusive => "reader-writer spin lock, exclusive",
        LockKind::Shared => "reader-writer spin lock, shared",
    };
    HeldLock { address: held.lock as u64, kind, taken_at: describe(held.taken_at) }
}

fn drivers() -> Vec<DriverInfo> {
    let info = |image: &'static crate::kernel::Image| DriverInfo {
        name: image.name.clone(),
        path: image.path.display().to_string(),
        base: image.base as u64,
        size: image.size as u64,
        unloaded: image.is_unloaded(),
        symbols: image.pdb.is_some(),
    };
    Kernel::get().images.iter().map(info).collect()
}

fn machine() -> MachineInfo {
    let options = crate::verifier::options();
    MachineInfo {
        processors: options.cpus,
        guard_pages: options.guard_pages,
        elapsed_ms: trace::now().as_secs_f64() * 1000.0,
    }
}
