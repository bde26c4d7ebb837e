//! The conformance run: every test of the contract over every wire, each in a child that may die.
//!
//! A child runs a list of tests and says `begin ID`, then `pass ID` or `fail ID reason`. When a broken
//! rule ends it, the test that had begun has failed, and another child goes on behind it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use ndktest_api::Outcome;
use ndktest_host::{Session, Setup};

use crate::Wire;

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

/// True for the names of contract tests: `CQ-21`, not `transfer`.
#[must_use]
pub fn is_id(name: &str) -> bool {
    name.split_once('-').is_some_and(|(object, number)| {
        object.bytes().all(|byte| byte.is_ascii_uppercase()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The IDs that the consumer tests.
///
/// # Errors
/// A machine that does not boot.
pub fn ids() -> Result<Vec<String>> {
    let session = boot(Wire::Same)?;
    let names = session.workloads()?.into_iter().map(|entry| entry.name.to_string()).filter(|name| is_id(name));
    let names = names.collect();
    session.end()?;
    Ok(names)
}

fn boot(wire: Wire) -> Result<Session> {
    let mut setup = Setup::tests();
    if wire == Wire::Same {
        setup.adapters.truncate(1);
    }
    Ok(Session::boot(&setup)?)
}

/// What a child does: the tests of `ids` over `wire`.
///
/// # Errors
/// A machine that does not boot, or that is left with something behind.
pub fn child(wire: Wire, ids: &[String]) -> Result<()> {
    let session = boot(wire)?;
    for id in ids {
        println!("begin {id}");
        match session.run(&session.request(id), None) {
            Ok(outcome) if outcome.status == 0 && outcome.checks == 0 => println!("fail {id} it checked nothing"),
            Ok(outcome) if outcome.status == 0 => println!("pass {id}"),
            Ok(outcome) => println!("fail {id} {}", reason(&outcome)),
            Err(error) => println!("fail {id} {error}"),
        }
    }
    println!("begin shutdown");
    for report in session.end()?.reports {
        if !report.is_clean() {
            bail!("{report}");
        }
    }
    Ok(())
}

/// One line on why a test failed.
fn reason(outcome: &Outcome) -> String {
    let failure = &outcome.failure;
    format!(
        "{} ({}:{}, status {:#010x}, seen {:#x}, wanted {:#x}, {} checks before)",
        failure.what, failure.file, failure.line, failure.status, failure.seen, failure.wanted, outcome.checks
    )
}

/// Runs `ids` over `wire` in as many children as it takes.
///
/// # Errors
/// A child that cannot be started.
pub fn run(wire: Wire, ids: &[String]) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    let mut left = ids;
    while !left.is_empty() {
        let (ended, died) = one_child(wire, left)?;
        let finished = ended.len();
        verdicts.extend(ended);
        left = left.get(finished..).unwrap_or(&[]);
        if let Some(report) = died {
            // The shutdown after the last test counts for that test.
            let id = left.first().or(ids.last()).cloned().unwrap_or_default();
            verdicts.push(Verdict { id, wire, failure: Some(report) });
            left = left.get(1..).unwrap_or(&[]);
        }
    }
    Ok(verdicts)
}

fn one_child(wire: Wire, ids: &[String]) -> Result<(Vec<Verdict>, Option<String>)> {
    let program = std::env::current_exe().context("the runner's own path")?;
    let mut child = Command::new(program)
        .args(["child", wire.name()])
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
            _ => {}
        }
    }
    let status = child.wait().context("the child's end")?;
    let report = report.join().unwrap_or_default();
    let died = (!status.success()).then(|| format!("the machine ended with {status}\n{report}"));
    Ok((ended, died))
}
