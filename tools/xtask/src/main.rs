//! `cargo xtask`: builds the drivers, runs every test, shows the demo.
#![forbid(unsafe_code)]

mod build;
mod standin;
mod workspace;

use clap::{Args, Parser, Subcommand};
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
                verbose: arguments.verbose,
                install: arguments.yes,
            };
            for driver in build::drivers(&options)? {
                println!("{}", driver.sys.display());
            }
        }
        Command::Standin { check } => standin::run(check)?,
    }
    Ok(ExitCode::SUCCESS)
}
