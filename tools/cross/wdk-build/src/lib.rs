//! Stand-in for the crates.io package `wdk-build` 0.6.0, for hosts without the Windows Driver Kit.
//!
//! It has the two calls that build scripts make. The linker arguments are those that the kit's
//! project files give to a WDM driver; what the kit's libraries would bring (the load configuration)
//! is asked for by name and comes from the `wdk-sys` stand-in.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;

/// Why a build script cannot go on.
#[derive(Debug)]
pub enum ConfigError {
    /// An environment variable that cargo sets for build scripts is absent.
    MissingEnvironment(&'static str),
    /// The manifest cannot be read.
    Manifest(PathBuf, std::io::Error),
    /// The manifest does not ask for a WDM driver, the only model the stand-in builds.
    NotWdm(PathBuf),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingEnvironment(name) => {
                write!(formatter, "{name} is not set: not run by cargo")
            }
            Self::Manifest(path, error) => write!(formatter, "{}: {error}", path.display()),
            Self::NotWdm(path) => write!(
                formatter,
                "{}: [package.metadata.wdk.driver-model] with driver-type = \"WDM\" expected",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Configures a library on top of `wdk-sys`: the `driver_model__driver_type` condition.
pub fn configure_wdk_library_build() -> Result<(), ConfigError> {
    println!("cargo::rustc-check-cfg=cfg(driver_model__driver_type, values(\"WDM\", \"KMDF\", \"UMDF\"))");
    println!("cargo::rustc-cfg=driver_model__driver_type=\"WDM\"");
    Ok(())
}

/// Configures a driver: the same condition, and the linker arguments of a WDM driver.
pub fn configure_wdk_binary_build() -> Result<(), ConfigError> {
    check_manifest()?;
    configure_wdk_library_build()?;
    for argument in LINKER_ARGUMENTS {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

const LINKER_ARGUMENTS: [&str; 16] = [
    "/DRIVER",
    "/NODEFAULTLIB",
    "/SUBSYSTEM:NATIVE,10.00",
    "/OSVERSION:10.0",
    "/VERSION:10.0",
    "/ENTRY:DriverEntry",
    "/NXCOMPAT",
    "/DYNAMICBASE",
    "/HIGHENTROPYVA",
    "/RELEASE",
    "/GUARD:CF",
    // The linker looks for the load configuration only among objects that something else pulled in.
    "/INCLUDE:_load_config_used",
    "/OPT:REF,ICF",
    "/INTEGRITYCHECK",
    "/MANIFEST:NO",
    "/MAP",
];

/// The real package reads the model from the manifest; a manifest that it would refuse fails here too.
fn check_manifest() -> Result<(), ConfigError> {
    const VARIABLE: &str = "CARGO_MANIFEST_DIR";
    let folder = std::env::var_os(VARIABLE).ok_or(ConfigError::MissingEnvironment(VARIABLE))?;
    let path = PathBuf::from(folder).join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| ConfigError::Manifest(path.clone(), error))?;
    let mut in_model = false;
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        if line.starts_with('[') {
            in_model = line == "[package.metadata.wdk.driver-model]";
        } else if in_model && line.replace(' ', "") == "driver-type=\"WDM\"" {
            return Ok(());
        }
    }
    Err(ConfigError::NotWdm(path))
}
