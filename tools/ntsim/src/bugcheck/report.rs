//! The report of a violation.

use super::Violation;
use crate::context::Context;
use crate::kernel::Kernel;
use crate::symbols::{Named, Stack};
use std::fmt;

/// All that is said about a violation. `Display` gives the text, `Serialize` the JSON.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// The bugcheck number.
    pub number: u32,
    /// The rule's stable name.
    pub name: &'static str,
    /// What the rule is.
    pub meaning: &'static str,
    /// The four parameters.
    pub params: [u64; 4],
    /// What was done wrong.
    pub text: String,
    /// The guilty driver's file name; empty if none is known.
    pub driver: String,
    /// The thread's name and ID.
    pub thread: String,
    /// The IRQL at the violation.
    pub irql: u8,
    /// Further lines.
    pub notes: Vec<String>,
    /// The stack, then related ones.
    pub stacks: Vec<ReportStack>,
}

/// A stack of a report.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ReportStack {
    /// What it shows.
    pub title: String,
    /// Innermost first.
    pub frames: Vec<Named>,
}

impl Report {
    /// Gathers the report for the thread of `context`.
    pub(crate) fn new(violation: Violation, context: &Context, stack: &Stack) -> Self {
        let images = &Kernel::get().images;
        let guilty = violation
            .guilty
            .and_then(|address| images.containing(address))
            .or_else(|| images.owner_of_stack(stack).and_then(|id| images.get(id)));
        // SAFETY: thread objects are leaked boxes.
        let thread = unsafe { context.thread.get().as_ref() };
        let mut stacks = vec![ReportStack { title: "stack".into(), frames: stack.named() }];
        for (title, stack) in violation.related {
            stacks.push(ReportStack { title, frames: stack.named() });
        }
        for fault in crate::verifier::faults::failed_in_round() {
            stacks.push(ReportStack {
                title: format!("fault injector: {} answered {} to", fault.routine, fault.answer),
                frames: fault.stack,
            });
        }
        Self {
            number: violation.code.number,
            name: violation.code.name,
            meaning: violation.code.meaning.trim(),
            params: violation.params,
            text: violation.text,
            driver: guilty.map_or_else(String::new, |image| image.name.clone()),
            thread: thread.map_or_else(
                || "outside the kernel".to_owned(),
                |thread| format!("{} ({})", thread.name(), thread.id()),
            ),
            irql: context.irql.get(),
            notes: violation.notes.into_iter().chain(crate::sched::notes()).collect(),
            stacks,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.params;
        writeln!(f, "*** simulated bugcheck {:#010X} {} ({a:#x}, {b:#x}, {c:#x}, {d:#x})", self.number, self.name)?;
        if !self.driver.is_empty() {
            writeln!(f, "    driver: {}", self.driver)?;
        }
        writeln!(f, "    {}", self.text)?;
        writeln!(f, "    rule: {}", self.meaning)?;
        writeln!(f, "    thread: {}, IRQL {}", self.thread, self.irql)?;
        for note in &self.notes {
            writeln!(f, "    {note}")?;
        }
        for stack in &self.stacks {
            writeln!(f, "    {}:", stack.title)?;
            let mut number = 0;
            for frame in &stack.frames {
                if frame.remark.is_some() {
                    writeln!(f, "        {frame}")?;
                } else {
                    writeln!(f, "      #{number} {frame}")?;
                    number += 1;
                }
            }
        }
        Ok(())
    }
}
