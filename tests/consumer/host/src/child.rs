//! Tests that need a process of their own.
//!
//! A process has one machine, and a machine that finds a violation ends its process. A test therefore
//! starts its own binary again, with itself as the only test, and looks at how that went.

use std::process::{Command, Output};

const MARK: &str = "NDKTEST_CHILD";

/// Runs the body of a test in a child process and returns what the child said. `name` is the path of the
/// calling test. In the child this function does not return.
///
/// # Panics
/// If the child cannot be started.
pub fn run(name: &str, body: impl FnOnce()) -> Output {
    if std::env::var_os(MARK).is_some() {
        body();
        std::process::exit(0);
    }
    let binary = std::env::current_exe().expect("a test has a binary");
    let child = Command::new(binary).args([name, "--exact", "--nocapture"]).env(MARK, "1").output();
    child.expect("the test's own binary can be started")
}

/// As [`run`], and expects that the body came to its end.
///
/// # Panics
/// If the child failed; the message has all that it said.
pub fn passes(name: &str, body: impl FnOnce()) {
    let output = run(name, body);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}: {}\n{}{}", output.status, said(&output.stdout), said(&output.stderr));
}
