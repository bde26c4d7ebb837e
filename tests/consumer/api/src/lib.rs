//! The interface of `ndktest.sys`: device names, control codes and the blocks that go with them.
//!
//! All codes are METHOD_BUFFERED. A block is plain bytes in host order, without padding that anybody
//! would have to clear; texts are UTF-8 with zeros behind.
//!
//! | code | in | out |
//! |---|---|---|
//! | [`IOCTL_LIST`] | nothing | as many [`Entry`] blocks as fit |
//! | [`IOCTL_RUN`] | [`Request`], then the path of the source file as UTF-16 | [`Outcome`] |
//! | [`IOCTL_PROGRESS`] | the run's id (`u64`) | [`Progress`] |
//! | [`IOCTL_CANCEL`] | the run's id (`u64`) | nothing |
//! | [`IOCTL_GO_ON`] | the run's id (`u64`) | nothing |
//!
//! A run lasts as long as its request. Progress and cancel come from other threads; a run that has not
//! begun, or is over, is not found.
#![no_std]
#![forbid(unsafe_code)]

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

mod outcome;
mod text;
mod transfers;

pub use outcome::{Counters, Failure, Outcome, PHASES, Phase, Progress};
pub use text::Text;
pub use transfers::{Kind, LARGEST_TRANSFER, TRANSFERS};

/// Name of the device object.
pub const DEVICE_NAME: &str = r"\Device\NdkTest";
/// Symbolic link by which programs open the device.
pub const LINK_NAME: &str = r"\DosDevices\NdkTest";

/// Lists the workloads.
pub const IOCTL_LIST: u32 = control_code(0x800);
/// Runs a workload and answers when it is over.
pub const IOCTL_RUN: u32 = control_code(0x801);
/// Tells how far a run is.
pub const IOCTL_PROGRESS: u32 = control_code(0x802);
/// Ends a run early; its outcome has the status `STATUS_CANCELLED`.
pub const IOCTL_CANCEL: u32 = control_code(0x803);
/// Lets a run go on that waits at a stage ([`Progress::stage`]).
pub const IOCTL_GO_ON: u32 = control_code(0x804);

/// A FILE_DEVICE_UNKNOWN, METHOD_BUFFERED code that needs read and write access.
const fn control_code(function: u32) -> u32 {
    const DEVICE_UNKNOWN: u32 = 0x22;
    const READ_AND_WRITE: u32 = 3;
    (DEVICE_UNKNOWN << 16) | (READ_AND_WRITE << 14) | (function << 2)
}

/// A workload that the driver knows.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// What [`Request::workload`] takes.
    pub name: Text<32>,
    /// One line for people.
    pub description: Text<116>,
    /// How many adapters the workload needs (1 or 2); a second one that is given is used.
    pub adapters: u32,
    /// The end of the path of the source file that defines the workload.
    pub file: Text<64>,
}

/// An adapter to work on. Addresses that are all zero are not there.
#[derive(Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Target {
    /// Interface index; 0 for no adapter.
    pub interface: u32,
    /// IPv4 address in network order.
    pub ipv4: [u8; 4],
    /// IPv6 address in network order.
    pub ipv6: [u8; 16],
    /// Scope of a link-local IPv6 address.
    pub ipv6_scope: u32,
}

/// What to run. The path of a source file may follow the block.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Request {
    /// Chosen by the caller; unique among the runs of the moment.
    pub id: u64,
    /// Seed of every choice the workload makes.
    pub seed: u64,
    /// Name of the workload.
    pub workload: Text<32>,
    /// Where the passive side (0) and the active side (1) are; the second may be absent.
    pub adapters: [Target; 2],
    /// NDK version to open the adapters at.
    pub major: u16,
    /// See `major`.
    pub minor: u16,
    /// Listening port; 0 lets the workload choose.
    pub port: u32,
    /// How often to repeat; 0 is the workload's own choice.
    pub rounds: u32,
    /// Transfers: bytes of a piece; 0 is 1 MiB.
    pub piece: u32,
    /// Transfers: pieces outstanding at once; 0 is 8.
    pub window: u32,
    /// Longest wait for any one event in milliseconds; 0 is 30 seconds.
    pub patience: u32,
}

const _: () = assert!(size_of::<Request>() == 128);
