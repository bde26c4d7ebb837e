//! Test drivers in C: clang and our own declarations of the kernel's interface.
//!
//! They are what drivers built with the kit look like to the simulator, which Rust drivers are not:
//! structured exception handling, inlined privileged instructions, security cookies.

use super::{TARGET, copy};
use crate::install::on_path;
use crate::workspace::root;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name by which `cargo xtask build -p` knows the driver.
pub const PACKAGE: &str = "ntsim-c";
/// The name of the image.
const NAME: &str = "ntsim_c";
/// Debian's package with a clang for Windows targets.
pub const DEBIAN_PACKAGE: &str = "clang-19";
/// What to say when there is none.
pub const MISSING: &str =
    "no clang found for the test driver in C: install clang 14 or newer (on Debian: apt-get install clang-19)";

const FLAGS: [&str; 13] = [
    "-ffreestanding",
    "-fms-extensions",
    // A buffer on the stack gets a cookie, an indirect call a check, as with the kit's defaults.
    "-fstack-protector-strong",
    "-Xclang",
    "-cfguard",
    "-O1",
    "-g",
    "-gcodeview",
    "-Wall",
    "-Wextra",
    "-Werror",
    // Pool tags.
    "-Wno-four-char-constants",
    "-Wno-multichar",
];

/// A clang that makes Windows objects: all do, if recent enough.
pub fn clang() -> Option<PathBuf> {
    let versioned = (14..=25).rev().map(|version| format!("clang-{version}"));
    std::iter::once("clang".to_owned()).chain(versioned).find_map(|name| on_path(&name))
}

/// Builds `ntsim_c.sys` with its `.pdb` into `out`; `folder` is for objects.
pub fn build(clang: &Path, linker: &Path, folder: &Path, out: &Path) -> Result<PathBuf> {
    let source = root().join("tools/ntsim/tests/c-drivers");
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let mut inputs = Vec::new();
    for file in files(&source, &["c", "S"])? {
        let object = folder.join(file.file_name().unwrap_or_default()).with_extension("obj");
        let mut command = Command::new(clang);
        command.arg(format!("--target={TARGET}")).arg("-I").arg(source.join("include"));
        if file.extension().is_some_and(|extension| extension == "c") {
            command.args(FLAGS);
        }
        run(command.arg("-c").arg(&file).arg("-o").arg(&object))?;
        inputs.push(object);
    }
    for file in files(&source.join("imports"), &["def"])? {
        let library = folder.join(file.file_name().unwrap_or_default()).with_extension("lib");
        run(link(linker).args(["/lib", "/machine:x64"]).arg(flag("def", &file)).arg(flag("out", &library)))?;
        inputs.push(library);
    }
    let image = folder.join(format!("{NAME}.sys"));
    let mut command = link(linker);
    command.args(["/driver", "/subsystem:native", "/entry:GsDriverEntry", "/nodefaultlib", "/guard:cf"]);
    command.args(["/opt:ref", "/opt:noicf", "/release", "/debug"]).arg(format!("/pdbaltpath:{NAME}.pdb"));
    command.arg(flag("pdb", &image.with_extension("pdb"))).arg(flag("out", &image)).args(&inputs);
    run(&mut command)?;
    let sys = out.join(format!("{NAME}.sys"));
    copy(&image.with_extension("pdb"), &sys.with_extension("pdb"))?;
    copy(&image, &sys)?;
    Ok(sys)
}

/// The files of a folder with one of these extensions, in order.
fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut found = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    found.retain(|path| path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)));
    found.sort();
    Ok(found)
}

/// The linker in its Windows guise.
fn link(linker: &Path) -> Command {
    let mut command = Command::new(linker);
    if linker.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rust-lld")) {
        command.args(["-flavor", "link"]);
    }
    command
}

fn flag(name: &str, path: &Path) -> String {
    format!("/{name}:{}", path.display())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    ensure!(status.success(), "{program} failed ({status}): {command:?}");
    Ok(())
}

/// Clang, or the reason why there is none.
pub fn require() -> Result<PathBuf> {
    match clang() {
        Some(path) => Ok(path),
        None => bail!("{MISSING}"),
    }
}
