//! What the small NDK consumers of this folder share: the way to an adapter, and waits.
#![no_std]

mod consumer;
mod pending;

pub use consumer::{Consumer, INTERFACE};
pub use pending::{Pending, closed, completed, created};
