//! `src/bindings.rs` is what bindgen makes of `include/`.

#[path = "../build/generate.rs"]
mod generate;

use std::{env, fs, panic, path::Path};

#[test]
fn committed_bindings_are_those_of_the_headers() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = package.join("src/bindings.rs");
    let generated = panic::catch_unwind(|| generate::bindings(&package.join("include"))).unwrap_or_else(|_| {
        panic!("bindgen did not run (see above). It needs libclang: `apt-get install libclang-dev`, or set LIBCLANG_PATH.")
    });
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&committed, &generated).expect("src/bindings.rs is writable");
    }
    let text = fs::read_to_string(&committed).expect("src/bindings.rs is part of the package");
    assert!(
        text == generated,
        "src/bindings.rs differs from what the headers give at line {}: run `UPDATE_BINDINGS=1 cargo test -p ndkpi-sys`",
        text.lines()
            .zip(generated.lines())
            .take_while(|(a, b)| a == b)
            .count()
            + 1
    );
}
