//! Objects come to the consumer: inline, by a create completion, or by a connect event.

use std::ffi::c_void;

use super::call::{Call, STATUS_PENDING, STATUS_SUCCESS, here, provider_violation};
use super::life::Id;
use super::record::Record;
use super::request::{Purpose, Request, UNTOUCHED};
use super::session::LIVES;
use super::{header, index, rules, tables};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::symbols::Stack;
use crate::table::Row;

/// Calls a create function of the provider.
///
/// `child` has been reserved for the object; `forward` gets the shim's request context and
/// out-parameter and calls the provider with them.
///
/// # Safety
/// `out` must be the consumer's out-parameter.
pub(super) unsafe fn create<T>(
    call: &Call,
    child: &'static Record,
    antecedents: Vec<Id>,
    completion: usize,
    context: *mut c_void,
    out: *mut *mut T,
    forward: impl FnOnce(*mut c_void, *mut *mut T) -> i32,
) -> i32 {
    let purpose = Purpose::Create(child, antecedents.clone());
    let request = Request::new(call, completion, context, purpose);
    let status = forward(request.as_context(), request.out());
    let written = request.out_value();
    if status == STATUS_PENDING {
        check_out_untouched(call.record, call.row, request);
        request.returned(status);
        return status;
    }
    request.returned(status);
    if written == UNTOUCHED {
        let text = format!(
            "{} of the provider returned {status:#x} and left the out-parameter as it was: it is NULL after a failure, the \
             object after a success",
            call.row.name
        );
        let code = if status == STATUS_SUCCESS {
            &rules::NDK_CREATE_WITHOUT_OBJECT
        } else {
            &rules::NDK_OBJECT_ON_FAILED_CREATE
        };
        provider_violation(call.record, code, text);
    }
    delivered(call.record, call.row, child, &antecedents, status, written, here());
    // SAFETY: the consumer's pointer is valid until the function returns.
    unsafe { out.write(std::ptr::with_exposed_provenance_mut(written)) };
    status
}

/// What a create answers that the fault injector fails: no object.
///
/// # Safety
/// `out` must be the consumer's out-parameter.
pub(crate) unsafe fn no_object<T>(out: *mut *mut T, status: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { out.write(std::ptr::null_mut()) };
    status
}

/// A create that pends writes nothing through the out-parameter (CMP-07).
pub(super) fn check_out_untouched(record: &Record, row: &Row, request: &Request) {
    if request.out_value() != UNTOUCHED {
        let text = format!(
            "{} of the provider returned STATUS_PENDING and wrote {:#x} through the out-parameter: the object of a pending \
             create comes with the completion callback only",
            row.name,
            request.out_value()
        );
        provider_violation(record, &rules::NDK_OUT_PARAMETER_ON_PENDING, text);
    }
}

/// The end of a create on `parent`, requested at `stack`: `address` is what the provider delivers.
pub(super) fn delivered(
    parent: &'static Record,
    row: &'static Row,
    child: &'static Record,
    antecedents: &[Id],
    status: i32,
    address: usize,
    stack: Stack,
) {
    if status == STATUS_SUCCESS {
        if address == 0 {
            let text = format!("{} of the provider succeeded without an object", row.name);
            provider_violation(parent, &rules::NDK_CREATE_WITHOUT_OBJECT, text);
        }
        adopt(parent, row.name, child, antecedents, address, stack);
    } else {
        if address != 0 {
            let text =
                format!("{} of the provider failed with {status:#x} and delivered the object {address:#x}", row.name);
            provider_violation(parent, &rules::NDK_OBJECT_ON_FAILED_CREATE, text);
        }
        child.retire();
    }
}

/// Takes an object over that the provider delivers to the consumer of `parent`.
pub(super) fn adopt(
    parent: &'static Record,
    function: &'static str,
    child: &'static Record,
    antecedents: &[Id],
    address: usize,
    stack: Stack,
) {
    let kind = child.kind();
    let Some(session) = parent.session() else { return };
    child.set_address(address);
    {
        let mut cold = child.cold.lock();
        cold.session = Some(session.clone());
        cold.function = function;
        cold.created = Some(stack.clone());
    }
    // SAFETY: the provider delivers `address` as an object of this kind.
    let provider_table = unsafe { header::check_new(child, kind, session.version) };
    // SAFETY: its table is the provider's table for the kind.
    let shim = unsafe { tables::shim(child, kind, provider_table, session.version, session.checks) };
    child.set_provider_table(provider_table);
    child.set_id(LIVES.lock().open(kind, antecedents));
    // SAFETY: the object is live, and the consumer does not know it yet.
    unsafe { header::take_over(child, shim) };
    if !index::insert(child) {
        Violation::new(&rules::NDK_OBJECT_LIMIT).text("too many NDK objects live at once").raise();
    }
    child.set_open(true);
    let detail = format!("created by {function} on interface {}", session.interface_index);
    Kernel::get().leaks.track_for(kind.name(), address, detail, session.consumer, stack);
}
