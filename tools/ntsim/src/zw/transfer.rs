//! `ZwReadFile`, `ZwWriteFile`.

use std::io::{Error, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use super::codes;
use super::handle::{self, HostFile, Open};
use super::status;
use crate::bugcheck;
use crate::io::request;
use crate::ob;
use crate::types::*;

/// `FILE_WRITE_TO_END_OF_FILE` as a byte offset.
const TO_THE_END: i64 = -1;
/// `FILE_USE_FILE_POINTER_POSITION` as a byte offset.
const AT_THE_POINTER: i64 = -2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

impl Direction {
    fn routine(self) -> &'static str {
        match self {
            Direction::Read => "ZwReadFile",
            Direction::Write => "ZwWriteFile",
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the signature of the routine")]
unsafe fn read(
    file: HANDLE,
    event: HANDLE,
    apc: PVOID,
    _apc_context: PVOID,
    status_block: *mut IO_STATUS_BLOCK,
    buffer: PVOID,
    length: u32,
    offset: *const i64,
    _key: *const u32,
) -> NTSTATUS {
    // SAFETY: a driver's call with its own structures.
    unsafe { perform(Direction::Read, file, event, apc, status_block, buffer, length, offset) }
}

#[expect(clippy::too_many_arguments, reason = "the signature of the routine")]
unsafe fn write(
    file: HANDLE,
    event: HANDLE,
    apc: PVOID,
    _apc_context: PVOID,
    status_block: *mut IO_STATUS_BLOCK,
    buffer: PVOID,
    length: u32,
    offset: *const i64,
    _key: *const u32,
) -> NTSTATUS {
    // SAFETY: a driver's call with its own structures.
    unsafe { perform(Direction::Write, file, event, apc, status_block, buffer, length, offset) }
}

/// Transfers and answers.
///
/// # Safety
/// The pointers must be a driver's valid structures.
#[expect(clippy::too_many_arguments, reason = "what the two routines have in common")]
unsafe fn perform(
    direction: Direction,
    handle: HANDLE,
    event: HANDLE,
    apc: PVOID,
    status_block: *mut IO_STATUS_BLOCK,
    buffer: PVOID,
    length: u32,
    offset: *const i64,
) -> NTSTATUS {
    let routine = direction.routine();
    super::enter(routine);
    if !apc.is_null() {
        bugcheck!(
            bugcheck::codes::UNFINISHED_ROUTINE,
            [handle as u64, apc as u64, 0, 0],
            "unfinished routine: {routine} with an APC routine"
        );
    }
    let file = handle::file(routine, handle);
    let event = event_of(routine, event);
    if let Some(event) = event {
        // SAFETY: a handle's event lives as long as the handle.
        unsafe { crate::ke::event::reset(event) };
    }
    // SAFETY: the driver's variable, or null.
    let offset = unsafe { offset.as_ref() }.copied();
    let length = length as usize;
    let done = match &*file {
        // SAFETY: by contract.
        Open::Host(file) => unsafe { host(direction, file, buffer.cast(), length, offset) },
        // SAFETY: by contract.
        Open::Device(file) => unsafe { device(direction, file, buffer.cast(), length, offset) },
    };
    let (status, information) = match done {
        Ok(answer) => answer,
        // Refused before anything was tried: the status block stays as it is.
        Err(status) => return status,
    };
    let block = IO_STATUS_BLOCK { Status: status, StatusHigh: 0, Information: information };
    // SAFETY: by contract.
    unsafe { status_block.write(block) };
    if let Some(event) = event {
        // SAFETY: as above.
        unsafe { crate::ke::event::set(event) };
    }
    status
}

fn event_of(routine: &str, handle: HANDLE) -> Option<*mut KEVENT> {
    if handle.is_null() {
        return None;
    }
    let object = ob::get(handle).filter(|object| object.kind == "event" && object.address != 0);
    let object = object.unwrap_or_else(|| ob::bad_handle(routine, handle));
    Some(std::ptr::with_exposed_provenance_mut(object.address))
}

/// # Safety
/// `buffer` must be the driver's, with `length` bytes.
unsafe fn host(
    direction: Direction,
    file: &HostFile,
    buffer: *mut u8,
    length: usize,
    offset: Option<i64>,
) -> Result<(NTSTATUS, usize), NTSTATUS> {
    let allowed = if direction == Direction::Read { file.reads } else { file.writes };
    if !allowed {
        return Err(STATUS_ACCESS_DENIED);
    }
    if file.directory {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let end = || file.file.metadata().map(|found| found.len().cast_signed());
    let start = match offset {
        None | Some(AT_THE_POINTER) if file.synchronous => file.position.load(Ordering::Relaxed),
        None | Some(AT_THE_POINTER) => return Err(STATUS_INVALID_PARAMETER),
        Some(TO_THE_END) if direction == Direction::Write => end().map_err(|error| status::of(&error))?,
        Some(offset) if offset < 0 => return Err(STATUS_INVALID_PARAMETER),
        Some(offset) => offset,
    };
    let start = match direction {
        Direction::Write if file.appends_only => end().map_err(|error| status::of(&error))?,
        _ => start,
    };
    // SAFETY: by contract.
    let (moved, trouble) = unsafe { transfer(direction, file, buffer, length, start) };
    if trouble.as_ref().and_then(Error::raw_os_error) == Some(libc::EFAULT) {
        bugcheck!(
            codes::ZW_BUFFER_NOT_VALID,
            [buffer as u64, length as u64, moved as u64, 0],
            "{} was given the buffer {buffer:p} of {length} bytes, but byte {moved} of it cannot be accessed",
            direction.routine()
        );
    }
    if file.synchronous {
        file.position.store(start.saturating_add_unsigned(moved as u64), Ordering::Relaxed);
    }
    Ok(match trouble {
        Some(error) if moved == 0 => (status::of(&error), 0),
        _ if direction == Direction::Read && moved == 0 && length > 0 => (STATUS_END_OF_FILE, 0),
        _ => (STATUS_SUCCESS, moved),
    })
}

/// Moves bytes until all are there, the file ends, or the host fails. Works on the raw buffer:
/// the driver may change it meanwhile, so no reference to it is formed.
///
/// # Safety
/// `buffer` must be the driver's, with `length` bytes; an address that is not accessible is found.
unsafe fn transfer(
    direction: Direction,
    file: &HostFile,
    buffer: *mut u8,
    length: usize,
    start: i64,
) -> (usize, Option<Error>) {
    let mut moved = 0;
    while moved < length {
        let at = start.saturating_add_unsigned(moved as u64);
        let place = buffer.wrapping_add(moved);
        let descriptor = file.file.as_raw_fd();
        // SAFETY: the descriptor is open; the host checks the buffer's addresses.
        let count = unsafe {
            match direction {
                Direction::Read => libc::pread(descriptor, place.cast(), length - moved, at),
                Direction::Write => libc::pwrite(descriptor, place.cast(), length - moved, at),
            }
        };
        match usize::try_from(count) {
            Ok(0) => break,
            Ok(count) => moved += count,
            Err(_) => {
                let error = Error::last_os_error();
                if error.kind() != ErrorKind::Interrupted {
                    return (moved, Some(error));
                }
            }
        }
    }
    (moved, None)
}

/// # Safety
/// As for [`host`].
unsafe fn device(
    direction: Direction,
    file: &crate::io::file::FileObject,
    buffer: *mut u8,
    length: usize,
    offset: Option<i64>,
) -> Result<(NTSTATUS, usize), NTSTATUS> {
    let start = match offset {
        None | Some(AT_THE_POINTER) => file.position(),
        Some(offset) => offset,
    };
    let answer = if direction == Direction::Write {
        // SAFETY: by contract; copied at once.
        let bytes = unsafe { std::slice::from_raw_parts(buffer, length) }.to_vec();
        request::read_write(file, Some(&bytes), 0, start, None)
    } else {
        request::read_write(file, None, length, start, None)
    };
    let Ok(answer) = answer else { unreachable!("a request without a time limit ends") };
    if direction == Direction::Read {
        let count = answer.output.len().min(length);
        // SAFETY: by contract.
        unsafe { buffer.copy_from_nonoverlapping(answer.output.as_ptr(), count) };
    }
    if nt_success(answer.status) {
        file.set_position(start.saturating_add_unsigned(answer.information as u64));
    }
    Ok((answer.status, answer.information))
}

crate::routines! { "ntoskrnl.exe";
    fn ZwReadFile(file: HANDLE, event: HANDLE, apc: PVOID, apc_context: PVOID, status_block: *mut IO_STATUS_BLOCK, buffer: PVOID, length: u32, offset: *const i64, key: *const u32) -> NTSTATUS = read: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwWriteFile(file: HANDLE, event: HANDLE, apc: PVOID, apc_context: PVOID, status_block: *mut IO_STATUS_BLOCK, buffer: PVOID, length: u32, offset: *const i64, key: *const u32) -> NTSTATUS = write: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}
