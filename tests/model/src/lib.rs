//! Models: every interleaving of a few threads over the lock-free code that ships, explored by loom.
//!
//! The code under test takes its atomics from `softndk_abi::sync`, which are loom's here. Without `--cfg loom`
//! this package is empty. To run (a target directory of its own, as everything is compiled differently):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p softndk-model --release
//! ```
#![cfg(all(loom, test))]

mod completion;
mod gate;
mod harness;
mod life;
mod pair;
mod token;
mod work;
