//! What the suite needs beside a Rust toolchain for the host.

use crate::build;
use crate::install;
use crate::workspace::metadata;
use anyhow::Result;
use std::path::Path;

/// Installs what is missing: a compiler and linker for Windows images, libclang for the bindings, and
/// clang for the test driver in C. The last is optional: where it cannot be had, its tests are left out
/// with a message.
pub fn install() -> Result<()> {
    build::prepare(metadata()?.target_directory.as_std_path())?;
    if !has_libclang() {
        install::packages(&["libclang-19-dev"])?;
    }
    if build::c::clang().is_none() && install::packages(&[build::c::DEBIAN_PACKAGE]).is_err() {
        eprintln!("{}; its tests are left out", build::c::MISSING);
    }
    Ok(())
}

/// The bindings are regenerated and compared; bindgen loads this library at run time.
fn has_libclang() -> bool {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    let versions = (14..=25).map(|version| format!("/usr/lib/llvm-{version}/lib"));
    let own = std::env::var_os("LIBCLANG_PATH").is_some();
    let is_library = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|name| {
            name.starts_with("libclang.so")
                || (name.starts_with("libclang-") && name[9..].starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    own || folders.into_iter().map(str::to_owned).chain(versions).any(|folder| is_library(Path::new(&folder)))
}
