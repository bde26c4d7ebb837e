//! `ZwCreateKey` and its family.

use std::sync::Arc;

use super::store::{Disposition, Failure, KeyId};
use super::{Value, machine};
use crate::ob;
use crate::types::*;
use crate::zw;

/// What a key handle stands for.
#[derive(Debug)]
pub(super) struct OpenKey(pub KeyId);

/// `KEY_INFORMATION_CLASS` and `KEY_VALUE_INFORMATION_CLASS`
mod class {
    pub const KEY_BASIC: i32 = 0;
    pub const KEY_NODE: i32 = 1;
    pub const KEY_FULL: i32 = 2;
    pub const KEY_NAME: i32 = 3;
    pub const VALUE_BASIC: i32 = 0;
    pub const VALUE_FULL: i32 = 1;
    pub const VALUE_PARTIAL: i32 = 2;
    pub const VALUE_FULL_ALIGN64: i32 = 3;
    pub const VALUE_PARTIAL_ALIGN64: i32 = 4;
}

const STATUS_KEY_DELETED: NTSTATUS = 0xC000_017C_u32.cast_signed();
const STATUS_CANNOT_DELETE: NTSTATUS = 0xC000_0121_u32.cast_signed();
const STATUS_OBJECT_PATH_SYNTAX_BAD: NTSTATUS = 0xC000_003B_u32.cast_signed();
/// The longest value data that ntsim takes, so that a wrong length does not eat the host.
const LONGEST_VALUE: u32 = 16 << 20;

pub(super) fn status_of(failure: Failure) -> NTSTATUS {
    match failure {
        Failure::NotFound => STATUS_OBJECT_NAME_NOT_FOUND,
        Failure::BadPath => STATUS_OBJECT_PATH_SYNTAX_BAD,
        Failure::Deleted => STATUS_KEY_DELETED,
        Failure::HasSubkeys => STATUS_CANNOT_DELETE,
        Failure::NoMoreEntries => STATUS_NO_MORE_ENTRIES,
    }
}

/// A new handle for a key.
pub(super) fn handle_for(key: KeyId) -> HANDLE {
    ob::create("key", Arc::new(OpenKey(key)))
}

/// The key behind a handle; stops the machine if it is something else.
pub(super) fn key_of(routine: &str, handle: HANDLE) -> KeyId {
    ob::state::<OpenKey>(handle).unwrap_or_else(|| ob::bad_handle(routine, handle)).0
}

/// Where the object attributes point: a key and a path below it.
///
/// # Safety
/// `attributes` must be a driver's valid structure.
unsafe fn place(routine: &str, attributes: *const OBJECT_ATTRIBUTES) -> Result<(KeyId, String), NTSTATUS> {
    // SAFETY: by contract.
    let attributes = unsafe { attributes.as_ref() }.ok_or(STATUS_INVALID_PARAMETER)?;
    if usize::try_from(attributes.Length) != Ok(size_of::<OBJECT_ATTRIBUTES>()) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: by contract.
    let name = unsafe { crate::io::text(attributes.ObjectName) }?.unwrap_or_default();
    if !attributes.RootDirectory.is_null() {
        if name.starts_with('\\') {
            return Err(STATUS_OBJECT_PATH_SYNTAX_BAD);
        }
        return Ok((key_of(routine, attributes.RootDirectory), name));
    }
    let below = super::store::relative_to_root(&name).map_err(status_of)?;
    Ok((KeyId::ROOT, below.to_owned()))
}

unsafe fn create(
    result: *mut HANDLE,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    _title: u32,
    _class: *mut UNICODE_STRING,
    _options: u32,
    disposition: *mut u32,
) -> NTSTATUS {
    const CREATED: u32 = 1;
    const OPENED: u32 = 2;
    zw::enter("ZwCreateKey");
    // SAFETY: a driver's call.
    let made = unsafe { place("ZwCreateKey", attributes) }
        .and_then(|(base, path)| machine().create(base, &path).map_err(status_of));
    match made {
        Err(status) => status,
        Ok((key, how)) => {
            // SAFETY: the driver's variables.
            unsafe {
                result.write(handle_for(key));
                if !disposition.is_null() {
                    disposition.write(if how == Disposition::Created { CREATED } else { OPENED });
                }
            }
            STATUS_SUCCESS
        }
    }
}

unsafe fn open(result: *mut HANDLE, _access: u32, attributes: *const OBJECT_ATTRIBUTES) -> NTSTATUS {
    zw::enter("ZwOpenKey");
    // SAFETY: a driver's call.
    let found = unsafe { place("ZwOpenKey", attributes) }
        .and_then(|(base, path)| machine().open(base, &path).map_err(status_of));
    match found {
        Err(status) => status,
        Ok(key) => {
            // SAFETY: the driver's variable.
            unsafe { result.write(handle_for(key)) };
            STATUS_SUCCESS
        }
    }
}

unsafe fn delete(handle: HANDLE) -> NTSTATUS {
    zw::enter("ZwDeleteKey");
    let deleted = machine().delete(key_of("ZwDeleteKey", handle));
    deleted.err().map_or(STATUS_SUCCESS, status_of)
}

unsafe fn flush(handle: HANDLE) -> NTSTATUS {
    zw::enter("ZwFlushKey");
    // The registry lives in memory: there is nothing to write, but the handle must be a key's.
    key_of("ZwFlushKey", handle);
    STATUS_SUCCESS
}

unsafe fn query_value(
    handle: HANDLE,
    name: *mut UNICODE_STRING,
    which: i32,
    buffer: PVOID,
    length: u32,
    result_length: *mut u32,
) -> NTSTATUS {
    zw::enter("ZwQueryValueKey");
    let key = key_of("ZwQueryValueKey", handle);
    // SAFETY: the driver's string.
    let name = match unsafe { crate::io::text(name) } {
        Ok(name) => name.unwrap_or_default(),
        Err(status) => return status,
    };
    match machine().value(key, &name) {
        // SAFETY: the driver's buffer and variable.
        Ok(value) => unsafe { fill_value(&name, &value, which, buffer, length, result_length) },
        Err(failure) => status_of(failure),
    }
}

unsafe fn enumerate_value(
    handle: HANDLE,
    index: u32,
    which: i32,
    buffer: PVOID,
    length: u32,
    result_length: *mut u32,
) -> NTSTATUS {
    zw::enter("ZwEnumerateValueKey");
    let key = key_of("ZwEnumerateValueKey", handle);
    match machine().nth_value(key, index as usize) {
        // SAFETY: the driver's buffer and variable.
        Ok((name, value)) => unsafe { fill_value(&name, &value, which, buffer, length, result_length) },
        Err(failure) => status_of(failure),
    }
}

unsafe fn set_value(
    handle: HANDLE,
    name: *mut UNICODE_STRING,
    _title: u32,
    kind: u32,
    data: PVOID,
    size: u32,
) -> NTSTATUS {
    zw::enter("ZwSetValueKey");
    let key = key_of("ZwSetValueKey", handle);
    // SAFETY: the driver's string.
    let name = match unsafe { crate::io::text(name) } {
        Ok(name) => name.unwrap_or_default(),
        Err(status) => return status,
    };
    if size > LONGEST_VALUE || (data.is_null() && size > 0) {
        return STATUS_INVALID_PARAMETER;
    }
    let mut bytes = vec![0; size as usize];
    // SAFETY: the driver's data has `size` bytes.
    unsafe { std::ptr::copy_nonoverlapping(data.cast::<u8>(), bytes.as_mut_ptr(), bytes.len()) };
    let set = machine().set_value(key, &name, Value { kind, data: bytes });
    set.err().map_or(STATUS_SUCCESS, status_of)
}

unsafe fn delete_value(handle: HANDLE, name: *mut UNICODE_STRING) -> NTSTATUS {
    zw::enter("ZwDeleteValueKey");
    let key = key_of("ZwDeleteValueKey", handle);
    // SAFETY: the driver's string.
    match unsafe { crate::io::text(name) } {
        Err(status) => status,
        Ok(name) => {
            let deleted = machine().delete_value(key, &name.unwrap_or_default());
            deleted.err().map_or(STATUS_SUCCESS, status_of)
        }
    }
}

unsafe fn query_key(handle: HANDLE, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS {
    zw::enter("ZwQueryKey");
    // SAFETY: the driver's buffer and variable.
    unsafe { fill_key(key_of("ZwQueryKey", handle), which, buffer, length, result_length) }
}

unsafe fn enumerate_key(
    handle: HANDLE,
    index: u32,
    which: i32,
    buffer: PVOID,
    length: u32,
    result_length: *mut u32,
) -> NTSTATUS {
    zw::enter("ZwEnumerateKey");
    let key = key_of("ZwEnumerateKey", handle);
    match machine().subkey(key, index as usize) {
        // SAFETY: the driver's buffer and variable.
        Ok(subkey) => unsafe { fill_key(subkey, which, buffer, length, result_length) },
        Err(failure) => status_of(failure),
    }
}

/// Answers with `KEY_VALUE_*_INFORMATION`.
///
/// # Safety
/// `buffer` must have `length` bytes; `result_length` must be writable.
unsafe fn fill_value(
    name: &str,
    value: &Value,
    which: i32,
    buffer: PVOID,
    length: u32,
    result_length: *mut u32,
) -> NTSTATUS {
    let name = utf16(name);
    let data_length = size32(&value.data);
    let (fixed, bytes) = match which {
        class::VALUE_BASIC => (12, words(&[0, value.kind, size32(&name)], &[&name])),
        class::VALUE_FULL | class::VALUE_FULL_ALIGN64 => {
            // The data starts at a multiple of 8 (of 4 in the older class) after the name.
            let align = if which == class::VALUE_FULL { 4 } else { 8 };
            let offset = (20 + name.len()).next_multiple_of(align);
            let gap = vec![0; offset - 20 - name.len()];
            let start = u32::try_from(offset).unwrap_or(u32::MAX);
            let head = [0, value.kind, start, data_length, size32(&name)];
            (20, words(&head, &[&name, &gap, &value.data]))
        }
        class::VALUE_PARTIAL => (12, words(&[0, value.kind, data_length], &[&value.data])),
        class::VALUE_PARTIAL_ALIGN64 => (8, words(&[value.kind, data_length], &[&value.data])),
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: by contract.
    unsafe { fill(fixed, &bytes, buffer, length, result_length) }
}

/// Answers with `KEY_*_INFORMATION`.
///
/// # Safety
/// As for [`fill_value`].
unsafe fn fill_key(key: KeyId, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS {
    /// "There is no class name" as an offset.
    const NO_CLASS: u32 = u32::MAX;
    let info = match machine().info(key) {
        Ok(info) => info,
        Err(failure) => return status_of(failure),
    };
    let name = utf16(&info.name);
    let longest =
        |lengths: &mut dyn Iterator<Item = usize>| u32::try_from(lengths.max().unwrap_or(0)).unwrap_or(u32::MAX);
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
    // The first two words of most classes are LastWriteTime: the registry keeps no times.
    let (fixed, bytes) = match which {
        class::KEY_BASIC => (16, words(&[0, 0, 0, size32(&name)], &[&name])),
        class::KEY_NODE => (24, words(&[0, 0, 0, NO_CLASS, 0, size32(&name)], &[&name])),
        class::KEY_FULL => {
            let subkey = longest(&mut info.subkeys.iter().map(|name| utf16(name).len()));
            let value = longest(&mut info.values.iter().map(|(name, _)| utf16(name).len()));
            let data = longest(&mut info.values.iter().map(|(_, value)| value.data.len()));
            let counts = (count(info.subkeys.len()), count(info.values.len()));
            let head = [0, 0, 0, NO_CLASS, 0, counts.0, subkey, 0, counts.1, value, data];
            (44, words(&head, &[&[0; 4]]))
        }
        class::KEY_NAME => {
            let path = utf16(&machine().path(key));
            (4, words(&[size32(&path)], &[&path]))
        }
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: by contract.
    unsafe { fill(fixed, &bytes, buffer, length, result_length) }
}

/// Copies as much as fits.
///
/// # Safety
/// As for [`fill_value`].
unsafe fn fill(fixed: usize, bytes: &[u8], buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS {
    let length = length as usize;
    // SAFETY: by contract.
    unsafe { result_length.write(size32(bytes)) };
    if length < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let count = bytes.len().min(length);
    // SAFETY: by contract.
    unsafe { buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count) };
    if count < bytes.len() { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }
}

fn words(head: &[u32], tails: &[&[u8]]) -> Vec<u8> {
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    for tail in tails {
        bytes.extend_from_slice(tail);
    }
    bytes
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn size32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

crate::routines! { "ntoskrnl.exe";
    fn ZwCreateKey(result: *mut HANDLE, access: u32, attributes: *const OBJECT_ATTRIBUTES, title: u32, class: *mut UNICODE_STRING, options: u32, disposition: *mut u32) -> NTSTATUS = create: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwOpenKey(result: *mut HANDLE, access: u32, attributes: *const OBJECT_ATTRIBUTES) -> NTSTATUS = open: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwDeleteKey(key: HANDLE) -> NTSTATUS = delete: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwFlushKey(key: HANDLE) -> NTSTATUS = flush: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwQueryKey(key: HANDLE, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS = query_key: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwEnumerateKey(key: HANDLE, index: u32, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS = enumerate_key: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwQueryValueKey(key: HANDLE, name: *mut UNICODE_STRING, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS = query_value: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwEnumerateValueKey(key: HANDLE, index: u32, which: i32, buffer: PVOID, length: u32, result_length: *mut u32) -> NTSTATUS = enumerate_value: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwSetValueKey(key: HANDLE, name: *mut UNICODE_STRING, title: u32, kind: u32, data: PVOID, size: u32) -> NTSTATUS = set_value: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwDeleteValueKey(key: HANDLE, name: *mut UNICODE_STRING) -> NTSTATUS = delete_value: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}

#[cfg(test)]
mod tests;
