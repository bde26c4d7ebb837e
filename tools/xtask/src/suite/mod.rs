//! `cargo xtask test`: everything that can be checked on this host, summed up in one line.
//!
//! ```text
//! format, lints -> drivers (debug, release) -> host tests, with the images -> conformance -> seeds
//!     -> model checking -> demo
//! ```
//! A step that fails does not stop the others, so that one run shows all that is wrong.

mod needs;
mod step;

use crate::build::{self, Profile, sys_folder};
use crate::conformance;
use crate::image::Detail;
use crate::workspace::{metadata, root};
use anyhow::Result;
use std::path::Path;
use std::process::{Command, ExitCode};
use step::{Tally, counted, tests, whole};

/// Runs the suite; fails when anything in it failed.
pub fn run(thorough: bool) -> Result<ExitCode> {
    needs::install()?;
    let target = metadata()?.target_directory.into_std_path_buf();
    let mut tally = Tally::default();
    tally.add(whole("format", || step::succeed(cargo().args(["fmt", "--all", "--check"]))));
    for package in ["wdk-sys", "wdk-build"] {
        let manifest = format!("tools/cross/{package}/Cargo.toml");
        let format = || step::succeed(cargo().args(["fmt", "--check", "--manifest-path", &manifest]));
        tally.add(whole(&format!("format {package}"), format));
    }
    tally.add(whole("lints", || step::succeed(cargo().args(["clippy", "--all-targets", "--", "--deny", "warnings"]))));
    tally.add(whole("lints of the drivers", lint_drivers));
    tally.add(whole("drivers, debug", || drivers(Profile::Debug)));
    tally.add(whole("drivers, release", || drivers(Profile::Release)));
    tally.add(host_tests(&target, thorough));
    if thorough {
        let release = sys_folder(&target, Profile::Release);
        tally.add(tests(
            "simulator, release images",
            cargo().args(TEST).args(["--package", "ntsim"]).env(IMAGES, release),
        ));
    }
    tally.add(counted("conformance", conformance::prepare(&conformance::Arguments::default())));
    if thorough {
        let release = conformance::Arguments { release: true, ..Default::default() };
        tally.add(counted("conformance, release images", conformance::prepare(&release)));
        tally.add(whole("mutants", || step::succeed(cargo().args(["xtask", "mutants"]))));
    }
    tally.add(whole("seeds", || step::succeed(&mut sweep(&target, thorough))));
    if thorough {
        let runner = ["run", "--package", "softndk-runner", "--", "--faults"];
        let images = sys_folder(&target, Profile::Debug);
        tally.add(whole("contract with faults", || step::succeed(cargo().args(runner).env(IMAGES, images))));
    }
    tally.add(tests("model checking", &mut model(&target, thorough)));
    tally.add(whole("demo", || demo(&target, thorough)));
    println!("{tally}");
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const TEST: [&str; 2] = ["test", "--no-fail-fast"];
/// Where tests find the driver images.
const IMAGES: &str = "NTSIM_SYS_DIR";
/// Tells tests that there is no driver in C, because there is no clang.
const WITHOUT_C: &str = "NTSIM_WITHOUT_C_DRIVER";

/// The cargo that runs this, at the root of the workspace.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn host_tests(target: &Path, thorough: bool) -> Tally {
    let mut command = cargo();
    command.args(TEST).env(IMAGES, sys_folder(target, Profile::Debug));
    if build::c::clang().is_none() {
        command.env(WITHOUT_C, "1");
    }
    if thorough {
        command.env("PROPTEST_CASES", "4096");
    }
    tests("host tests", &mut command)
}

fn model(target: &Path, thorough: bool) -> Command {
    let mut command = cargo();
    // Loom replaces the atomics of every crate, so its build must not mix with the ordinary one.
    command.args(TEST).args(["--release", "--package", "softndk-model"]).arg("--target-dir").arg(target.join("loom"));
    command.env("RUSTFLAGS", "--cfg loom");
    command.env("LOOM_MAX_PREEMPTIONS", if thorough { "4" } else { "2" });
    command
}

/// The races of the consumer under seeded schedules; seeds for each of the six.
fn sweep(target: &Path, thorough: bool) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--package", "softndk-sweep", "--", "--jobs", "2", "--seeds"]);
    command.arg(if thorough { "1700" } else { "50" }).env(IMAGES, sys_folder(target, Profile::Debug));
    command
}

fn drivers(profile: Profile) -> Result<()> {
    let options =
        build::Options { profile, packages: Vec::new(), detail: Detail::Summary, deny_warnings: true, install: true };
    build::drivers(&options).map(drop)
}

/// Clippy for the packages that only the drivers' toolchain builds.
pub fn lint_drivers() -> Result<()> {
    if !build::clippy()? {
        anyhow::bail!("the toolchain of the drivers has no clippy (Debian: rust-web-clippy, rustup: component clippy)");
    }
    Ok(())
}

fn demo(target: &Path, thorough: bool) -> Result<()> {
    let file = target.join("demo-input.bin");
    let mebibytes = if thorough { 256 } else { 8 };
    // Not a multiple of the transfer size; no two pieces are alike.
    let bytes: Vec<u8> =
        (0..mebibytes << 18).flat_map(|word: u32| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(&file, bytes.get(..bytes.len() - 777).unwrap_or_default())?;
    step::succeed(cargo().args(["xtask", "demo"]).arg(&file))
}
