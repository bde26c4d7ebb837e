//! Runs the concurrency workloads of `ndktest.sys` under seeded schedules of ntsim.
//!
//! ```text
//!   sweep ──for each seed──► child process: boot (steady) ─► workload (explored) ─► unload (steady)
//!     ▲                                                                                │
//!     └──── one line: passed or failed, log hash, events, choices; or a bugcheck ◄─────┘
//! ```
//! A child is a machine that is booted for one seed, so a seed has one course wherever it is run.
#![forbid(unsafe_code)]

pub mod child;
pub mod search;
pub mod sweep;
