//! Programs of the system: finding them, installing what is missing.

use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::Command;

/// The first executable of that name on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Installs packages of Debian or Ubuntu, and says so.
pub fn packages(names: &[&str]) -> Result<()> {
    let apt = on_path("apt-get").context("apt-get is not here: install by hand")?;
    eprintln!("installing with apt-get: {}", names.join(" "));
    let install = [&["install", "--yes", "--no-install-recommends"], names].concat();
    for arguments in [&["update"], install.as_slice()] {
        let status = Command::new(&apt).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status()?;
        ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    }
    Ok(())
}
