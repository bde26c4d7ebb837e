//! `cargo xtask mutants`: shows that the contract's tests notice bugs.
//!
//! `tests/contract/mutants.toml` lists deliberate bugs of one line each. For every one this builds a
//! `softndk.sys` with that bug, from a copy of the sources, and runs the tests that are to catch it:
//!
//! ```text
//! copy of the checkout --replace one line--> softndk.sys --ndktest.sys beside it--> softndk-runner: must fail
//! ```

use crate::bench::Bench;
use crate::conformance;
use crate::workspace::{metadata, root};
use anyhow::{Context, Result, ensure};
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
    let bench = Bench::new("mutants")?;
    prepare()?;
    bench.refresh()?;
    let mut survived = 0;
    for mutant in &mutants {
        let caught = try_one(&bench, mutant, arguments.all).with_context(|| mutant.name.clone())?;
        let by = if caught.is_empty() { "SURVIVED".to_owned() } else { caught.join(", ") };
        println!("{:32} {by:24} {}", mutant.name, mutant.what);
        survived += usize::from(caught.is_empty());
    }
    println!("{} of {} caught", mutants.len() - survived, mutants.len());
    Ok(if survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the runner and both images of the checkout, and sees that they are good.
fn prepare() -> Result<()> {
    let arguments = conformance::Arguments { id: vec!["CQ-01".into()], ..Default::default() };
    let status = conformance::prepare(&arguments)?.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "CQ-01 fails without any bug");
    Ok(())
}

/// The IDs that noticed the bug.
fn try_one(bench: &Bench, mutant: &Mutant, all: bool) -> Result<Vec<String>> {
    let file = bench.source().join(&mutant.file);
    let good = std::fs::read_to_string(&file).with_context(|| mutant.file.display().to_string())?;
    ensure!(good.matches(&mutant.from).count() == 1, "`from` must stand in {} once", mutant.file.display());
    std::fs::write(&file, good.replace(&mutant.from, &mutant.to))?;
    let images = bench.build();
    std::fs::write(&file, good)?;
    let images = images?;
    if all {
        return failures(&images, &[]);
    }
    for id in &mutant.caught_by {
        let failed = failures(&images, std::slice::from_ref(id))?;
        if !failed.is_empty() {
            return Ok(failed);
        }
    }
    Ok(Vec::new())
}

fn failures(images: &Path, ids: &[String]) -> Result<Vec<String>> {
    let mut command = Command::new(metadata()?.target_directory.join("release/softndk-runner"));
    command.env("NTSIM_SYS_DIR", images).arg("--json");
    for id in ids {
        command.args(["--id", id]);
    }
    let output = command.output().context("softndk-runner")?;
    let Ok(report) = serde_json::from_slice::<Report>(&output.stdout) else {
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!said.contains("no test of that name"), "no test {ids:?}");
        // A driver so broken that the machine does not come up is noticed by whatever is run.
        return Ok(vec!["the boot".to_owned()]);
    };
    let mut failed: Vec<String> = report.verdicts.into_iter().filter(|v| v.failure.is_some()).map(|v| v.id).collect();
    failed.dedup();
    Ok(failed)
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
