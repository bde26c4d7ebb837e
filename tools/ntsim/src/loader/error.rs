//! Why a driver does not load: one line each.

use crate::types::{NTSTATUS, status_name};
use std::path::PathBuf;

/// Why a driver does not load. `Display` is one line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{file} is not a PE image: {why}")]
    NotPe {
        /// File name.
        file: String,
        /// What is missing.
        why: String,
    },
    /// It ends too early.
    #[error("{file} is truncated: {what} needs {needed} bytes, the file has {size}")]
    Truncated {
        /// File name.
        file: String,
        /// What does not fit.
        what: String,
        /// How long the file would have to be.
        needed: u64,
        /// How long it is.
        size: u64,
    },
    /// PE32.
    #[error("{file} is a 32-bit PE image; ntsim loads 64-bit (PE32+, x86_64) drivers")]
    ThirtyTwoBit {
        /// File name.
        file: String,
    },
    /// For another processor.
    #[error("{file} is built for machine {machine:#06x}, not for x86_64 (0x8664)")]
    WrongMachine {
        /// File name.
        file: String,
        /// The header's value.
        machine: u16,
    },
    /// There is nothing to call.
    #[error("{file} has no entry point")]
    NoEntry {
        /// File name.
        file: String,
    },
    /// A field contradicts others.
    #[error("{file} is damaged: {why}")]
    Damaged {
        /// File name.
        file: String,
        /// Which and how.
        why: String,
    },
    /// The image breaks a rule for kernel images.
    #[error("{file} is refused: {why}")]
    Refused {
        /// File name.
        file: String,
        /// The rule.
        why: String,
    },
    /// Imports that no known kernel module exports.
    #[error("{file} imports what no known kernel module exports: {}", names.join(", "))]
    UnknownImports {
        /// File name.
        file: String,
        /// As module!routine.
        names: Vec<String>,
    },
    /// The driver declined.
    #[error("DriverEntry of {file} failed: {status:#010x}{}", status_name(*status).map(|name| format!(" ({name})")).unwrap_or_default())]
    EntryFailed {
        /// File name.
        file: String,
        /// What it returned.
        status: NTSTATUS,
    },
    /// The host gave no memory.
    #[error("no memory for {file}: {error}")]
    NoMemory {
        /// File name.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}
