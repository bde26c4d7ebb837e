//! `ZwQueryInformationFile`, `ZwSetInformationFile`.

use std::fs::{FileTimes, Metadata};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::handle::{self, HostFile, Open};
use super::status;
use crate::bugcheck::codes::UNFINISHED_ROUTINE;
use crate::types::*;

/// `FILE_INFORMATION_CLASS`
mod class {
    pub const BASIC: i32 = 4;
    pub const STANDARD: i32 = 5;
    pub const NAME: i32 = 9;
    pub const DISPOSITION: i32 = 13;
    pub const POSITION: i32 = 14;
    pub const ALLOCATION: i32 = 19;
    pub const END_OF_FILE: i32 = 20;
    pub const NETWORK_OPEN: i32 = 34;
}

const FILE_ATTRIBUTE_READONLY: u32 = 0x1;
const FILE_ATTRIBUTE_DIRECTORY: u32 = 0x10;
const FILE_ATTRIBUTE_NORMAL: u32 = 0x80;
/// Seconds from 1601 to 1970.
const EPOCH_DISTANCE: u64 = 11_644_473_600;
const CLUSTER: u64 = 4096;

unsafe fn query(
    handle: HANDLE,
    status_block: *mut IO_STATUS_BLOCK,
    buffer: PVOID,
    length: u32,
    which: i32,
) -> NTSTATUS {
    super::enter("ZwQueryInformationFile");
    let open = handle::file("ZwQueryInformationFile", handle);
    let bytes = match &*open {
        Open::Host(file) => describe(file, which),
        Open::Device(file) if which == class::POSITION => Ok(file.position().to_le_bytes().to_vec()),
        Open::Device(_) => Err(STATUS_INVALID_DEVICE_REQUEST),
    };
    let (status, information) = match bytes {
        Err(status) => (status, 0),
        Ok(bytes) => {
            let length = length as usize;
            let shortest = if which == class::NAME { 4 } else { bytes.len() };
            if length < shortest {
                (STATUS_INFO_LENGTH_MISMATCH, 0)
            } else {
                let count = bytes.len().min(length);
                // SAFETY: the driver's buffer has `length` bytes.
                unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count) };
                let cut = count < bytes.len();
                (if cut { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }, count)
            }
        }
    };
    // SAFETY: the driver's variable.
    unsafe { answer(status_block, status, information) }
}

unsafe fn set(handle: HANDLE, status_block: *mut IO_STATUS_BLOCK, buffer: PVOID, length: u32, which: i32) -> NTSTATUS {
    super::enter("ZwSetInformationFile");
    let open = handle::file("ZwSetInformationFile", handle);
    let needed = match which {
        class::BASIC => 40,
        class::DISPOSITION => 1,
        class::POSITION | class::END_OF_FILE | class::ALLOCATION => 8,
        _ => unfinished("ZwSetInformationFile", which),
    };
    let status = if (length as usize) < needed {
        STATUS_INFO_LENGTH_MISMATCH
    } else {
        // SAFETY: the driver's buffer has `length` bytes, at least `needed`; copied at once.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), needed) }.to_vec();
        match &*open {
            Open::Host(file) => change(file, which, &bytes).err().unwrap_or(STATUS_SUCCESS),
            Open::Device(file) if which == class::POSITION => {
                file.set_position(number(&bytes, 0));
                STATUS_SUCCESS
            }
            Open::Device(_) => STATUS_INVALID_DEVICE_REQUEST,
        }
    };
    // SAFETY: the driver's variable.
    unsafe { answer(status_block, status, 0) }
}

/// # Safety
/// `block` must be the driver's variable.
unsafe fn answer(block: *mut IO_STATUS_BLOCK, status: NTSTATUS, information: usize) -> NTSTATUS {
    let answer = IO_STATUS_BLOCK { Status: status, StatusHigh: 0, Information: information };
    // SAFETY: by contract.
    unsafe { block.write(answer) };
    status
}

fn unfinished(routine: &str, which: i32) -> ! {
    bugcheck!(
        UNFINISHED_ROUTINE,
        [u64::from(which.cast_unsigned()), 0, 0, 0],
        "unfinished routine: {routine} with information class {which}"
    )
}

fn describe(file: &HostFile, which: i32) -> Result<Vec<u8>, NTSTATUS> {
    let found = file.file.metadata().map_err(|error| status::of(&error))?;
    let size = if file.directory { 0 } else { found.len() };
    let mut bytes = Vec::new();
    match which {
        class::BASIC => {
            bytes.extend(times(&found).map(u64::to_le_bytes).concat());
            bytes.extend(attributes(&found).to_le_bytes());
            bytes.extend([0; 4]);
        }
        class::STANDARD => {
            bytes.extend(size.next_multiple_of(CLUSTER).to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
            bytes.push(u8::from(file.delete_on_close.load(Ordering::Relaxed)));
            bytes.push(u8::from(file.directory));
            bytes.extend([0; 2]);
        }
        class::NAME => {
            let path = file.path.to_string_lossy().replace('/', r"\");
            let units: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes.extend(u32::try_from(units.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend(units);
        }
        class::POSITION => bytes.extend(file.position.load(Ordering::Relaxed).to_le_bytes()),
        class::NETWORK_OPEN => {
            bytes.extend(times(&found).map(u64::to_le_bytes).concat());
            bytes.extend(size.next_multiple_of(CLUSTER).to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(attributes(&found).to_le_bytes());
            bytes.extend([0; 4]);
        }
        _ => unfinished("ZwQueryInformationFile", which),
    }
    Ok(bytes)
}

fn change(file: &HostFile, which: i32, bytes: &[u8]) -> Result<(), NTSTATUS> {
    match which {
        class::POSITION => {
            let position = number(bytes, 0);
            if position < 0 {
                return Err(STATUS_INVALID_PARAMETER);
            }
            file.position.store(position, Ordering::Relaxed);
        }
        class::DISPOSITION => {
            if !file.deletes {
                return Err(STATUS_ACCESS_DENIED);
            }
            file.delete_on_close.store(bytes[0] != 0, Ordering::Relaxed);
        }
        class::END_OF_FILE | class::ALLOCATION => {
            if !file.writes {
                return Err(STATUS_ACCESS_DENIED);
            }
            let wanted = u64::try_from(number(bytes, 0)).map_err(|_| STATUS_INVALID_PARAMETER)?;
            let length = file.file.metadata().map_err(|error| status::of(&error))?.len();
            // Allocation only cuts a file; it reserves room beyond the end, which the host does not need.
            if which == class::END_OF_FILE || wanted < length {
                file.file.set_len(wanted).map_err(|error| status::of(&error))?;
            }
        }
        _ => set_basic(file, bytes)?,
    }
    Ok(())
}

/// Times: 0 and -1 leave a time as it is. The creation time is the host's affair.
fn set_basic(file: &HostFile, bytes: &[u8]) -> Result<(), NTSTATUS> {
    let time = |index: usize| {
        let ticks = number(bytes, index * 8);
        (ticks > 0).then(|| from_ticks(ticks.cast_unsigned()))
    };
    let mut times = FileTimes::new();
    if let Some(access) = time(1) {
        times = times.set_accessed(access);
    }
    if let Some(write) = time(2) {
        times = times.set_modified(write);
    }
    file.file.set_times(times).map_err(|error| status::of(&error))?;
    let attributes = u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]);
    if attributes != 0 {
        let found = file.file.metadata().map_err(|error| status::of(&error))?;
        let mut permissions = found.permissions();
        permissions.set_readonly(attributes & FILE_ATTRIBUTE_READONLY != 0);
        file.file.set_permissions(permissions).map_err(|error| status::of(&error))?;
    }
    Ok(())
}

/// Creation, last access, last write, change: 100 ns since 1601.
fn times(found: &Metadata) -> [u64; 4] {
    let written = found.modified().map(ticks).unwrap_or_default();
    let accessed = found.accessed().map(ticks).unwrap_or_default();
    let created = found.created().map(ticks).unwrap_or(written);
    [created, accessed, written, written]
}

fn attributes(found: &Metadata) -> u32 {
    let readonly = if found.permissions().readonly() { FILE_ATTRIBUTE_READONLY } else { 0 };
    let directory = if found.is_dir() { FILE_ATTRIBUTE_DIRECTORY } else { 0 };
    match readonly | directory {
        0 => FILE_ATTRIBUTE_NORMAL,
        attributes => attributes,
    }
}

fn ticks(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs() + EPOCH_DISTANCE) * 10_000_000 + u64::from(since.subsec_nanos() / 100)
}

fn from_ticks(ticks: u64) -> SystemTime {
    let since = Duration::from_nanos(ticks % 10_000_000 * 100) + Duration::from_secs(ticks / 10_000_000);
    UNIX_EPOCH + since.saturating_sub(Duration::from_secs(EPOCH_DISTANCE))
}

fn number(bytes: &[u8], at: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(word)
}

crate::routines! { "ntoskrnl.exe";
    fn ZwQueryInformationFile(file: HANDLE, status_block: *mut IO_STATUS_BLOCK, buffer: PVOID, length: u32, which: i32) -> NTSTATUS = query: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwSetInformationFile(file: HANDLE, status_block: *mut IO_STATUS_BLOCK, buffer: PVOID, length: u32, which: i32) -> NTSTATUS = set: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}
