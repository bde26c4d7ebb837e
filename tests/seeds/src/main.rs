//! `softndk-sweep`: workloads of the consumer under seeded schedules.
#![forbid(unsafe_code)]

use anyhow::{Result, bail};
use clap::Parser;
use ntsim::machine::Strategy;
use softndk_sweep::{child, search, sweep};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the concurrency workloads of ndktest.sys under many schedules, each said by a seed.
#[derive(Debug, Parser)]
#[command(name = "softndk-sweep", max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    sweep: Options,
}

#[derive(Debug, clap::Args)]
struct Options {
    /// How many seeds each workload gets.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Workloads, or `all` of those that are made for this.
    #[arg(long, default_value = "all")]
    workload: Vec<String>,
    /// Strategies that seeds take in turn: random, pct:DEPTH.
    #[arg(long, default_values = ["random", "pct:3"])]
    strategy: Vec<Strategy>,
    /// Machines at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Folder with softndk.sys and ndktest.sys; default: the debug build.
    #[arg(long)]
    images: Option<PathBuf>,
    /// Goes on after the first failure of a workload.
    #[arg(long)]
    go_on: bool,
    /// Searches all schedules with at most this many preemptions instead of drawing seeds.
    #[arg(long)]
    search: Option<u32>,
    /// Most schedules of a search.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs one seed of one workload in this process; the last line tells the log's hash.
    One {
        /// The workload.
        workload: String,
        /// The seed.
        seed: u64,
        /// The strategy.
        #[arg(default_value = "random")]
        strategy: Strategy,
        /// Folder with the images.
        #[arg(long)]
        images: Option<PathBuf>,
        /// Prints all events.
        #[arg(long)]
        log: bool,
    },
}

fn main() -> Result<ExitCode> {
    ntsim::host::fix_addresses();
    let arguments = Arguments::parse();
    if let Some(Command::One { workload, seed, strategy, images, log }) = arguments.command {
        child::run(&child::Job { workload, seed, strategy, images }, log)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = arguments.sweep;
    let workloads = if options.workload.iter().any(|name| name == "all") {
        child::WORKLOADS.iter().map(ToString::to_string).collect()
    } else {
        options.workload.clone()
    };
    let failed = match options.search {
        Some(preemptions) => exhaust(&workloads, preemptions, &options)?,
        None => draw(workloads, &options)?,
    };
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn draw(workloads: Vec<String>, options: &Options) -> Result<usize> {
    if options.strategy.is_empty() {
        bail!("at least one strategy");
    }
    let sweep = sweep::Sweep {
        workloads,
        seeds: options.first..options.first.saturating_add(options.seeds),
        strategies: options.strategy.clone(),
        jobs: options.jobs,
        program: std::env::current_exe()?,
        images: options.images.clone(),
        first_failure: !options.go_on,
    };
    let mut failed = 0;
    println!("{:24} {:>7} {:>8} {:>8} {:>8} {:>7}", "workload", "seeds", "courses", "events", "ms/seed", "failed");
    for workload in &sweep.workloads {
        let one = sweep::Sweep { workloads: vec![workload.clone()], ..sweep.clone() };
        for result in sweep::run(&one)? {
            let each = result.took.as_secs_f64() * 1000.0 / result.ran.max(1) as f64;
            println!(
                "{:24} {:>7} {:>8} {:>8} {each:>8.1} {:>7}",
                result.workload,
                result.ran,
                result.courses,
                result.events,
                result.found.len()
            );
            result.found.iter().for_each(tell);
            failed += result.found.len();
        }
    }
    println!("{failed} failed");
    Ok(failed)
}

fn exhaust(workloads: &[String], preemptions: u32, options: &Options) -> Result<usize> {
    let mut failed = 0;
    for workload in workloads {
        let job = child::Job {
            workload: workload.clone(),
            seed: options.first,
            strategy: Strategy::Replay(Vec::new()),
            images: options.images.clone(),
        };
        let outcome = search::search(&std::env::current_exe()?, &job, preemptions, options.limit)?;
        let whole = if outcome.complete { "all" } else { "not all" };
        println!("{workload:24} {} schedules, {whole} with at most {preemptions} preemptions", outcome.ran);
        if let Some(found) = &outcome.found {
            tell(found);
            failed += 1;
        }
    }
    Ok(failed)
}

fn tell(found: &sweep::Found) {
    let job = &found.job;
    println!("{} seed {} {} failed: {}", job.workload, job.seed, job.strategy, found.failure);
    println!("again: softndk-sweep one {} {} {} --log", job.workload, job.seed, job.strategy);
}
