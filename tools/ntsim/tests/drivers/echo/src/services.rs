//! What the driver asks of the system services: a registry value, a file.

use core::cell::UnsafeCell;
use core::mem::size_of;
use core::ptr;

use wdk_sys::ntddk::{
    ExAllocatePool2, ExFreePoolWithTag, ZwClose, ZwCreateFile, ZwOpenKey, ZwQueryValueKey, ZwReadFile,
};
use wdk_sys::{
    FILE_SYNCHRONOUS_IO_NONALERT, HANDLE, IO_STATUS_BLOCK, NT_SUCCESS, NTSTATUS, OBJ_CASE_INSENSITIVE,
    OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, POOL_FLAG_NON_PAGED, STATUS_BUFFER_TOO_SMALL, STATUS_END_OF_FILE,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
    UNICODE_STRING,
};

use crate::{unicode, wide};

const TAG: u32 = u32::from_le_bytes(*b"Echo");
const CHUNK: u32 = 0x1_0000;
const LONGEST_PATH: usize = 240;
const GENERIC_READ: u32 = 0x8000_0000;
const KEY_READ: u32 = 0x2_0019;
const SYNCHRONIZE: u32 = 0x10_0000;
const FILE_SHARE_READ: u32 = 1;
const FILE_OPEN: u32 = 1;
const KEY_VALUE_PARTIAL_INFORMATION: i32 = 2;
const REG_DWORD: u32 = 4;

static DEPTH_NAME: [u16; 8] = wide("Depth");
static PARAMETERS: [u16; 12] = wide(r"\Parameters");

/// The path of the key `Parameters`, written by DriverEntry before anything can read it.
struct Path(UnsafeCell<([u16; LONGEST_PATH], usize)>);

// SAFETY: written once, before the device exists through which it is read.
unsafe impl Sync for Path {}

static PATH: Path = Path(UnsafeCell::new(([0; LONGEST_PATH], 0)));

/// Keeps the service key's path.
///
/// # Safety
/// DriverEntry only; `path` must be its registry path.
pub(crate) unsafe fn keep_path(path: &UNICODE_STRING) -> NTSTATUS {
    let units = usize::from(path.Length / 2);
    let below = PARAMETERS.iter().take_while(|unit| **unit != 0);
    if units + PARAMETERS.len() > LONGEST_PATH {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: nobody else runs yet.
    let (text, length) = unsafe { &mut *PATH.0.get() };
    for (index, slot) in text.iter_mut().take(units).enumerate() {
        // SAFETY: the path has this many units.
        *slot = unsafe { path.Buffer.add(index).read() };
    }
    *length = units;
    for (slot, unit) in text.iter_mut().skip(units).zip(below) {
        *slot = *unit;
        *length += 1;
    }
    STATUS_SUCCESS
}

fn attributes(name: &mut UNICODE_STRING) -> OBJECT_ATTRIBUTES {
    OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: ptr::null_mut(),
        ObjectName: name,
        Attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
        SecurityDescriptor: ptr::null_mut(),
        SecurityQualityOfService: ptr::null_mut(),
    }
}

/// A handle that closes itself.
struct Owned(HANDLE);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: an open handle of this driver.
        let _ = unsafe { ZwClose(self.0) };
    }
}

/// Reads `Parameters\Depth`.
pub(crate) fn depth() -> Result<u32, NTSTATUS> {
    // SAFETY: written before the device existed.
    let (text, length) = unsafe { &*PATH.0.get() };
    let bytes = u16::try_from(*length * 2).map_err(|_| STATUS_INVALID_PARAMETER)?;
    let mut path = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: text.as_ptr().cast_mut() };
    let mut attributes = attributes(&mut path);
    let mut key: HANDLE = ptr::null_mut();
    // SAFETY: valid structures.
    let status = unsafe { ZwOpenKey(&raw mut key, KEY_READ, &raw mut attributes) };
    if !NT_SUCCESS(status) {
        return Err(status);
    }
    let key = Owned(key);
    let mut name = unicode(&DEPTH_NAME);
    // KEY_VALUE_PARTIAL_INFORMATION: title index, type, length, data.
    let mut value = [0_u32; 4];
    let mut needed = 0;
    // SAFETY: valid structures; the buffer has 16 bytes.
    let status = unsafe {
        ZwQueryValueKey(
            key.0,
            &raw mut name,
            KEY_VALUE_PARTIAL_INFORMATION,
            value.as_mut_ptr().cast(),
            16,
            &raw mut needed,
        )
    };
    match value {
        _ if !NT_SUCCESS(status) => Err(status),
        [_, REG_DWORD, 4, number] => Ok(number),
        _ => Err(STATUS_OBJECT_TYPE_MISMATCH),
    }
}

/// Reads a file to its end: its length and the sum of its bytes.
pub(crate) fn sum_file(name: &mut [u8]) -> Result<(u64, u64), NTSTATUS> {
    let bytes = u16::try_from(name.len()).map_err(|_| STATUS_INVALID_PARAMETER)?;
    let mut name = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: name.as_mut_ptr().cast() };
    let mut attributes = attributes(&mut name);
    let mut file: HANDLE = ptr::null_mut();
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: valid structures.
    let status = unsafe {
        ZwCreateFile(
            &raw mut file,
            GENERIC_READ | SYNCHRONIZE,
            &raw mut attributes,
            &raw mut block,
            ptr::null_mut(),
            0,
            FILE_SHARE_READ,
            FILE_OPEN,
            FILE_SYNCHRONOUS_IO_NONALERT,
            ptr::null_mut(),
            0,
        )
    };
    if !NT_SUCCESS(status) {
        return Err(status);
    }
    let file = Owned(file);
    // SAFETY: an allocation of CHUNK bytes.
    let buffer = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, u64::from(CHUNK), TAG) };
    if buffer.is_null() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let result = sum(&file, buffer.cast());
    // SAFETY: allocated above.
    unsafe { ExFreePoolWithTag(buffer, TAG) };
    result
}

fn sum(file: &Owned, buffer: *mut u8) -> Result<(u64, u64), NTSTATUS> {
    let (mut length, mut sum) = (0_u64, 0_u64);
    loop {
        let mut block = IO_STATUS_BLOCK::default();
        // SAFETY: the buffer has CHUNK bytes; the file is synchronous.
        let status = unsafe {
            ZwReadFile(
                file.0,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                &raw mut block,
                buffer.cast(),
                CHUNK,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status == STATUS_END_OF_FILE {
            return Ok((length, sum));
        }
        if !NT_SUCCESS(status) {
            return Err(status);
        }
        let count = (block.Information).min(u64::from(CHUNK));
        // SAFETY: that many bytes were read.
        let bytes = unsafe { core::slice::from_raw_parts(buffer, count as usize) };
        length += count;
        sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
}
