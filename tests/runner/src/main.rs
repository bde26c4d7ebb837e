//! `softndk-runner workloads [same|two] [name]...`: runs workloads and says how each ended.
//! `softndk-runner conformance [--id ID] [--object NAME] [--json]`: runs the tests of the contract.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ntsim::machine::Config;
use softndk_runner::{
    Bench, Wire,
    conformance::{self, Verdict, is_id},
    verdict,
};

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = arguments.split_first().context("workloads, conformance or child")?;
    let passed = match command.as_str() {
        "workloads" => workloads(rest)?,
        "conformance" => conformance(rest)?,
        "child" => {
            let (wire, ids) = rest.split_first().context("a wire")?;
            conformance::child(Wire::named(wire).context("same or two")?, ids)?;
            true
        }
        other => bail!("unknown command {other}"),
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn workloads(arguments: &[String]) -> Result<bool> {
    let mut names = arguments.to_vec();
    let wires = match names.first().and_then(|first| Wire::named(first)) {
        Some(wire) => {
            names.remove(0);
            vec![wire]
        }
        None => Wire::ALL.to_vec(),
    };
    let bench = Bench::boot(Config::default())?;
    if names.is_empty() {
        names = bench.workloads()?.into_iter().filter(|name| !is_id(name)).collect();
    }
    let mut passed = true;
    for wire in wires {
        for name in &names {
            match verdict(&bench.run(name, wire, 1)?) {
                Ok(line) => println!("{name} over {}: passed, {line}", wire.name()),
                Err(line) => {
                    passed = false;
                    println!("{name} over {}: FAILED, {line}", wire.name());
                }
            }
        }
    }
    bench.shut_down()?;
    Ok(passed)
}

fn conformance(arguments: &[String]) -> Result<bool> {
    let value = |name: &str| {
        arguments.iter().position(|word| word == name).and_then(|at| arguments.get(at + 1)).map(String::as_str)
    };
    let (id, object) = (value("--id"), value("--object").map(str::to_uppercase));
    let ids: Vec<String> = conformance::ids()?
        .into_iter()
        .filter(|name| id.is_none_or(|id| id == name))
        .filter(|name| object.as_deref().is_none_or(|object| section(name) == object))
        .collect();
    if ids.is_empty() {
        bail!("no test of that name");
    }
    let mut verdicts = Vec::new();
    for wire in Wire::ALL {
        verdicts.extend(conformance::run(wire, &ids)?);
    }
    if arguments.iter().any(|word| word == "--json") { json(&verdicts) } else { table(&verdicts) }
    Ok(verdicts.iter().all(|verdict| verdict.failure.is_none()))
}

fn section(id: &str) -> &str {
    id.split_once('-').map_or(id, |(section, _)| section)
}

fn table(verdicts: &[Verdict]) {
    let mut sections: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for verdict in verdicts {
        let passed = sections.entry(section(&verdict.id)).or_default().entry(&verdict.id).or_insert(true);
        *passed &= verdict.failure.is_none();
        if let Some(failure) = &verdict.failure {
            println!("{} over {} failed: {failure}", verdict.id, verdict.wire.name());
        }
    }
    println!("{:10} {:>8} {:>8} {:>8}", "section", "tested", "passed", "failed");
    let (mut tested, mut passed) = (0, 0);
    for (section, ids) in &sections {
        let good = ids.values().filter(|passed| **passed).count();
        println!("{section:10} {:>8} {good:>8} {:>8}", ids.len(), ids.len() - good);
        tested += ids.len();
        passed += good;
    }
    println!("{:10} {tested:>8} {passed:>8} {:>8}", "all", tested - passed);
    println!("{passed} passed, {} failed", tested - passed);
}

fn json(verdicts: &[Verdict]) {
    let quoted = |text: &str| format!("{text:?}").replace("\\'", "'").replace("\\u{", "\\u{");
    let rows: Vec<String> = verdicts
        .iter()
        .map(|verdict| {
            let failure = verdict.failure.as_deref().map_or_else(|| "null".to_owned(), quoted);
            format!("  {{\"id\": \"{}\", \"wire\": \"{}\", \"failure\": {failure}}}", verdict.id, verdict.wire.name())
        })
        .collect();
    println!("[\n{}\n]", rows.join(",\n"));
}
