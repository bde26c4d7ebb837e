//! `softndk-runner`: runs the tests of the contract; `cargo xtask conformance` builds what it needs and starts it.
//!
//! Exit codes: 0 all passed and every requirement accounted for, 1 not so.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use softndk_runner::conformance::{self, Test};
use softndk_runner::coverage::{self, Coverage};
use softndk_runner::report::Report;
use softndk_runner::{Wire, faults, selection};

/// Runs the tests of the contract on softndk.sys and ndktest.sys in the simulator.
#[derive(Debug, Parser)]
struct Cli {
    /// Only the test of this requirement, such as CQ-21; may be repeated.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Only the tests of an object, such as qp, or of a section of the contract, such as LIFE.
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    /// Only over this wire: same, two or ndis.
    #[arg(long, value_parser = wire)]
    wire: Option<Wire>,
    /// Play each test until every call stack of the provider that can fail has failed; not over the wire ndis.
    #[arg(long)]
    faults: bool,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// Write tests/contract/coverage.md instead of running tests.
    #[arg(long)]
    coverage: bool,
}

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((kind @ ("child" | faults::CHILD), rest)) =
        arguments.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        let (wire, ids) = rest.split_first().context("a wire")?;
        let wire = Wire::named(wire).context("same, two or ndis")?;
        let child = if kind == faults::CHILD { faults::child } else { conformance::child };
        child(wire, ids)?;
        return Ok(ExitCode::SUCCESS);
    }
    let cli = Cli::parse();
    if cli.coverage {
        let path = coverage::folder().join("coverage.md");
        std::fs::write(&path, Coverage::read()?.table()).with_context(|| path.display().to_string())?;
        println!("{}", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let whole = cli.id.is_empty() && cli.object.is_none() && cli.wire.is_none() && !cli.faults;
    let tests = conformance::tests()?.into_iter().filter(|test| is_wanted(&cli, test)).collect::<Vec<_>>();
    ensure!(!tests.is_empty(), "no test of that name");
    let mut verdicts = Vec::new();
    let mut seen = faults::Seen::default();
    // Tests that NDIS makes boot machines of their own, with faults of their own.
    let played = |wire: &Wire| cli.wire.is_none_or(|wanted| wanted == *wire) && !(cli.faults && *wire == Wire::Ndis);
    for wire in Wire::ALL.into_iter().filter(played) {
        let ids: Vec<String> =
            tests.iter().filter(|test| test.wires.contains(&wire)).map(|test| test.id.clone()).collect();
        verdicts.extend(if cli.faults { faults::run(wire, &ids, &mut seen)? } else { conformance::run(wire, &ids)? });
    }
    let coverage = Coverage::read()?;
    let report = Report::new(&verdicts, whole.then_some(&coverage));
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
        if cli.faults {
            println!("{seen}");
        }
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_wanted(cli: &Cli, test: &Test) -> bool {
    let by_id = cli.id.is_empty() || cli.id.iter().any(|id| id.eq_ignore_ascii_case(&test.id));
    by_id && cli.object.as_deref().is_none_or(|object| selection::belongs(&test.id, object))
}

fn wire(name: &str) -> Result<Wire, String> {
    Wire::named(name).ok_or_else(|| "same, two or ndis".to_owned())
}
