//! Where `unsafe` may be written.

use cargo_metadata::{Metadata, Package};
use softndk_arch::{files, has_word, metadata, relative, root, text, without_comments};
use std::path::{Path, PathBuf};

/// Crates that hold rules and codecs; they never need `unsafe`.
const SAFE: [&str; 5] = ["softndk-provider", "softndk-wire", "softndk-pure", "softndk-arch", "xtask"];

/// Core crates with raw memory in a few modules: rings, regions, token slots.
const RAW_MEMORY: [&str; 2] = ["driver/abi/src", "driver/nic/src"];

#[test]
fn a_crate_without_unsafe_code_forbids_it() {
    let metadata = metadata();
    let mut lacking = Vec::new();
    for package in metadata.workspace_packages() {
        let sources = sources(&metadata, package);
        let uses_unsafe = sources.iter().any(|path| has_word(&without_comments(&text(path)), "unsafe"));
        let must = SAFE.contains(&package.name.as_str()) || !uses_unsafe;
        for target in package.targets.iter().filter(|target| target.is_lib() || target.is_bin() || target.is_cdylib()) {
            if must && !text(target.src_path.as_std_path()).contains("#![forbid(unsafe_code)]") {
                lacking.push(relative(target.src_path.as_std_path()));
            }
        }
    }
    assert!(lacking.is_empty(), "#![forbid(unsafe_code)] is missing in {lacking:?}");
}

#[test]
fn a_file_of_the_core_with_unsafe_code_says_why_at_its_head() {
    let mut silent = Vec::new();
    for path in files(&[".rs"]) {
        let (name, source) = (relative(&path), text(&path));
        let Some(folder) = RAW_MEMORY.iter().find(|folder| name.starts_with(**folder)) else {
            continue;
        };
        if name.contains("tests") || !has_word(&without_comments(&source), "unsafe") {
            continue;
        }
        // The crate may give the reason once for a whole module: "`unsafe` stands in `token` (...)".
        let crate_head = head(&text(&root().join(folder).join("lib.rs")));
        let mut modules = name[folder.len()..].split(['/', '.']);
        let by_crate =
            crate_head.contains("`unsafe`") && modules.any(|module| crate_head.contains(&format!("`{module}`")));
        if !by_crate && !head(&source).contains("`unsafe`") {
            silent.push(name);
        }
    }
    assert!(silent.is_empty(), "unsafe code without a reason at the head of the file: {silent:?}");
}

/// The documentation at the head of a source file.
fn head(source: &str) -> String {
    let lines = source.lines();
    lines.take_while(|line| line.starts_with("//!") || line.is_empty()).collect()
}

/// The Rust files of a package, without those of packages nested in its folder and without tests.
fn sources(metadata: &Metadata, package: &Package) -> Vec<PathBuf> {
    let folder =
        |package: &Package| package.manifest_path.parent().map(|p| p.as_std_path().to_path_buf()).unwrap_or_default();
    let own = folder(package);
    let nested: Vec<PathBuf> =
        metadata.packages.iter().map(folder).filter(|other| other.starts_with(&own) && *other != own).collect();
    let is_own = |path: &Path| path.starts_with(own.join("src")) && !nested.iter().any(|other| path.starts_with(other));
    files(&[".rs"]).into_iter().filter(|path| is_own(path)).collect()
}
