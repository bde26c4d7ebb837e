//! `cargo xtask build`: driver packages become `.sys` files.
//!
//! ```text
//! toolchain + linker -> cargo build (tools/cross/config.toml, own lock file) -> image check -> target/sys
//! ```
//! The lock file of the cross build is derived from the committed one, so host and driver builds use
//! the same versions and neither touches the other's file.

pub mod c;
mod cross;
mod linker;
mod lock;
mod messages;
mod toolchain;

use crate::image::Detail;
use crate::workspace::{self, DriverPackage};
use anyhow::{Context, Result, bail, ensure};
use cross::Cross;
use std::path::{Path, PathBuf};

/// The target that driver images are built for.
pub const TARGET: &str = "x86_64-pc-windows-msvc";

/// What to build.
pub struct Options {
    /// With debug assertions, or optimised.
    pub profile: Profile,
    /// Package names; all driver packages when empty.
    pub packages: Vec<String>,
    /// How much to print about each image.
    pub detail: Detail,
    /// Warnings are errors.
    pub deny_warnings: bool,
    /// Install what is missing without asking.
    pub install: bool,
}

/// The cargo profile of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Debug assertions and overflow checks, little optimisation.
    Debug,
    /// Optimised, without debug assertions.
    Release,
}

impl Profile {
    /// The name of the folder of this profile.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// A finished driver image.
#[derive(Debug, Clone)]
pub struct Driver {
    /// The image; its debug information (`.pdb`) and linker map (`.map`) are beside it.
    pub sys: PathBuf,
}

/// Builds and checks the drivers; returns them in the order of the workspace.
pub fn drivers(options: &Options) -> Result<Vec<Driver>> {
    let metadata = workspace::metadata()?;
    let (in_c, in_rust): (Vec<_>, Vec<_>) = options.packages.iter().cloned().partition(|name| name == c::PACKAGE);
    let target = metadata.target_directory.as_std_path();
    let cross = Cross::find(target, options.install)?;
    let mut finished = Vec::new();
    if in_c.is_empty() || !in_rust.is_empty() {
        let packages = select(workspace::driver_packages(&metadata), &in_rust)?;
        finished = rust_drivers(options, &cross, &packages, target)?;
    }
    if options.packages.is_empty() && c::clang().is_none() {
        eprintln!("{}", c::MISSING);
    } else if options.packages.is_empty() || !in_c.is_empty() {
        finished.push(c_driver(&cross, options, target)?);
    }
    Ok(finished)
}

fn c_driver(cross: &Cross, options: &Options, target: &Path) -> Result<Driver> {
    if c::clang().is_none() && options.install {
        crate::install::packages(&[c::DEBIAN_PACKAGE])?;
    }
    let (folder, out) = (target.join("c-drivers"), sys_folder(target, options.profile));
    Ok(Driver { sys: c::build(&c::require()?, cross.linker(), &folder, &out)? })
}

fn rust_drivers(options: &Options, cross: &Cross, packages: &[DriverPackage], target: &Path) -> Result<Vec<Driver>> {
    cross.run("build", options.profile, packages, options.deny_warnings)?;
    let built = cross.output(options.profile);
    let out = sys_folder(target, options.profile);
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let finished: Vec<_> = packages.iter().map(|package| publish(package, &built, &out)).collect::<Result<_>>()?;
    // Every image is checked, so that one run shows all that is wrong.
    let checks = packages
        .iter()
        .zip(&finished)
        .map(|(package, driver)| crate::image::check(&driver.sys, options.detail, &package.expected_faults));
    let faults: Vec<String> = checks.filter_map(|check| Some(format!("{:#}", check.err()?))).collect();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(finished)
}

/// Makes sure that a toolchain with clippy is there, installing what is missing.
pub fn prepare(target: &Path) -> Result<()> {
    let cross = Cross::find(target, true)?;
    if !cross.has_clippy() && cross.is_system() {
        crate::install::packages(&["rust-web-clippy"])?;
    }
    Ok(())
}

/// Runs clippy on the drivers with warnings as errors; false when the toolchain has none.
pub fn clippy() -> Result<bool> {
    let metadata = workspace::metadata()?;
    let packages = select(workspace::driver_packages(&metadata), &[])?;
    let cross = Cross::find(metadata.target_directory.as_std_path(), false)?;
    if !cross.has_clippy() {
        return Ok(false);
    }
    cross.run("clippy", Profile::Debug, &packages, true)?;
    Ok(true)
}

/// Where finished images of a profile are.
pub fn sys_folder(target: &Path, profile: Profile) -> PathBuf {
    target.join("sys").join(profile.folder())
}

fn select(all: Vec<DriverPackage>, wanted: &[String]) -> Result<Vec<DriverPackage>> {
    let unknown = wanted.iter().find(|name| all.iter().all(|driver| driver.package != **name));
    if let Some(name) = unknown {
        let known = all.iter().map(|driver| driver.package.as_str()).collect::<Vec<_>>().join(", ");
        bail!("`{name}` is not a driver package of the workspace; these are: {known}");
    }
    let selected: Vec<_> =
        all.into_iter().filter(|driver| wanted.is_empty() || wanted.contains(&driver.package)).collect();
    ensure!(!selected.is_empty(), "no package of the workspace has [package.metadata.wdk.driver-model]");
    Ok(selected)
}

/// Copies an image, its debug information and its map to where tools look for them.
fn publish(package: &DriverPackage, built: &Path, out: &Path) -> Result<Driver> {
    let image = built.join(format!("{}.dll", package.library));
    let sys = out.join(format!("{}.sys", package.library));
    let pdb = out.join(format!("{}.pdb", package.library));
    copy(&image.with_extension("pdb"), &pdb)?;
    copy(&built.join("deps").join(format!("{}.map", package.library)), &sys.with_extension("map"))?;
    copy(&image, &sys)?;
    Ok(Driver { sys })
}

/// Replaces a file at once: a simulator may have the old one mapped.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let fresh = to.with_extension("new");
    let copied = std::fs::copy(from, &fresh).and_then(|_| std::fs::rename(&fresh, to));
    copied.with_context(|| format!("copy {} to {}", from.display(), to.display()))
}
