//! What was failed, with names.

use super::call::Frame;
use super::injection::{Fault, State};
use crate::machine::NtStatus;
use crate::symbols::{Named, name_in};
use std::fmt;

/// The outcome of an injection. `Display` gives the text, `Serialize` the JSON.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Report {
    /// The mode, as on the command line.
    pub mode: String,
    /// Rounds that were played.
    pub rounds: u64,
    /// Calls in them that could have failed.
    pub calls: u64,
    /// Calls that were failed; in a fixpoint each has another stack or failure.
    pub failed: usize,
    /// Those whose round ended as it should.
    pub survived: usize,
    /// Each of them.
    pub faults: Vec<ReportedFault>,
}

/// One call that was failed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ReportedFault {
    /// The routine.
    pub routine: &'static str,
    /// What it answered.
    pub answer: String,
    /// The driver's file name.
    pub driver: String,
    /// The driver's frames, innermost first.
    pub stack: Vec<Named>,
    /// Its round ended as it should.
    pub survived: bool,
}

impl Report {
    pub(super) fn of(state: &State) -> Self {
        let faults: Vec<ReportedFault> = state.faults.iter().map(ReportedFault::of).collect();
        Self {
            mode: state.plan.mode.to_string(),
            rounds: state.rounds,
            calls: state.calls,
            failed: faults.len(),
            survived: faults.iter().filter(|fault| fault.survived).count(),
            faults,
        }
    }

    /// The sum in one line.
    pub fn summary(&self) -> String {
        let what = if self.mode == "fixpoint" { "unique stacks" } else { "calls" };
        format!("faults: {} {what} failed, {} survived, in {} rounds", self.failed, self.survived, self.rounds)
    }
}

impl ReportedFault {
    pub(super) fn of(fault: &Fault) -> Self {
        let call = &fault.call;
        let name = |frame: &Frame| match frame {
            Frame::Code(rva) => name_in(call.image, *rva, 1),
            Frame::Called(what) => {
                vec![Named { remark: Some(format!("called by the kernel as {what}")), ..Named::default() }]
            }
        };
        Self {
            routine: call.row.name,
            answer: answer(call.row.failures.get(fault.choice).copied().unwrap_or_default()),
            driver: call.image.name.clone(),
            stack: call.frames.iter().flat_map(name).collect(),
            survived: fault.survived,
        }
    }
}

impl ReportedFault {
    /// The status that the routine answered; none for NULL.
    pub fn status(&self) -> Option<NtStatus> {
        match self.answer.as_str() {
            "NDIS_STATUS_RESOURCES" => Some(NtStatus::INSUFFICIENT_RESOURCES),
            "NDIS_STATUS_FAILURE" => Some(NtStatus::UNSUCCESSFUL),
            name => NtStatus::by_name(name),
        }
    }
}

/// The status in the source text of a failure, or NULL.
fn answer(text: &str) -> String {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let status = words.into_iter().rfind(|word| word.contains("STATUS_"));
    status.unwrap_or("NULL").to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault:#}")?;
        }
        f.write_str(&self.summary())
    }
}

/// One line; `{:#}` adds the whole stack.
impl fmt::Display for ReportedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.survived { "survived" } else { "failed" };
        write!(f, "{how}: {} answered {} to ", self.routine, self.answer)?;
        if f.alternate() {
            write!(f, "{}", self.driver)?;
            for frame in &self.stack {
                write!(f, "\n    {frame}")?;
            }
            return Ok(());
        }
        match self.stack.iter().find(|frame| frame.remark.is_none()) {
            Some(frame) => write!(f, "{frame}"),
            None => write!(f, "{}", self.driver),
        }
    }
}
