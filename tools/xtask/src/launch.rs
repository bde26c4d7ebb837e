//! Starts an optimised xtask that has the simulator inside.
//!
//! The demo measures, so it must not run in an unoptimised simulator; and the other commands must not
//! wait for the simulator to compile.

use crate::workspace::root;
use anyhow::{Context, Result};
use std::process::{Command, ExitCode};

/// Runs this very command line in the optimised xtask; returns its exit code.
pub fn optimised() -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["run", "--quiet", "--release", "--package", "xtask", "--features", "demo", "--"]);
    // The working directory changes, so paths on the command line have to become absolute.
    let here = std::env::current_dir().context("current directory")?;
    for argument in std::env::args_os().skip(1) {
        let path = here.join(&argument);
        if path.is_file() {
            command.arg(path)
        } else {
            command.arg(argument)
        };
    }
    let status = command.status().context("cargo run")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
