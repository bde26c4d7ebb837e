//! `cargo xtask bugs`: shows that seeds find bugs.
//!
//! Each patch of `tests/seeds/bugs` breaks the driver in one place. A copy of the sources gets it, its
//! driver is built, and the workload that the patch names is swept until a seed fails.

use crate::build::{Profile, sys_folder};
use crate::workspace::{ROOT, metadata, root};
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
    let target = metadata()?.target_directory.into_std_path_buf();
    let folder = target.join("bugs");
    let mut missed = 0;
    for bug in bugs()? {
        let images = build(&bug, &folder).with_context(|| format!("the driver with the bug {}", bug.name))?;
        let consumer = "ndktest.sys";
        fs::copy(sys_folder(&target, Profile::Debug).join(consumer), images.join(consumer))
            .context("ndktest.sys: run `cargo xtask build` first")?;
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
fn build(bug: &Bug, folder: &Path) -> Result<PathBuf> {
    let source = folder.join("source");
    mirror(&root(), &source, 0)?;
    // The copy is no repository of its own, and must not be taken for a part of ours.
    let mut apply = Command::new("git");
    apply.arg("apply").arg(&bug.patch).current_dir(&source).env("GIT_CEILING_DIRECTORIES", folder);
    succeed(&mut apply)?;
    let mut build = Command::new(std::env::current_exe()?);
    build.args(["build", "--package", "softndk"]).env(ROOT, &source).env("CARGO_TARGET_DIR", folder);
    succeed(&mut build)?;
    Ok(sys_folder(folder, Profile::Debug))
}

/// Makes `to` hold the sources of `from`. Files that are equal keep their time, for quick builds.
fn mirror(from: &Path, to: &Path, depth: u32) -> Result<()> {
    const SKIPPED: [&str; 2] = ["target", ".git"];
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if depth == 0 && SKIPPED.iter().any(|skipped| name.to_string_lossy() == *skipped) {
            continue;
        }
        let (here, there) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            mirror(&here, &there, depth + 1)?;
            continue;
        }
        let bytes = fs::read(&here).with_context(|| here.display().to_string())?;
        if fs::read(&there).ok().as_ref() != Some(&bytes) {
            fs::write(&there, bytes).with_context(|| there.display().to_string())?;
        }
    }
    Ok(())
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

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{:?}", command.get_program()))?;
    ensure!(status.success(), "{status}");
    Ok(())
}
