//! The command line.

/// Runs the command line; the exit code says how it went.
pub fn main() -> std::process::ExitCode {
    eprintln!("ntsim: the command line is not built yet");
    std::process::ExitCode::from(2)
}
