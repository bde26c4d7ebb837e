//! The rest of Mm.

use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::table::{Resolved, resolve};
use crate::types::{
    BOOLEAN, DRIVER_OBJECT, PVOID, STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, UNICODE_STRING,
};
use std::ptr::null_mut;

crate::routines! { "ntoskrnl.exe";
    fn MmGetSystemRoutineAddress(name: *const UNICODE_STRING) -> PVOID = system_routine: PASSIVE..=PASSIVE;
    fn MmGetPhysicalAddress(address: usize) -> usize = physical_address: PASSIVE..=HIGH;
    fn MmIsAddressValid(address: PVOID) -> BOOLEAN = is_valid: PASSIVE..=DISPATCH;
    fn MmIsDriverVerifying(driver: *mut DRIVER_OBJECT) -> u32 = is_verifying: PASSIVE..=APC;
    fn MmIsDriverVerifyingByAddress(address: PVOID) -> u32 = is_verifying_address: PASSIVE..=APC;
    fn MmLockPagableDataSection(address: PVOID) -> PVOID = lock_section: PASSIVE..=APC;
    fn MmLockPagableSectionByHandle(section: PVOID) = lock_by_handle: PASSIVE..=APC;
    fn MmUnlockPagableImageSection(section: PVOID) = unlock_section: PASSIVE..=APC;
    raising ProbeForRead(address: usize, length: usize, alignment: u32) = probe_read: PASSIVE..=APC;
    raising ProbeForWrite(address: usize, length: usize, alignment: u32) = probe_write: PASSIVE..=APC;
}

/// Only what ntsim can run is found: a driver that asks takes null as "this system lacks it".
unsafe fn system_routine(name: *const UNICODE_STRING) -> PVOID {
    // SAFETY: the driver's string.
    let Some(name) = (unsafe { (*name).to_string() }) else {
        return null_mut();
    };
    for module in ["ntoskrnl.exe", "hal.dll"] {
        if let Resolved::Finished(row) = resolve(module, &name) {
            return row.target.address() as PVOID;
        }
    }
    null_mut()
}

unsafe fn physical_address(address: usize) -> usize {
    address
}

unsafe fn is_valid(address: PVOID) -> BOOLEAN {
    u8::from(crate::host::memory::accessible(address as usize, 1, false))
}

unsafe fn is_verifying(_driver: *mut DRIVER_OBJECT) -> u32 {
    1
}

unsafe fn is_verifying_address(address: PVOID) -> u32 {
    u32::from(Kernel::get().images.containing(address as usize).is_some())
}

/// Sections are never paged out.
unsafe fn lock_section(address: PVOID) -> PVOID {
    address
}

unsafe fn lock_by_handle(_section: PVOID) {}

unsafe fn unlock_section(_section: PVOID) {}

unsafe fn probe_read(address: usize, length: usize, alignment: u32) {
    probe(address, length, alignment, false, "ProbeForRead");
}

unsafe fn probe_write(address: usize, length: usize, alignment: u32) {
    probe(address, length, alignment, true, "ProbeForWrite");
}

/// As the real ones: the alignment first, then the end of the range, then the pages.
fn probe(address: usize, length: usize, alignment: u32, write: bool, routine: &str) {
    if length == 0 {
        return;
    }
    if !alignment.is_power_of_two() || alignment > 16 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [u64::from(alignment), address as u64, 0, 0],
            "{routine} was given the alignment {alignment}; it is 1, 2, 4, 8 or 16"
        );
    }
    let what = || format!("{routine} of {length} bytes at {address:#x}, alignment {alignment},");
    if address & (alignment as usize - 1) != 0 {
        crate::seh::raise_exception(STATUS_DATATYPE_MISALIGNMENT, what);
    }
    if !crate::host::memory::accessible(address, length, write) {
        crate::seh::raise_exception(STATUS_ACCESS_VIOLATION, what);
    }
}
