//! `ntsim run SCENARIO.toml`

use std::path::Path;
use std::process::ExitCode;

use super::{FAILED, LEAKED, WRONG_INPUT, print, refuse};
use crate::machine::{Schedule, Strategy};
use crate::report::{self, Verdict};
use crate::scenario::Scenario;
use crate::scenario::run::{Ending, Listener};
use crate::verifier::faults::{Plan, Report};

pub(super) fn run(
    file: &Path,
    quiet: bool,
    faults: Option<Plan>,
    json: Option<&Path>,
    seed: Option<(u64, Strategy)>,
) -> ExitCode {
    let mut scenario = match Scenario::read(file) {
        Ok(scenario) => scenario,
        Err(error) => return refuse(&error),
    };
    if let Some((seed, strategy)) = seed {
        scenario.schedule = Schedule::Seeded { seed, strategy };
    }
    if scenario.schedule != Schedule::Free {
        crate::host::fix_addresses();
    }
    if faults.is_some() {
        scenario.faults = faults;
    }
    crate::dbg::set_quiet(quiet);
    if !quiet && !scenario.description.is_empty() {
        print(&format!("{}\n", scenario.description.trim()));
    }
    let tell: Listener = if quiet { Box::new(|_| {}) } else { Box::new(|line| print(&format!("  {line}\n"))) };
    let place = |line: Option<usize>| match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    };
    let code = match crate::scenario::run::run(scenario, tell) {
        Ending::Passed(summary) => {
            if let Some(report) = &summary.faults {
                print(&if quiet { format!("{}\n", report.summary()) } else { format!("{report}\n") });
            }
            let text = format!("{} steps, {} requests, nothing left behind", summary.steps, summary.requests);
            print(&format!("passed: {text}\n"));
            if let Some((events, hash)) = summary.log {
                print(&format!("{events} events, log {hash:#018x}\n"));
            }
            report::finish(Verdict::Passed(text));
            return write_report(json, summary.faults.as_ref());
        }
        Ending::Failed { line, why, .. } => {
            eprintln!("{}: failed: {why}", place(line));
            report::finish(Verdict::Failed(format!("{}: {why}", place(line))));
            FAILED
        }
        Ending::Unusable { line, why, .. } => {
            eprintln!("{}: {why}", place(line));
            report::finish(Verdict::Failed(format!("{}: {why}", place(line))));
            WRONG_INPUT
        }
        Ending::Leaked(reports) => {
            for report in &reports {
                eprintln!("{}: failed: {report}", place(None));
            }
            report::finish(Verdict::Leaks(reports));
            LEAKED
        }
    };
    // Drivers may still run on other threads: leave without waiting for them.
    end(code)
}

fn write_report(file: Option<&Path>, report: Option<&Report>) -> ExitCode {
    let (Some(file), Some(report)) = (file, report) else { return ExitCode::SUCCESS };
    let written = serde_json::to_string_pretty(report).map_err(std::io::Error::other);
    match written.and_then(|text| std::fs::write(file, text + "\n")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("{} cannot be written: {error}", file.display())),
    }
}

/// Ends the process at once; the machine is not taken down.
fn end(code: u8) -> ! {
    // SAFETY: no exit handler has to run: all output is written.
    unsafe { libc::_exit(i32::from(code)) }
}
