//! Sequences of NDK calls as bytes, and an oracle that says what each call must do.
//!
//! ```text
//!  bytes ──decode──► Step ──Oracle::apply──► what the call returns, which completions follow, what memory holds
//! ```
//! Two ends, each with [`LINKS`] queue pairs, [`MEMORIES`] pieces of memory (regions, then fast-register regions) and
//! [`WINDOWS`] windows. Every string of bytes is a sequence, so that random bytes can be tried, and shortened when they
//! show something. The oracle knows the contract, not the provider; it has no memory of its own beyond fixed arrays, so
//! that a kernel consumer can run it beside the calls.
#![no_std]
#![forbid(unsafe_code)]

mod access;
mod oracle;
mod run;
mod step;

#[cfg(test)]
mod tests;

pub use oracle::{Completion, Inline, Memory, Oracle, Status};
pub use step::{Bind, Flags, List, Malformed, Place, Remote, Request, STEP_BYTES, Step, Target, decode};

/// Connections.
pub const LINKS: usize = 2;
/// Regular regions of an end: the first of its memories.
pub const REGIONS: usize = 3;
/// Pieces of memory of an end: regular regions, then fast-register regions.
pub const MEMORIES: usize = 5;
/// Windows of an end.
pub const WINDOWS: usize = 2;
/// Bytes of each piece of memory.
pub const LENGTH: usize = 256;
/// Depth of every queue.
pub const DEPTH: usize = 6;

/// `NDK_MR_FLAG_ALLOW_LOCAL_WRITE`.
pub const LOCAL_WRITE: u32 = 1;
/// `NDK_MR_FLAG_ALLOW_REMOTE_READ`.
pub const REMOTE_READ: u32 = 2;
/// `NDK_MR_FLAG_ALLOW_REMOTE_WRITE`: has local write in it.
pub const REMOTE_WRITE: u32 = 5;
