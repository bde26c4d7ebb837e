//! The NDK rules: what a provider may do, must do and must refuse, one file per object.
//!
//! Nothing here calls anybody. The shell turns pointers into checked values, takes the lock that the
//! function names, calls in, unlocks, and carries out what came back: a result and a list of
//! [`effects::Effect`]. So the hard rules of the contract, when a consumer may be called and when a
//! close may complete, are decided in one place and tested on any host.
//!
//! | file | contract section |
//! |---|---|
//! | [`version`], [`info`] | `VER-*`, `ADP-*` |
//! | [`life`] | `LIFE-*` |
//! | [`cq`] | `CQ-*` |
//! | [`mr`], [`mw`] | `MR-*`, `FRG-*`, `INV-*`, `BND-*`, `MW-*` |
//! | [`qp`], [`post`] | `QP-*`, `WR-*`, `FLAG-*` |
//! | [`srq`] | `SRQ-*` |
//! | [`address`], [`port`] | `CONN-05` to `CONN-08`, `ADR-*`, `LSN-04` to `LSN-08` |
//! | [`connector`], [`listener`], [`effects`] | `CONN-*`, `LSN-*` |
//! | [`status`] | the only file that knows NTSTATUS numbers |
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

pub mod address;
pub mod connector;
pub mod cq;
pub mod effects;
pub mod info;
pub mod life;
pub mod listener;
pub mod mr;
pub mod mw;
pub mod port;
pub mod post;
pub mod qp;
pub mod quota;
pub mod srq;
pub mod status;
pub mod version;

pub use status::Failure;
