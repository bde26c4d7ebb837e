//! The `ntsim` command.
//!
//! Exit codes: 0 all is well; 1 an expectation of the scenario did not hold; 2 the input or the
//! command line is wrong (one line on stderr says how); 3 the simulated machine stopped with a
//! bugcheck, or a driver left something behind; 4 a round of the fault injector did not end in time.

mod inspect;
mod load;
mod routines;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::machine::Strategy;

use crate::report;
use crate::verifier::faults::{Mode, Plan};

/// Ends with code 1: an expectation did not hold.
const FAILED: u8 = 1;
/// Ends with code 2: wrong input.
const WRONG_INPUT: u8 = 2;
/// Ends with code 3: as a bugcheck does, for leaks.
const LEAKED: u8 = 3;

/// A Windows kernel in user mode: loads real drivers and checks what they do.
#[derive(Debug, Parser)]
#[command(name = "ntsim", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows what a driver image is made of: machine, flags, sections, imports.
    Inspect {
        /// The driver image.
        file: PathBuf,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Loads a driver, runs its DriverEntry, unloads it, and tells what it left behind.
    Load {
        /// The driver image.
        file: PathBuf,
        /// Hides the driver's debug output.
        #[arg(long)]
        quiet: bool,
        #[command(flatten)]
        files: FilesToWrite,
    },
    /// Plays a scenario: a machine, and what to do with it, in a TOML file.
    Run {
        /// The scenario.
        scenario: PathBuf,
        /// Shows only failures; hides the drivers' debug output too.
        #[arg(long)]
        quiet: bool,
        /// Lets this seed schedule the machine, whatever the scenario says.
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// How the seed chooses: random, pct:DEPTH, pct:DEPTH:STEPS, replay:N.N.N.
        #[arg(long, requires = "seed", value_name = "STRATEGY")]
        strategy: Option<Strategy>,
        #[command(flatten)]
        files: FilesToWrite,
        #[command(flatten)]
        faults: WhatFails,
    },
    /// Lists the kernel routines that ntsim knows, with the IRQLs at which they may be called.
    Routines {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What a run writes beside its text.
#[derive(Debug, Args)]
struct FilesToWrite {
    /// Writes a report at the end or at a bugcheck: a .json file, or a .html page; may be repeated.
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// Writes a trace of the whole run for Perfetto (ui.perfetto.dev) or chrome://tracing.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl FilesToWrite {
    /// Only before the machine boots.
    fn configure(self) -> Result<(), String> {
        if self.report.is_empty() && self.trace.is_none() {
            return Ok(());
        }
        report::configure(report::Files { reports: self.report, trace: self.trace })
    }
}

/// What the fault injector does in a run.
#[derive(Debug, Args)]
struct WhatFails {
    /// Makes routines fail: `fixpoint` (each call stack once), `nth:N`, `random:SEED:P`.
    #[arg(long, value_name = "MODE")]
    faults: Option<Mode>,
    /// Fails only calls of this driver file; may be repeated.
    #[arg(long, value_name = "NAME", requires = "faults")]
    fault_driver: Vec<String>,
    /// Fails only this routine; may be repeated.
    #[arg(long, value_name = "NAME", requires = "faults")]
    fault_routine: Vec<String>,
    /// Writes what was failed to a JSON file.
    #[arg(long, value_name = "FILE")]
    faults_json: Option<PathBuf>,
}

impl WhatFails {
    fn plan(&self) -> Option<Plan> {
        let (drivers, routines) = (self.fault_driver.clone(), self.fault_routine.clone());
        self.faults.map(|mode| Plan { drivers, routines, ..Plan::new(mode) })
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors. If the terminal is gone, nobody can be told.
            let _ = error.print();
            return if error.use_stderr() { WRONG_INPUT.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Inspect { file, json } => inspect::inspect(&file, json),
        Command::Load { file, quiet, files } => match files.configure() {
            Ok(()) => load::load(&file, quiet),
            Err(error) => refuse(&error),
        },
        Command::Run { scenario, quiet, faults, seed, strategy, files } => match files.configure() {
            Ok(()) => run::run(
                &scenario,
                quiet,
                faults.plan(),
                faults.faults_json.as_deref(),
                seed.map(|seed| (seed, strategy.unwrap_or_default())),
            ),
            Err(error) => refuse(&error),
        },
        Command::Routines { json } => routines::routines(json),
    }
}

/// Says in one line what is wrong with the input.
fn refuse(why: &dyn std::fmt::Display) -> ExitCode {
    let line = why.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
    eprintln!("ntsim: {line}");
    WRONG_INPUT.into()
}

/// Prints to stdout; a reader that went away (`ntsim routines | head`) is no error.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            print(&format!("{text}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&format!("the result cannot be written as JSON: {error}")),
    }
}
