//! The lock file of the cross build.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The packages that `tools/cross` stands in for.
const STANDINS: [&str; 2] = ["wdk-sys", "wdk-build"];

/// Derives the lock file from the committed one, only when that has changed; returns its path.
pub fn derive(root: &Path, folder: &Path) -> Result<PathBuf> {
    let committed = root.join("Cargo.lock");
    let seed = without_standins(&std::fs::read_to_string(&committed).context("Cargo.lock")?);
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // Cargo prunes the lock file, so what it was derived from is kept beside it.
    let (lock, kept) = (folder.join("Cargo.lock"), folder.join("Cargo.lock.seed"));
    if !lock.exists() || std::fs::read_to_string(&kept).unwrap_or_default() != seed {
        std::fs::write(&lock, &seed)?;
        std::fs::write(&kept, &seed)?;
    }
    Ok(lock)
}

/// Without the registry's packages, else cargo would keep to them and leave the stand-ins unused.
fn without_standins(lock: &str) -> String {
    let is_standin =
        |block: &&str| STANDINS.iter().any(|name| block.starts_with(&format!("[[package]]\nname = \"{name}\"\n")));
    lock.split("\n\n").filter(|block| !is_standin(block)).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_standins_are_taken_out() {
        let lock = "version = 4\n\n[[package]]\nname = \"wdk\"\n\n[[package]]\nname = \"wdk-sys\"\nversion = \"1\"\n\n[[package]]\nname = \"x\"\n";
        assert_eq!(without_standins(lock), "version = 4\n\n[[package]]\nname = \"wdk\"\n\n[[package]]\nname = \"x\"\n");
    }
}
