//! Bindings from the headers of an installed Windows driver kit.
//!
//! What the kit defines, wins: its structures, unions, enumerations and function types take the place of
//! ours of the same name. The rest of the committed file stays: constants (C has macros there, ours have
//! one type each), older layouts (`_V1`, `_V2`) that the kit keeps behind preprocessor conditions.
//!
//! The kit is found by the variable `WDKContentRoot`, as the kit's own command prompt sets it; of several
//! versions the newest is taken.

use crate::{generate, merge};
use bindgen::CodegenConfig;
use std::{env, fs, path::PathBuf};

/// The text of the bindings.
pub fn bindings(committed: &str) -> String {
    let include = newest(&PathBuf::from(
        env::var_os("WDKContentRoot").expect("feature wdk-headers: WDKContentRoot names no driver kit"),
    ));
    let wanted = merge::names(committed);
    let mut types = CodegenConfig::TYPES;
    types.insert(CodegenConfig::METHODS);
    let mut builder = generate::builder()
        .header_contents("kit.h", HEADERS)
        // As C++, so that the tables of WSK have a member `Basic` in place of an unnamed one.
        .clang_args(["-x", "c++", "-fms-compatibility", "-fms-extensions", "-Wno-everything"])
        .clang_args(DEFINES.iter().map(|define| format!("-D{define}")))
        .with_codegen_config(types);
    for folder in ["km", "km/crt", "shared", "um"] {
        builder = builder.clang_arg("-isystem").clang_arg(include.join(folder).display().to_string());
    }
    for name in &wanted {
        builder = builder.allowlist_type(format!("_?{name}"));
    }
    merge::over(&generate::system_abi(&generate::run(builder)), committed)
}

const HEADERS: &str = "\
#include <ntddk.h>
#include <ndis.h>
#include <ndkpi.h>
#include <ndisndk.h>
#include <ndkinfo.h>
#include <wsk.h>
#include <wskndk.h>
#include <netioapi.h>
";

const DEFINES: &[&str] = &[
    "_AMD64_=1",
    "AMD64=1",
    "_WIN64=1",
    "_WIN32_WINNT=0x0A00",
    "WINVER=0x0A00",
    "NTDDI_VERSION=0x0A00000C",
    "NDIS_MINIPORT_DRIVER=1",
    "NDIS_WDM=1",
    "NDIS685_MINIPORT=1",
    "NDIS685=1",
];

fn newest(root: &std::path::Path) -> PathBuf {
    let include = root.join("Include");
    let versions = fs::read_dir(&include).unwrap_or_else(|error| panic!("{}: {error}", include.display()));
    let mut versions: Vec<_> =
        versions.flatten().map(|entry| entry.path()).filter(|path| path.join("km/ndis.h").is_file()).collect();
    versions.sort();
    versions.pop().unwrap_or_else(|| panic!("{}: no version with km/ndis.h", include.display()))
}
