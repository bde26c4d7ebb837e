//! Etw: providers register here; events go into a ring that reports and tests can read.

mod wpp;

use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::table::Row;
use crate::types::{EVENT_DATA_DESCRIPTOR, EVENT_DESCRIPTOR, GUID, NTSTATUS, PVOID, STATUS_NO_MEMORY, STATUS_SUCCESS};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[ROWS, wpp::ROWS];

crate::routines! { "ntoskrnl.exe";
    fn EtwRegister(provider: *const GUID, callback: PVOID, context: PVOID, handle: *mut u64) -> NTSTATUS = register: PASSIVE..=PASSIVE, fails(STATUS_NO_MEMORY);
    fn EtwUnregister(handle: u64) -> NTSTATUS = unregister: PASSIVE..=PASSIVE;
    fn EtwWrite(handle: u64, event: *const EVENT_DESCRIPTOR, activity: *const GUID, count: u32, data: *const EVENT_DATA_DESCRIPTOR) -> NTSTATUS = write: PASSIVE..=HIGH, fails(STATUS_NO_MEMORY);
    fn EtwWriteTransfer(handle: u64, event: *const EVENT_DESCRIPTOR, activity: *const GUID, related: *const GUID, count: u32, data: *const EVENT_DATA_DESCRIPTOR) -> NTSTATUS
        = write_transfer: PASSIVE..=HIGH, fails(STATUS_NO_MEMORY);
    fn EtwSetInformation(handle: u64, class: u32, information: PVOID, length: u32) -> NTSTATUS = set_information: PASSIVE..=PASSIVE;
    fn EtwProviderEnabled(handle: u64, level: u8, keyword: u64) -> u8 = provider_enabled: PASSIVE..=HIGH;
    fn EtwEventEnabled(handle: u64, event: *const EVENT_DESCRIPTOR) -> u8 = event_enabled: PASSIVE..=HIGH;
}

const KIND: &str = "ETW registration";
const KEPT: usize = 1024;

/// An event that a driver wrote.
#[derive(Debug, Clone)]
pub struct Event {
    /// The registration.
    pub handle: u64,
    /// Its descriptor.
    pub descriptor: EVENT_DESCRIPTOR,
    /// The data blocks, one after the other.
    pub data: Vec<u8>,
}

static NEXT: AtomicU64 = AtomicU64::new(0x10);
static EVENTS: Mutex<VecDeque<Event>> = Mutex::new(VecDeque::new());

/// The last events, oldest first.
pub fn events() -> Vec<Event> {
    EVENTS.lock().iter().cloned().collect()
}

/// No session listens, so the enable callback is never called.
unsafe fn register(provider: *const GUID, _callback: PVOID, _context: PVOID, handle: *mut u64) -> NTSTATUS {
    let value = NEXT.fetch_add(0x10, Ordering::Relaxed);
    // SAFETY: the driver's GUID and out-parameter.
    let provider = unsafe {
        handle.write(value);
        provider.read_unaligned()
    };
    Kernel::get().leaks.track(
        KIND,
        value as usize,
        format!("{:08x}-{:04x}-{:04x}", provider.Data1, provider.Data2, provider.Data3),
    );
    STATUS_SUCCESS
}

fn check(handle: u64, routine: &str) {
    // Zero is what a provider that is not registered passes; writes with it do nothing.
    if handle != 0 && Kernel::get().leaks.find(KIND, handle as usize).is_none() {
        bugcheck!(
            codes::BAD_HANDLE,
            [handle, 0, 0, 0],
            "{routine} was given {handle:#x}, which is no registration (or was unregistered)"
        );
    }
}

unsafe fn unregister(handle: u64) -> NTSTATUS {
    if handle == 0 {
        return crate::types::STATUS_INVALID_HANDLE;
    }
    check(handle, "EtwUnregister");
    Kernel::get().leaks.untrack(KIND, handle as usize);
    STATUS_SUCCESS
}

unsafe fn write(
    handle: u64,
    event: *const EVENT_DESCRIPTOR,
    _activity: *const GUID,
    count: u32,
    data: *const EVENT_DATA_DESCRIPTOR,
) -> NTSTATUS {
    if handle == 0 {
        return STATUS_SUCCESS;
    }
    check(handle, "EtwWrite");
    let mut bytes = Vec::new();
    // SAFETY: the driver's descriptor and data blocks.
    let descriptor = unsafe {
        for index in 0..count as usize {
            let block = data.add(index).read();
            bytes.extend_from_slice(std::slice::from_raw_parts(block.Ptr as *const u8, block.Size as usize));
        }
        event.read_unaligned()
    };
    keep(Event { handle, descriptor, data: bytes });
    STATUS_SUCCESS
}

fn keep(event: Event) {
    let mut events = EVENTS.lock();
    if events.len() == KEPT {
        events.pop_front();
    }
    events.push_back(event);
}

unsafe fn write_transfer(
    handle: u64,
    event: *const EVENT_DESCRIPTOR,
    activity: *const GUID,
    _related: *const GUID,
    count: u32,
    data: *const EVENT_DATA_DESCRIPTOR,
) -> NTSTATUS {
    // SAFETY: as given.
    unsafe { write(handle, event, activity, count, data) }
}

unsafe fn set_information(handle: u64, _class: u32, _information: PVOID, _length: u32) -> NTSTATUS {
    check(handle, "EtwSetInformation");
    STATUS_SUCCESS
}

unsafe fn provider_enabled(handle: u64, _level: u8, _keyword: u64) -> u8 {
    check(handle, "EtwProviderEnabled");
    1
}

unsafe fn event_enabled(handle: u64, _event: *const EVENT_DESCRIPTOR) -> u8 {
    check(handle, "EtwEventEnabled");
    1
}
