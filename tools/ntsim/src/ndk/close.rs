//! Objects go: the consumer's close functions and what the provider may do until they are done.

use std::ffi::c_void;

use super::call::{Call, STATUS_PENDING, STATUS_SUCCESS, forward, here, provider_violation, runner};
use super::kind::Kind;
use super::life::{Breach, Id, State};
use super::record::Record;
use super::request::{Purpose, Request, close_callback};
use super::session::LIVES;
use super::{Checks, header, index, rules, tables};
use crate::Kernel;
use crate::bugcheck::Violation;
use ndkpi_sys::{NDK_FN_CLOSE_COMPLETION, NDK_FN_CLOSE_OBJECT, NDK_OBJECT_HEADER};

/// All tables but the adapter's begin with the close function (HDR-12).
#[repr(C)]
#[expect(non_snake_case, reason = "the name of the header, as forward! wants it")]
struct CloseFirst {
    NdkCloseObject: NDK_FN_CLOSE_OBJECT,
}

/// The consumer closes `call`'s object.
///
/// # Safety
/// `object` must be the object that `call` was entered with, and not an adapter.
pub(super) unsafe fn close(
    call: Call,
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    request_context: *mut c_void,
) -> i32 {
    let record = call.record;
    let name = call.row.name;
    if completion.is_none() {
        Violation::new(&rules::NDK_NULL_COMPLETION)
            .params([record.address() as u64, 0, 0, 0])
            .text(format!("{name} was called without a close completion callback (a null pointer)"))
            .raise();
    }
    begin(record);
    let request = Request::new(&call, completion.map_or(0, |f| f as usize), request_context, Purpose::Plain);
    let context = request.as_context();
    let done = close_callback();
    let status = forward!(call, CloseFirst, NdkCloseObject(object, done, context));
    drop(call);
    request.returned(status);
    match status {
        STATUS_SUCCESS => {
            // A close inside a request completion may end inline (CMP-11), one inside an event may not.
            callbacks_over(record, false);
            let ended = LIVES.lock().close_succeeded(record.id());
            judge(record, ended);
            forget(record);
        }
        STATUS_PENDING => {
            let pended = LIVES.lock().close_pended(record.id());
            judge(record, pended);
        }
        _ => {
            let text = format!("{name} of the provider returned {status:#x}: closing cannot fail");
            provider_violation(record, &rules::NDK_CLOSE_FAILED, text);
        }
    }
    status
}

/// The consumer gives the object up.
pub(super) fn begin(record: &'static Record) {
    if record.busy_other(runner()) {
        Violation::new(&rules::NDK_CLOSE_DURING_CALL)
            .params([record.address() as u64, 0, 0, 0])
            .text(format!(
                "{} was called while another thread is inside a function of the {} at {:#x}",
                record.kind().close_function(),
                record.kind().name(),
                record.address()
            ))
            .raise();
    }
    let called = LIVES.lock().close_called(record.id());
    if called.is_err() {
        // Two threads close at the same time; the first one has won.
        Violation::new(&rules::NDK_DOUBLE_CLOSE)
            .params([record.address() as u64, 0, 0, 0])
            .text(format!("two threads close the {} at {:#x}", record.kind().name(), record.address()))
            .raise();
    }
    record.set_open(false);
    record.cold.lock().closed = Some(here());
    Kernel::get().leaks.untrack(record.kind().name(), record.address());
    if let Some(session) = record.session() {
        // From here on every function reports a use after close, also those of the data path.
        // SAFETY: the provider's table of this kind; the close has not been forwarded.
        unsafe {
            let table = tables::shim(record, record.kind(), record.provider_table(), session.version, Checks::Full);
            header::set_dispatch(record, table);
        }
    }
}

/// The provider calls the close completion.
pub(super) fn completing(record: &'static Record) {
    callbacks_over(record, true);
    let completing = LIVES.lock().close_completing(record.id());
    judge(record, completing);
}

/// The consumer's close completion has returned.
pub(super) fn completed(record: &'static Record) {
    LIVES.lock().close_completed(record.id());
    forget(record);
}

/// No callback of the object is running where its close ends (LIFE-07, LIFE-08).
fn callbacks_over(record: &'static Record, completions_too: bool) {
    let (events, completions) = record.upcalls();
    let what = match (events, completions) {
        (0, 0) => return,
        (0, _) if completions_too => "request completion",
        (0, _) => return,
        _ => "event",
    };
    let text = format!(
        "the provider ended the close of the {} at {:#x} while a consumer's {what} callback of it is running",
        record.kind().name(),
        record.address()
    );
    provider_violation(record, &rules::NDK_CLOSED_DURING_CALLBACK, text);
}

fn forget(record: &'static Record) {
    index::remove(record);
    record.retire();
}

/// Stops the machine if the provider broke a life rule on `record`.
fn judge(record: &'static Record, verdict: Result<(), Breach>) {
    let Err(breach) = verdict else { return };
    let what = format!("the {} at {:#x}", record.kind().name(), record.address());
    match breach {
        Breach::DoubleClose | Breach::DoubleCloseCompletion => provider_violation(
            record,
            &rules::NDK_DOUBLE_COMPLETION,
            format!("the provider calls the close completion of {what} twice"),
        ),
        Breach::CompletionAfterSuccess => provider_violation(
            record,
            &rules::NDK_COMPLETION_AFTER_FINAL_STATUS,
            format!("the provider called the close completion of {what} and returned STATUS_SUCCESS"),
        ),
        Breach::CompletionWithoutClose => provider_violation(
            record,
            &rules::NDK_UNKNOWN_COMPLETION,
            format!("the provider calls a close completion for {what}, which nobody closes"),
        ),
        Breach::ClosedBeforeSuccessor(other, state) => {
            let (antecedent, successor) = match state {
                State::Pending if record.kind() != Kind::Adapter && is_gone(other) => (describe(other), what),
                _ => (what, describe(other)),
            };
            provider_violation(
                record,
                &rules::NDK_CLOSED_BEFORE_SUCCESSOR,
                format!(
                    "the provider ended the close of {antecedent} before that of {successor} was complete ({state:?})"
                ),
            )
        }
    }
}

fn is_gone(id: Id) -> bool {
    LIVES.lock().state(id) == State::Closed
}

fn describe(id: Id) -> String {
    match index::find_id(id) {
        Some(record) => format!("the {} at {:#x}", record.kind().name(), record.address()),
        None => "an object that is gone now".to_owned(),
    }
}
