//! `cargo xtask build`: driver packages become `.sys` files.
//!
//! ```text
//! toolchain + linker -> cargo build (tools/cross/config.toml, own lock file) -> image check -> target/sys
//! ```
//! The lock file of the cross build is derived from the committed one, so host and driver builds use
//! the same versions and neither touches the other's file.

mod linker;
mod lock;
mod messages;
mod toolchain;

use crate::image::Detail;
use crate::workspace::{self, DriverPackage};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use toolchain::{Standard, Toolchain};

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
    let packages = select(workspace::driver_packages(&metadata), &options.packages)?;
    let target = metadata.target_directory.as_std_path();
    let toolchain = toolchain::find(options.install)?;
    let linker = linker::find(&toolchain)?;
    eprintln!("drivers: {toolchain}, linker {}", linker.display());
    cargo(&toolchain, &linker, target, options.profile, &packages)?;
    let built = target
        .join("cross")
        .join(TARGET)
        .join(options.profile.folder());
    let out = sys_folder(target, options.profile);
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let finished: Vec<_> = packages
        .iter()
        .map(|package| publish(package, &built, &out))
        .collect::<Result<_>>()?;
    for driver in &finished {
        crate::image::check(&driver.sys, options.detail)?;
    }
    Ok(finished)
}

/// Where finished images of a profile are.
pub fn sys_folder(target: &Path, profile: Profile) -> PathBuf {
    target.join("sys").join(profile.folder())
}

fn select(all: Vec<DriverPackage>, wanted: &[String]) -> Result<Vec<DriverPackage>> {
    let unknown = wanted
        .iter()
        .find(|name| all.iter().all(|driver| driver.package != **name));
    if let Some(name) = unknown {
        let known = all
            .iter()
            .map(|driver| driver.package.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        bail!("`{name}` is not a driver package of the workspace; these are: {known}");
    }
    let selected: Vec<_> = all
        .into_iter()
        .filter(|driver| wanted.is_empty() || wanted.contains(&driver.package))
        .collect();
    ensure!(
        !selected.is_empty(),
        "no package of the workspace has [package.metadata.wdk.driver-model]"
    );
    Ok(selected)
}

fn cargo(
    toolchain: &Toolchain,
    linker: &Path,
    target: &Path,
    profile: Profile,
    packages: &[DriverPackage],
) -> Result<()> {
    let folder = target.join("cross");
    let root = workspace::root();
    let lock = lock::derive(&root, &folder)?;
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(&root)
        .args(["build", "--target", TARGET]);
    command.arg("--target-dir").arg(&folder);
    command
        .arg("--config")
        .arg(root.join("tools/cross/config.toml"));
    command.args(toolchain.lock_arguments(&lock));
    if toolchain.standard == Standard::Source {
        command.arg("-Zbuild-std=core,alloc");
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    for package in packages {
        command.args(["--package", &package.package]);
    }
    // Both are unstable cargo features: a lock file elsewhere, and building the standard library.
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", &toolchain.rustc);
    command.env("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", linker);
    // Flags from the environment would replace those of the configuration, control flow guard among them.
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(variable);
    }
    let success =
        messages::run(&mut command).with_context(|| toolchain.cargo.display().to_string())?;
    ensure!(success, "the drivers did not build");
    Ok(())
}

/// Copies an image, its debug information and its map to where tools look for them.
fn publish(package: &DriverPackage, built: &Path, out: &Path) -> Result<Driver> {
    let image = built.join(format!("{}.dll", package.library));
    let sys = out.join(format!("{}.sys", package.library));
    let pdb = out.join(format!("{}.pdb", package.library));
    copy(&image.with_extension("pdb"), &pdb)?;
    copy(
        &built.join("deps").join(format!("{}.map", package.library)),
        &sys.with_extension("map"),
    )?;
    copy(&image, &sys)?;
    Ok(Driver { sys })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)
        .with_context(|| format!("copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
