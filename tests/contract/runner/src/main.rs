//! `softndk-runner [--id ID] [--object NAME] [--json]`: runs the tests of the contract.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use softndk_runner::conformance::{self, Test};
use softndk_runner::{Wire, report};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("child", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        let (wire, ids) = rest.split_first().context("a wire")?;
        conformance::child(Wire::named(wire).context("same, two or ndis")?, ids)?;
        return Ok(ExitCode::SUCCESS);
    }
    let value = |name: &str| {
        arguments.iter().position(|word| word == name).and_then(|at| arguments.get(at + 1)).map(String::as_str)
    };
    let (id, object) = (value("--id"), value("--object").map(str::to_uppercase));
    let tests: Vec<Test> = conformance::tests()?
        .into_iter()
        .filter(|test| id.is_none_or(|id| id == test.id))
        .filter(|test| object.as_deref().is_none_or(|object| report::section(&test.id) == object))
        .collect();
    if tests.is_empty() {
        bail!("no test of that name");
    }
    let mut verdicts = Vec::new();
    for wire in Wire::ALL {
        let ids: Vec<String> =
            tests.iter().filter(|test| test.wires.contains(&wire)).map(|test| test.id.clone()).collect();
        verdicts.extend(conformance::run(wire, &ids)?);
    }
    if arguments.iter().any(|word| word == "--json") {
        report::json(&verdicts);
    } else {
        report::table(&verdicts);
    }
    let passed = verdicts.iter().all(|verdict| verdict.failure.is_none());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
