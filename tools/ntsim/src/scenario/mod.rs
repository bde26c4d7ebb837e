//! Scenarios: a machine, and what to do with it, in a TOML file.
//!
//! `docs/ntsim.md` describes the format for users. [`Scenario::read`] checks everything that can
//! be checked without booting (names, statuses, hex, addresses, files); its errors name the line
//! and the column. [`run::run`] boots the machine and goes through the steps.

pub mod hex;
mod parse;
mod raw;
pub mod run;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::machine::{AdapterConfig, NtStatus, Schedule};
use crate::registry::Value;
use crate::verifier::faults::Plan;
use hex::Pattern;

/// A checked scenario.
#[derive(Debug)]
pub struct Scenario {
    /// The file that it came from.
    pub file: PathBuf,
    /// What it shows, in one sentence.
    pub description: String,
    /// How long the whole run may take.
    pub time_limit: Duration,
    /// How many virtual processors the machine has; `None` takes the machine's default.
    pub processors: Option<u32>,
    /// Who chooses which kernel thread runs.
    pub schedule: Schedule,
    /// What shall fail; the scenario is played once for each failure of a fixpoint.
    pub faults: Option<Plan>,
    /// The drivers, in load order.
    pub drivers: Vec<Driver>,
    /// The adapters, in start order.
    pub adapters: Vec<Adapter>,
    /// What to do once the drivers are loaded and the adapters are started.
    pub steps: Vec<Step>,
}

/// A driver of a scenario.
#[derive(Debug)]
pub struct Driver {
    /// How adapters and steps call it; the service's name.
    pub name: String,
    /// The image.
    pub path: PathBuf,
    /// Registry values under the service key: the path relative to it, with the value's name last.
    pub registry: Vec<(String, Value)>,
    /// Whether the scenario loads it in a step of its own instead of at the start.
    pub manual: bool,
}

/// An adapter of a scenario.
#[derive(Debug)]
pub struct Adapter {
    /// The driver's name.
    pub driver: String,
    /// What it is made of.
    pub config: AdapterConfig,
    /// Whether the scenario adds it in a step of its own instead of at the start.
    pub manual: bool,
}

/// One step, with its line for reports.
#[derive(Debug)]
pub struct Step {
    /// The line where the step starts.
    pub line: usize,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// Sends a device control request.
    Ioctl(Box<Ioctl>),
    /// Loads a driver that is marked manual, or one that was unloaded.
    Load(String),
    /// Unloads a driver and expects nothing left behind.
    Unload(String),
    /// Starts an adapter that is marked manual, or one that was removed.
    Add(String),
    /// Removes an adapter: pause, then halt.
    Remove(String),
    /// Pulls an adapter out: surprise removal, then halt.
    SurpriseRemove(String),
    /// Lets the machine run for a time.
    Sleep(Duration),
}

/// A device control request with what it must give.
#[derive(Debug)]
pub struct Ioctl {
    /// The device, `\Device\NdkTest`, or its link, `\\.\NdkTest`.
    pub device: String,
    /// The control code.
    pub code: u32,
    /// The input buffer.
    pub input: Vec<u8>,
    /// The length of the output buffer.
    pub output_length: usize,
    /// The status that must come back.
    pub expect_status: NtStatus,
    /// What the output must be.
    pub expect_output: Option<Pattern>,
    /// A file to write the output to.
    pub save: Option<PathBuf>,
    /// How long one request may take.
    pub time_limit: Option<Duration>,
    /// How many host threads send it at the same time.
    pub threads: usize,
    /// How often each thread sends it.
    pub repeat: usize,
}

/// A mistake in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The scenario file.
    pub file: PathBuf,
    /// Line and column, from 1; `None` when the file could not be read at all.
    pub position: Option<(usize, usize)>,
    /// What is wrong, in one line.
    pub message: String,
}

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn read(file: &Path) -> Result<Scenario, ScenarioError> {
        let text = std::fs::read_to_string(file).map_err(|error| ScenarioError {
            file: file.to_owned(),
            position: None,
            message: format!("cannot be read: {error}"),
        })?;
        Scenario::parse(file, &text)
    }

    /// Checks a scenario's text; `file` names it in errors and is where relative paths start.
    pub fn parse(file: &Path, text: &str) -> Result<Scenario, ScenarioError> {
        parse::parse(file, text)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ScenarioError {}
