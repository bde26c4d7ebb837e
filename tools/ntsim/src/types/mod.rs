//! Kernel structures with their real x64 layout, under the names of the public headers.
//!
//! `LONG` is `i32`, `ULONG` is `u32`, `WCHAR` is `u16`: the host's `c_long` has 64 bits.
//! The layouts are those of `docs/contract/wdk-sys-api.tsv`; `tests` below hold them.
#![expect(non_camel_case_types, reason = "the names of the public headers")]
#![expect(non_snake_case, reason = "the names of the public headers")]
#![expect(missing_docs, reason = "fields carry the names under which the headers document them")]

mod base;
mod dispatcher;
mod driver;
mod irp;
mod misc;
pub mod status;

pub use base::*;
pub use dispatcher::*;
pub use driver::*;
pub use irp::*;
pub use misc::*;
pub use status::*;

#[cfg(test)]
mod tests;
