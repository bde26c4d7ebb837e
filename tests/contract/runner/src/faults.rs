//! The conformance run to a fixpoint of faults: each test again and again, while every call stack of the
//! provider that can fail does fail once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use ndktest_host::Session;
use ndktest_host::faults::{to_fixpoint, workload};
use ntsim::verifier::faults::{Injection, Plan};

use crate::Wire;
use crate::conformance::{Verdict, run_as, shutdown};
use crate::machine::Kind;

/// The word that makes this program a child of this kind.
pub const CHILD: &str = "child-with-faults";

/// Longer than any test takes, those that make objects up to a limit included.
const LIMIT: Duration = Duration::from_secs(600);

/// The stacks that were failed, over all children, and whether each was survived.
#[derive(Debug, Default)]
pub struct Seen(BTreeMap<String, bool>);

impl Seen {
    fn hear(&mut self, line: &str) {
        let Some((word, stack)) = line.split_once(' ') else { return };
        if word == "survived" || word == "failed" {
            *self.0.entry(stack.to_owned()).or_insert(true) &= word == "survived";
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survived = self.0.values().filter(|survived| **survived).count();
        write!(f, "faults: {} unique stacks failed, {survived} survived", self.0.len())
    }
}

/// What a child does: the tests of `ids` over `wire`, each to its fixpoint.
///
/// # Errors
/// A machine that does not boot, or that is left with something behind.
pub fn child(wire: Wire, ids: &[String]) -> Result<()> {
    let kind = ids.first().map_or(Kind::Ordinary, |id| Kind::of(id));
    let session = Session::boot(&kind.setup(wire))?;
    let injection = Injection::arm(Plan::fixpoint().driver("softndk").limit(LIMIT));
    for id in ids {
        println!("begin {id}");
        match to_fixpoint(&injection, || workload(&session, &session.request(id), None)) {
            Ok(()) => println!("pass {id}"),
            Err(why) => println!("fail {id} {}", why.replace('\n', " ")),
        }
    }
    for fault in injection.report().faults {
        let stack: Vec<String> = fault.stack.iter().map(ToString::to_string).collect();
        let word = if fault.survived { "survived" } else { "failed" };
        println!("{word} {} {} {}", fault.routine, fault.answer, stack.join(" < "));
    }
    shutdown(session)
}

/// Runs `ids` over `wire` in as many children as it takes.
///
/// # Errors
/// A child that cannot be started.
pub fn run(wire: Wire, ids: &[String], seen: &mut Seen) -> Result<Vec<Verdict>> {
    run_as(CHILD, wire, ids, &mut |line| seen.hear(line))
}
