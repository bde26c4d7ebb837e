//! The arrows between crates: docs/architecture.md draws them, nothing else is allowed.
//!
//! Provider and device never see each other: they meet in `softndk-abi`.

use cargo_metadata::{DependencyKind, Package};
use softndk_arch::metadata;
use std::collections::BTreeSet;

/// What each crate of the driver may use, of this workspace and of the kit's crates.
///
/// `softndk-cx` and `softndk-pure` are the parts of `softndk-nt` that build on every host.
const ARROWS: [(&str, &[&str]); 9] = [
    (
        "softndk",
        &["softndk-provider", "softndk-nic", "softndk-abi", "softndk-nt", "ndkpi-sys", "wdk-panic", "wdk-build"],
    ),
    ("softndk-provider", &["softndk-abi"]),
    ("softndk-nic", &["softndk-abi", "softndk-wire"]),
    ("softndk-abi", &[]),
    ("softndk-wire", &[]),
    ("softndk-nt", &["softndk-abi", "softndk-cx", "softndk-pure", "ndkpi-sys", "wdk-sys"]),
    ("softndk-cx", &[]),
    ("softndk-pure", &[]),
    ("ndkpi-sys", &[]),
];

#[test]
fn only_the_drawn_arrows_exist() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let guarded = guarded(&packages);
    let mut wrong = Vec::new();
    for package in &packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name.as_str()) else {
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let name = dependency.name.as_str();
            if guarded.contains(name) && !allowed.contains(&name) {
                wrong.push(format!("{} -> {name}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the design does not have: {wrong:?}");
}

/// Not even their tests may join provider and device: tests of both together have a package of their own.
#[test]
fn provider_and_device_do_not_meet_in_tests_either() {
    let metadata = metadata();
    for (from, to) in [("softndk-provider", "softndk-nic"), ("softndk-nic", "softndk-provider")] {
        let package = metadata.packages.iter().find(|package| package.name.as_str() == from);
        let dependencies = package.map(|package| package.dependencies.as_slice()).unwrap_or_default();
        assert!(dependencies.iter().all(|dependency| dependency.name != to), "{from} -> {to}");
    }
}

#[test]
fn every_crate_of_the_driver_is_listed() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let is_driver =
            package.manifest_path.strip_prefix(&metadata.workspace_root).is_ok_and(|p| p.starts_with("driver"));
        let listed = ARROWS.iter().any(|(name, _)| *name == package.name.as_str());
        assert!(listed || !is_driver, "{} has no row in ARROWS", package.name);
    }
}

/// The simulator must not know the driver that it tests.
#[test]
fn the_simulator_does_not_know_the_driver() {
    let metadata = metadata();
    for package in metadata.packages.iter().filter(|package| package.name.as_str() == "ntsim") {
        let names = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        let wrong: Vec<_> = names.filter(|name| name.starts_with("softndk")).collect();
        assert!(wrong.is_empty(), "ntsim -> {wrong:?}");
    }
}

/// Arrows to other crates (bitflags, arrayvec, ...) are a matter of review.
fn guarded<'a>(packages: &[&'a Package]) -> BTreeSet<&'a str> {
    let own = packages.iter().map(|package| package.name.as_str());
    own.chain(["wdk", "wdk-sys", "wdk-alloc", "wdk-panic", "wdk-build", "wdk-macros"]).collect()
}
