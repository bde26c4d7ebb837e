//! The `ntsim` command; the work is in [`ntsim::cli`].

fn main() -> std::process::ExitCode {
    ntsim::cli::main()
}
