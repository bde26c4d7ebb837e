//! Stand-in for the crates.io package `wdk-sys` 0.5.2, for hosts without the Windows Driver Kit.
//!
//! Drivers name the real package. `cargo xtask build` puts this one in its place by cargo
//! configuration, so the same driver source compiles against both. Where this crate and the real
//! one could differ, this one offers less: what compiles here compiles there.
//!
//! | file | what |
//! |---|---|
//! | `generated/` | from `docs/contract/wdk-sys-api.tsv`, by `cargo xtask standin` |
//! | `records.rs`, `irp.rs` | records that the table names without all their fields |
//! | `enums.rs`, `constants.rs`, `status.rs` | constants of the public headers |
//! | `extra.rs` | routines beyond the table |
//! | `image.rs` | what the kit's static libraries add to an image |
#![no_std]
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = "the names are those of the C headers")]

mod constants;
mod enums;
#[cfg(target_os = "windows")]
mod image;
mod irp;
#[cfg(target_os = "windows")]
mod layout;
mod macros;
pub mod ntddk;
mod records;
mod status;
mod types;

pub use constants::*;
pub use enums::*;
pub use irp::*;
pub use macros::*;
pub use records::*;
pub use status::*;
pub use types::*;
