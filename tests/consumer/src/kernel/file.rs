//! Files, read at PASSIVE_LEVEL.

use crate::kernel::irql;
use core::ptr;
use wdk_sys::{
    _FILE_INFORMATION_CLASS::FileStandardInformation,
    FILE_ATTRIBUTE_NORMAL, FILE_NON_DIRECTORY_FILE, FILE_OPEN, FILE_SEQUENTIAL_ONLY, FILE_SHARE_READ,
    FILE_SYNCHRONOUS_IO_NONALERT, GENERIC_READ, HANDLE, IO_STATUS_BLOCK, LARGE_INTEGER, NTSTATUS, OBJ_CASE_INSENSITIVE,
    OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, STATUS_END_OF_FILE, STATUS_OBJECT_NAME_INVALID, STATUS_SUCCESS, SYNCHRONIZE,
    UNICODE_STRING,
    ntddk::{ZwClose, ZwCreateFile, ZwQueryInformationFile, ZwReadFile},
};

/// A file open for reading. All functions need PASSIVE_LEVEL.
pub struct File {
    handle: HANDLE,
}

/// The beginning of FILE_STANDARD_INFORMATION, with its tail.
#[repr(C)]
#[derive(Default)]
struct StandardInformation {
    allocation_size: i64,
    end_of_file: i64,
    number_of_links: u32,
    delete_pending: u8,
    directory: u8,
}

impl File {
    /// Opens an existing file by its NT path.
    pub fn open(path: &[u16]) -> Result<Self, NTSTATUS> {
        irql::assert_passive();
        let bytes = u16::try_from(size_of_val(path)).map_err(|_| STATUS_OBJECT_NAME_INVALID)?;
        let mut name = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: path.as_ptr().cast_mut() };
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            ObjectName: &mut name,
            Attributes: OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle: HANDLE = ptr::null_mut();
        let mut status_block = IO_STATUS_BLOCK::default();
        // SAFETY: all pointers are to locals that outlive the call; the name is only read.
        let status = unsafe {
            ZwCreateFile(
                &mut handle,
                GENERIC_READ | SYNCHRONIZE,
                &mut attributes,
                &mut status_block,
                ptr::null_mut(),
                FILE_ATTRIBUTE_NORMAL,
                FILE_SHARE_READ,
                FILE_OPEN,
                FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE | FILE_SEQUENTIAL_ONLY,
                ptr::null_mut(),
                0,
            )
        };
        if status < STATUS_SUCCESS { Err(status) } else { Ok(Self { handle }) }
    }

    /// Bytes in the file.
    pub fn size(&self) -> Result<u64, NTSTATUS> {
        irql::assert_passive();
        let mut information = StandardInformation::default();
        let mut status_block = IO_STATUS_BLOCK::default();
        // SAFETY: the handle is open; the buffer has the size that is given.
        let status = unsafe {
            ZwQueryInformationFile(
                self.handle,
                &mut status_block,
                (&raw mut information).cast(),
                size_of::<StandardInformation>() as u32,
                FileStandardInformation,
            )
        };
        if status < STATUS_SUCCESS { Err(status) } else { Ok(information.end_of_file.unsigned_abs()) }
    }

    /// Reads until the buffer is full or the file ends; returns the number of bytes.
    ///
    /// # Safety
    /// `length` bytes at `target` are non-paged, writable memory of this driver.
    pub unsafe fn read(&self, offset: u64, target: *mut u8, length: u32) -> Result<u32, NTSTATUS> {
        irql::assert_passive();
        let mut done = 0u32;
        while done < length {
            let mut status_block = IO_STATUS_BLOCK::default();
            let at = offset.wrapping_add(u64::from(done));
            let mut position = LARGE_INTEGER { QuadPart: at.cast_signed() };
            // SAFETY: the caller owns `length` bytes at `target`, of which `length - done` are left.
            let status = unsafe {
                ZwReadFile(
                    self.handle,
                    ptr::null_mut(),
                    None,
                    ptr::null_mut(),
                    &mut status_block,
                    target.wrapping_add(done as usize).cast(),
                    length - done,
                    &mut position,
                    ptr::null_mut(),
                )
            };
            if status == STATUS_END_OF_FILE {
                break;
            }
            if status < STATUS_SUCCESS {
                return Err(status);
            }
            // Never more than was asked for.
            let read = u32::try_from(status_block.Information).unwrap_or(0).min(length - done);
            if read == 0 {
                break;
            }
            done += read;
        }
        Ok(done)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        irql::assert_passive();
        // SAFETY: the handle is ours and is not used again.
        let _ = unsafe { ZwClose(self.handle) };
    }
}
