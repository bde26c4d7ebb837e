//! Processor numbers. There is one group.

use super::cpu;
use crate::context::{self, NO_CPU};
use crate::types::{LIST_ENTRY, NTSTATUS, PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

crate::routines! { "ntoskrnl.exe";
    fn KeGetCurrentProcessorNumberEx(number: *mut PROCESSOR_NUMBER) -> u32 = current: PASSIVE..=HIGH;
    fn KeGetProcessorNumberFromIndex(index: u32, number: *mut PROCESSOR_NUMBER) -> NTSTATUS = from_index: PASSIVE..=HIGH;
    fn KeGetProcessorIndexFromNumber(number: *const PROCESSOR_NUMBER) -> u32 = to_index: PASSIVE..=HIGH;
    fn KeQueryActiveProcessorCountEx(group: u16) -> u32 = count: PASSIVE..=HIGH;
    fn KeQueryMaximumProcessorCountEx(group: u16) -> u32 = count: PASSIVE..=HIGH;
    fn KeQueryActiveGroupCount() -> u16 = groups: PASSIVE..=HIGH;
    fn KeRegisterProcessorChangeCallback(callback: PVOID, context: PVOID, flags: u32) -> PVOID = register_change: PASSIVE..=PASSIVE, fails(std::ptr::null_mut());
    fn KeDeregisterProcessorChangeCallback(handle: PVOID) = deregister_change: PASSIVE..=PASSIVE;
}

const ALL_GROUPS: u16 = 0xffff;
const INVALID_INDEX: u32 = u32::MAX;
/// Call for the processors that exist at registration.
const ADD_EXISTING: u32 = 1;

unsafe fn current(number: *mut PROCESSOR_NUMBER) -> u32 {
    let context = context::current();
    let index = if context.cpu.get() == NO_CPU { context.last_cpu.get() } else { context.cpu.get() };
    if !number.is_null() {
        // SAFETY: the driver's out-parameter.
        unsafe { number.write(PROCESSOR_NUMBER { Group: 0, Number: index as u8, Reserved: 0 }) };
    }
    index
}

unsafe fn from_index(index: u32, number: *mut PROCESSOR_NUMBER) -> NTSTATUS {
    if index >= cpu::count() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the driver's out-parameter.
    unsafe { number.write(PROCESSOR_NUMBER { Group: 0, Number: index as u8, Reserved: 0 }) };
    STATUS_SUCCESS
}

unsafe fn to_index(number: *const PROCESSOR_NUMBER) -> u32 {
    // SAFETY: the driver's structure.
    let number = unsafe { number.read() };
    if number.Group == 0 && u32::from(number.Number) < cpu::count() { u32::from(number.Number) } else { INVALID_INDEX }
}

unsafe fn count(group: u16) -> u32 {
    if group == 0 || group == ALL_GROUPS { cpu::count() } else { 0 }
}

unsafe fn groups() -> u16 {
    1
}

#[repr(C)]
struct ChangeContext {
    state: u32,
    number: u32,
    status: NTSTATUS,
    processor: PROCESSOR_NUMBER,
}

const START: u32 = 0;
const COMPLETE: u32 = 1;

type ChangeCallback = unsafe extern "win64" fn(context: PVOID, change: *mut ChangeContext, status: *mut NTSTATUS);

/// Processors never come or go; the callback is told those that exist, if it asks.
unsafe fn register_change(callback: PVOID, context: PVOID, flags: u32) -> PVOID {
    let handle = Box::into_raw(Box::new(LIST_ENTRY { Flink: std::ptr::null_mut(), Blink: std::ptr::null_mut() }));
    if flags & ADD_EXISTING != 0 {
        for state in [START, COMPLETE] {
            for index in 0..cpu::count() {
                let processor = PROCESSOR_NUMBER { Group: 0, Number: index as u8, Reserved: 0 };
                let mut change = ChangeContext { state, number: index, status: STATUS_SUCCESS, processor };
                let mut status = STATUS_SUCCESS;
                let site = crate::context::CallSite::new("processor change callback", callback as usize);
                crate::context::call_driver(site, || {
                    // SAFETY: the driver's callback by its documented type.
                    unsafe {
                        let callback: ChangeCallback = std::mem::transmute(callback);
                        callback(context, &raw mut change, &raw mut status);
                    }
                });
                if status < 0 {
                    // SAFETY: made above.
                    drop(unsafe { Box::from_raw(handle) });
                    return std::ptr::null_mut();
                }
            }
        }
    }
    crate::Kernel::get().leaks.track("processor change callback", handle as usize, "");
    handle.cast()
}

unsafe fn deregister_change(handle: PVOID) {
    if crate::Kernel::get().leaks.untrack("processor change callback", handle as usize).is_none() {
        bugcheck!(
            crate::bugcheck::codes::BAD_HANDLE,
            [handle as u64, 0, 0, 0],
            "KeDeregisterProcessorChangeCallback was given {handle:p}, which is no registration"
        );
    }
    // SAFETY: tracked: made by register_change and not yet freed.
    drop(unsafe { Box::from_raw(handle.cast::<LIST_ENTRY>()) });
}
