//! `cargo xtask demo`: copies a file between two adapters through the real drivers.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line of the demo.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to send; default: generated pseudo-random bytes.
    pub file: Option<PathBuf>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo; the simulator runs inside this process.
pub fn run(_arguments: &Arguments) -> Result<ExitCode> {
    bail!("the demo is not written yet")
}
