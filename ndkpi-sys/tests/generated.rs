//! `src/bindings.rs` is what bindgen makes of `include/`.

#[path = "../build/generate.rs"]
mod generate;
#[path = "../build/merge.rs"]
mod merge;

use std::{env, fs, panic, path::Path};

#[test]
fn committed_bindings_are_those_of_the_headers() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = package.join("src/bindings.rs");
    let generated = panic::catch_unwind(|| generate::bindings(&package.join("include")));
    let generated = generated.unwrap_or_else(|_| {
        panic!(
            "bindgen did not run (see above). It needs libclang: \
             `apt-get install libclang-dev`, or set LIBCLANG_PATH."
        )
    });
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&committed, &generated).expect("src/bindings.rs is writable");
    }
    let text = fs::read_to_string(&committed).expect("src/bindings.rs is part of the package");
    assert!(
        text == generated,
        "src/bindings.rs differs from what the headers give at line {}: \
         run `UPDATE_BINDINGS=1 cargo test -p ndkpi-sys`",
        text.lines().zip(generated.lines()).take_while(|(a, b)| a == b).count() + 1
    );
}

/// The rule by which the kit's own definitions take the place of the committed ones.
#[test]
fn definitions_of_a_kit_win_and_the_rest_stays() {
    let kit = "pub type ULONG = u32; pub struct S { pub a: ULONG }";
    let ours = "pub type ULONG = u64; pub struct S; impl Default for S { fn default() -> Self { S } } \
                pub struct S_V1; impl Default for S_V1 { fn default() -> Self { S_V1 } } \
                const _: () = { }; pub const FLAG: ULONG = 1;";
    let merged = merge::over(kit, ours);
    for kept in ["ULONG = u32", "pub a: ULONG", "struct S_V1", "Default for S_V1", "FLAG: ULONG"] {
        assert!(merged.contains(kept), "{kept} is missing:\n{merged}");
    }
    for gone in ["u64", "Default for S {", "const _"] {
        assert!(!merged.contains(gone), "{gone} is still there:\n{merged}");
    }
    assert_eq!(merge::names(ours), ["ULONG", "S", "S_V1", "FLAG"]);
}
