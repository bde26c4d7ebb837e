//! Reports for people and for tools: a document in JSON, or as a page that explains itself.
//!
//! [`configure`] says where they go. A bugcheck writes them before the process ends; the end of a
//! run writes them through [`finish`]. A trace of the whole run ([`crate::trace::chrome`]) goes the
//! same way.

mod advice;
mod document;
mod html;
mod source;
mod svg;

pub use document::{Document, DriverInfo, HeldLock, MachineInfo, Outcome, Verdict};

use crate::bugcheck::Report;
use crate::context::Context;
use crate::trace;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};

/// Where reports and the trace go.
#[derive(Debug, Default, Clone)]
pub struct Files {
    /// Files that end in `.json` or `.html`.
    pub reports: Vec<PathBuf>,
    /// A trace in the Chrome format.
    pub trace: Option<PathBuf>,
}

static FILES: Mutex<Files> = Mutex::new(Files { reports: Vec::new(), trace: None });

/// Says where reports and the trace go, and begins to record what they show. Call it before the
/// machine boots.
///
/// # Errors
/// A report's name ends neither in `.json` nor in `.html`.
pub fn configure(files: Files) -> Result<(), String> {
    if let Some(path) = files.reports.iter().find(|path| Format::of(path).is_none()) {
        return Err(format!("{}: a report is a .json or a .html file", path.display()));
    }
    if files.trace.is_some() {
        trace::start(trace::FOR_TRACES);
    } else if !files.reports.is_empty() {
        trace::start(trace::FOR_REPORTS);
    }
    *FILES.lock() = files;
    Ok(())
}

/// `NTSIM_REPORT` and `NTSIM_TRACE`: for tests that run machines in child processes. `%p` stands for
/// the process's ID.
pub(crate) fn configure_from_environment() {
    let file = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value.replace("%p", &std::process::id().to_string())))
    };
    let files = Files { reports: file("NTSIM_REPORT").into_iter().collect(), trace: file("NTSIM_TRACE") };
    if files.reports.is_empty() && files.trace.is_none() || !FILES.lock().reports.is_empty() {
        return;
    }
    if let Err(error) = configure(files) {
        eprintln!("ntsim: {error}");
    }
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Html,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

/// The machine has stopped in `context`'s thread.
pub(crate) fn at_bugcheck(report: &Report, context: &Context) {
    if trace::has_recorded() {
        // SAFETY: thread objects are leaked boxes.
        let thread = unsafe { context.thread.get().as_ref() };
        write(|| Document::new(Verdict::Bugcheck { report, context, thread }));
    }
}

/// A run has ended in order.
pub fn finish(outcome: Verdict<'_>) {
    if trace::has_recorded() {
        trace::stop();
        write(|| Document::new(outcome));
    }
}

fn write(document: impl FnOnce() -> Document) {
    // Each file once: a bugcheck while a report is written does not begin again.
    let files = std::mem::take(&mut *FILES.lock());
    if let Some(path) = &files.trace {
        tell(path, trace::chrome::write(path));
    }
    if files.reports.is_empty() {
        return;
    }
    let document = document();
    for path in &files.reports {
        let text = match Format::of(path) {
            Some(Format::Html) => html::page(&document),
            _ => serde_json::to_string_pretty(&document).unwrap_or_default() + "\n",
        };
        tell(path, std::fs::write(path, text));
    }
}

fn tell(path: &Path, result: std::io::Result<()>) {
    match result {
        Ok(()) => eprintln!("written: {}", path.display()),
        Err(error) => eprintln!("ntsim: {} cannot be written: {error}", path.display()),
    }
}
