//! Chooses the bindings that the crate includes.
//!
//! * Windows target: `src/bindings.rs` as it is committed.
//! * Another target (tests, the simulator): the same text with `extern "win64"` in place of
//!   `extern "system"`, so that callbacks keep the calling convention of the drivers.
//! * Feature `wdk-headers`: bindgen over the headers of the installed kit (see [`kit`]).

#[cfg(feature = "wdk-headers")]
mod kit;

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/bindings.rs");
    let committed = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("src/bindings.rs");
    let generated = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("bindings.rs");
    let windows = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "windows");

    #[cfg(feature = "wdk-headers")]
    let used = {
        fs::write(&generated, kit::bindings()).expect("the output directory is writable");
        generated
    };
    #[cfg(not(feature = "wdk-headers"))]
    let used = if windows {
        committed
    } else {
        let text = fs::read_to_string(&committed).expect("src/bindings.rs is part of the package");
        fs::write(&generated, text.replace("extern \"system\"", "extern \"win64\""))
            .expect("the output directory is writable");
        generated
    };
    #[cfg(feature = "wdk-headers")]
    let _ = (committed, windows);
    println!("cargo::rustc-env=NDKPI_BINDINGS={}", used.display());
}
