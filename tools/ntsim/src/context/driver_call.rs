//! Calls into driver code, with the checks at its return.

use super::{Context, current};
use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::seh::Walk;
use crate::symbols::Registers;
use crate::table::Row;
use crate::trace::{self, What};
use std::fmt;

/// Who is being called and as what; for reports.
#[derive(Debug, Clone, Copy)]
pub struct CallSite {
    /// What the function is to the kernel, such as `DriverEntry` or `DPC routine`.
    pub what: &'static str,
    /// Its address.
    pub target: usize,
}

impl CallSite {
    /// A call of `target` as `what`. Pass the function pointer `as usize`.
    pub const fn new(what: &'static str, target: usize) -> Self {
        Self { what, target }
    }
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, Kernel::get().images.describe(self.target))
    }
}

/// Where the kernel called into a driver: links the parts of a stack.
#[derive(Debug)]
pub struct Transition {
    pub(crate) entry_rsp: usize,
    pub(crate) entry_rbp: usize,
    pub(crate) routine: *const Row,
    pub(crate) site: CallSite,
    pub(crate) outer: *const Transition,
    /// The registers of the driver code below, if it had stopped at an instruction.
    pub(crate) stopped: *const Registers,
    /// The walk over frames that calls an exception or termination handler.
    pub(crate) walk: *const Walk,
}

impl Transition {
    #[inline(always)]
    fn enter(context: &Context, site: CallSite, walk: *const Walk) -> Self {
        let transition = Self {
            entry_rsp: context.entry_rsp.get(),
            entry_rbp: context.entry_rbp.get(),
            routine: context.routine.get(),
            site,
            outer: context.transition.get(),
            stopped: context.stopped.get(),
            walk,
        };
        context.routine.set(std::ptr::null());
        context.entry_rsp.set(0);
        context.stopped.set(std::ptr::null());
        trace::record(What::Enter(site));
        transition
    }

    #[inline(always)]
    fn leave(&self, context: &Context) {
        context.transition.set(self.outer);
        context.routine.set(self.routine);
        context.entry_rsp.set(self.entry_rsp);
        context.entry_rbp.set(self.entry_rbp);
        context.stopped.set(self.stopped);
        trace::record(What::Leave(self.site));
    }
}

/// Calls an exception or termination handler of a driver for `walk`. Such a handler may lower the
/// IRQL and release locks; it may also never come back, when it unwinds: nothing that needs to be
/// dropped may be alive around this.
pub(crate) fn call_handler<R>(site: CallSite, walk: *const Walk, f: impl FnOnce() -> R) -> R {
    let context = current();
    let transition = Transition::enter(context, site, walk);
    context.transition.set(&transition);
    let result = f();
    transition.leave(context);
    result
}

/// Calls driver code: `f` makes the call, this checks that the driver gives back the IRQL, the
/// spin locks and the critical regions as it found them.
///
/// Cost: some ten instructions. Must run on a thread that has entered the kernel.
#[inline]
pub fn call_driver<R>(site: CallSite, f: impl FnOnce() -> R) -> R {
    let context = current();
    if site.target == 0 {
        null_target(site);
    }
    let transition = Transition::enter(context, site, std::ptr::null());
    let irql = context.irql.get();
    let held = context.held_count.get();
    let regions = (context.critical.get(), context.guarded.get());
    context.transition.set(&transition);
    let result = f();
    if context.irql.get() != irql
        || context.held_count.get() != held
        || regions != (context.critical.get(), context.guarded.get())
    {
        broken_return(context, site, irql, held);
    }
    transition.leave(context);
    result
}

#[cold]
fn null_target(site: CallSite) -> ! {
    bugcheck!(
        codes::NULL_CALLBACK,
        [0, 0, 0, 0],
        "the driver gave no {} (a null pointer), and the kernel has to call it",
        site.what
    )
}

#[cold]
fn broken_return(context: &Context, site: CallSite, irql: u8, held: u32) -> ! {
    let guilty = site.target;
    // The routine that the driver called last has returned: it is not where the thread is.
    context.routine.set(std::ptr::null());
    context.entry_rsp.set(0);
    if context.held_count.get() > held {
        let lock = context.held[held as usize].get();
        crate::bugcheck::Violation::new(&codes::LOCK_HELD_AT_RETURN)
            .params([lock.lock as u64, lock.taken_at as u64, guilty as u64, 0])
            .guilty(guilty)
            .text(format!(
                "{site} returned while it holds the spin lock at {:p}, taken at {}",
                lock.lock,
                Kernel::get().images.describe(lock.taken_at)
            ))
            .raise();
    }
    if context.held_count.get() < held {
        crate::bugcheck::Violation::new(&codes::LOCK_OF_CALLER_RELEASED)
            .params([u64::from(held), u64::from(context.held_count.get()), guilty as u64, 0])
            .guilty(guilty)
            .text(format!("{site} released a spin lock that was held when it was called"))
            .raise();
    }
    if context.irql.get() != irql {
        crate::bugcheck::Violation::new(&codes::IRQL_CHANGED_AT_RETURN)
            .params([u64::from(irql), u64::from(context.irql.get()), guilty as u64, 0])
            .guilty(guilty)
            .text(format!("{site} was called at IRQL {irql} and returned at IRQL {}", context.irql.get()))
            .raise();
    }
    crate::bugcheck::Violation::new(&codes::REGION_LEFT_OPEN)
        .params([u64::from(context.critical.get()), u64::from(context.guarded.get()), guilty as u64, 0])
        .guilty(guilty)
        .text(format!("{site} returned with another depth of critical or guarded regions than it was called with"))
        .raise()
}
