//! The conformance run: every test of the contract over every wire, each in a child that may die.
//!
//! A child runs a list of tests and says `begin ID`, then `pass ID` or `fail ID reason`. When a broken
//! rule ends it, the test that had begun has failed, and another child goes on behind it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use ndktest_host::Session;
pub(crate) use ndktest_host::faults::reason;

use crate::coverage::is_id;
use crate::host::Checks;
use crate::machine::{Kind, together};
use crate::{Wire, ndis};

/// How one test over one wire ended.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Requirement ID.
    pub id: String,
    /// The wire.
    pub wire: Wire,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// A test of the contract.
#[derive(Debug, Clone)]
pub struct Test {
    /// Requirement ID.
    pub id: String,
    /// One line for people.
    pub what: String,
    /// The source file below `tests/contract`, such as `cq_arm.rs` or `ndis/state.rs`.
    pub file: String,
    /// Where it is run.
    pub wires: &'static [Wire],
}

/// All tests: those of the consumer, then those of NDIS. An ID that both see is there twice.
///
/// # Errors
/// A machine that does not boot.
pub fn tests() -> Result<Vec<Test>> {
    let session = Session::boot(&Kind::Ordinary.setup(Wire::Same))?;
    let of_consumer = session.workloads()?.into_iter().filter(|entry| is_id(entry.name.as_str())).map(|entry| Test {
        id: entry.name.to_string(),
        what: entry.description.to_string(),
        file: below_contract(entry.file.as_str()),
        wires: &Wire::CONSUMER,
    });
    let of_ndis = ndis::tests().map(|test| Test {
        id: test.id.to_owned(),
        what: test.what.to_owned(),
        file: below_contract(test.file),
        wires: &Wire::HOST,
    });
    let tests = of_consumer.chain(of_ndis).collect();
    session.end()?;
    Ok(tests)
}

/// A path as the compiler knows it, from the folder of the contract's tests on.
fn below_contract(path: &str) -> String {
    path.rsplit_once("contract/").map_or(path, |(_, file)| file).trim_start_matches("runner/src/../../").to_owned()
}

/// What a child does: the tests of `ids`, which can share a machine, over `wire`.
///
/// # Errors
/// A machine that does not boot, or that is left with something behind.
pub fn child(wire: Wire, ids: &[String]) -> Result<()> {
    if wire == Wire::Ndis {
        return host_child(ids);
    }
    let kind = ids.first().map_or(Kind::Ordinary, |id| Kind::of(id));
    let session = Session::boot(&kind.setup(wire))?;
    for id in ids {
        println!("begin {id}");
        match session.run(&session.request(id), None) {
            Ok(outcome) if outcome.status == 0 && outcome.checks == 0 => println!("fail {id} it checked nothing"),
            Ok(outcome) if outcome.status == 0 => println!("pass {id}"),
            Ok(outcome) => println!("fail {id} {}", reason(&outcome)),
            Err(error) => println!("fail {id} {error}"),
        }
    }
    shutdown(session)
}

/// Unloads everything; what was left behind is an error, and counts for the last test.
pub(crate) fn shutdown(session: Session) -> Result<()> {
    println!("begin shutdown");
    for report in session.end()?.reports {
        if !report.is_clean() {
            bail!("{report}");
        }
    }
    Ok(())
}

/// The same for tests that boot machines of their own.
fn host_child(ids: &[String]) -> Result<()> {
    for id in ids {
        println!("begin {id}");
        let test = ndis::tests().find(|test| test.id == *id).with_context(|| format!("no test {id}"))?;
        let checks = Checks::default();
        match (test.run)(&checks) {
            Ok(()) if checks.count() == 0 => println!("fail {id} it checked nothing"),
            Ok(()) => println!("pass {id}"),
            // One line, whatever the error says.
            Err(error) => println!("fail {id} {}", format!("{error:#}").replace('\n', " ")),
        }
    }
    Ok(())
}

/// Runs `ids` over `wire` in as many children as it takes.
///
/// # Errors
/// A child that cannot be started.
pub fn run(wire: Wire, ids: &[String]) -> Result<Vec<Verdict>> {
    run_as("child", wire, ids, &mut |_| {})
}

/// As [`run`], with children of a certain kind; `other` gets what they say beside verdicts.
pub(crate) fn run_as(kind: &str, wire: Wire, ids: &[String], other: &mut dyn FnMut(&str)) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for (_, group) in together(ids) {
        verdicts.extend(run_group(kind, wire, &group, other)?);
    }
    Ok(verdicts)
}

fn run_group(kind: &str, wire: Wire, ids: &[String], other: &mut dyn FnMut(&str)) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    let mut left = ids;
    // Tests that boot their own machines choose its options, which hold for a whole process.
    let most = if wire == Wire::Ndis { 1 } else { usize::MAX };
    while !left.is_empty() {
        let now = left.get(..most).unwrap_or(left);
        let (ended, died) = one_child(kind, wire, now, other)?;
        let mut done = ended.len();
        verdicts.extend(ended);
        if let Some(report) = died {
            // The shutdown after the last test counts for that test.
            let id = now.get(done).or(now.last()).cloned().unwrap_or_default();
            verdicts.push(Verdict { id, wire, failure: Some(report) });
            done += 1;
        }
        left = left.get(done.min(now.len())..).unwrap_or(&[]);
    }
    Ok(verdicts)
}

fn one_child(
    kind: &str,
    wire: Wire,
    ids: &[String],
    other: &mut dyn FnMut(&str),
) -> Result<(Vec<Verdict>, Option<String>)> {
    let program = std::env::current_exe().context("the runner's own path")?;
    let mut child = Command::new(program)
        .args([kind, wire.name()])
        .args(ids)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("a child runner")?;
    let errors = child.stderr.take().context("the child's errors")?;
    let report = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let mut ended = Vec::new();
    let output = child.stdout.take().context("the child's output")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("the child's output")?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "pass" => ended.push(Verdict { id: rest.to_owned(), wire, failure: None }),
            "fail" => {
                let (id, why) = rest.split_once(' ').unwrap_or((rest, ""));
                ended.push(Verdict { id: id.to_owned(), wire, failure: Some(why.to_owned()) });
            }
            _ => other(&line),
        }
    }
    let status = child.wait().context("the child's end")?;
    let report = report.join().unwrap_or_default();
    let died = (!status.success()).then(|| format!("the machine ended with {status}\n{report}"));
    Ok((ended, died))
}
