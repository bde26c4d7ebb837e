//! Runs to a fixpoint of failed allocations: whatever is done is done again until no new call stack fails.

use crate::{Error, Session};
use ndktest_api::{Outcome, Request};
use ntsim::machine::{MachineError, NtStatus};
use ntsim::verifier::faults::{Injection, ReportedFault};
use std::path::Path;

/// How long a workload waits for one event, in milliseconds.
const PATIENCE: u32 = 5000;

/// Rounds that no fixpoint of one workload needs.
const MOST: usize = 2000;

/// How a round ended that did not succeed.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The status that it ended with, where there is one.
    pub status: Option<NtStatus>,
    /// What happened, in one line.
    pub text: String,
}

impl From<MachineError> for Trouble {
    fn from(error: MachineError) -> Self {
        Self { status: error.status(), text: error.to_string() }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Machine(error) => error.status(),
            Error::Refused { status, .. } => Some(*status),
            Error::Unsettled(failure) => Some(NtStatus::from_raw(failure.status)),
            Error::NoImage { .. } | Error::Answer { .. } | Error::Ended { .. } | Error::Stuck { .. } => None,
        };
        Self { status, text: error.to_string() }
    }
}

/// Plays rounds until one of them shows no new stack. A round in which something failed may end with a status
/// that says so; one in which nothing failed has to succeed.
///
/// # Errors
/// What a round did that no fault excuses, with the faults.
pub fn to_fixpoint(injection: &Injection, mut round: impl FnMut() -> Result<(), Trouble>) -> Result<(), String> {
    for _ in 0..MOST {
        let (result, failed) = injection.round(&mut round);
        match result {
            Ok(()) => {}
            Err(Trouble { status: Some(status), .. }) if excused(injection, status) => {}
            Err(trouble) => {
                let faults: Vec<String> = injection.last_round().iter().map(|fault| format!("{fault:#}")).collect();
                return Err(format!("{} after\n{}", trouble.text, faults.join("\n")));
            }
        }
        injection.survived();
        if failed == 0 {
            return Ok(());
        }
    }
    Err(format!("no fixpoint within {MOST} rounds"))
}

/// A provider that cannot make a connector refuses the peer and makes no event (LSN-14): the connect is refused,
/// and a wait for the event ends by the test's own patience.
fn excused(injection: &Injection, status: NtStatus) -> bool {
    let arriving = |fault: &ReportedFault| fault.stack.iter().any(|frame| frame.function.contains("request::arrive"));
    injection.excuses(status)
        || ([NtStatus::CONNECTION_REFUSED, NtStatus::IO_TIMEOUT].contains(&status)
            && injection.last_round().iter().any(arriving))
}

/// One workload as a round.
///
/// # Errors
/// How it failed.
pub fn workload(session: &Session, request: &Request, file: Option<&Path>) -> Result<(), Trouble> {
    let request = Request { patience: PATIENCE, ..*request };
    let outcome = session.run(&request, file)?;
    if outcome.status != 0 {
        return Err(Trouble { status: Some(NtStatus::from_raw(outcome.status)), text: reason(&outcome) });
    }
    if outcome.checks == 0 {
        return Err(Trouble { status: None, text: "it checked nothing".to_owned() });
    }
    Ok(())
}

/// One line on why a workload failed.
#[must_use]
pub fn reason(outcome: &Outcome) -> String {
    let failure = &outcome.failure;
    format!(
        "{} ({}:{}, status {:#010x}, seen {:#x}, wanted {:#x}, {} checks before)",
        failure.what, failure.file, failure.line, failure.status, failure.seen, failure.wanted, outcome.checks
    )
}
