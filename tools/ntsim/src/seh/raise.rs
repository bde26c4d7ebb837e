//! Exceptions that routines raise.

use super::layout::{EXCEPTION_RECORD, NONCONTINUABLE};
use super::search::search;
use super::state::AtEntry;
use crate::bugcheck::{Violation, codes};
use crate::context;
use crate::types::{NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, status_name};

crate::routines! { "ntoskrnl.exe";
    raising ExRaiseStatus(status: NTSTATUS) = raise_status: PASSIVE..=APC;
    raising ExRaiseAccessViolation() = raise_access_violation: PASSIVE..=APC;
    raising ExRaiseDatatypeMisalignment() = raise_misalignment: PASSIVE..=APC;
    raising RtlRaiseStatus(status: NTSTATUS) = raise_status_rtl: PASSIVE..=HIGH;
    raising RtlRaiseException(record: *mut EXCEPTION_RECORD) = raise_record: PASSIVE..=HIGH;
}

/// Raises `status` into the driver that called the running routine, which must be a `raising` one
/// to be heard; `why` begins the report when nobody handles it.
pub(crate) fn raise_exception(status: NTSTATUS, why: impl FnOnce() -> String) -> ! {
    let mut note = String::new();
    if let Some(mut machine) = AtEntry::of(context::current()) {
        let mut record = EXCEPTION_RECORD::new(status as u32, NONCONTINUABLE, machine.Rip);
        // SAFETY: the state of the routine's caller; nothing here needs to be dropped.
        note = unsafe { search(&raw mut record, &raw mut machine) }.note();
    }
    unhandled(status, &why(), note)
}

fn unhandled(status: NTSTATUS, why: &str, note: String) -> ! {
    let name = status_name(status).map(|name| format!(" ({name})")).unwrap_or_default();
    let violation = Violation::new(&codes::UNHANDLED_EXCEPTION)
        .params([u64::from(status as u32), 0, 0, 0])
        .text(format!("{why} raised {status:#010x}{name}, and no handler took the exception"));
    if note.is_empty() { violation } else { violation.note(note) }.raise()
}

unsafe fn raise_status(status: NTSTATUS) {
    raise_exception(status, || "ExRaiseStatus".into());
}

unsafe fn raise_status_rtl(status: NTSTATUS) {
    raise_exception(status, || "RtlRaiseStatus".into());
}

unsafe fn raise_access_violation() {
    raise_exception(STATUS_ACCESS_VIOLATION, || "ExRaiseAccessViolation".into());
}

unsafe fn raise_misalignment() {
    raise_exception(STATUS_DATATYPE_MISALIGNMENT, || "ExRaiseDatatypeMisalignment".into());
}

/// A driver's own record; a filter may continue it behind the call.
unsafe fn raise_record(record: *mut EXCEPTION_RECORD) {
    let Some(mut machine) = AtEntry::of(context::current()) else { return };
    // SAFETY: the driver's record, copied; the state of the caller.
    let (status, outcome) = unsafe {
        let mut copy = *record;
        copy.ExceptionAddress = machine.Rip;
        (copy.ExceptionCode as NTSTATUS, search(&raw mut copy, &raw mut machine))
    };
    unhandled(status, "RtlRaiseException", outcome.note())
}
