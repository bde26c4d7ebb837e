//! One machine under one schedule.

use anyhow::{Context, Result};
use ndktest_host::{Session, Setup};
use ntsim::machine::{Config, Decision, Schedule, Strategy};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workloads that are made for this.
pub const WORKLOADS: [&str; 6] = ["race-arm", "race-close", "race-deregister", "race-disconnect", HALTED, "race-post"];
/// The workload whose adapter the host removes meanwhile.
const HALTED: &str = "race-halt";

/// What to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The workload's name.
    pub workload: String,
    /// The seed.
    pub seed: u64,
    /// The strategy.
    pub strategy: Strategy,
    /// Folder with the images; `None` takes the debug build.
    pub images: Option<PathBuf>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What went wrong: a failed expectation in one line, or a bugcheck report.
    pub failure: Option<String>,
    /// Hash of the event log; 0 after a bugcheck.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// The choices that the strategy made.
    pub decisions: Vec<Decision>,
}

/// Runs the job in this process, and prints the line that [`spawn`] reads. With `log` the events come
/// after it.
///
/// # Errors
/// A machine that does not boot.
pub fn run(job: &Job, log: bool) -> Result<()> {
    let mut setup = Setup::tests();
    if let Some(images) = &job.images {
        setup.images.clone_from(images);
    }
    setup.config =
        Config { schedule: Schedule::Seeded { seed: job.seed, strategy: job.strategy.clone() }, ..Config::default() };
    // The races need one adapter; the ordinary workloads use a second one where there is one.
    setup.adapters.truncate(if job.workload.starts_with("race-") { 1 } else { 2 });
    let mut session = Session::boot_steadily(&setup)?;
    let course = session.course().context("a seeded machine has a course")?;
    if log {
        course.keep_log();
    }
    let mut request = session.request(&job.workload);
    request.seed = job.seed;
    course.explore(true);
    let outcome = if job.workload == HALTED {
        let running = session.beside(&request).context("a host thread")?;
        let adapter = *session.adapters().first().context("an adapter")?;
        session.machine().remove_adapter(adapter)?;
        running.join()
    } else {
        session.run(&request, None)
    };
    course.explore(false);
    let failure = match &outcome {
        Ok(outcome) if outcome.status == 0 && outcome.checks == 0 => Some("it checked nothing".to_owned()),
        Ok(outcome) if outcome.status == 0 => None,
        Ok(outcome) => {
            let failure = &outcome.failure;
            Some(format!(
                "{} ({}:{}, status {:#010x}, seen {:#x}, wanted {:#x})",
                failure.what, failure.file, failure.line, failure.status, failure.seen, failure.wanted
            ))
        }
        Err(error) => Some(error.to_string()),
    };
    if let Ok(outcome) = &outcome {
        course.note(format!("{:?} {}", outcome.counters, outcome.checks).as_bytes());
    }
    let decisions = course.decisions();
    let left: Vec<String> = if failure.is_none() {
        session.end()?.reports.iter().filter(|report| !report.is_clean()).map(ToString::to_string).collect()
    } else {
        // What failed may hold objects; closing the session would wait for them.
        std::mem::forget(session);
        Vec::new()
    };
    let failure = failure.or_else(|| (!left.is_empty()).then(|| left.join("; ")));
    println!("{}", line(&Verdict { failure, hash: course.hash(), events: course.events(), decisions }));
    if log {
        print!("{}", course.log());
    }
    Ok(())
}

fn line(verdict: &Verdict) -> String {
    let mut text = format!("verdict {:x} {} ", verdict.hash, verdict.events);
    for decision in &verdict.decisions {
        let running = decision.running.map_or(-1, i32::from);
        // Writing to a string cannot fail.
        let _ = write!(text, "{},{},{running},{};", decision.chosen, decision.among, decision.first);
    }
    let _ = write!(text, " {}", verdict.failure.as_deref().unwrap_or("").replace('\n', " "));
    text
}

fn parse(line: &str) -> Option<Verdict> {
    let mut words = line.strip_prefix("verdict ")?.splitn(4, ' ');
    let hash = u64::from_str_radix(words.next()?, 16).ok()?;
    let events = words.next()?.parse().ok()?;
    let decisions = words.next()?.split_terminator(';').map(decision).collect::<Option<_>>()?;
    let failure = words.next().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Verdict { failure, hash, events, decisions })
}

fn decision(text: &str) -> Option<Decision> {
    let mut numbers = text.split(',');
    let (chosen, among) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    let running: i32 = numbers.next()?.parse().ok()?;
    let first = numbers.next()?.parse().ok()?;
    Some(Decision { chosen, among, running: u16::try_from(running).ok(), first })
}

/// Runs the job in a child: `program` is `softndk-sweep`.
///
/// # Errors
/// A child that cannot be started.
pub fn spawn(program: &Path, job: &Job) -> Result<Verdict> {
    let mut command = Command::new(program);
    command.args(["one", &job.workload, &job.seed.to_string(), &job.strategy.to_string()]);
    if let Some(images) = &job.images {
        command.arg("--images").arg(images);
    }
    let output = command.output().context("a child")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(verdict) = text.lines().find_map(parse) {
        return Ok(verdict);
    }
    let failure = format!("it ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(Verdict { failure: Some(failure), hash: 0, events: 0, decisions: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_survives_its_line() {
        let decisions = vec![
            Decision { chosen: 1, among: 3, running: Some(0), first: 0 },
            Decision { chosen: 0, among: 2, running: None, first: 1 },
        ];
        for failure in [None, Some("it failed (x:1)".to_owned())] {
            let verdict = Verdict { failure, hash: 0xabc, events: 17, decisions: decisions.clone() };
            assert_eq!(parse(&line(&verdict)), Some(verdict));
        }
    }
}
