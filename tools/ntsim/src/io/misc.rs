//! The small rest: error log, process, stack limits, WMI, device interfaces and properties.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::codes;
use super::device::{self, identity};
use super::memory::Block;
use super::namespace::NAMES;
use crate::kernel::Kernel;
use crate::types::*;

/// Fixed part of IO_ERROR_LOG_PACKET and the largest entry that Windows allocates.
const ERROR_LOG_SMALLEST: u8 = 48;
const ERROR_LOG_LARGEST: u8 = 240;
const STATUS_INVALID_PARAMETER_2: NTSTATUS = 0xC000_00F0_u32.cast_signed();

static ERROR_LOG: Mutex<Option<HashMap<usize, Block>>> = Mutex::new(None);

unsafe fn allocate_error_log_entry(_object: PVOID, size: u8) -> PVOID {
    if !(ERROR_LOG_SMALLEST..=ERROR_LOG_LARGEST).contains(&size) {
        return std::ptr::null_mut();
    }
    let block = Block::new("error log entry", usize::from(size));
    let entry = block.address();
    ERROR_LOG.lock().get_or_insert_default().insert(entry as usize, block);
    Kernel::get().leaks.track("ERROR_LOG_ENTRY", entry as usize, format!("{size} bytes"));
    entry.cast()
}

unsafe fn write_error_log_entry(entry: PVOID) {
    let block = ERROR_LOG.lock().get_or_insert_default().remove(&(entry as usize));
    let Some(block) = block else {
        bugcheck!(
            codes::ERROR_LOG_ENTRY_NOT_VALID,
            [entry as u64, 0, 0, 0],
            "the driver wrote an error log entry at {entry:p}, but there is none"
        )
    };
    Kernel::get().leaks.untrack("ERROR_LOG_ENTRY", entry as usize);
    // ErrorCode and FinalStatus of IO_ERROR_LOG_PACKET.
    // SAFETY: the block has at least 48 bytes.
    let (code, status) =
        unsafe { (entry.cast::<u32>().add(3).read_unaligned(), entry.cast::<u32>().add(5).read_unaligned()) };
    // What Windows shows in the event viewer.
    eprintln!("error log: code {code:#010x}, final status {status:#010x}");
    drop(block);
}

unsafe fn current_process() -> PVOID {
    // Everything runs in the system process.
    let row = crate::table::find("ntoskrnl.exe", "PsInitialSystemProcess");
    let Some(crate::table::Target::Data(variable)) = row.map(|row| row.target) else {
        return std::ptr::null_mut();
    };
    // SAFETY: the variable holds the system process's address.
    unsafe { variable().cast::<PVOID>().read() }
}

unsafe fn wmi_registration_control(device: *mut DEVICE_OBJECT, action: u32) -> NTSTATUS {
    const REGISTER: u32 = 1;
    const DEREGISTER: u32 = 2;
    const REREGISTER: u32 = 3;
    const UPDATE_GUIDS: u32 = 4;
    const CALLBACK: u32 = 0x8000_0000;
    let leaks = &Kernel::get().leaks;
    match action & !CALLBACK {
        REGISTER => {
            leaks.track("WMI_REGISTRATION", device as usize, "IoWMIRegistrationControl");
            STATUS_SUCCESS
        }
        DEREGISTER if leaks.untrack("WMI_REGISTRATION", device as usize).is_some() => STATUS_SUCCESS,
        REREGISTER | UPDATE_GUIDS if leaks.find("WMI_REGISTRATION", device as usize).is_some() => STATUS_SUCCESS,
        _ => STATUS_INVALID_PARAMETER,
    }
}

/// Index into `DEVICE_REGISTRY_PROPERTY`.
mod property {
    pub const DESCRIPTION: i32 = 0;
    pub const HARDWARE_ID: i32 = 1;
    pub const CLASS_NAME: i32 = 4;
    pub const DRIVER_KEY_NAME: i32 = 6;
    pub const FRIENDLY_NAME: i32 = 8;
    pub const PHYSICAL_DEVICE_OBJECT_NAME: i32 = 10;
    pub const ENUMERATOR_NAME: i32 = 14;
}

unsafe fn device_property(
    device: *mut DEVICE_OBJECT,
    which: i32,
    length: u32,
    buffer: PVOID,
    result_length: *mut u32,
) -> NTSTATUS {
    device::driver_of(device, "asked for a property of");
    let Some(known) = identity(device) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let prefix = format!(r"{}\", crate::registry::CLASS);
    let text = match which {
        property::DESCRIPTION | property::FRIENDLY_NAME => known.description,
        property::HARDWARE_ID => format!("{}\0", known.hardware_id),
        property::CLASS_NAME => "Net".to_owned(),
        property::DRIVER_KEY_NAME => known.software_key.strip_prefix(&prefix).unwrap_or(&known.software_key).to_owned(),
        property::PHYSICAL_DEVICE_OBJECT_NAME => device::name(device).unwrap_or_default(),
        property::ENUMERATOR_NAME => known.instance.split('\\').next().unwrap_or_default().to_owned(),
        0..=23 => return STATUS_OBJECT_NAME_NOT_FOUND,
        _ => return STATUS_INVALID_PARAMETER_2,
    };
    let bytes: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let needed = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: the driver's variables; the buffer has `length` bytes.
    unsafe {
        result_length.write(needed);
        if length < needed {
            return STATUS_BUFFER_TOO_SMALL;
        }
        buffer.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
    }
    STATUS_SUCCESS
}

unsafe fn register_interface(
    device: *mut DEVICE_OBJECT,
    class: *const GUID,
    reference: *mut UNICODE_STRING,
    link: *mut UNICODE_STRING,
) -> NTSTATUS {
    device::driver_of(device, "registered an interface of");
    let Some(known) = identity(device) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    // SAFETY: the driver's string, or null.
    let Ok(reference) = (unsafe { super::text(reference) }) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's GUID.
    let class = guid_text(unsafe { &*class });
    let mut name = format!(r"\??\{}#{class}", known.instance.replace('\\', "#"));
    if let Some(reference) = reference.filter(|text| !text.is_empty()) {
        name = format!(r"{name}\{reference}");
    }
    let units: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let bytes = units.len() * 2;
    let Ok(length) = u16::try_from(bytes) else {
        return STATUS_INVALID_PARAMETER;
    };
    const TAG: u32 = u32::from_le_bytes(*b"Pp  ");
    let buffer = crate::ex::pool::allocate(bytes, TAG, false).cast::<u16>();
    if buffer.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    INTERFACES.lock().get_or_insert_default().insert(name.to_uppercase(), (device as usize, name));
    // SAFETY: the block has room for the units; `link` is the driver's variable.
    unsafe {
        buffer.copy_from_nonoverlapping(units.as_ptr(), units.len());
        link.write(UNICODE_STRING { Length: length - 2, MaximumLength: length, Buffer: buffer });
    }
    STATUS_SUCCESS
}

/// Registered interfaces: the folded name, the device and the name.
static INTERFACES: Mutex<Option<HashMap<String, (usize, String)>>> = Mutex::new(None);

unsafe fn set_interface_state(link: *mut UNICODE_STRING, enable: BOOLEAN) -> NTSTATUS {
    // SAFETY: the driver's string.
    let Ok(Some(link)) = (unsafe { super::text(link) }) else {
        return STATUS_INVALID_PARAMETER;
    };
    let found = INTERFACES.lock().get_or_insert_default().get(&link.to_uppercase()).cloned();
    let Some((device, name)) = found else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let key = interface_key(&name);
    if enable == 0 {
        return match NAMES.lock().remove_alias(&name) {
            Ok(()) => {
                Kernel::get().leaks.untrack("DEVICE_INTERFACE", key);
                STATUS_SUCCESS
            }
            Err(status) => status,
        };
    }
    let added = NAMES.lock().add_alias(&name, device);
    match added {
        Ok(()) => {
            Kernel::get().leaks.track("DEVICE_INTERFACE", key, name);
            STATUS_SUCCESS
        }
        Err(STATUS_OBJECT_NAME_COLLISION) => STATUS_OBJECT_NAME_EXISTS,
        Err(status) => status,
    }
}

/// The interface is enabled already.
const STATUS_OBJECT_NAME_EXISTS: NTSTATUS = 0x4000_0000;

fn interface_key(name: &str) -> usize {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    name.to_uppercase().hash(&mut hasher);
    usize::try_from(hasher.finish()).unwrap_or_default()
}

fn guid_text(guid: &GUID) -> String {
    let tail: Vec<String> = guid.Data4.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{{{:08x}-{:04x}-{:04x}-{}-{}}}",
        guid.Data1,
        guid.Data2,
        guid.Data3,
        tail[..2].concat(),
        tail[2..].concat()
    )
}

crate::routines! { "ntoskrnl.exe";
    fn IoAllocateErrorLogEntry(object: PVOID, size: u8) -> PVOID = allocate_error_log_entry: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn IoWriteErrorLogEntry(entry: PVOID) = write_error_log_entry: PASSIVE..=DISPATCH;
    fn IoGetCurrentProcess() -> PVOID = current_process: PASSIVE..=HIGH;
    fn IoWMIRegistrationControl(device: *mut DEVICE_OBJECT, action: u32) -> NTSTATUS = wmi_registration_control: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn IoGetDeviceProperty(device: *mut DEVICE_OBJECT, which: i32, length: u32, buffer: PVOID, result_length: *mut u32) -> NTSTATUS = device_property: PASSIVE..=PASSIVE;
    fn IoRegisterDeviceInterface(device: *mut DEVICE_OBJECT, class: *const GUID, reference: *mut UNICODE_STRING, link: *mut UNICODE_STRING) -> NTSTATUS = register_interface: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn IoSetDeviceInterfaceState(link: *mut UNICODE_STRING, enable: BOOLEAN) -> NTSTATUS = set_interface_state: PASSIVE..=PASSIVE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_written_as_windows_writes_it() {
        let guid = GUID { Data1: 0x1234, Data2: 0xab, Data3: 0xc, Data4: [1, 2, 3, 4, 5, 6, 7, 8] };
        assert_eq!(guid_text(&guid), "{00001234-00ab-000c-0102-030405060708}");
    }
}
