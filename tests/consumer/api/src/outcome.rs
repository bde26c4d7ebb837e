//! What a run says of itself, while it goes on and at its end.

use crate::Text;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Requests and events of a run, counted by the consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// Sends that were accepted, those that invalidate included.
    pub sends: u64,
    /// Receives that were accepted.
    pub receives: u64,
    /// RDMA reads that were accepted.
    pub reads: u64,
    /// RDMA writes that were accepted.
    pub writes: u64,
    /// Other work requests: fast register, bind, invalidate.
    pub others: u64,
    /// Results fetched from completion queues.
    pub completions: u64,
    /// CQ notification callbacks.
    pub notifications: u64,
    /// Requests that answered STATUS_PENDING and were completed by callback.
    pub pended: u64,
    /// Times that a side had something to send but no credit.
    pub credit_stalls: u64,
    /// Most RDMA reads and writes outstanding at one time.
    pub peak_outstanding: u64,
}

/// Parts of a transfer whose time is taken; indices into [`Outcome::nanoseconds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Phase {
    /// From the first call to the last.
    Whole = 0,
    /// Opening adapters, connecting, negotiating.
    Setup = 1,
    /// RDMA reads: from the first post of a window to its last result.
    Pull = 2,
    /// RDMA writes likewise.
    Push = 3,
    /// Reading the source file.
    Source = 4,
    /// Hashing, all three passes.
    Hash = 5,
}

/// Number of [`Phase`]s.
pub const PHASES: usize = 6;

/// Why a run failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Failure {
    /// What had been expected, with the requirement's id where there is one.
    pub what: Text<128>,
    /// Source file of the expectation.
    pub file: Text<56>,
    /// Line of the expectation.
    pub line: u32,
    /// NTSTATUS that was involved, or 0.
    pub status: i32,
    /// The value that was seen, if a value was compared.
    pub seen: u64,
    /// The value that was wanted.
    pub wanted: u64,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Outcome {
    /// 0 for success, STATUS_CANCELLED, or what stopped the run.
    pub status: i32,
    /// NDK version that the first adapter answered.
    pub major: u16,
    /// See `major`.
    pub minor: u16,
    /// Expectations that held.
    pub checks: u64,
    /// Meaningful if `status` is not 0.
    pub failure: Failure,
    /// Payload bytes carried (transfers: once, though they go both ways).
    pub bytes: u64,
    /// By [`Phase`].
    pub nanoseconds: [u64; PHASES],
    /// Sum over both sides.
    pub counters: Counters,
    /// SHA-256 of what the server pulled.
    pub pulled: [u8; 32],
    /// SHA-256 of what was pushed back to the client.
    pub pushed: [u8; 32],
    /// SHA-256 of what the client read from the source file.
    pub source: [u8; 32],
}

impl Outcome {
    /// Nanoseconds of a part.
    pub fn time(&self, phase: Phase) -> u64 {
        self.nanoseconds.get(phase as usize).copied().unwrap_or(0)
    }
}

/// The middle of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Progress {
    /// Bytes, or rounds, that are done.
    pub done: u64,
    /// What `done` will be; 0 while it is not known.
    pub total: u64,
    /// Expectations that held so far.
    pub checks: u64,
    /// Completions so far.
    pub completions: u64,
    /// Stages that the run has arrived at; it waits at the last one for [`crate::IOCTL_GO_ON`].
    pub stage: u64,
}
