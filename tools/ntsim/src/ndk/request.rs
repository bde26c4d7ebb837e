//! One request of a consumer that may complete later, and the callbacks that the provider gets
//! instead of the consumer's.
//!
//! ```text
//!   Calling --final status--> Answered      a completion now breaks CMP-02
//!      |  \---STATUS_PENDING--> Pending --completion--> Done    another one breaks CMP-01
//!      \--completion--> Early --STATUS_PENDING--> Done          a final status breaks CMP-02
//! ```
//! Like records, requests are never freed and rest long before they are used again.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::call::{Call, STATUS_PENDING, STATUS_SUCCESS, check_provider_locks, pointer, provider_violation};
use super::lam::Mapping;
use super::life::Id;
use super::record::Record;
use super::session::LIVES;
use super::{create, rules};
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::symbols::Stack;
use crate::table::Row;
use ndkpi_sys::{NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION, NDK_FN_REQUEST_COMPLETION};

const QUARANTINE: usize = 1 << 15;
static RESTING: Mutex<VecDeque<&'static Request>> = Mutex::new(VecDeque::new());

/// The out-parameter before the provider has touched it: no valid pointer.
pub(super) const UNTOUCHED: usize = 0xDEAD_0BAD_0DEA_D0B1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calling,
    Early,
    Pending,
    Answered,
    Done,
}

/// What a request is for, beyond calling back.
#[derive(Clone, Debug, Default)]
pub(super) enum Purpose {
    #[default]
    Plain,
    /// Makes an object under these antecedents.
    Create(&'static Record, Vec<Id>),
    /// Ties the connector to a QP; a failure unties them (LIFE-25).
    Connect { connector: Id, antecedents: Vec<Id> },
    /// Builds a logical address mapping at this address.
    BuildLam(usize),
}

#[derive(Debug)]
struct State {
    phase: Phase,
    row: &'static Row,
    record: &'static Record,
    consumer: usize,
    context: usize,
    purpose: Purpose,
    stack: Stack,
}

/// A request in progress, or at rest.
#[derive(Debug)]
pub(super) struct Request {
    state: Mutex<Option<State>>,
    /// Where the provider writes the created object.
    out: AtomicUsize,
}

impl Request {
    /// The consumer's request `call`, to be answered through `consumer` with `context`.
    pub fn new(call: &Call, consumer: usize, context: *mut c_void, purpose: Purpose) -> &'static Request {
        let mut resting = RESTING.lock();
        let used = if resting.len() > QUARANTINE { resting.pop_front() } else { None };
        drop(resting);
        let request: &'static Request = used.unwrap_or_else(|| {
            Box::leak(Box::new(Request { state: Mutex::new(None), out: AtomicUsize::new(UNTOUCHED) }))
        });
        request.out.store(UNTOUCHED, Ordering::Relaxed);
        *request.state.lock() = Some(State {
            phase: Phase::Calling,
            row: call.row,
            record: call.record,
            consumer,
            context: context.expose_provenance(),
            purpose,
            stack: Stack::capture(),
        });
        request
    }

    /// The request context that the provider gets.
    pub fn as_context(&'static self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The out-parameter that the provider gets.
    pub fn out<T>(&'static self) -> *mut *mut T {
        self.out.as_ptr().cast()
    }

    /// What the provider wrote there.
    pub fn out_value(&self) -> usize {
        self.out.load(Ordering::Acquire)
    }

    /// The provider's function has returned.
    pub fn returned(&'static self, status: i32) {
        let mut guard = self.state.lock();
        let Some(state) = guard.as_mut() else { return };
        let next = match (state.phase, status == STATUS_PENDING) {
            (Phase::Calling, true) => Phase::Pending,
            (Phase::Calling, false) => Phase::Answered,
            (Phase::Early, true) => Phase::Done,
            (phase, _) => {
                let text = format!(
                    "{} of the provider called the completion callback and returned {status:#x}: only STATUS_PENDING has a \
                     completion",
                    state.row.name
                );
                let record = state.record;
                debug_assert_eq!(phase, Phase::Early);
                drop(guard);
                provider_violation(record, &rules::NDK_COMPLETION_AFTER_FINAL_STATUS, text);
            }
        };
        state.phase = next;
        drop(guard);
        if next != Phase::Pending {
            RESTING.lock().push_back(self);
        }
    }

    /// The provider completes the request; gives what the consumer is told.
    fn completing(&'static self, status: Option<i32>) -> Completion {
        let mut guard = self.state.lock();
        let Some(state) = guard.as_mut() else { unknown(self.as_context()) };
        let record = state.record;
        let name = state.row.name;
        let next = match state.phase {
            Phase::Calling => Phase::Early,
            Phase::Pending => Phase::Done,
            Phase::Answered => {
                let stack = state.stack.clone();
                drop(guard);
                late(record, &rules::NDK_COMPLETION_AFTER_FINAL_STATUS, name, "that it had answered inline", stack)
            }
            Phase::Early | Phase::Done => {
                let stack = state.stack.clone();
                drop(guard);
                late(record, &rules::NDK_DOUBLE_COMPLETION, name, "that it had completed before", stack)
            }
        };
        state.phase = next;
        let completion = Completion {
            request: self,
            record,
            row: state.row,
            consumer: state.consumer,
            context: state.context,
            purpose: std::mem::take(&mut state.purpose),
            stack: state.stack.clone(),
            done: next == Phase::Done,
        };
        drop(guard);
        if status == Some(STATUS_PENDING) {
            let text = format!("the provider completes {name} with STATUS_PENDING: a completion's status is final");
            provider_violation(record, &rules::NDK_COMPLETION_STATUS, text);
        }
        if completion.consumer == 0 {
            Violation::new(&rules::NDK_NULL_COMPLETION)
                .params([record.address() as u64, 0, 0, 0])
                .text(format!("{name} pended, and the consumer gave it no completion callback (a null pointer)"))
                .guilty(record.session().map_or(0, |session| session.consumer_code))
                .raise();
        }
        completion
    }
}

/// A completion on its way to the consumer.
#[derive(Debug)]
struct Completion {
    request: &'static Request,
    record: &'static Record,
    row: &'static Row,
    consumer: usize,
    context: usize,
    purpose: Purpose,
    stack: Stack,
    done: bool,
}

impl Completion {
    /// The request as its context, for a consumer that is called now.
    fn context(&self) -> *mut c_void {
        pointer(self.context)
    }

    /// The consumer has been called.
    fn end(self) {
        if self.done {
            RESTING.lock().push_back(self.request);
        }
    }
}

#[cold]
fn late(record: &'static Record, code: &'static crate::bugcheck::Code, name: &str, how: &str, stack: Stack) -> ! {
    let mut violation = Violation::new(code)
        .params([record.address() as u64, u64::from(record.kind() as u8), 0, 0])
        .text(format!("the provider calls the completion callback of {name} for a request {how}"))
        .related("requested at", stack);
    if let Some(session) = record.session() {
        violation = violation.guilty(session.provider_code);
    }
    violation.raise()
}

#[cold]
fn unknown(context: *mut c_void) -> ! {
    Violation::new(&rules::NDK_UNKNOWN_COMPLETION)
        .params([context.addr() as u64, 0, 0, 0])
        .text(format!("the provider calls a completion callback with the context {context:p}, which it was not given"))
        .raise()
}

/// The request behind a context that a provider passes back.
///
/// # Safety
/// `context` must be the context of a request; NULL and misaligned values are found out.
unsafe fn request(context: *mut c_void) -> &'static Request {
    let request: *mut Request = context.cast();
    if request.is_null() || !request.is_aligned() {
        unknown(context);
    }
    // SAFETY: requests are never freed; a wild pointer faults, and the fault names the provider.
    unsafe { &*request }
}

unsafe fn request_completed(context: *mut c_void, status: i32) {
    // SAFETY: the provider passes back what it was given.
    let completion = unsafe { request(context) }.completing(Some(status));
    check_provider_locks(completion.record, "request completion callback");
    settle(completion.record, &completion.purpose, status);
    completion.record.begin_completion();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void, i32) = unsafe { std::mem::transmute(completion.consumer) };
    call_driver(
        CallSite::new("request completion callback", completion.consumer),
        // SAFETY: with the consumer's own context.
        || unsafe { function(completion.context(), status) },
    );
    completion.record.end_completion();
    completion.end();
}

unsafe fn create_completed(context: *mut c_void, status: i32, object: *mut c_void) {
    // SAFETY: as above.
    let request = unsafe { request(context) };
    let completion = request.completing(Some(status));
    check_provider_locks(completion.record, "create completion callback");
    if let Purpose::Create(child, antecedents) = &completion.purpose {
        create::check_out_untouched(completion.record, completion.row, request);
        let stack = completion.stack.clone();
        create::delivered(
            completion.record,
            completion.row,
            child,
            antecedents,
            status,
            object.expose_provenance(),
            stack,
        );
    }
    completion.record.begin_completion();
    // SAFETY: the consumer gave a function of this type.
    let function: unsafe extern "win64" fn(*mut c_void, i32, *mut c_void) =
        unsafe { std::mem::transmute(completion.consumer) };
    call_driver(
        CallSite::new("create completion callback", completion.consumer),
        // SAFETY: as above.
        || unsafe { function(completion.context(), status, object) },
    );
    completion.record.end_completion();
    completion.end();
}

unsafe fn close_completed(context: *mut c_void) {
    // SAFETY: as above.
    let completion = unsafe { request(context) }.completing(None);
    check_provider_locks(completion.record, "close completion callback");
    super::close::completing(completion.record);
    // SAFETY: as above.
    let function: unsafe extern "win64" fn(*mut c_void) = unsafe { std::mem::transmute(completion.consumer) };
    call_driver(
        CallSite::new("close completion callback", completion.consumer),
        // SAFETY: as above.
        || unsafe { function(completion.context()) },
    );
    super::close::completed(completion.record);
    completion.end();
}

/// What the end of a request means for the books.
pub(super) fn settle(record: &Record, purpose: &Purpose, status: i32) {
    match purpose {
        Purpose::Connect { connector, antecedents } if status != STATUS_SUCCESS => {
            let mut lives = LIVES.lock();
            for antecedent in antecedents {
                lives.release(*connector, *antecedent);
            }
        }
        Purpose::BuildLam(address) if status == STATUS_SUCCESS => {
            // SAFETY: the build has succeeded, so the structure is there and filled in.
            let mapping = unsafe { Mapping::read(std::ptr::with_exposed_provenance(*address)) };
            if let Some(session) = record.session() {
                session.lams.lock().built(mapping, Stack::capture());
            }
        }
        _ => {}
    }
}

/// A request that may complete later: the provider is called through `forward` with the shim's
/// completion callback and context.
pub(super) fn submit(
    call: &Call,
    completion: usize,
    context: *mut c_void,
    purpose: Purpose,
    forward: impl FnOnce(*mut c_void) -> i32,
) -> i32 {
    let request = Request::new(call, completion, context, purpose.clone());
    let status = forward(request.as_context());
    request.returned(status);
    if status != STATUS_PENDING {
        settle(call.record, &purpose, status);
    }
    status
}

/// What providers get as request completion callback.
pub(super) fn request_callback() -> NDK_FN_REQUEST_COMPLETION {
    // SAFETY: the row has this callback's parameters.
    unsafe { std::mem::transmute::<usize, NDK_FN_REQUEST_COMPLETION>(NdkRequestCompletion::ROW.target.address()) }
}

/// What providers get as create completion callback.
pub(super) fn create_callback() -> NDK_FN_CREATE_COMPLETION {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<usize, NDK_FN_CREATE_COMPLETION>(NdkCreateCompletion::ROW.target.address()) }
}

/// What providers get as close completion callback.
pub(super) fn close_callback() -> NDK_FN_CLOSE_COMPLETION {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<usize, NDK_FN_CLOSE_COMPLETION>(NdkCloseCompletion::ROW.target.address()) }
}

crate::routines! { "tcpip.sys";
    fn NdkRequestCompletion(context: *mut c_void, status: i32) = request_completed: PASSIVE..=DISPATCH;
    fn NdkCreateCompletion(context: *mut c_void, status: i32, object: *mut c_void) = create_completed: PASSIVE..=DISPATCH;
    fn NdkCloseCompletion(context: *mut c_void) = close_completed: PASSIVE..=DISPATCH;
}
