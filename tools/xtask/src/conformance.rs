//! `cargo xtask conformance`: the contract's tests against the real images, by requirement ID.
//!
//! Builds the images, then hands over to `softndk-runner`, which boots them in the simulator. The runner is
//! optimised: it is the simulator that takes the time, not the drivers.

use crate::build::{self, Profile, sys_folder};
use crate::image::Detail;
use crate::workspace::{metadata, root};
use anyhow::{Context, Result};
use std::process::{Command, ExitCode};

/// Which tests to run, and how to print what they said.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only the test of this requirement, such as CQ-21; may be repeated.
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
    /// Only the tests of an object (adapter, cq, pd, mr, mw, srq, qp, endpoint, connector, listener) or of a
    /// section of the contract (LIFE, FLAG, ...).
    #[arg(long, value_name = "NAME")]
    pub object: Option<String>,
    /// Only over this wire: same, two or ndis.
    #[arg(long)]
    pub wire: Option<String>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Test the optimised images; the default has debug assertions and overflow checks.
    #[arg(long)]
    pub release: bool,
    /// Write tests/contract/coverage.md instead of running tests.
    #[arg(long, conflicts_with_all = ["id", "object", "wire", "json", "release"])]
    pub coverage: bool,
}

/// Runs the tests; the exit code is the runner's.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let status = prepare(arguments)?.status().context("cargo run")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Builds what is needed; the command runs the tests.
pub fn prepare(arguments: &Arguments) -> Result<Command> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(["run", "--quiet", "--release", "--package", "softndk-runner", "--"]);
    if arguments.coverage {
        command.arg("--coverage");
        return Ok(command);
    }
    let profile = if arguments.release { Profile::Release } else { Profile::Debug };
    let packages = ["softndk", "ndktest"].map(str::to_owned).to_vec();
    let options = build::Options { profile, packages, detail: Detail::Quiet, deny_warnings: false, install: true };
    build::drivers(&options)?;
    command.env("NTSIM_SYS_DIR", sys_folder(metadata()?.target_directory.as_std_path(), profile));
    for id in &arguments.id {
        command.args(["--id", id]);
    }
    for (flag, value) in [("--object", &arguments.object), ("--wire", &arguments.wire)] {
        command.args(value.iter().flat_map(|value| [flag, value]));
    }
    if arguments.json {
        command.arg("--json");
    }
    Ok(command)
}
