//! NTSTATUS values with their names, as scenarios and reports spell them.

use std::fmt;

/// An NTSTATUS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($name:ident = $number:literal,)*) => {
        impl NtStatus {
            $(
                #[doc = concat!("`STATUS_", stringify!($name), "`")]
                pub const $name: NtStatus = NtStatus($number);
            )*
        }
        const NAMES: &[(&str, u32)] = &[$((concat!("STATUS_", stringify!($name)), $number),)*];
    };
}

statuses! {
    SUCCESS = 0x0000_0000,
    TIMEOUT = 0x0000_0102,
    PENDING = 0x0000_0103,
    BUFFER_OVERFLOW = 0x8000_0005,
    NO_MORE_FILES = 0x8000_0006,
    DEVICE_BUSY = 0x8000_0011,
    NO_MORE_ENTRIES = 0x8000_001A,
    UNSUCCESSFUL = 0xC000_0001,
    NOT_IMPLEMENTED = 0xC000_0002,
    INVALID_INFO_CLASS = 0xC000_0003,
    INFO_LENGTH_MISMATCH = 0xC000_0004,
    ACCESS_VIOLATION = 0xC000_0005,
    INVALID_HANDLE = 0xC000_0008,
    INVALID_PARAMETER = 0xC000_000D,
    NO_SUCH_DEVICE = 0xC000_000E,
    NO_SUCH_FILE = 0xC000_000F,
    INVALID_DEVICE_REQUEST = 0xC000_0010,
    END_OF_FILE = 0xC000_0011,
    MORE_PROCESSING_REQUIRED = 0xC000_0016,
    NO_MEMORY = 0xC000_0017,
    ACCESS_DENIED = 0xC000_0022,
    BUFFER_TOO_SMALL = 0xC000_0023,
    OBJECT_TYPE_MISMATCH = 0xC000_0024,
    OBJECT_NAME_INVALID = 0xC000_0033,
    OBJECT_NAME_NOT_FOUND = 0xC000_0034,
    OBJECT_NAME_COLLISION = 0xC000_0035,
    OBJECT_PATH_INVALID = 0xC000_0039,
    OBJECT_PATH_NOT_FOUND = 0xC000_003A,
    OBJECT_PATH_SYNTAX_BAD = 0xC000_003B,
    SHARING_VIOLATION = 0xC000_0043,
    DELETE_PENDING = 0xC000_0056,
    DISK_FULL = 0xC000_007F,
    INSUFFICIENT_RESOURCES = 0xC000_009A,
    DEVICE_NOT_READY = 0xC000_00A3,
    MEDIA_WRITE_PROTECTED = 0xC000_00A2,
    IO_TIMEOUT = 0xC000_00B5,
    FILE_IS_A_DIRECTORY = 0xC000_00BA,
    NOT_SUPPORTED = 0xC000_00BB,
    INVALID_PARAMETER_1 = 0xC000_00EF,
    INVALID_PARAMETER_2 = 0xC000_00F0,
    INVALID_PARAMETER_3 = 0xC000_00F1,
    INTERNAL_ERROR = 0xC000_00E5,
    DIRECTORY_NOT_EMPTY = 0xC000_0101,
    NOT_A_DIRECTORY = 0xC000_0103,
    CANCELLED = 0xC000_0120,
    CANNOT_DELETE = 0xC000_0121,
    FILE_CLOSED = 0xC000_0128,
    INVALID_ADDRESS_COMPONENT = 0xC000_0207,
    TOO_MANY_ADDRESSES = 0xC000_0209,
    INVALID_ADDRESS = 0xC000_0141,
    UNEXPECTED_IO_ERROR = 0xC000_00E9,
    INVALID_DEVICE_STATE = 0xC000_0184,
    IO_DEVICE_ERROR = 0xC000_0185,
    ADDRESS_ALREADY_EXISTS = 0xC000_020A,
    CONNECTION_DISCONNECTED = 0xC000_020C,
    CONNECTION_RESET = 0xC000_020D,
    KEY_DELETED = 0xC000_017C,
    CONNECTION_REFUSED = 0xC000_0236,
    GRACEFUL_DISCONNECT = 0xC000_0237,
    CONNECTION_INVALID = 0xC000_023A,
    CONNECTION_ACTIVE = 0xC000_023B,
    NETWORK_UNREACHABLE = 0xC000_023C,
    HOST_UNREACHABLE = 0xC000_023D,
    CONNECTION_ABORTED = 0xC000_0241,
    NOT_FOUND = 0xC000_0225,
    RETRY = 0xC000_022D,
    DEVICE_REMOVED = 0xC000_02B6,
    DEVICE_DOES_NOT_EXIST = 0xC000_00C0,
    DRIVER_UNABLE_TO_LOAD = 0xC000_026C,
    INVALID_BUFFER_SIZE = 0xC000_0206,
    DATA_ERROR = 0xC000_003E,
    CRC_ERROR = 0xC000_003F,
    FAILED_DRIVER_ENTRY = 0xC000_0365,
    TOO_LATE = 0xC000_0189,
}

impl NtStatus {
    /// The value of an NTSTATUS that a driver returned.
    pub const fn from_raw(raw: i32) -> Self {
        NtStatus(raw.cast_unsigned())
    }

    /// The value as C declares it.
    pub const fn raw(self) -> i32 {
        self.0.cast_signed()
    }

    /// `NT_SUCCESS`: a success or an information, not a warning and not an error.
    pub const fn is_success(self) -> bool {
        self.raw() >= 0
    }

    /// `NT_ERROR`: an error, not a warning.
    pub const fn is_error(self) -> bool {
        self.0 >= 0xC000_0000
    }

    /// The name, such as `STATUS_PENDING`, where ntsim knows it.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, number)| *number == self.0).map(|(name, _)| *name)
    }

    /// The status with this name (`STATUS_` may be left out), whatever its case.
    pub fn by_name(name: &str) -> Option<NtStatus> {
        let wanted = name.trim().to_ascii_uppercase();
        NAMES
            .iter()
            .find(|(known, _)| *known == wanted || known.strip_prefix("STATUS_") == Some(&wanted))
            .map(|(_, number)| NtStatus(*number))
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:08X})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(NtStatus::by_name("status_pending"), Some(NtStatus::PENDING));
        assert_eq!(NtStatus::by_name("PENDING"), Some(NtStatus::PENDING));
        assert_eq!(NtStatus::by_name("STATUS_NONSENSE"), None);
        assert_eq!(NtStatus::PENDING.to_string(), "STATUS_PENDING (0x00000103)");
        assert_eq!(NtStatus(0xC0FF_EE00).to_string(), "0xC0FFEE00");
    }

    #[test]
    fn no_number_has_two_names() {
        for (index, (name, number)) in NAMES.iter().enumerate() {
            let twin = NAMES[..index].iter().find(|(_, other)| other == number);
            assert_eq!(twin, None, "{name}");
        }
    }

    #[test]
    fn severity_follows_the_top_bits() {
        assert!(NtStatus::PENDING.is_success());
        assert!(!NtStatus::BUFFER_OVERFLOW.is_success());
        assert!(!NtStatus::BUFFER_OVERFLOW.is_error());
        assert!(NtStatus::CANCELLED.is_error());
    }
}
