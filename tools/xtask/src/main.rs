//! `cargo xtask`: builds the drivers, runs every test, shows the demo.
#![forbid(unsafe_code)]

mod bench;
mod bugs;
mod build;
mod conformance;
mod demo;
mod image;
mod install;
#[cfg(not(feature = "demo"))]
mod launch;
mod mutants;
mod standin;
mod suite;
mod workspace;

use image::Detail;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, tests and demonstrates softndk.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the drivers as Windows kernel images (target/sys/<profile>/<name>.sys and .pdb) and check them.
    Build(BuildArgs),
    /// Build the driver with each of the deliberate bugs in tests/seeds/bugs, and show that seeds find them.
    Bugs {
        /// Most seeds for each bug.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
    /// Copy a file between two adapters through the real drivers, inside the simulator.
    Demo(demo::Arguments),
    /// Run the contract's tests, one for each requirement ID, against the real drivers in the simulator.
    Conformance(conformance::Arguments),
    /// Build the driver with deliberate bugs (tests/contract/mutants.toml), and see the contract's tests catch each.
    Mutants(mutants::Arguments),
    /// Check finished driver images again; each has its linker map beside it.
    Image {
        /// The images.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// List every function that can panic.
        #[arg(short, long)]
        verbose: bool,
    },
    /// Lint the driver packages with the drivers' toolchain; warnings are errors.
    Lint,
    /// Run every check and test; ends with the line `N passed, N failed`.
    Test {
        /// More cases, deeper model checking, release images as well, a larger demo.
        #[arg(long)]
        thorough: bool,
    },
    /// Write the generated files of the wdk-sys stand-in from docs/contract/wdk-sys-api.tsv.
    Standin {
        /// Compare with the committed files instead of writing.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Args)]
struct BuildArgs {
    /// Optimised images; the default has debug assertions and overflow checks.
    #[arg(long, conflicts_with = "debug")]
    release: bool,
    /// Images with debug assertions (the default).
    #[arg(long)]
    debug: bool,
    /// A driver package; may be repeated. Default: every package with driver-type = "WDM".
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// List every function that can panic.
    #[arg(short, long)]
    verbose: bool,
    /// Install missing system packages without asking.
    #[arg(short, long)]
    yes: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build(arguments) => {
            let options = build::Options {
                profile: if arguments.release { build::Profile::Release } else { build::Profile::Debug },
                packages: arguments.packages,
                detail: detail(arguments.verbose),
                deny_warnings: false,
                install: arguments.yes,
            };
            for driver in build::drivers(&options)? {
                println!("{}", driver.sys.display());
            }
        }
        Command::Bugs { seeds } => return bugs::run(seeds),
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => return demo::run(&arguments),
        #[cfg(not(feature = "demo"))]
        Command::Demo(_) => return launch::optimised(),
        Command::Conformance(arguments) => return conformance::run(&arguments),
        Command::Mutants(arguments) => return mutants::run(&arguments),
        Command::Image { files, verbose } => {
            for file in files {
                image::check(&file, detail(verbose), &[])?;
            }
        }
        Command::Test { thorough } => return suite::run(thorough),
        Command::Lint => suite::lint_drivers()?,
        Command::Standin { check } => standin::run(check)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn detail(verbose: bool) -> Detail {
    if verbose { Detail::Panics } else { Detail::Summary }
}
