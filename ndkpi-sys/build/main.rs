//! Chooses the bindings that the crate includes.
//!
//! * Windows target: `src/bindings.rs` as it is committed.
//! * Another target (tests, the simulator): the same text with `extern "win64"` in place of
//!   `extern "system"`, so that callbacks keep the calling convention of the drivers.
//! * Feature `wdk-headers`: bindgen over the headers of the installed kit (see [`kit`]).

#[cfg(feature = "wdk-headers")]
#[expect(dead_code, reason = "the test makes the committed file with the rest of it")]
mod generate;
#[cfg(feature = "wdk-headers")]
mod kit;
#[cfg(feature = "wdk-headers")]
mod merge;

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/bindings.rs");
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let mut used = package.join("src/bindings.rs");
    let mut text = fs::read_to_string(&used).expect("src/bindings.rs is part of the package");

    #[cfg(feature = "wdk-headers")]
    {
        println!("cargo::rerun-if-env-changed=WDKContentRoot");
        text = kit::bindings(&text);
        used = out.join("kit.rs");
        fs::write(&used, &text).expect("the output directory is writable");
    }
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        text = text.replace("extern \"system\"", "extern \"win64\"");
        used = out.join("host.rs");
        fs::write(&used, &text).expect("the output directory is writable");
    }
    println!("cargo::rustc-env=NDKPI_BINDINGS={}", used.display());
}
