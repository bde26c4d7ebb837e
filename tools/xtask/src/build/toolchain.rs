//! The Rust toolchain for Windows images.
//!
//! A toolchain with the target's standard library is best. Next best is one with the source of the
//! standard library, from which cargo builds `core` and `alloc`; distributions package that.

use super::TARGET;
use crate::install::on_path;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages of Debian and Ubuntu with a recent compiler and the library's source.
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld-19"];
/// The oldest compiler that the `wdk` package accepts.
const OLDEST: (u32, u32) = (1, 91);

/// A compiler with its cargo.
#[derive(Debug)]
pub struct Toolchain {
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that belongs to it.
    pub cargo: PathBuf,
    /// The compiler's root folder.
    pub sysroot: PathBuf,
    /// The triple it runs on.
    pub host: String,
    /// Where the target's standard library comes from.
    pub standard: Standard,
    version: (u32, u32),
}

/// Where the target's standard library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// It came with the toolchain.
    Installed,
    /// Cargo builds it from the toolchain's copy of the source.
    Source,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standard = match self.standard {
            Standard::Installed => "with its installed",
            Standard::Source => "building its source of the",
        };
        let (major, minor) = self.version;
        write!(formatter, "Rust {major}.{minor} ({}) {standard} standard library", self.rustc.display())
    }
}

impl Toolchain {
    /// The arguments that make cargo use another lock file; the feature has changed its form.
    pub fn lock_arguments(&self, lock: &Path) -> Vec<String> {
        let path = lock.display();
        if self.version >= (1, 95) {
            vec!["-Zlockfile-path".to_owned(), "--config".to_owned(), format!("resolver.lockfile-path='{path}'")]
        } else {
            vec!["-Zunstable-options".to_owned(), "--lockfile-path".to_owned(), path.to_string()]
        }
    }
}

/// Finds a toolchain, or with consent installs one.
pub fn find(install: bool) -> Result<Toolchain> {
    if let Some(found) = best(candidates()) {
        return Ok(found);
    }
    if on_path("apt-get").is_none() {
        bail!("no Rust {}.{} or newer for {TARGET}: run `rustup target add {TARGET}`", OLDEST.0, OLDEST.1);
    };
    let wanted = DEBIAN_PACKAGES.join(" ");
    if !install && std::env::var_os("CI").is_none() {
        bail!(
            "no Rust toolchain can build for {TARGET}: run `rustup target add {TARGET}`, or let \
             `cargo xtask build --yes` install {wanted} with apt-get"
        );
    }
    crate::install::packages(&DEBIAN_PACKAGES)?;
    best(candidates()).context("the installed packages hold no usable toolchain")
}

fn best(compilers: Vec<PathBuf>) -> Option<Toolchain> {
    let found: Vec<_> = compilers.iter().filter_map(|rustc| inspect(rustc)).collect();
    let installed = found.iter().position(|toolchain| toolchain.standard == Standard::Installed);
    found.into_iter().nth(installed.unwrap_or(0))
}

/// Every compiler to look at: rustup's, the current one, the system's.
fn candidates() -> Vec<PathBuf> {
    let mut compilers = Vec::new();
    let listed = on_path("rustup").and_then(|rustup| output(&rustup, &["toolchain", "list"]));
    for name in listed.unwrap_or_default().lines().filter_map(|line| line.split_whitespace().next()) {
        let which = on_path("rustup").and_then(|rustup| output(&rustup, &["which", "--toolchain", name, "rustc"]));
        compilers.extend(which.map(|path| PathBuf::from(path.trim())));
    }
    compilers.extend(on_path("rustc"));
    compilers.push(PathBuf::from("/usr/bin/rustc"));
    compilers
}

fn inspect(rustc: &Path) -> Option<Toolchain> {
    let about = output(rustc, &["-vV"])?;
    let field = |name: &str| about.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let mut numbers = field("release:")?.split('.').map(|part| part.parse::<u32>());
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let host = field("host:")?.to_owned();
    let sysroot = PathBuf::from(output(rustc, &["--print", "sysroot"])?.trim());
    let library = sysroot.join("lib/rustlib");
    let standard = if library.join(TARGET).join("lib").is_dir() {
        Standard::Installed
    } else if library.join("src/rust/library/core/src/lib.rs").is_file() {
        Standard::Source
    } else {
        return None;
    };
    let cargo = sysroot.join("bin/cargo");
    let usable = version >= OLDEST && cargo.is_file();
    usable.then(|| Toolchain { rustc: rustc.to_owned(), cargo, sysroot, host, standard, version })
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
