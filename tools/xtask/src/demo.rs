//! `cargo xtask demo`: sends a file between two adapters through the real drivers.
//!
//! ```text
//! build both images (release) -> boot them in the simulator -> workload `transfer` -> unload -> table
//! ```
//! Exit codes: 0 all well, 1 the transfer failed or something was left behind, 2 the file cannot be read,
//! 3 a driver broke a rule of the kernel.

use std::path::PathBuf;

#[cfg(feature = "demo")]
mod report;
#[cfg(feature = "demo")]
mod source;
#[cfg(feature = "demo")]
mod transfer;

/// The command line of the demo.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The file to send; default: generated pseudo-random bytes.
    pub file: Option<PathBuf>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// How much to generate when no file is given: bytes, or with the suffix K, M or G.
    #[arg(long, default_value = "256M", value_parser = bytes, conflicts_with = "file")]
    pub size: u64,
}

/// Runs the demo; the simulator runs inside this process.
#[cfg(feature = "demo")]
pub fn run(arguments: &Arguments) -> anyhow::Result<std::process::ExitCode> {
    let source = match source::Source::find(arguments) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(std::process::ExitCode::from(2));
        }
    };
    let images = transfer::images()?;
    let report = transfer::run(images, &source)?;
    if arguments.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    Ok(if report.succeeded() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE })
}

fn bytes(text: &str) -> Result<u64, String> {
    const WANTED: &str = "a number of bytes, or with the suffix K, M or G";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).map(str::to_ascii_uppercase).as_deref() {
        Some("") => 1,
        Some("K" | "KIB") => 1 << 10,
        Some("M" | "MIB") => 1 << 20,
        Some("G" | "GIB") => 1 << 30,
        _ => return Err(WANTED.into()),
    };
    let number: u64 = digits.parse().map_err(|_| WANTED)?;
    number.checked_mul(unit).ok_or_else(|| "more bytes than a file can have".into())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("777"), Ok(777));
        assert_eq!(bytes("4k"), Ok(4096));
        assert_eq!(bytes("256M"), Ok(256 << 20));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        for bad in ["", "M", "1T", "-1", "1.5G", "99999999999G"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
