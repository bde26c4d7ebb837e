//! `cargo xtask bugs`: shows that seeds find bugs.
//!
//! Each patch of `tests/seeds/bugs` breaks the driver in one place. A copy of the sources gets it, its
//! driver is built, and the workload that the patch names is swept until a seed fails.

use crate::bench::Bench;
use crate::workspace::root;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Strategies that have to find each bug by themselves.
const STRATEGIES: [&str; 2] = ["random", "pct:3"];

/// A deliberate bug.
struct Bug {
    name: String,
    patch: PathBuf,
    workload: String,
}

/// Builds and sweeps each bug with at most `seeds` seeds; fails if one is not found.
pub fn run(seeds: u64) -> Result<ExitCode> {
    let bench = Bench::new("bugs")?;
    let mut missed = 0;
    for bug in bugs()? {
        let images = build(&bug, &bench).with_context(|| format!("the driver with the bug {}", bug.name))?;
        for strategy in STRATEGIES {
            let found = sweep(&bug, strategy, seeds, &images)?;
            missed += usize::from(found.is_none());
            let said = found.unwrap_or_else(|| format!("not found by {seeds} seeds"));
            println!("{:28} {:18} {strategy:8} {said}", bug.name, bug.workload);
        }
    }
    println!("{missed} missed");
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bugs() -> Result<Vec<Bug>> {
    let folder = root().join("tests/seeds/bugs");
    let mut bugs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let patch = entry?.path();
        let text = fs::read_to_string(&patch)?;
        let workload = text.lines().find_map(|line| line.strip_prefix("Workload: "));
        let workload = workload.with_context(|| format!("{} names no workload", patch.display()))?.to_owned();
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        bugs.push(Bug { name, patch, workload });
    }
    bugs.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(!bugs.is_empty(), "no patches in {}", folder.display());
    Ok(bugs)
}

/// The folder with the images of the broken driver.
fn build(bug: &Bug, bench: &Bench) -> Result<PathBuf> {
    bench.refresh()?;
    // The copy is no repository of its own, and must not be taken for a part of ours.
    let mut apply = Command::new("git");
    apply.arg("apply").arg(&bug.patch).current_dir(bench.source()).env("GIT_CEILING_DIRECTORIES", bench.folder());
    let status = apply.status().context("git apply")?;
    ensure!(status.success(), "git apply: {status}");
    bench.build()
}

/// What the first failing seed says, if there is one.
fn sweep(bug: &Bug, strategy: &str, seeds: u64, images: &Path) -> Result<Option<String>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(["run", "--quiet", "--release", "--package", "softndk-sweep", "--"]);
    command.args(["--workload", &bug.workload, "--strategy", strategy, "--seeds", &seeds.to_string()]);
    let output = command.arg("--images").arg(images).output().context("softndk-sweep")?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let prefix = format!("{} seed ", bug.workload);
    let Some(found) = text.lines().find_map(|line| line.strip_prefix(&prefix)) else {
        bail!("softndk-sweep ended with {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    };
    // A bugcheck tells more lines; the second one of its report names the rule.
    let rule = text.lines().find_map(|line| line.strip_prefix("*** simulated bugcheck ")).unwrap_or_default();
    Ok(Some(format!("seed {found} {rule}")))
}
