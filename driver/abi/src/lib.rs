//! The "hardware manual" of the simulated NIC: what its driver (the provider) and the device agree on.
//!
//! Formats ([`Token`], [`Sge`], [`work::WqeHeader`], [`Cqe`]) and the two shared-memory queues that carry
//! them: [`work::WorkQueue`] towards the device, [`completion::CompletionQueue`] back. Whoever builds a real
//! chip keeps this crate and replaces the device.
//!
//! Neither queue takes a lock, so a runner that is preempted at PASSIVE_LEVEL never makes a caller at
//! DISPATCH_LEVEL wait. Nothing allocates: ring memory is handed in. `unsafe` stands in the ring files
//! (`work`, `completion`) and in `sync`, because rings live in raw memory; all else is safe code.
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

#[cfg(test)]
extern crate std;

pub mod cm;
pub mod completion;
mod format;
pub mod sync;
pub mod work;

pub use format::{Access, CompletionStatus, Cqe, Opcode, Sge, Token, WqeFlags};
