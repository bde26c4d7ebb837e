//! A copy of the checkout in which the driver may be broken on purpose.
//!
//! ```text
//! checkout --mirror--> target/NAME/source --(a patch, a replaced line)--> softndk.sys, the good ndktest.sys beside it
//! ```
//! Files that are equal keep their time, so the next bug costs only what it touches.

use crate::build::{Profile, sys_folder};
use crate::workspace::{ROOT, metadata, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The copy, and where it is built.
pub struct Bench {
    folder: PathBuf,
    /// The images of the checkout itself.
    good: PathBuf,
}

impl Bench {
    /// A bench below the target folder; `name` keeps its builds apart from those of others.
    pub fn new(name: &str) -> Result<Self> {
        let target = metadata()?.target_directory.into_std_path_buf();
        Ok(Self { folder: target.join(name), good: sys_folder(&target, Profile::Debug) })
    }

    /// The root of the copied sources.
    pub fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    /// The folder below which there must be no repository, so that git takes the copy for none.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the copy equal to the checkout.
    pub fn refresh(&self) -> Result<()> {
        mirror(&root(), &self.source(), 0)
    }

    /// Builds the copy's driver; the folder of its image, with the consumer of the checkout.
    pub fn build(&self) -> Result<PathBuf> {
        let mut build = Command::new(std::env::current_exe()?);
        build.args(["build", "--package", "softndk"]).env(ROOT, self.source()).env("CARGO_TARGET_DIR", &self.folder);
        let output = build.stdin(Stdio::null()).output().context("the build of the copy")?;
        if !output.status.success() {
            bail!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        let images = sys_folder(&self.folder, Profile::Debug);
        for name in ["ndktest.sys", "ndktest.pdb"] {
            let from = self.good.join(name);
            fs::copy(&from, images.join(name)).with_context(|| format!("{}: cargo xtask build", from.display()))?;
        }
        Ok(images)
    }
}

fn mirror(from: &Path, to: &Path, depth: u32) -> Result<()> {
    const SKIPPED: [&str; 2] = ["target", ".git"];
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if depth == 0 && SKIPPED.iter().any(|skipped| name.to_string_lossy() == *skipped) {
            continue;
        }
        let (here, there) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            mirror(&here, &there, depth + 1)?;
            continue;
        }
        let bytes = fs::read(&here).with_context(|| here.display().to_string())?;
        if fs::read(&there).ok().as_ref() != Some(&bytes) {
            fs::write(&there, bytes).with_context(|| there.display().to_string())?;
        }
    }
    Ok(())
}
