//! The machine as a whole: bugchecks by drivers, extended state, stacks.

use crate::bugcheck::{Violation, codes};
use crate::context::{self, CallSite, call_driver};
use crate::kernel::Kernel;
use crate::types::{
    BOOLEAN, DISPATCH_LEVEL, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NO_MEMORY, STATUS_SUCCESS,
};

crate::routines! { "ntoskrnl.exe";
    fn KeBugCheck(code: u32) = bug_check: PASSIVE..=HIGH;
    fn KeBugCheckEx(code: u32, a: u64, b: u64, c: u64, d: u64) = bug_check_ex: PASSIVE..=HIGH;
    fn KeRegisterBugCheckReasonCallback(record: PVOID, routine: PVOID, reason: u32, component: *const u8) -> BOOLEAN = register_reason: PASSIVE..=HIGH;
    fn KeDeregisterBugCheckReasonCallback(record: PVOID) -> BOOLEAN = deregister_reason: PASSIVE..=HIGH;
    raising KeExpandKernelStackAndCallout(callout: Option<Callout>, parameter: PVOID, size: usize) -> NTSTATUS = expand: PASSIVE..=APC;
    fn KeExpandKernelStackAndCalloutEx(callout: Option<Callout>, parameter: PVOID, size: usize, wait: BOOLEAN, context: PVOID) -> NTSTATUS = expand_ex: PASSIVE..=DISPATCH, fails(STATUS_NO_MEMORY);
    fn KeSaveExtendedProcessorState(mask: u64, save: PVOID) -> NTSTATUS = save_state: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn KeRestoreExtendedProcessorState(save: PVOID) = restore_state: PASSIVE..=DISPATCH;
    fn KeSaveFloatingPointState(save: PVOID) -> NTSTATUS = save_float: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn KeRestoreFloatingPointState(save: PVOID) -> NTSTATUS = restore_float: PASSIVE..=DISPATCH;
    fn KeQueryDpcWatchdogInformation(information: *mut WatchdogInformation) -> NTSTATUS = query_watchdog: DISPATCH..=DISPATCH;
    fn KeShouldYieldProcessor() -> u32 = should_yield: DISPATCH..=DISPATCH;
    fn IoGetStackLimits(low: *mut usize, high: *mut usize) = stack_limits: PASSIVE..=HIGH;
    fn KdRefreshDebuggerNotPresent() -> BOOLEAN = debugger_not_present: PASSIVE..=HIGH;
}

type Callout = unsafe extern "win64" fn(parameter: PVOID);

/// What a stack may be expanded to on x64.
const MAXIMUM_EXPANSION_SIZE: usize = 0x12000 - 0x1000;

unsafe fn bug_check(code: u32) {
    // SAFETY: takes plain values.
    unsafe { bug_check_ex(code, 0, 0, 0, 0) };
}

unsafe fn bug_check_ex(code: u32, a: u64, b: u64, c: u64, d: u64) {
    let own =
        if code == codes::STACK_BUFFER_OVERRUN.number { &codes::STACK_BUFFER_OVERRUN } else { &codes::DRIVER_BUGCHECK };
    Violation::new(own)
        .params([a, b, c, d])
        .text(format!("the driver called KeBugCheckEx({code:#010X}, {a:#x}, {b:#x}, {c:#x}, {d:#x})"))
        .raise()
}

unsafe fn register_reason(record: PVOID, _routine: PVOID, _reason: u32, _component: *const u8) -> BOOLEAN {
    let leaks = &Kernel::get().leaks;
    if leaks.find("bugcheck callback", record as usize).is_some() {
        return 0;
    }
    leaks.track("bugcheck callback", record as usize, "");
    1
}

unsafe fn deregister_reason(record: PVOID) -> BOOLEAN {
    u8::from(Kernel::get().leaks.untrack("bugcheck callback", record as usize).is_some())
}

/// The host's stack is large; the callout runs on it.
unsafe fn expand(callout: Option<Callout>, parameter: PVOID, size: usize) -> NTSTATUS {
    if size > MAXIMUM_EXPANSION_SIZE {
        return STATUS_INVALID_PARAMETER;
    }
    call_driver(CallSite::new("stack expansion callout", callout.map_or(0, |callout| callout as usize)), || {
        if let Some(callout) = callout {
            // SAFETY: the driver's callout with its own parameter.
            unsafe { callout(parameter) };
        }
    });
    STATUS_SUCCESS
}

unsafe fn expand_ex(
    callout: Option<Callout>,
    parameter: PVOID,
    size: usize,
    wait: BOOLEAN,
    _context: PVOID,
) -> NTSTATUS {
    if wait != 0 && context::irql() >= DISPATCH_LEVEL {
        bugcheck!(
            codes::WAIT_NOT_ALLOWED,
            [0, 0, 0, 0],
            "KeExpandKernelStackAndCalloutEx was called with Wait TRUE at DISPATCH_LEVEL"
        );
    }
    // SAFETY: as given.
    unsafe { expand(callout, parameter, size) }
}

/// Threads of the host keep their whole state over switches; only the balance matters.
unsafe fn save_state(mask: u64, save: PVOID) -> NTSTATUS {
    // SAFETY: XSTATE_SAVE has 56 bytes; the mask marks it as filled.
    unsafe { save.cast::<u64>().write(mask) };
    Kernel::get().leaks.track("saved processor state", save as usize, format!("mask {mask:#x}"));
    STATUS_SUCCESS
}

unsafe fn restore_state(save: PVOID) {
    if Kernel::get().leaks.untrack("saved processor state", save as usize).is_none() {
        bugcheck!(
            codes::BAD_PARAMETER,
            [save as u64, 0, 0, 0],
            "KeRestoreExtendedProcessorState was given {save:p}, which holds no saved state"
        );
    }
}

unsafe fn save_float(_save: PVOID) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe fn restore_float(_save: PVOID) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Counts are in ticks of 15.625 ms, as documented.
#[repr(C)]
struct WatchdogInformation {
    time_limit: u32,
    time_count: u32,
    watchdog_limit: u32,
    watchdog_count: u32,
    reserved: u32,
}

unsafe fn query_watchdog(information: *mut WatchdogInformation) -> NTSTATUS {
    // SAFETY: the driver's out-parameter. The budget of a fresh DPC: ntsim's own watchdog allows
    // far more (this says a second, 64 ticks, so that drivers yield in time).
    unsafe {
        information.write(WatchdogInformation {
            time_limit: 64,
            time_count: 64,
            watchdog_limit: 128,
            watchdog_count: 128,
            reserved: 0,
        })
    };
    STATUS_SUCCESS
}

unsafe fn should_yield() -> u32 {
    0
}

unsafe fn stack_limits(low: *mut usize, high: *mut usize) {
    let (begin, end) = crate::host::stack_bounds();
    // SAFETY: the driver's out-parameters.
    unsafe {
        low.write(begin);
        high.write(end);
    }
}

unsafe fn debugger_not_present() -> BOOLEAN {
    1
}
