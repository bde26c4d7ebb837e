//! Why a request is refused or fails, and the one place that knows NTSTATUS numbers.

use softndk_abi::CompletionStatus;

/// `NTSTATUS` as the consumer sees it.
pub type NtStatus = i32;

/// `STATUS_SUCCESS`.
pub const SUCCESS: NtStatus = 0;
/// `STATUS_PENDING`: the completion callback follows (`CMP-01`).
pub const PENDING: NtStatus = 0x103;

/// How a request that may complete later came out so far. Pending is not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Finished inline: no completion callback follows (`CMP-02`).
    Done,
    /// The completion callback follows.
    Pending,
}

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// A documented refusal or failure; every variant is one failing NTSTATUS.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Failure { $($(#[$doc])* $name,)* }

        impl Failure {
            /// The NTSTATUS of this failure.
            #[must_use]
            pub const fn status(self) -> NtStatus {
                match self { $(Self::$name => u32::cast_signed($value),)* }
            }
        }

        #[cfg(test)]
        const ALL: &[Failure] = &[$(Failure::$name,)*];
    };
}

failures! {
    /// `STATUS_BUFFER_OVERFLOW`: more bytes than the limit, or a message longer than its receive.
    BufferOverflow = 0x8000_0005,
    /// `STATUS_DEVICE_BUSY`: windows are bound to the region (`MR-25`).
    DeviceBusy = 0x8000_0011,
    /// `STATUS_NO_MORE_ENTRIES`: the queue is full (`WR-16`).
    QueueFull = 0x8000_001A,
    /// `STATUS_ACCESS_VIOLATION`: local rights, range or token.
    AccessViolation = 0xC000_0005,
    /// `STATUS_INVALID_PARAMETER`.
    InvalidParameter = 0xC000_000D,
    /// `STATUS_INVALID_DEVICE_REQUEST`: the object is not of the kind or in the state for this.
    InvalidDeviceRequest = 0xC000_0010,
    /// `STATUS_BUFFER_TOO_SMALL`.
    BufferTooSmall = 0xC000_0023,
    /// `STATUS_INVALID_PARAMETER_MIX`.
    InvalidParameterMix = 0xC000_0030,
    /// `STATUS_DATA_OVERRUN`: too many SGEs (`WR-18`).
    TooManySges = 0xC000_003C,
    /// `STATUS_SHARING_VIOLATION`: address and port are in use.
    AddressInUse = 0xC000_0043,
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    NoResources = 0xC000_009A,
    /// `STATUS_IO_TIMEOUT`.
    Timeout = 0xC000_00B5,
    /// `STATUS_NOT_SUPPORTED`.
    NotSupported = 0xC000_00BB,
    /// `STATUS_INTERNAL_ERROR`.
    Internal = 0xC000_00E5,
    /// `STATUS_CANCELLED`.
    Cancelled = 0xC000_0120,
    /// `STATUS_REMOTE_RESOURCES`: the request caused an error at the peer (`WR-36`).
    Remote = 0xC000_013D,
    /// `STATUS_INVALID_ADDRESS`.
    InvalidAddress = 0xC000_0141,
    /// `STATUS_INVALID_DEVICE_STATE`.
    InvalidDeviceState = 0xC000_0184,
    /// `STATUS_INVALID_BUFFER_SIZE`: private data too long.
    InvalidBufferSize = 0xC000_0206,
    /// `STATUS_ADDRESS_ALREADY_EXISTS`: this very pair of addresses and ports is connected.
    AddressAlreadyExists = 0xC000_020A,
    /// `STATUS_TOO_MANY_ADDRESSES`: no free port.
    NoFreePort = 0xC000_0209,
    /// `STATUS_CONNECTION_REFUSED`.
    Refused = 0xC000_0236,
    /// `STATUS_CONNECTION_INVALID`: not in a state for this.
    ConnectionInvalid = 0xC000_023A,
    /// `STATUS_CONNECTION_ACTIVE`: the QP is in use by another connector.
    ConnectionActive = 0xC000_023B,
    /// `STATUS_NETWORK_UNREACHABLE`.
    NetworkUnreachable = 0xC000_023C,
    /// `STATUS_HOST_UNREACHABLE`.
    HostUnreachable = 0xC000_023D,
    /// `STATUS_CONNECTION_ABORTED`.
    Aborted = 0xC000_0241,
    /// `STATUS_IMPLEMENTATION_LIMIT`: more pages than an FRMR can have (`MR-41`).
    ImplementationLimit = 0xC000_042B,
    /// `STATUS_DEVICE_REMOVED` (`PNP-05`).
    DeviceRemoved = 0xC000_02B6,
}

/// The status of a finished request (`WR-36`).
#[must_use]
pub const fn of_completion(status: CompletionStatus) -> NtStatus {
    match status {
        CompletionStatus::Success => SUCCESS,
        CompletionStatus::Cancelled => Failure::Cancelled.status(),
        CompletionStatus::DataOverrun => Failure::TooManySges.status(),
        CompletionStatus::BufferOverflow => Failure::BufferOverflow.status(),
        CompletionStatus::AccessViolation => Failure::AccessViolation.status(),
        CompletionStatus::InvalidRequest => Failure::InvalidDeviceRequest.status(),
        CompletionStatus::InternalError => Failure::Internal.status(),
        CompletionStatus::Timeout => Failure::Timeout.status(),
        CompletionStatus::RemoteError => Failure::Remote.status(),
    }
}

/// The status that a function with `Result<Outcome, Failure>` returns.
#[must_use]
pub const fn of_outcome(result: Result<Outcome, Failure>) -> NtStatus {
    match result {
        Ok(Outcome::Done) => SUCCESS,
        Ok(Outcome::Pending) => PENDING,
        Err(failure) => failure.status(),
    }
}

/// The status of a finished `Result`.
#[must_use]
pub const fn of_result(result: Result<(), Failure>) -> NtStatus {
    match result {
        Ok(()) => SUCCESS,
        Err(failure) => failure.status(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_fails_and_differs() {
        for (index, failure) in ALL.iter().enumerate() {
            assert!(failure.status() < 0, "{failure:?} is not a failing status");
            for other in &ALL[index + 1..] {
                assert_ne!(failure.status(), other.status(), "{failure:?} and {other:?}");
            }
        }
    }
}
