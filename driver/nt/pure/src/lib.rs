//! What the driver's kernel side decides without asking the kernel, so that every host can test it.
//!
//! | module | what |
//! |---|---|
//! | [`extent`] | the one virtual range of an MDL chain (`LAM-06`, `MR-11`) |
//! | [`random`] | a keyed generator (ChaCha) |
//! | [`processors`] | which processor of a set comes first (`CQ-06`) |
//! | [`rundown`] | a door that closes once |
//! | [`ether`], [`datapath`], [`statistics`] | frames and filters, pause and restart, counters |
//! | [`ndk_state`], [`ndk_answer`] | NDK enabled or not, and what the NDK OIDs answer |
//! | [`bytes`] | little-endian answers |
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
#![forbid(unsafe_code)]

pub mod bytes;
pub mod datapath;
pub mod ether;
pub mod extent;
pub mod ndk_answer;
pub mod ndk_state;
pub mod processors;
pub mod random;
pub mod rundown;
pub mod statistics;
