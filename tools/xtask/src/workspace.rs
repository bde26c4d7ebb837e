//! What the workspace holds: its root, its target folder, its driver packages.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use std::path::{Path, PathBuf};

/// Names another workspace to work on: the copy with a bug of [`crate::bugs`].
pub const ROOT: &str = "SOFTNDK_ROOT";

/// The root of the workspace.
pub fn root() -> PathBuf {
    if let Some(root) = std::env::var_os(ROOT) {
        return root.into();
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// The workspace as cargo sees it, without resolving dependencies.
pub fn metadata() -> Result<Metadata> {
    MetadataCommand::new().current_dir(root()).no_deps().exec().context("cargo metadata")
}

/// A package that builds to a driver.
#[derive(Debug, Clone)]
pub struct DriverPackage {
    /// The package's name.
    pub package: String,
    /// The name of its library, hence of its image and debug information.
    pub library: String,
    /// Faults that the image check must find: `[package.metadata.image] expected-faults` of bad drivers.
    pub expected_faults: Vec<String>,
}

/// The packages that declare `[package.metadata.wdk.driver-model]`.
pub fn driver_packages(metadata: &Metadata) -> Vec<DriverPackage> {
    metadata.workspace_packages().into_iter().filter_map(driver_package).collect()
}

fn driver_package(package: &Package) -> Option<DriverPackage> {
    package.metadata.pointer("/wdk/driver-model/driver-type")?;
    let library = package.targets.iter().find(|target| target.is_cdylib())?;
    let expected = package.metadata.pointer("/image/expected-faults");
    let expected = expected.and_then(|list| list.as_array()).into_iter().flatten();
    Some(DriverPackage {
        package: package.name.to_string(),
        library: library.name.clone(),
        expected_faults: expected.filter_map(|fault| Some(fault.as_str()?.to_owned())).collect(),
    })
}
