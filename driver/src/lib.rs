//! softndk.sys: an NDIS miniport for a virtual Ethernet adapter that is a full NDK provider.
//!
//! ```text
//!      NDK consumers, through the ten dispatch tables              NDIS
//!                  |                                                 |
//!                 ndk                                            miniport
//!                  |                                                 |
//!                  +------------------- run -------------------------+
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`entry`] | DriverEntry and unload |
//! | [`miniport`] | NDIS: adapters, OIDs, Ethernet frames, NDK enabled or not |
//! | [`ndk`] | the dispatch tables: C in and out of the provider's rules |
//! | [`run`] | what moves: devices, objects, connections, the engine's runners |
//!
//! The rules are in `softndk-provider`, the device in `softndk-nic`, the kernel in `softndk-nt`; this
//! crate checks, converts, locks, calls and carries out what came back.
#![no_std]
// No panic path in a kernel image: what could fail says so in its type.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

extern crate wdk_panic;

mod entry;
mod miniport;
mod ndk;
mod run;
