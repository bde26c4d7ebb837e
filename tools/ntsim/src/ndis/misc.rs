//! Versions, time, processors, the event log, routine addresses.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::time::Duration;

use parking_lot::Mutex;

use super::codes;
use super::configuration::text_of;
use super::driver::NDIS_MINOR;
use super::handles::{self, Object};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::table::Arguments;
use crate::{ke, sched, table};
use ndkpi_sys::*;

/// An entry of the system event log that a driver wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The adapter's name; empty for a driver's handle.
    pub adapter: String,
    /// NDIS_ERROR_CODE_*.
    pub code: u32,
    /// The values after it.
    pub values: Vec<u32>,
}

/// The newest entries.
static LOG: Mutex<VecDeque<LogEntry>> = Mutex::new(VecDeque::new());
const LOG_KEPT: usize = 1024;

/// What drivers have written into the event log through NDIS, oldest first.
pub fn event_log() -> Vec<LogEntry> {
    LOG.lock().iter().cloned().collect()
}

unsafe fn write_error_log(mut arguments: Arguments) {
    // SAFETY: the three fixed arguments, then as many as the third says.
    let (handle, code, count) =
        unsafe { (arguments.pointer::<c_void>(), arguments.word() as u32, arguments.word() as u32) };
    let adapter = match handles::find(handle.addr()) {
        Some(Object::Adapter(adapter)) => adapter.config.name.clone(),
        Some(Object::Driver(_)) => String::new(),
        _ => handles::bad("NdisWriteErrorLogEntry", "driver or adapter", handle.cast_mut()),
    };
    // SAFETY: as above. An entry holds few values; Windows cuts as well.
    let values = (0..count.min(32)).map(|_| unsafe { arguments.word() } as u32).collect();
    let mut log = LOG.lock();
    if log.len() >= LOG_KEPT {
        log.pop_front();
    }
    log.push_back(LogEntry { adapter, code, values });
}

unsafe fn get_version() -> u32 {
    6 << 16 | u32::from(NDIS_MINOR)
}

unsafe fn sleep(microseconds: u32) {
    sched::sleep(Duration::from_micros(microseconds.into()));
}

unsafe fn up_time(out: *mut LARGE_INTEGER) {
    // SAFETY: the caller's out-parameter.
    unsafe { (*out).QuadPart = ke::time::interrupt_time() as i64 };
}

unsafe fn group_count(group: u16) -> u32 {
    if group == 0 || group == 0xFFFF { ke::cpu::count() } else { 0 }
}

unsafe fn system_count(affinity: *mut u64) -> u32 {
    let count = ke::cpu::count();
    if !affinity.is_null() {
        let mask = if count >= 64 { u64::MAX } else { (1 << count) - 1 };
        // SAFETY: the caller's optional out-parameter.
        unsafe { affinity.write(mask) };
    }
    count
}

unsafe fn current_processor() -> u32 {
    crate::context::current().cpu.get()
}

unsafe fn shared_data_alignment() -> u32 {
    64
}

unsafe fn hypervisor_info(out: *mut NDIS_HYPERVISOR_INFO) -> NDIS_STATUS {
    // SAFETY: the caller's structure.
    unsafe {
        if (*out).Header.Type != NDIS_OBJECT_TYPE_DEFAULT || usize::from((*out).Header.Size) < 12 {
            return NDIS_STATUS_INVALID_PARAMETER;
        }
        (*out).Flags = 0;
        (*out).PartitionType = NdisHypervisorPartitionTypeUnknown;
    }
    NDIS_STATUS_SUCCESS
}

unsafe fn routine_address(name: *mut NDIS_STRING) -> *mut c_void {
    // SAFETY: the caller's string.
    let name = unsafe { text_of(name) };
    table::find("ndis.sys", &name)
        .map_or(std::ptr::null_mut(), |row| std::ptr::with_exposed_provenance_mut(row.target.address()))
}

unsafe fn allocate_generic(_driver: *mut DRIVER_OBJECT, tag: u32, _size: u16) -> NDIS_HANDLE {
    super::pool::check_tag(tag, "NdisAllocateGenericObject");
    let handle = handles::insert(Object::Generic);
    Kernel::get().leaks.track("NDIS generic object", handle, "");
    handles::as_handle(handle)
}

unsafe fn free_generic(handle: NDIS_HANDLE) {
    if Kernel::get().leaks.untrack("NDIS generic object", handle.addr()).is_none() {
        handles::bad("NdisFreeGenericObject", "generic object", handle);
    }
    handles::forget(handle.addr());
}

unsafe fn index_from_luid(luid: u64, out: *mut u32) -> NDIS_STATUS {
    match crate::netio::index_of_luid(luid) {
        Some(index) => {
            // SAFETY: the caller's out-parameter.
            unsafe { out.write(index) };
            NDIS_STATUS_SUCCESS
        }
        None => NDIS_STATUS_INTERFACE_NOT_FOUND,
    }
}

unsafe fn query_instance_name(out: *mut NDIS_STRING, handle: NDIS_HANDLE) -> NDIS_STATUS {
    let adapter = handles::adapter(handle, "NdisMQueryAdapterInstanceName");
    let mut units: Vec<u16> = adapter.config.name.encode_utf16().take(0x7FFE).collect();
    units.push(0);
    let bytes = units.len() * 2;
    // The caller frees the buffer with NdisFreeMemory.
    let buffer: *mut u16 = crate::ex::pool::allocate(bytes, u32::from_le_bytes(*b"NDin"), false).cast();
    if buffer.is_null() {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: fresh pool of that size; the caller's out-parameter.
    unsafe {
        std::ptr::copy_nonoverlapping(units.as_ptr(), buffer, units.len());
        out.write(NDIS_STRING { Length: (bytes - 2) as u16, MaximumLength: bytes as u16, Buffer: buffer });
    }
    NDIS_STATUS_SUCCESS
}

unsafe fn reset_miniport(handle: NDIS_HANDLE) {
    let adapter = handles::adapter(handle, "NdisMResetMiniport");
    Violation::new(&codes::NDIS_BAD_PARAMETER)
        .params([handle.addr() as u64, 0, 0, 0])
        .text(format!(
            "adapter `{}`: NdisMResetMiniport is called by a miniport without a reset handler (MP-RESET-01)",
            adapter.config.name
        ))
        .raise();
}

crate::routines! { "ndis.sys";
    variadic NdisWriteErrorLogEntry(arguments: Arguments) = write_error_log: PASSIVE..=DISPATCH;
    fn NdisGetVersion() -> u32 = get_version: PASSIVE..=DISPATCH;
    fn NdisMSleep(microseconds: u32) = sleep: PASSIVE..=APC, blocks;
    fn NdisGetSystemUpTimeEx(out: *mut LARGE_INTEGER) = up_time: PASSIVE..=HIGH;
    fn NdisGroupActiveProcessorCount(group: u16) -> u32 = group_count: PASSIVE..=HIGH;
    fn NdisSystemActiveProcessorCount(affinity: *mut u64) -> u32 = system_count: PASSIVE..=HIGH;
    fn NdisCurrentProcessorIndex() -> u32 = current_processor: DISPATCH..=DISPATCH;
    fn NdisGetSharedDataAlignment() -> u32 = shared_data_alignment: PASSIVE..=DISPATCH;
    fn NdisGetHypervisorInfo(out: *mut NDIS_HYPERVISOR_INFO) -> NDIS_STATUS = hypervisor_info: PASSIVE..=DISPATCH;
    fn NdisGetRoutineAddress(name: *mut NDIS_STRING) -> *mut c_void = routine_address: PASSIVE..=PASSIVE;
    fn NdisAllocateGenericObject(driver: *mut DRIVER_OBJECT, tag: u32, size: u16) -> NDIS_HANDLE
        = allocate_generic: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisFreeGenericObject(handle: NDIS_HANDLE) = free_generic: PASSIVE..=DISPATCH;
    fn NdisIfGetInterfaceIndexFromNetLuid(luid: u64, out: *mut u32) -> NDIS_STATUS = index_from_luid: PASSIVE..=PASSIVE;
    fn NdisMQueryAdapterInstanceName(out: *mut NDIS_STRING, handle: NDIS_HANDLE) -> NDIS_STATUS
        = query_instance_name: PASSIVE..=PASSIVE, fails(NDIS_STATUS_RESOURCES);
    fn NdisMResetMiniport(handle: NDIS_HANDLE) = reset_miniport: PASSIVE..=DISPATCH;
}
