//! The simulated NIC: token table, memory regions, queue pairs and the engine that moves bytes between them.
//!
//! The device knows WQEs, CQEs and tokens, and nothing of NDK objects. It never calls a consumer, never waits,
//! never takes a lock and never allocates: what has to happen outside it says to a [`sink::Sink`], which only
//! queues things.
//!
//! Whoever rings a doorbell runs the engine, if nobody does so already ([`gate::Gate`]): the poster itself, a
//! DPC or a worker. A call does a bounded amount of work and says what is left.
//!
//! `unsafe` stands in `memory` (raw copies), `token` (slot cells), `qp` (cells under a gate, links between QPs)
//! and `srq` (ring memory).
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

pub mod gate;
pub mod memory;
pub mod qp;
pub mod sink;
pub mod srq;
pub mod token;

#[cfg(all(test, not(loom)))]
mod tests;
