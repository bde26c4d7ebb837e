//! Why the machine could not do what the host asked for.

use std::path::PathBuf;
use std::time::Duration;

use super::NtStatus;
use crate::loader::LoadError;

/// Why the machine could not do what the host asked for; each is one line.
///
/// A rule broken by a driver is not among them: it is a simulated bugcheck, which prints a report
/// and ends the process with exit code 3.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// There is one machine per process, and it runs already.
    #[error("a machine runs in this process already")]
    AlreadyRunning,
    /// The first machine of this process had other options.
    #[error("the machine's options cannot change within one process")]
    OptionsFixed,
    /// The image cannot be loaded, or its `DriverEntry` failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A driver with this service name is loaded already.
    #[error("a driver called `{0}` is loaded already")]
    DriverLoaded(String),
    /// The driver was unloaded, or belongs to another machine.
    #[error("there is no such driver any more")]
    NoSuchDriver,
    /// The adapter was removed, or belongs to another machine.
    #[error("there is no such adapter any more")]
    NoSuchAdapter,
    /// A registry path in the driver's values is not relative or has an empty component.
    #[error("`{0}` is not a registry path relative to the service key")]
    RegistryPath(String),
    /// The driver cannot be unloaded while somebody uses it.
    #[error("`{driver}` cannot be unloaded: {why}")]
    DriverInUse {
        /// The driver's name.
        driver: String,
        /// Who uses it.
        why: String,
    },
    /// An adapter of this name or interface index exists.
    #[error("an adapter with {0} exists already")]
    AdapterExists(String),
    /// The driver did not start the adapter.
    #[error("adapter `{name}` did not start: {why}")]
    AdapterFailed {
        /// The adapter's name.
        name: String,
        /// Which step failed and how.
        why: String,
        /// The status of that step.
        status: Option<NtStatus>,
    },
    /// The device cannot be opened.
    #[error("{name} cannot be opened: {status}")]
    Open {
        /// The name that was asked for.
        name: String,
        /// The status that `CreateFile` would turn into its error.
        status: NtStatus,
    },
    /// A request did not end within its time limit, and was cancelled in vain.
    #[error("the driver did not end the request within {0:?}, and did not end it after IoCancelIrp")]
    TimedOut(Duration),
    /// A length does not fit into a request.
    #[error("a request's buffers have at most 4 GiB - 1 bytes")]
    TooLong,
    /// A host file is missing.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
}

impl MachineError {
    /// The status that a driver failed with, where that is the reason.
    pub fn status(&self) -> Option<NtStatus> {
        match self {
            Self::Load(LoadError::EntryFailed { status, .. }) => Some(NtStatus::from_raw(*status)),
            Self::AdapterFailed { status, .. } => *status,
            Self::Open { status, .. } => Some(*status),
            _ => None,
        }
    }
}
