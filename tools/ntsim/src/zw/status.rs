//! Host errors as NTSTATUS.

use std::io::{Error, ErrorKind};

use crate::types::*;

const STATUS_CANNOT_DELETE: NTSTATUS = 0xC000_0121_u32.cast_signed();
const STATUS_DIRECTORY_NOT_EMPTY: NTSTATUS = 0xC000_0101_u32.cast_signed();
const STATUS_MEDIA_WRITE_PROTECTED: NTSTATUS = 0xC000_00A2_u32.cast_signed();
const STATUS_UNEXPECTED_IO_ERROR: NTSTATUS = 0xC000_00E9_u32.cast_signed();
const STATUS_TOO_MANY_OPENED_FILES: NTSTATUS = 0xC000_011F_u32.cast_signed();

/// The status that Windows gives where the host gave `error`.
pub(super) fn of(error: &Error) -> NTSTATUS {
    match error.kind() {
        ErrorKind::NotFound => STATUS_OBJECT_NAME_NOT_FOUND,
        ErrorKind::PermissionDenied => STATUS_ACCESS_DENIED,
        ErrorKind::AlreadyExists => STATUS_OBJECT_NAME_COLLISION,
        ErrorKind::IsADirectory => STATUS_FILE_IS_A_DIRECTORY,
        ErrorKind::NotADirectory => STATUS_OBJECT_PATH_NOT_FOUND,
        ErrorKind::DirectoryNotEmpty => STATUS_DIRECTORY_NOT_EMPTY,
        ErrorKind::ReadOnlyFilesystem => STATUS_MEDIA_WRITE_PROTECTED,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => STATUS_DISK_FULL,
        ErrorKind::InvalidInput | ErrorKind::InvalidFilename => STATUS_OBJECT_NAME_INVALID,
        ErrorKind::ResourceBusy => STATUS_CANNOT_DELETE,
        ErrorKind::OutOfMemory => STATUS_INSUFFICIENT_RESOURCES,
        _ => match error.raw_os_error() {
            Some(libc::EFAULT) => STATUS_ACCESS_VIOLATION,
            Some(libc::EMFILE | libc::ENFILE) => STATUS_TOO_MANY_OPENED_FILES,
            _ => STATUS_UNEXPECTED_IO_ERROR,
        },
    }
}
