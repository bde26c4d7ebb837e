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
    fn a_test_run_that_does_not_start_counts_as_one_failure() {
        assert_eq!(tests("absent", &mut Command::new("/nonexistent/cargo")), Tally { passed: 0, failed: 1 });
    }
}
