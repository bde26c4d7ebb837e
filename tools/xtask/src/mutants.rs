//! `cargo xtask mutants`: shows that the contract's tests notice bugs.
//!
//! `tests/contract/mutants.toml` lists deliberate bugs of one line each. For every one this builds a
//! `softndk.sys` with that bug, from a copy of the sources, and runs the tests that are to catch it:
//!
//! ```text
//! copy of the checkout --replace one line--> softndk.sys --ndktest.sys beside it--> softndk-runner: must fail
//! ```

use crate::conformance;
use crate::workspace::{metadata, root};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Which bugs to try.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only these; default: all.
    names: Vec<String>,
    /// Run the whole suite on each, to see all that catches it.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Deserialize)]
struct List {
    mutant: Vec<Mutant>,
}

/// One deliberate bug.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Mutant {
    name: String,
    what: String,
    file: PathBuf,
    from: String,
    to: String,
    caught_by: Vec<String>,
}

/// Tries the bugs; fails when one is not caught.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let list = root().join("tests/contract/mutants.toml");
    let list = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let mutants = toml::from_str::<List>(&list).context("tests/contract/mutants.toml")?.mutant;
    let wanted = |mutant: &&Mutant| arguments.names.is_empty() || arguments.names.contains(&mutant.name);
    let mutants: Vec<&Mutant> = mutants.iter().filter(wanted).collect();
    ensure!(!mutants.is_empty(), "no bug of that name in tests/contract/mutants.toml");
    let bench = Bench::new()?;
    let mut survived = 0;
    for mutant in &mutants {
        let caught = bench.try_one(mutant, arguments.all).with_context(|| mutant.name.clone())?;
        let by = if caught.is_empty() { "SURVIVED".to_owned() } else { caught.join(", ") };
        println!("{:32} {by:24} {}", mutant.name, mutant.what);
        survived += usize::from(caught.is_empty());
    }
    println!("{} of {} caught", mutants.len() - survived, mutants.len());
    Ok(if survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The copy of the sources, and the images of the sources as they are.
struct Bench {
    tree: PathBuf,
    target: PathBuf,
    images: PathBuf,
}

impl Bench {
    fn new() -> Result<Self> {
        let target = metadata()?.target_directory.into_std_path_buf();
        let folder = target.join("mutants");
        let bench = Self { tree: folder.join("tree"), target: folder.join("target"), images: target.join("sys/debug") };
        // Builds the runner and both images.
        let arguments = conformance::Arguments { id: vec!["CQ-01".into()], ..Default::default() };
        let status = conformance::prepare(&arguments)?.stdout(Stdio::null()).status()?;
        ensure!(status.success(), "CQ-01 fails without any bug");
        bench.copy()?;
        Ok(bench)
    }

    /// Copies what git knows, changed files included; files that are the same keep their times.
    fn copy(&self) -> Result<()> {
        let list = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().context("git ls-files")?;
        ensure!(list.status.success(), "git ls-files failed");
        for name in String::from_utf8(list.stdout)?.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (root().join(name), self.tree.join(name));
            let Ok(text) = std::fs::read(&from) else { continue };
            if std::fs::read(&to).is_ok_and(|old| old == text) {
                continue;
            }
            std::fs::create_dir_all(to.parent().unwrap_or(&self.tree))?;
            std::fs::write(&to, text).with_context(|| to.display().to_string())?;
        }
        Ok(())
    }

    /// The IDs that noticed the bug.
    fn try_one(&self, mutant: &Mutant, all: bool) -> Result<Vec<String>> {
        let file = self.tree.join(&mutant.file);
        let good = std::fs::read_to_string(&file).with_context(|| mutant.file.display().to_string())?;
        ensure!(good.matches(&mutant.from).count() == 1, "`from` must stand in {} once", mutant.file.display());
        std::fs::write(&file, good.replace(&mutant.from, &mutant.to))?;
        let images = self.build();
        std::fs::write(&file, good)?;
        let images = images?;
        if all {
            return self.failures(&images, &[]);
        }
        for id in &mutant.caught_by {
            let failed = self.failures(&images, std::slice::from_ref(id))?;
            if !failed.is_empty() {
                return Ok(failed);
            }
        }
        Ok(Vec::new())
    }

    /// Builds softndk.sys in the copy; the folder of the image, with the good consumer beside it.
    fn build(&self) -> Result<PathBuf> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        let output = command.args(["xtask", "build", "--package", "softndk"]).output().context("cargo xtask build")?;
        if !output.status.success() {
            bail!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let images = self.target.join("sys/debug");
        for name in ["ndktest.sys", "ndktest.pdb"] {
            std::fs::copy(self.images.join(name), images.join(name)).with_context(|| name.to_owned())?;
        }
        Ok(images)
    }

    fn failures(&self, images: &Path, ids: &[String]) -> Result<Vec<String>> {
        let mut command = Command::new(self.runner());
        command.env("NTSIM_SYS_DIR", images).arg("--json");
        for id in ids {
            command.args(["--id", id]);
        }
        let output = command.stderr(Stdio::null()).output().context("softndk-runner")?;
        let report: Report = serde_json::from_slice(&output.stdout).context("the report of softndk-runner")?;
        let mut failed: Vec<String> =
            report.verdicts.into_iter().filter(|v| v.failure.is_some()).map(|v| v.id).collect();
        failed.dedup();
        Ok(failed)
    }

    fn runner(&self) -> PathBuf {
        self.images.ancestors().nth(2).unwrap_or(Path::new("target")).join("release/softndk-runner")
    }
}

/// What is read of the runner's JSON.
#[derive(Debug, Deserialize)]
struct Report {
    verdicts: Vec<Verdict>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    id: String,
    failure: Option<String>,
}
