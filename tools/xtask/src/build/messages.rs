//! Runs cargo and passes its messages on, without one that is wrong here.

use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{Command, Stdio};

/// Runs the command; true when it succeeded.
pub fn run(command: &mut Command) -> std::io::Result<bool> {
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    if let Some(stderr) = child.stderr.take() {
        let mut inside = false;
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            inside = unused_patch(&line) || (inside && continues(&line));
            if !inside {
                eprintln!("{line}");
            }
        }
    }
    Ok(child.wait()?.success())
}

/// Cargo resolves the standard library's own workspace as well, which of course has no use for the
/// stand-ins, and says so.
fn unused_patch(line: &str) -> bool {
    line.contains("patch `wdk-") && line.contains("was not used in the crate graph")
}

/// The help text under that warning.
fn continues(line: &str) -> bool {
    line.starts_with("      ") || line.contains("Check that the patched package version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_warning_is_held_back() {
        assert!(unused_patch("warning: patch `wdk-sys v0.5.2 (/x)` was not used in the crate graph"));
        assert!(!unused_patch("warning: unused variable"));
        assert!(continues("      with the dependency requirements."));
        assert!(!continues("   Compiling core v0.0.0"));
    }
}
