//! WppRecorder.sys: the in-flight recorder that the kit's tracing macros call.
//!
//! Messages go into the ring of [`super::events`]. The control block is the driver's and has no
//! documented layout, so nothing is written to it; the macros then pass a null log, which is fine.

use super::Event;
use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::table::Arguments;
use crate::types::{DRIVER_OBJECT, EVENT_DESCRIPTOR, NTSTATUS, PVOID, STATUS_SUCCESS, UNICODE_STRING};

crate::routines! { "WppRecorder.sys";
    fn WppAutoLogStart(control: PVOID, driver: *mut DRIVER_OBJECT, path: *mut UNICODE_STRING) -> NTSTATUS = start: PASSIVE..=PASSIVE;
    fn WppAutoLogStop(control: PVOID, driver: *mut DRIVER_OBJECT) = stop: PASSIVE..=PASSIVE;
    variadic WppAutoLogTrace(arguments: Arguments) -> NTSTATUS = trace: PASSIVE..=HIGH;
}

const KIND: &str = "WPP recorder";
/// A message has fewer parts.
const MOST_PARTS: usize = 64;

unsafe fn start(control: PVOID, driver: *mut DRIVER_OBJECT, _path: *mut UNICODE_STRING) -> NTSTATUS {
    let leaks = &Kernel::get().leaks;
    if leaks.find(KIND, driver as usize).is_some() {
        bugcheck!(
            codes::BAD_HANDLE,
            [driver as u64, 0, 0, 0],
            "WppAutoLogStart was called twice without WppAutoLogStop"
        );
    }
    leaks.track(KIND, driver as usize, format!("control block {control:p}, never stopped by WppAutoLogStop"));
    STATUS_SUCCESS
}

unsafe fn stop(_control: PVOID, driver: *mut DRIVER_OBJECT) {
    if Kernel::get().leaks.untrack(KIND, driver as usize).is_none() {
        bugcheck!(codes::BAD_HANDLE, [driver as u64, 0, 0, 0], "WppAutoLogStop was called without WppAutoLogStart");
    }
}

/// `(log, level, flags, message GUID, number, address, size, ..., NULL)`
unsafe fn trace(mut arguments: Arguments) -> NTSTATUS {
    // SAFETY: the macros pass what the head comment of this function says.
    unsafe {
        let (log, level, flags) = (arguments.word(), arguments.word() as u8, arguments.word());
        arguments.word();
        let number = arguments.word() as u16;
        let mut data = Vec::new();
        for _ in 0..MOST_PARTS {
            let address = arguments.pointer::<u8>();
            if address.is_null() {
                break;
            }
            data.extend_from_slice(std::slice::from_raw_parts(address, arguments.word() as usize));
        }
        let descriptor = EVENT_DESCRIPTOR {
            Id: number,
            Version: 0,
            Channel: 0,
            Level: level,
            Opcode: 0,
            Task: 0,
            Keyword: u64::from(flags as u32),
        };
        super::keep(Event { handle: log, descriptor, data });
    }
    STATUS_SUCCESS
}
