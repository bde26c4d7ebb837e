//! Types, constants and imports of the kernel network interfaces that an NDK provider and its consumers use.
//!
//! Covered: NDK up to 2.1, the NDIS 6.x miniport and protocol edges, WSK, and the kernel's IP helper, with
//! the few kernel types that they name ([`MDL`], [`UNICODE_STRING`], ...). Names are those of C, all at the
//! root. The declarations are this project's own C headers under `include/`, run through bindgen; a test
//! regenerates `src/bindings.rs`, and another holds every row of `docs/contract/ndkpi-layout.tsv` against it.
//!
//! * Function pointers are `Option<unsafe extern "system" fn(..)>` on Windows targets and
//!   `Option<unsafe extern "win64" fn(..)>` elsewhere, so that a simulator on another host can call into a
//!   driver image and be called. Integers have fixed widths: the types are the same on both.
//! * Functions of `ndis.sys` and `netio.sys` are imports by `raw-dylib` and exist on Windows targets only.
//! * Where the interface has two layouts, the plain name is the newer one and `_V1` the older:
//!   [`NDK_ADAPTER_INFO`] (104 bytes) and [`NDK_ADAPTER_INFO_V1`] (96), [`NDK_CONNECTOR_DISPATCH`] (104, 88),
//!   [`NDIS_OPEN_NDK_ADAPTER_PARAMETERS`] (12, 4), [`NDIS_PM_CAPABILITIES`] (60, 52), and
//!   [`NDIS_MINIPORT_DRIVER_CHARACTERISTICS`] (160; `_V2` 152, `_V1` 136). [`NDIS_OID_REQUEST`] is what all
//!   versions have, [`NDIS_OID_REQUEST_V2`] what 6.50 appended.
//! * `Default` of every structure is all zeros.
//!
//! With the feature `wdk-headers`, bindgen runs on the headers of an installed kit instead. That path needs
//! a Windows host with the kit and is not exercised by the tests of this repository.
#![no_std]

pub use bindings::*;
pub use net_buffer::*;
pub use values::*;

mod net_buffer;
mod values;

#[expect(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    missing_docs,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "generated from C declarations, which carry the documentation"
)]
mod bindings {
    include!(env!("NDKPI_BINDINGS"));
}
