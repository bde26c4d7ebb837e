//! First pass: who wants the exception?

use super::layout::{CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_RECORD, NESTED_CALL, NONCONTINUABLE, disposition};
use super::state::{Here, Outer, Walk, boundary};
use super::unwind::resume;
use crate::context::{self, CallSite, call_handler};
use crate::symbols::unwind::EXCEPTION;

/// A language handler.
pub(super) type Language = unsafe extern "win64" fn(
    record: *mut EXCEPTION_RECORD,
    frame: u64,
    machine: *mut CONTEXT,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> i32;

/// Why an exception ends the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unhandled {
    /// No frame has a handler.
    NoHandler,
    /// Handlers were asked and declined.
    Declined,
    /// The frames beyond this routine were not asked.
    Boundary(&'static str),
    /// A filter wanted to continue an exception that cannot be continued.
    Noncontinuable,
    /// A handler answered something that makes no sense.
    BadDisposition(i32),
}

impl Unhandled {
    /// For reports; empty when there is nothing to add.
    pub fn note(self) -> String {
        match self {
            Self::NoHandler => String::new(),
            Self::Declined => {
                "exception handlers were asked, and none of them took the exception (EXCEPTION_CONTINUE_SEARCH)".into()
            }
            Self::Boundary(routine) => format!(
                "no handler up to {routine} took the exception; ntsim does not carry exceptions across that routine, \
                 so handlers of the driver that called it were not asked"
            ),
            Self::Noncontinuable => {
                "a filter answered EXCEPTION_CONTINUE_EXECUTION, but this exception cannot be continued".into()
            }
            Self::BadDisposition(value) => format!("a language handler answered {value}, which is no disposition"),
        }
    }
}

/// Offers the exception to the frames above `machine`. Returns only if nobody takes it.
///
/// # Safety
/// `machine` must be the state of driver code on this thread's stack, above the running frame, or
/// of the caller of a raising routine; record and machine must stay where they are.
pub(crate) unsafe fn search(record: *mut EXCEPTION_RECORD, machine: *mut CONTEXT) -> Unhandled {
    let context = context::current();
    // SAFETY: by contract.
    crate::trace::record(crate::trace::What::Exception(unsafe { (*record).ExceptionCode }));
    let walk = Walk::Search { from: machine };
    // SAFETY: by contract.
    let mut at = unsafe { *machine };
    let mut scope = 0;
    let mut transition = context.transition.get();
    let mut asked = false;
    // A stack has fewer frames; the bound stops walks in circles.
    for _ in 0..100_000 {
        let Some(here) = Here::look(context, &at) else {
            // Left the driver code: beyond a handler the walk goes on where that was called.
            let Some(outer) = Outer::of(transition) else { break };
            (at, scope, transition) = (outer.machine, outer.scope, outer.transition);
            if outer.is_handler {
                // SAFETY: by contract.
                unsafe { (*record).ExceptionFlags |= NESTED_CALL };
            }
            continue;
        };
        let handler = here.frame.handler.filter(|handler| handler.kinds & EXCEPTION != 0);
        if let (Some(handler), Some(function)) = (handler, here.frame.function) {
            asked = true;
            let mut next = here.next;
            let mut dispatcher = DISPATCHER_CONTEXT {
                ControlPc: at.Rip,
                ImageBase: here.image.base as u64,
                FunctionEntry: &raw const function,
                EstablisherFrame: here.frame.establisher as u64,
                TargetIp: 0,
                ContextRecord: &raw mut next,
                LanguageHandler: handler.routine as u64,
                HandlerData: handler.data as u64,
                HistoryTable: 0,
                ScopeIndex: scope,
                Fill0: 0,
            };
            let site = CallSite::new("exception handler", handler.routine);
            let answer = call_handler(site, &raw const walk, || {
                // SAFETY: the image's own handler with arguments as Windows passes them.
                unsafe {
                    let language: Language = std::mem::transmute(handler.routine);
                    language(record, dispatcher.EstablisherFrame, machine, &raw mut dispatcher)
                }
            });
            match answer {
                // SAFETY: the handler chose this state.
                disposition::CONTINUE_EXECUTION => unsafe {
                    if (*record).ExceptionFlags & NONCONTINUABLE != 0 {
                        return Unhandled::Noncontinuable;
                    }
                    resume(machine);
                },
                disposition::CONTINUE_SEARCH => {}
                other => return Unhandled::BadDisposition(other),
            }
        }
        at = here.next;
        scope = 0;
    }
    match (boundary(transition), asked) {
        (Some(routine), _) => Unhandled::Boundary(routine),
        (None, true) => Unhandled::Declined,
        (None, false) => Unhandled::NoHandler,
    }
}
