//! A consumer's call of a provider function, from its checks at entry to those at return.

use std::cell::Cell;
use std::ffi::c_void;

use super::header;
use super::index;
use super::kind::Kind;
use super::record::{Queue, Record};
use super::rules;
use crate::bugcheck::Violation;
use crate::context;
use crate::kernel::ImageId;
use crate::symbols::Stack;
use crate::table::Row;

/// NTSTATUS values that the shim looks at.
pub(super) const STATUS_SUCCESS: i32 = 0;
pub(super) const STATUS_PENDING: i32 = 0x103;

thread_local! {
    /// How many provider functions are being executed on this thread's stack: by the thread
    /// itself, and by a DPC that runs on it. A DPC may interrupt a function; that is not inside.
    static INSIDE: [Cell<u32>; 2] = const { [Cell::new(0), Cell::new(0)] };
}

/// Whether a provider function called by a consumer is being executed here.
pub(super) fn is_inside() -> bool {
    let in_dpc = usize::from(context::current().in_dpc.get());
    INSIDE.with(|inside| inside[in_dpc].get() != 0)
}

/// Who runs: the thread, or the DPC on it. Never 0.
#[inline]
pub(super) fn runner() -> usize {
    let context = context::current();
    std::ptr::from_ref(context).addr() | usize::from(context.in_dpc.get())
}

/// A call on a live object; ends when dropped.
#[derive(Debug)]
pub(super) struct Call {
    pub record: &'static Record,
    pub row: &'static Row,
    in_dpc: usize,
}

impl Call {
    /// A consumer calls `row` on `object`: it must be a live object of `kind`.
    #[inline]
    pub fn enter<T>(row: &'static Row, kind: Kind, object: *mut T) -> Call {
        let record = match index::find(object.addr()) {
            Some(record) if record.is_open(kind) => record,
            found => bad_object(row, kind, object.addr(), found),
        };
        Call::inside(record, row)
    }

    #[inline]
    fn inside(record: &'static Record, row: &'static Row) -> Call {
        let in_dpc = usize::from(context::current().in_dpc.get());
        INSIDE.with(|inside| inside[in_dpc].update(|depth| depth + 1));
        Call { record, row, in_dpc }
    }

    /// As [`Call::enter`] for a function that may be called until the close of the object is complete.
    pub fn enter_closing<T>(row: &'static Row, kind: Kind, object: *mut T) -> Call {
        match index::find(object.addr()) {
            Some(record) if record.kind() == kind && !record.is_gone() => Call::inside(record, row),
            found => bad_object(row, kind, object.addr(), found),
        }
    }

    /// As [`Call::enter`], with the checks of the header that the hot functions leave out.
    pub fn enter_cold<T>(row: &'static Row, kind: Kind, object: *mut T) -> Call {
        let call = Call::enter(row, kind, object);
        header::check_live(call.record);
        call
    }

    /// As [`Call::enter`] for a function whose calls on `queue` the consumer serialises.
    #[inline]
    pub fn enter_queue<T>(row: &'static Row, kind: Kind, object: *mut T, queue: Queue) -> QueueCall {
        let call = Call::enter(row, kind, object);
        let runner = runner();
        let outer = call.record.enter_queue(queue, runner);
        if outer != 0 && outer != runner {
            unserialised(&call);
        }
        QueueCall { call, queue, outer }
    }

    /// The provider's own dispatch table.
    ///
    /// # Safety
    /// `T` must be the dispatch table type of the record's kind.
    #[inline]
    pub unsafe fn table<T>(&self) -> &'static T {
        let table: *const T = std::ptr::with_exposed_provenance(self.record.provider_table());
        // SAFETY: the provider handed the table out for a live object, and tables live as long as
        // objects that use them (HDR-09); the type is the caller's promise.
        unsafe { &*table }
    }

    /// The provider's function does not exist. Tables are checked when an object is handed out.
    #[cold]
    pub fn no_entry(&self) -> ! {
        self.provider_violation(&rules::NDK_NULL_ENTRY, "the entry became NULL after the object was handed out")
    }

    /// The provider returned from a function that cannot pend.
    #[inline]
    pub fn not_pending(&self, status: i32) -> i32 {
        if status == STATUS_PENDING {
            self.provider_violation(
                &rules::NDK_PENDING_NOT_ALLOWED,
                "it returned STATUS_PENDING; this function has no completion",
            );
        }
        status
    }

    /// Stops the machine: in this call the provider broke `code`.
    #[cold]
    pub fn provider_violation(&self, code: &'static crate::bugcheck::Code, what: &str) -> ! {
        provider_violation(self.record, code, format!("{} of the provider: {what}", self.row.name))
    }

    /// Another object that the call names: it must be live too.
    pub fn argument<T>(&self, kind: Kind, object: *mut T) -> &'static Record {
        match index::find(object.addr()) {
            Some(record) if record.is_open(kind) => record,
            found => bad_object(self.row, kind, object.addr(), found),
        }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        INSIDE.with(|inside| inside[self.in_dpc].update(|depth| depth - 1));
    }
}

/// A call on a serialised queue.
#[derive(Debug)]
pub(super) struct QueueCall {
    pub call: Call,
    queue: Queue,
    outer: usize,
}

impl std::ops::Deref for QueueCall {
    type Target = Call;

    #[inline]
    fn deref(&self) -> &Call {
        &self.call
    }
}

impl Drop for QueueCall {
    #[inline]
    fn drop(&mut self) {
        self.call.record.leave_queue(self.queue, self.outer);
    }
}

/// Calls an entry of the provider's table: `forward!(call, NDK_CQ_DISPATCH, NdkArmCq(cq, kind))`.
macro_rules! forward {
    ($call:expr, $table:ty, $entry:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: each file of the shim names the table of its own kind.
        let table: &'static $table = unsafe { $call.table() };
        let Some(function) = table.$entry else { $call.no_entry() };
        $crate::context::call_driver(
            $crate::context::CallSite::new(stringify!($entry), function as usize),
            // SAFETY: the arguments are the consumer's, as the provider would get them on Windows.
            || unsafe { function($($argument),*) },
        )
    }};
}
pub(super) use forward;

/// Stops the machine: the provider broke `code` with regard to `record`.
#[cold]
pub(super) fn provider_violation(record: &Record, code: &'static crate::bugcheck::Code, text: String) -> ! {
    let mut violation =
        Violation::new(code).params([record.address() as u64, u64::from(record.kind() as u8), 0, 0]).text(text);
    let cold = record.cold.lock();
    if let Some(session) = &cold.session {
        violation = violation.guilty(session.provider_code);
    }
    if let Some(stack) = &cold.created {
        violation = violation.related(format!("{} created by {}", record.kind().name(), cold.function), stack.clone());
    }
    drop(cold);
    violation.raise()
}

#[cold]
#[inline(never)]
fn bad_object(row: &'static Row, kind: Kind, address: usize, found: Option<&'static Record>) -> ! {
    let params = [address as u64, u64::from(kind as u8), 0, 0];
    let Some(record) = found else {
        Violation::new(&rules::NDK_UNKNOWN_OBJECT)
            .params(params)
            .text(format!(
                "{} was called with {address:#x}, which is no live {} of this consumer (closed, or never created)",
                row.name,
                kind.name()
            ))
            .raise()
    };
    let cold = record.cold.lock();
    let (code, text) = if record.kind() != kind {
        let text =
            format!("{} takes an {}, and got the {} at {address:#x}", row.name, kind.name(), record.kind().name());
        (&rules::NDK_WRONG_OBJECT_TYPE, text)
    } else if row.name == kind.close_function() {
        (&rules::NDK_DOUBLE_CLOSE, format!("{} was called twice for the {} at {address:#x}", row.name, kind.name()))
    } else {
        let text =
            format!("{} was called with the {} at {address:#x} after {}", row.name, kind.name(), kind.close_function());
        (&rules::NDK_USE_AFTER_CLOSE, text)
    };
    let mut violation = Violation::new(code).params(params).text(text);
    if let Some(stack) = &cold.closed {
        violation = violation.related("closed at", stack.clone());
    }
    if let Some(stack) = &cold.created {
        violation = violation.related(format!("created by {}", cold.function), stack.clone());
    }
    drop(cold);
    violation.raise()
}

#[cold]
#[inline(never)]
fn unserialised(call: &Call) -> ! {
    Violation::new(&rules::NDK_UNSERIALISED_CALLS)
        .params([call.record.address() as u64, 0, 0, 0])
        .text(format!(
            "{} was called on the {} at {:#x} while another thread is inside a function of the same queue",
            call.row.name,
            call.record.kind().name(),
            call.record.address()
        ))
        .raise()
}

/// What every callback checks before the consumer is called: the provider holds no lock of its own.
pub(super) fn check_provider_locks(record: &Record, callback: &str) {
    let context = context::current();
    if context.held_count.get() == 0 {
        return;
    }
    let provider: Option<ImageId> = record.cold.lock().session.as_ref().and_then(|session| session.provider);
    let images = &crate::Kernel::get().images;
    for held in context.held_locks() {
        let owner = images.containing(held.taken_at).map(|image| image.id);
        if owner.is_some() && owner == provider {
            let text = format!(
                "the provider calls the consumer's {callback} while it holds the spin lock at {:p}, taken at {}",
                held.lock,
                images.describe(held.taken_at)
            );
            provider_violation(record, &rules::NDK_LOCK_ACROSS_CALLBACK, text);
        }
    }
}

/// The stack of the consumer at this point; for "created at" and "closed at".
pub(super) fn here() -> Stack {
    Stack::capture()
}

/// A consumer's pointer, for tables that carry untyped callbacks.
pub(super) fn pointer(address: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address)
}
