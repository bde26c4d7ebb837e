//! Cargo, set up for Windows kernel images on any host.

use super::toolchain::{self, Standard, Toolchain};
use super::{Profile, TARGET, linker, lock, messages};
use crate::workspace::{self, DriverPackage};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A toolchain, a linker, and where the results go.
pub struct Cross {
    toolchain: Toolchain,
    linker: PathBuf,
    /// The target folder of the cross build.
    folder: PathBuf,
}

impl Cross {
    /// Picks toolchain and linker and says which; `target` is the workspace's target folder.
    pub fn find(target: &Path, install: bool) -> Result<Self> {
        let toolchain = toolchain::find(install)?;
        let linker = linker::find(&toolchain)?;
        eprintln!("drivers: {toolchain}, linker {}", linker.display());
        Ok(Self { toolchain, linker, folder: target.join("cross") })
    }

    /// Where cargo leaves the images of a profile.
    pub fn output(&self, profile: Profile) -> PathBuf {
        self.folder.join(TARGET).join(profile.folder())
    }

    /// The linker for Windows images.
    pub fn linker(&self) -> &Path {
        &self.linker
    }

    /// True when the toolchain is the distribution's, not rustup's.
    pub fn is_system(&self) -> bool {
        self.toolchain.sysroot == Path::new("/usr")
    }

    /// True when the toolchain has clippy.
    pub fn has_clippy(&self) -> bool {
        self.toolchain.sysroot.join("bin/cargo-clippy").is_file()
    }

    /// Runs `cargo <verb>` for driver packages.
    pub fn run(&self, verb: &str, profile: Profile, packages: &[DriverPackage], deny_warnings: bool) -> Result<()> {
        let root = workspace::root();
        let lock = lock::derive(&root, &self.folder)?;
        let mut command = Command::new(&self.toolchain.cargo);
        command.current_dir(&root).args([verb, "--target", TARGET]);
        command.arg("--target-dir").arg(&self.folder);
        command.arg("--config").arg(root.join("tools/cross/config.toml"));
        command.args(self.toolchain.lock_arguments(&lock));
        if self.toolchain.standard == Standard::Source {
            command.arg("-Zbuild-std=core,alloc");
        }
        if profile == Profile::Release {
            command.arg("--release");
        }
        if deny_warnings {
            command.args(["-Zwarnings", "--config", "build.warnings='deny'"]);
        }
        for package in packages {
            command.args(["--package", &package.package]);
        }
        self.environment(&mut command);
        let success = messages::run(&mut command);
        let success = success.with_context(|| self.toolchain.cargo.display().to_string())?;
        ensure!(success, "cargo {verb} of the drivers failed ({})", profile.folder());
        Ok(())
    }

    fn environment(&self, command: &mut Command) {
        // Unstable features of cargo are in use: a lock file elsewhere, building the standard library.
        command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", &self.toolchain.rustc);
        command.env("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", &self.linker);
        // Subcommands such as clippy are looked up on the path.
        let mut path = vec![self.toolchain.sysroot.join("bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        command.env("PATH", std::env::join_paths(path).unwrap_or_default());
        // Flags from the environment would replace those of the configuration, control flow guard among them.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN", "CARGO_BUILD_TARGET"] {
            command.env_remove(variable);
        }
    }
}
