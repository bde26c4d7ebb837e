//! How an IRP goes down to a driver and comes back up.

use std::sync::{Arc, OnceLock};

use super::codes;
use super::irp::{self, Flight, NO_STATUS, Origin, Passed, Stage};
use super::{cancel, device, unload_safe};
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::kernel::Kernel;
use crate::symbols::Stack;
use crate::types::*;

/// Names of the major functions, for reports.
const MAJOR: [&str; 28] = [
    "IRP_MJ_CREATE",
    "IRP_MJ_CREATE_NAMED_PIPE",
    "IRP_MJ_CLOSE",
    "IRP_MJ_READ",
    "IRP_MJ_WRITE",
    "IRP_MJ_QUERY_INFORMATION",
    "IRP_MJ_SET_INFORMATION",
    "IRP_MJ_QUERY_EA",
    "IRP_MJ_SET_EA",
    "IRP_MJ_FLUSH_BUFFERS",
    "IRP_MJ_QUERY_VOLUME_INFORMATION",
    "IRP_MJ_SET_VOLUME_INFORMATION",
    "IRP_MJ_DIRECTORY_CONTROL",
    "IRP_MJ_FILE_SYSTEM_CONTROL",
    "IRP_MJ_DEVICE_CONTROL",
    "IRP_MJ_INTERNAL_DEVICE_CONTROL",
    "IRP_MJ_SHUTDOWN",
    "IRP_MJ_LOCK_CONTROL",
    "IRP_MJ_CLEANUP",
    "IRP_MJ_CREATE_MAILSLOT",
    "IRP_MJ_QUERY_SECURITY",
    "IRP_MJ_SET_SECURITY",
    "IRP_MJ_POWER",
    "IRP_MJ_SYSTEM_CONTROL",
    "IRP_MJ_DEVICE_CHANGE",
    "IRP_MJ_QUERY_QUOTA",
    "IRP_MJ_SET_QUOTA",
    "IRP_MJ_PNP",
];

/// Passes an IRP to a driver: `IofCallDriver`, and what the I/O manager does for its own.
///
/// # Safety
/// `irp` must be on record with its next stack location filled in.
pub(crate) unsafe fn send(target: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    let driver = device::driver_of(target, "passed an IRP to");
    let passed = Arc::new(OnceLock::new());
    let mut table = irp::table();
    let record = table.record(irp, "passed on");
    // SAFETY: the IRP is on record, and whoever passes it on holds it.
    let header = unsafe { &mut *irp };
    if header.CurrentLocation <= 1 {
        drop(table);
        bugcheck!(
            codes::IRP_STACK_EXHAUSTED,
            [irp as u64, target as u64, header.StackCount as u64, 0],
            "the driver passed the IRP at {irp:p} on, but none of its {} stack locations is left",
            header.StackCount
        );
    }
    header.CurrentLocation -= 1;
    header.Tail.CurrentStackLocation = header.Tail.CurrentStackLocation.wrapping_sub(1);
    let location = header.CurrentLocation;
    record.flights.push(Flight { location, passed: Arc::clone(&passed) });
    record.stage = Stage::Below;
    drop(table);

    let stack = header.Tail.CurrentStackLocation;
    // SAFETY: a location of this IRP.
    unsafe { (*stack).DeviceObject = target };
    // SAFETY: as above.
    let major = usize::from(unsafe { (*stack).MajorFunction });
    let what = MAJOR.get(major).copied().unwrap_or("IRP with an unknown major function");
    // SAFETY: a device of a loaded driver has its driver object.
    let entry = unsafe { (*driver).MajorFunction.get(major).copied().flatten() };
    let address = entry.map_or(0, |routine| routine as usize);
    let status = call_driver(CallSite::new(what, address), || match entry {
        // SAFETY: the driver registered this routine for such IRPs.
        Some(routine) => unsafe { routine(target, irp) },
        None => unreachable!("call_driver stops at a null routine"),
    });
    check_return(irp, location, &passed, status, CallSite::new(what, address));
    status
}

/// Holds what a dispatch routine returned against what it did with the IRP.
fn check_return(irp: *mut IRP, location: i8, passed: &OnceLock<Passed>, status: NTSTATUS, site: CallSite) {
    let mut table = irp::table();
    let outcome = match passed.get() {
        Some(passed) => Some(*passed),
        None => {
            let record = table.record(irp, "lost");
            record.flights.retain(|flight| !std::ptr::eq(&*flight.passed, passed));
            None
        }
    };
    let pending = status == STATUS_PENDING;
    let trouble = match outcome {
        Some(done) if pending && !done.marked => Some((&codes::IRP_PENDING_NOT_MARKED, not_marked())),
        Some(done) if !pending && done.marked => Some((
            &codes::IRP_MARKED_BUT_NOT_PENDING,
            format!("marked the IRP pending, but returned {}", named(status)),
        )),
        Some(done) if !pending && done.status != status => Some((
            &codes::IRP_STATUS_MISMATCH,
            format!("completed the IRP with {}, but returned {}", named(done.status), named(status)),
        )),
        Some(_) => None,
        None if !pending => {
            Some((&codes::IRP_NOT_COMPLETED, format!("returned {}, but did not complete the IRP", named(status))))
        }
        // SAFETY: the IRP is on record, and nobody completes it while the table is locked.
        None => unsafe {
            let holds_it = (*irp).CurrentLocation == location;
            let control = (*(*irp).Tail.CurrentStackLocation).Control;
            let marked = control & SL_PENDING_RETURNED != 0;
            (holds_it && !marked).then(|| (&codes::IRP_PENDING_NOT_MARKED, not_marked()))
        },
    };
    drop(table);
    if let Some((code, text)) = trouble {
        Violation::new(code)
            .params([irp as u64, site.target as u64, u64::from(status.cast_unsigned()), 0])
            .guilty(site.target)
            .text(format!("{site} {text}"))
            .raise();
    }
}

fn not_marked() -> String {
    "returned STATUS_PENDING without marking the IRP pending first".to_owned()
}

fn named(status: NTSTATUS) -> String {
    crate::machine::NtStatus::from_raw(status).to_string()
}

/// `IofCompleteRequest`: checks, then calls the completion routines upwards.
///
/// # Safety
/// `irp` must be an IRP pointer as a driver has it; it may be wrong.
pub(crate) unsafe fn complete(irp: *mut IRP) {
    let walk = begin_completion(irp);
    // SAFETY: the IRP is on record and this walk holds it.
    let header = unsafe { &mut *irp };
    loop {
        if header.CurrentLocation > header.StackCount {
            return past_the_top(irp);
        }
        let stack = header.Tail.CurrentStackLocation;
        // SAFETY: a location of this IRP.
        let (control, routine, context) = unsafe { ((*stack).Control, (*stack).CompletionRoutine, (*stack).Context) };
        let marked = control & SL_PENDING_RETURNED != 0;
        answer_flights(irp, header.CurrentLocation, Passed { status: header.IoStatus.Status, marked });
        header.PendingReturned = BOOLEAN::from(marked);
        // SAFETY: a location of this IRP; the driver below has given it up.
        unsafe { stack.write_bytes(0, 1) };
        header.CurrentLocation += 1;
        header.Tail.CurrentStackLocation = stack.wrapping_add(1);
        let above_top = header.CurrentLocation > header.StackCount;

        let good = nt_success(header.IoStatus.Status);
        let wanted = (good && control & SL_INVOKE_ON_SUCCESS != 0)
            || (!good && control & SL_INVOKE_ON_ERROR != 0)
            || (header.Cancel != 0 && control & SL_INVOKE_ON_CANCEL != 0);
        if !wanted {
            if marked && !above_top {
                // SAFETY: the next location up, still inside the IRP.
                unsafe { (*header.Tail.CurrentStackLocation).Control |= SL_PENDING_RETURNED };
            }
            continue;
        }
        let device = if above_top {
            std::ptr::null_mut()
        } else {
            // SAFETY: the next location up, still inside the IRP.
            unsafe { (*header.Tail.CurrentStackLocation).DeviceObject }
        };
        // SAFETY: the routine was put there for this IRP.
        let status = unsafe { call_completion_routine(device, irp, routine, context) };
        if status == STATUS_MORE_PROCESSING_REQUIRED {
            return leave_to_driver(irp, walk);
        }
        still_mine(irp, walk, routine.map_or(0, |routine| routine as usize));
    }
}

/// Checks the IRP and makes this walk its holder.
fn begin_completion(irp: *mut IRP) -> u64 {
    let mut table = irp::table();
    let walk = table.next_walk();
    let record = table.record(irp, "completed");
    // SAFETY: the IRP is on record, so its memory is there.
    let (status, cancel_routine) = unsafe { ((*irp).IoStatus.Status, (*irp).CancelRoutine) };
    let twice = matches!(record.stage, Stage::Done | Stage::Idle);
    let before = record.completed_at.replace(Stack::capture());
    if !twice {
        record.stage = Stage::Completing(walk);
    }
    drop(table);
    if twice {
        let mut violation = Violation::new(&codes::IRP_COMPLETED_TWICE)
            .params([irp as u64, 0, 0, 0])
            .text(format!("the driver completed the IRP at {irp:p}, which it does not have any more"));
        if let Some(stack) = before {
            violation = violation.related("completed before at", stack);
        }
        violation.raise();
    }
    if status == STATUS_PENDING || status == NO_STATUS {
        let what = if status == NO_STATUS { "without setting IoStatus.Status" } else { "with STATUS_PENDING" };
        bugcheck!(
            codes::IRP_COMPLETED_WITHOUT_STATUS,
            [irp as u64, u64::from(status.cast_unsigned()), 0, 0],
            "the driver completed the IRP at {irp:p} {what}"
        );
    }
    if let Some(routine) = cancel_routine {
        bugcheck!(
            codes::IRP_COMPLETED_WITH_CANCEL_ROUTINE,
            [irp as u64, routine as usize as u64, 0, 0],
            "the driver completed the IRP at {irp:p} while its cancel routine {} is still set",
            Kernel::get().images.describe(routine as usize)
        );
    }
    walk
}

/// Tells the dispatch routines that got this location that it was completed.
fn answer_flights(irp: *mut IRP, location: i8, passed: Passed) {
    let mut table = irp::table();
    let record = table.record(irp, "completed");
    record.flights.retain(|flight| {
        if flight.location == location {
            // A flight is answered once; a second answer would be the same.
            let _ = flight.passed.set(passed);
        }
        flight.location != location
    });
}

/// Calls a completion routine.
///
/// # Safety
/// `routine` and `context` must come from the IRP's stack location.
unsafe fn call_completion_routine(
    device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    routine: Option<IO_COMPLETION_ROUTINE>,
    context: PVOID,
) -> NTSTATUS {
    let address = routine.map_or(0, |routine| routine as usize);
    if let Some(saved) = unload_safe::take(address, context) {
        // SAFETY: what the driver gave to `IoSetCompletionRoutineEx`.
        return unsafe { call_completion_routine(saved.device, irp, saved.routine, saved.context) };
    }
    call_driver(CallSite::new("completion routine", address), || match routine {
        // SAFETY: by contract.
        Some(routine) => unsafe { routine(device, irp, context) },
        None => unreachable!("call_driver stops at a null routine"),
    })
}

/// The completion routine kept the IRP, and may have completed or freed it already.
fn leave_to_driver(irp: *mut IRP, walk: u64) {
    if let Some(record) = irp::table().find(irp)
        && record.stage == Stage::Completing(walk)
    {
        record.stage = Stage::Held;
    }
}

/// After a completion routine that let the IRP go on: nobody may have touched it meanwhile.
fn still_mine(irp: *mut IRP, walk: u64, routine: usize) {
    let mut table = irp::table();
    if table.find(irp).is_some_and(|record| record.stage == Stage::Completing(walk)) {
        return;
    }
    drop(table);
    Violation::new(&codes::IRP_COMPLETED_TWICE)
        .params([irp as u64, routine as u64, 0, 0])
        .guilty(routine)
        .text(format!(
            "the completion routine {} completed or freed the IRP at {irp:p} and did not return STATUS_MORE_PROCESSING_REQUIRED",
            Kernel::get().images.describe(routine)
        ))
        .raise()
}

/// All locations are done: the request is over.
fn past_the_top(irp: *mut IRP) {
    let mut table = irp::table();
    let record = table.record(irp, "completed");
    record.stage = Stage::Done;
    let origin = record.origin.clone();
    drop(table);
    match origin {
        // SAFETY: the IRP is on record until the request's owner takes it.
        Origin::Manager(request) => request.finish(unsafe { (*irp).IoStatus }),
        Origin::Driver => bugcheck!(
            codes::IRP_WITHOUT_OWNER_COMPLETED,
            [irp as u64, 0, 0, 0],
            "the IRP at {irp:p} was allocated by a driver, but no completion routine took it back"
        ),
    }
}

/// Lets a provider inside ntsim hold an IRP that a driver gave it (a WSK request): from now on
/// only [`finish_for_provider`] may end it.
///
/// # Safety
/// `irp` must be an IRP pointer as a driver has it, with its next stack location set up.
pub unsafe fn take_for_provider(irp: *mut IRP) {
    let mut table = irp::table();
    table.record(irp, "passed on").stage = Stage::Below;
    // SAFETY: the IRP is on record, so its memory is there.
    let header = unsafe { &mut *irp };
    if header.CurrentLocation <= 1 {
        drop(table);
        bugcheck!(
            codes::IRP_STACK_EXHAUSTED,
            [irp as u64, 0, header.StackCount as u64, 0],
            "the IRP at {irp:p} has no stack location left for the provider"
        );
    }
    header.CurrentLocation -= 1;
    header.Tail.CurrentStackLocation = header.Tail.CurrentStackLocation.wrapping_sub(1);
}

/// Completes an IRP that [`take_for_provider`] took.
///
/// # Safety
/// The provider must still hold the IRP.
pub unsafe fn finish_for_provider(irp: *mut IRP, status: NTSTATUS, information: usize) {
    // SAFETY: by contract.
    unsafe {
        (*irp).IoStatus.Status = status;
        (*irp).IoStatus.Information = information;
        complete(irp);
    }
}

unsafe fn call_driver_routine(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: a driver's call.
    unsafe { send(device, irp) }
}

unsafe fn complete_request(irp: *mut IRP, _priority_boost: i8) {
    // SAFETY: a driver's call.
    unsafe { complete(irp) }
}

unsafe fn cancel_irp(irp: *mut IRP) -> BOOLEAN {
    // SAFETY: a driver's call.
    BOOLEAN::from(unsafe { cancel::cancel(irp) })
}

crate::routines! { "ntoskrnl.exe";
    fn IofCallDriver(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS = call_driver_routine: PASSIVE..=DISPATCH;
    fn IofCompleteRequest(irp: *mut IRP, priority_boost: i8) = complete_request: PASSIVE..=DISPATCH;
    fn IoCancelIrp(irp: *mut IRP) -> BOOLEAN = cancel_irp: PASSIVE..=DISPATCH;
}

#[cfg(test)]
mod tests;
