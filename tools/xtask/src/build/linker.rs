//! The linker for Windows images.

use super::toolchain::Toolchain;
use crate::install::on_path;
use anyhow::{Result, bail};
use std::path::PathBuf;

/// The toolchain's own `rust-lld`, else an `lld-link` of the system.
pub fn find(toolchain: &Toolchain) -> Result<PathBuf> {
    let own = toolchain.sysroot.join("lib/rustlib").join(&toolchain.host).join("bin/rust-lld");
    if own.is_file() {
        return Ok(own);
    }
    let versioned = (15..=25).rev().map(|version| format!("lld-link-{version}"));
    let names = ["rust-lld".to_owned(), "lld-link".to_owned()].into_iter().chain(versioned);
    match names.filter_map(|name| on_path(&name)).next() {
        Some(path) => Ok(path),
        None => bail!("no rust-lld and no lld-link found: install lld (on Debian: apt-get install lld-19)"),
    }
}
