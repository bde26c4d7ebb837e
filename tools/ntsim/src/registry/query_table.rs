//! `RtlQueryRegistryValues`: many values by one table.
//!
//! Each table entry names a value (or a subkey, or all values) and says where it goes: to the
//! driver's routine, or with DIRECT straight into a variable. DIRECT writes by the *stored* type,
//! which is why Windows wants the type check beside it; ntsim demands it.

use super::keys::{key_of, status_of};
use super::store::KeyId;
use super::{SERVICES, Value, kind, machine};
use crate::context::{CallSite, call_driver};
use crate::types::*;
use crate::zw;

type Routine = unsafe extern "win64" fn(
    name: *mut u16,
    kind: u32,
    data: PVOID,
    length: u32,
    context: PVOID,
    entry_context: PVOID,
) -> NTSTATUS;

/// `RTL_QUERY_REGISTRY_TABLE`
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct QueryEntry {
    routine: Option<Routine>,
    flags: u32,
    name: *const u16,
    entry_context: PVOID,
    default_type: u32,
    default_data: PVOID,
    default_length: u32,
}

const _: () = assert!(size_of::<QueryEntry>() == 56);

const SUBKEY: u32 = 0x1;
const TOP_KEY: u32 = 0x2;
const REQUIRED: u32 = 0x4;
const NO_VALUE: u32 = 0x8;
const NO_EXPAND: u32 = 0x10;
const DIRECT: u32 = 0x20;
const DELETE: u32 = 0x40;
const TYPE_CHECK: u32 = 0x100;
const TYPE_CHECK_SHIFT: u32 = 24;

const RELATIVE_HANDLE: u32 = 0x4000_0000;
const RELATIVE_OPTIONAL: u32 = 0x8000_0000;

const TAG: u32 = u32::from_le_bytes(*b"qrtR");

unsafe fn query(
    relative_to: u32,
    path: *const u16,
    table: *mut QueryEntry,
    context: PVOID,
    _environment: PVOID,
) -> NTSTATUS {
    zw::enter("RtlQueryRegistryValues");
    // SAFETY: a driver's call.
    unsafe { run(relative_to, path, table, context) }.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
/// The arguments must be a driver's: a table that ends with an empty entry.
unsafe fn run(relative_to: u32, path: *const u16, table: *mut QueryEntry, context: PVOID) -> Result<(), NTSTATUS> {
    // SAFETY: by contract.
    let top = unsafe { base(relative_to, path) }?;
    let mut key = top;
    let mut next = table;
    loop {
        // SAFETY: by contract, the table goes on until its empty entry.
        let entry = unsafe { *next };
        if entry.routine.is_none() && entry.flags & (SUBKEY | DIRECT) == 0 {
            return Ok(());
        }
        if entry.flags & (TOP_KEY | SUBKEY) != 0 {
            key = top;
        }
        // SAFETY: the driver's name, or null.
        let name = unsafe { wide(entry.name) };
        if entry.flags & SUBKEY != 0 {
            let name = name.as_deref().ok_or(STATUS_INVALID_PARAMETER)?;
            key = machine().open(top, name).map_err(status_of)?;
            if entry.routine.is_some() {
                // SAFETY: by contract.
                unsafe { all_values(key, &entry, context) }?;
            }
        } else if entry.flags & NO_VALUE != 0 {
            // SAFETY: by contract.
            unsafe { call(&entry, None, &Value { kind: kind::NONE, data: Vec::new() }, context) }?;
        } else if let Some(name) = &name {
            // SAFETY: by contract.
            unsafe { one_value(key, &entry, name, context) }?;
        } else {
            // SAFETY: by contract.
            unsafe { all_values(key, &entry, context) }?;
        }
        next = next.wrapping_add(1);
    }
}

/// The key that the query starts at.
///
/// # Safety
/// `path` must be a handle with RELATIVE_HANDLE, else a terminated string or null.
unsafe fn base(relative_to: u32, path: *const u16) -> Result<KeyId, NTSTATUS> {
    if relative_to & RELATIVE_HANDLE != 0 {
        return Ok(key_of("RtlQueryRegistryValues", path.cast_mut().cast()));
    }
    // SAFETY: by contract.
    let path = unsafe { wide(path) }.unwrap_or_default();
    const CONTROL_SET: &str = r"\Registry\Machine\System\CurrentControlSet";
    let root = match relative_to & !RELATIVE_OPTIONAL {
        0 => String::new(),
        1 => SERVICES.to_owned(),
        2 => format!(r"{CONTROL_SET}\Control"),
        3 => r"\Registry\Machine\Software\Microsoft\Windows NT\CurrentVersion".to_owned(),
        4 => r"\Registry\Machine\Hardware\DeviceMap".to_owned(),
        5 => r"\Registry\User\.Default".to_owned(),
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    let full = match (root.is_empty(), path.is_empty()) {
        (true, _) => path,
        (false, true) => root,
        (false, false) => format!(r"{root}\{path}"),
    };
    machine().open_path(&full).map_err(status_of)
}

/// # Safety
/// `entry` must be a driver's.
unsafe fn one_value(key: KeyId, entry: &QueryEntry, name: &str, context: PVOID) -> Result<(), NTSTATUS> {
    let found = machine().value(key, name);
    let value = match &found {
        Ok(value) => Some(value.clone()),
        // SAFETY: by contract.
        Err(_) => unsafe { default_of(entry) },
    };
    let Some(value) = value else {
        return if entry.flags & REQUIRED != 0 { Err(STATUS_OBJECT_NAME_NOT_FOUND) } else { Ok(()) };
    };
    // SAFETY: by contract.
    unsafe { call(entry, Some(name), &value, context) }?;
    if entry.flags & DELETE != 0 && found.is_ok() {
        machine().delete_value(key, name).map_err(status_of)?;
    }
    Ok(())
}

/// # Safety
/// `entry` must be a driver's.
unsafe fn all_values(key: KeyId, entry: &QueryEntry, context: PVOID) -> Result<(), NTSTATUS> {
    let values = machine().info(key).map_err(status_of)?.values;
    if values.is_empty() && entry.flags & REQUIRED != 0 {
        return Err(STATUS_OBJECT_NAME_NOT_FOUND);
    }
    for (name, value) in values {
        // SAFETY: by contract.
        unsafe { call(entry, Some(&name), &value, context) }?;
    }
    Ok(())
}

/// The entry's default, if it has one.
///
/// # Safety
/// `entry` must be a driver's: its default data must be as long as it says.
unsafe fn default_of(entry: &QueryEntry) -> Option<Value> {
    let default_type = entry.default_type & !(0xFF << TYPE_CHECK_SHIFT);
    if default_type == kind::NONE || entry.default_data.is_null() {
        return None;
    }
    let is_text = matches!(default_type, kind::SZ | kind::EXPAND_SZ);
    let data = match entry.default_length {
        0 if is_text => {
            // SAFETY: by contract, a terminated string.
            let text = unsafe { wide(entry.default_data.cast()) }?;
            Value::string(&text).data
        }
        0 => return None,
        length => {
            let start = entry.default_data.cast::<u8>();
            // SAFETY: by contract.
            unsafe { std::slice::from_raw_parts(start, length as usize) }.to_vec()
        }
    };
    Some(Value { kind: default_type, data })
}

/// Hands a value to the entry's variable or routine.
///
/// # Safety
/// `entry` must be a driver's.
unsafe fn call(entry: &QueryEntry, name: Option<&str>, value: &Value, context: PVOID) -> Result<(), NTSTATUS> {
    if entry.flags & DIRECT != 0 {
        // SAFETY: by contract.
        return unsafe { store(entry, value) };
    }
    let mut name: Option<Vec<u16>> = name.map(|name| name.encode_utf16().chain([0]).collect());
    let name = name.as_mut().map_or(std::ptr::null_mut(), |name| name.as_mut_ptr());
    // REG_MULTI_SZ is handed over string by string unless the driver wants it whole.
    let parts = match value.kind {
        kind::MULTI_SZ if entry.flags & NO_EXPAND == 0 => {
            strings(&value.data).map(|data| Value { kind: kind::SZ, data }).collect()
        }
        _ => vec![value.clone()],
    };
    for mut part in parts {
        let length = u32::try_from(part.data.len()).unwrap_or(u32::MAX);
        let data: PVOID = part.data.as_mut_ptr().cast();
        let target = entry.routine.map_or(0, |routine| routine as usize);
        let status = call_driver(CallSite::new("registry query routine", target), || {
            match entry.routine {
                // SAFETY: the driver's routine with what it asked for.
                Some(routine) => unsafe { routine(name, part.kind, data, length, context, entry.entry_context) },
                None => unreachable!("call_driver stops at a null routine"),
            }
        });
        if !nt_success(status) && status != STATUS_BUFFER_TOO_SMALL {
            return Err(status);
        }
    }
    Ok(())
}

/// DIRECT: writes the value to `EntryContext`.
///
/// # Safety
/// `entry` must be a driver's, with a variable of the checked type.
unsafe fn store(entry: &QueryEntry, value: &Value) -> Result<(), NTSTATUS> {
    if entry.flags & TYPE_CHECK == 0 {
        bugcheck!(
            super::codes::REGISTRY_DIRECT_WITHOUT_TYPE_CHECK,
            [entry.entry_context as u64, u64::from(entry.flags), 0, 0],
            "RtlQueryRegistryValues was called with RTL_QUERY_REGISTRY_DIRECT but without RTL_QUERY_REGISTRY_TYPECHECK: the stored type decides how much is written over the variable"
        );
    }
    let expected = entry.default_type >> TYPE_CHECK_SHIFT;
    let both_text = matches!(expected, kind::SZ | kind::EXPAND_SZ) && matches!(value.kind, kind::SZ | kind::EXPAND_SZ);
    if expected != value.kind && !both_text {
        return Err(STATUS_OBJECT_TYPE_MISMATCH);
    }
    match value.kind {
        kind::SZ | kind::EXPAND_SZ | kind::MULTI_SZ => {
            // SAFETY: by contract, the variable is a UNICODE_STRING.
            unsafe { store_text(entry.entry_context.cast(), &value.data) }
        }
        _ => {
            // The first LONG of the variable is its size, negated for "no header".
            let small = value.data.len() <= 4;
            // SAFETY: by contract.
            let size = unsafe { entry.entry_context.cast::<i32>().read_unaligned() };
            let room = if small { 4 } else { size.unsigned_abs() as usize };
            if value.data.len() > room {
                return Err(STATUS_BUFFER_TOO_SMALL);
            }
            let mut target = entry.entry_context.cast::<u8>();
            if !small && size > 0 {
                // A positive size: length and type go before the data.
                if value.data.len() + 8 > room {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                let length = u32::try_from(value.data.len()).unwrap_or(u32::MAX);
                // SAFETY: by contract, there is room for the header.
                unsafe {
                    target.cast::<u32>().write_unaligned(length);
                    target.cast::<u32>().add(1).write_unaligned(value.kind);
                    target = target.add(8);
                }
            }
            // SAFETY: by contract, there is room for the data.
            unsafe { target.copy_from_nonoverlapping(value.data.as_ptr(), value.data.len()) };
            Ok(())
        }
    }
}

/// # Safety
/// `target` must be the driver's UNICODE_STRING; a null buffer is allocated from paged pool.
unsafe fn store_text(target: *mut UNICODE_STRING, data: &[u8]) -> Result<(), NTSTATUS> {
    let size = u16::try_from(data.len()).map_err(|_| STATUS_BUFFER_TOO_SMALL)?;
    // SAFETY: by contract.
    let string = unsafe { &mut *target };
    if string.Buffer.is_null() {
        let buffer = crate::ex::pool::allocate(data.len().max(2), TAG, true);
        if buffer.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        string.Buffer = buffer.cast();
        string.MaximumLength = size;
    } else if string.MaximumLength < size {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    // SAFETY: the buffer has at least MaximumLength bytes.
    unsafe { string.Buffer.cast::<u8>().copy_from_nonoverlapping(data.as_ptr(), data.len()) };
    string.Length = size.saturating_sub(2);
    Ok(())
}

/// The strings of a REG_MULTI_SZ, each with its terminator.
fn strings(data: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let units: Vec<[u8; 2]> = data.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let texts: Vec<Vec<u8>> = units
        .split(|unit| *unit == [0, 0])
        .take_while(|text| !text.is_empty())
        .map(|text| text.concat().into_iter().chain([0, 0]).collect())
        .collect();
    texts.into_iter()
}

/// A terminated wide string.
///
/// # Safety
/// `text` must be null or end with a zero.
unsafe fn wide(text: *const u16) -> Option<String> {
    if text.is_null() {
        return None;
    }
    let mut units = Vec::new();
    loop {
        // SAFETY: by contract, the string goes on until its zero.
        match unsafe { text.add(units.len()).read_unaligned() } {
            0 => return Some(String::from_utf16_lossy(&units)),
            unit => units.push(unit),
        }
    }
}

crate::routines! { "ntoskrnl.exe";
    fn RtlQueryRegistryValues(relative_to: u32, path: *const u16, table: *mut QueryEntry, context: PVOID, environment: PVOID) -> NTSTATUS = query: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn RtlQueryRegistryValuesEx(relative_to: u32, path: *const u16, table: *mut QueryEntry, context: PVOID, environment: PVOID) -> NTSTATUS = query: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugcheck::expect_violation;
    use crate::kernel::Kernel;

    fn entry(name: &[u16], context: PVOID, flags: u32, expected: u32) -> [QueryEntry; 2] {
        let empty = QueryEntry {
            routine: None,
            flags: 0,
            name: std::ptr::null(),
            entry_context: std::ptr::null_mut(),
            default_type: 0,
            default_data: std::ptr::null_mut(),
            default_length: 0,
        };
        let default_type = expected << TYPE_CHECK_SHIFT;
        [QueryEntry { flags, name: name.as_ptr(), entry_context: context, default_type, ..empty }, empty]
    }

    fn wide_text(text: &str) -> Vec<u16> {
        text.encode_utf16().chain([0]).collect()
    }

    #[test]
    fn direct_values_are_checked_by_type() {
        Kernel::enter(|| {
            let key = machine().create_path(&format!(r"{SERVICES}\query-test")).unwrap();
            machine().set_value(key, "Depth", Value::dword(9)).unwrap();
            let (path, name) = (wide_text("query-test"), wide_text("Depth"));
            let mut depth = 0_u32;
            let mut ask = |flags: u32, expected: u32| {
                let mut table = entry(&name, (&raw mut depth).cast(), flags, expected);
                // SAFETY: a test driver's call.
                unsafe { query(1, path.as_ptr(), table.as_mut_ptr(), std::ptr::null_mut(), std::ptr::null_mut()) }
            };
            assert_eq!(ask(DIRECT | TYPE_CHECK, kind::DWORD), STATUS_SUCCESS);
            assert_eq!(ask(DIRECT | TYPE_CHECK, kind::SZ), STATUS_OBJECT_TYPE_MISMATCH);
            let (code, _) = expect_violation(|| {
                ask(DIRECT, kind::DWORD);
            });
            assert_eq!(code, "REGISTRY_DIRECT_WITHOUT_TYPE_CHECK");
            assert_eq!(depth, 9);
        });
    }

    #[test]
    fn strings_are_split() {
        let data = Value::strings(&["a", "bc"]).data;
        let parts: Vec<Vec<u8>> = strings(&data).collect();
        assert_eq!(parts, [Value::string("a").data, Value::string("bc").data]);
    }
}
