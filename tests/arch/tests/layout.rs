//! The folders of the workspace: what is where is part of the design.

use softndk_arch::{metadata, root, text};
use std::collections::BTreeSet;
use std::path::Path;

/// Everything visible at the top.
const TOP: [&str; 14] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile.toml",
    "README.md",
    "docs",
    "driver",
    "inf",
    "ndkpi-sys",
    "target",
    "tests",
    "tools",
];
/// What the folders of tools and tests may hold.
const TOOLS: [&str; 3] = ["cross", "ntsim", "xtask"];
const TESTS: [&str; 11] =
    ["arch", "bad", "bad-input", "bench", "consumer", "contract", "fuzz", "miniport", "model", "pair", "seeds"];

#[test]
fn the_top_level_is_as_designed() {
    let found = visible(&root());
    let unknown: Vec<_> = found.iter().filter(|name| !TOP.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "not part of the layout: {unknown:?}");
    let missing: Vec<_> = TOP.iter().filter(|name| **name != "target" && !found.contains(**name)).collect();
    assert!(missing.is_empty(), "part of the layout, but absent: {missing:?}");
}

#[test]
fn tools_and_tests_hold_only_what_is_designed() {
    for (folder, allowed) in [("tools", TOOLS.as_slice()), ("tests", TESTS.as_slice())] {
        let found = visible(&root().join(folder));
        let unknown: Vec<_> = found.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "in {folder}: {unknown:?}");
    }
}

/// Drivers build for Windows alone; a plain `cargo test` on any host must leave them out.
#[test]
fn default_members_leave_the_drivers_out() {
    let metadata = metadata();
    let members = metadata.workspace_default_packages();
    let drivers: Vec<_> =
        members.iter().filter(|package| package.metadata.pointer("/wdk/driver-model").is_some()).collect();
    assert!(drivers.is_empty(), "drivers among the default members: {drivers:?}");
}

/// A stand-in that found its way into the manifests would be what ships.
#[test]
fn the_standins_are_chosen_by_configuration_alone() {
    assert!(!text(&root().join("Cargo.toml")).contains("[patch"), "Cargo.toml patches crates");
    let lock = text(&root().join("Cargo.lock"));
    for name in ["wdk-sys", "wdk-build"] {
        let package = lock.split("[[package]]").find(|block| block.contains(&format!("\nname = \"{name}\"\n")));
        assert!(package.is_some_and(|block| block.contains("crates.io")), "{name} in Cargo.lock is not the registry's");
    }
}

fn visible(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}
