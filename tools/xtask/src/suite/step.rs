//! Runs one step of the suite and counts what it checked.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// How much passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests and whole steps that passed.
    pub passed: usize,
    /// Tests and whole steps that failed.
    pub failed: usize,
}

impl Tally {
    /// Adds another count to this one.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// A step that passes or fails as a whole.
pub fn whole(name: &str, step: impl FnOnce() -> Result<()>) -> Tally {
    eprintln!("== {name}");
    match step() {
        Ok(()) => Tally { passed: 1, failed: 0 },
        Err(error) => {
            eprintln!("== {name} FAILED: {error:#}");
            Tally { passed: 0, failed: 1 }
        }
    }
}

/// Runs a command to the end; anything but success is an error.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{:?}", command.get_program()))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Runs `cargo test`, passes its output on and counts the tests.
pub fn tests(name: &str, command: &mut Command) -> Tally {
    eprintln!("== {name}");
    let (mut tally, success) = match count(command) {
        Ok(result) => result,
        Err(error) => {
            eprintln!("== {name} FAILED: {error:#}");
            return Tally { passed: 0, failed: 1 };
        }
    };
    // A suite that does not compile, or a test that ends the process, reports no failed test.
    if !success && tally.failed == 0 {
        tally.failed = 1;
    }
    eprintln!("== {name}: {tally}");
    tally
}

fn count(command: &mut Command) -> Result<(Tally, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo test")?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            tally.add(summary(&line).unwrap_or_default());
        }
    }
    Ok((tally, child.wait()?.success()))
}

/// Runs a command whose last line is `N passed, N failed`, passes its output on and counts.
pub fn counted(name: &str, command: Result<Command>) -> Tally {
    eprintln!("== {name}");
    let result = command.and_then(|mut command| {
        let output =
            command.stderr(Stdio::inherit()).output().with_context(|| format!("{:?}", command.get_program()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{text}");
        let mut tally = text.lines().next_back().and_then(closing).context("no closing line")?;
        // What is wrong beside single tests.
        tally.failed += usize::from(!output.status.success() && tally.failed == 0);
        Ok(tally)
    });
    let tally = result.unwrap_or_else(|error| {
        eprintln!("== {name} FAILED: {error:#}");
        Tally { passed: 0, failed: 1 }
    });
    eprintln!("== {name}: {tally}");
    tally
}

/// Reads `3 passed, 1 failed`.
fn closing(line: &str) -> Option<Tally> {
    let (passed, failed) = line.split_once(" passed, ")?;
    Some(Tally { passed: passed.parse().ok()?, failed: failed.strip_suffix(" failed")?.parse().ok()? })
}

/// Reads `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
fn summary(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?;
    let number = |what: &str| {
        let before = counts.split(';').find(|part| part.trim_end().ends_with(what))?;
        before.split_whitespace().rev().nth(1)?.parse().ok()
    };
    Some(Tally { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_test_binary_is_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(summary(line), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(summary("test a_test ... ok"), None);
    }

    #[test]
    fn a_closing_line_is_read_and_its_absence_is_a_failure() {
        assert_eq!(closing("12 passed, 3 failed"), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(closing("12 passed"), None);
        assert_eq!(counted("silent", Ok(Command::new("true"))), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn a_test_run_that_does_not_start_counts_as_one_failure() {
        assert_eq!(tests("absent", &mut Command::new("/nonexistent/cargo")), Tally { passed: 0, failed: 1 });
    }
}
