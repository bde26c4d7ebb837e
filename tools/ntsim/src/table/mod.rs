//! The table of kernel routines: one row each, and everything that follows from the row.
//!
//! A row names the export, its signature, the IRQLs at which a driver may call it, whether it
//! blocks and how it may fail. [`routines!`] makes from it the export itself (an
//! `extern "win64"` function that stores where the driver came from, checks the IRQL, asks the
//! fault injector and calls the Rust body) and the static [`Row`].

#[macro_use]
mod macros;
mod contract;
mod registry;

pub use contract::{ContractRow, contract, contract_row};
pub use macros::Arguments;
pub use registry::{Resolved, all, find, resolve};

#[cfg(test)]
mod tests;

use crate::bugcheck::{Violation, codes};
use crate::context;
use crate::trace::{self, What};
use crate::types::KIRQL;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// One routine.
#[derive(Debug)]
pub struct Row {
    /// The module a driver imports it from.
    pub module: &'static str,
    /// The export's name.
    pub name: &'static str,
    /// Lowest IRQL at which it may be called.
    pub min_irql: KIRQL,
    /// Highest IRQL at which it may be called.
    pub max_irql: KIRQL,
    /// It may wait.
    pub blocks: bool,
    /// How it may fail for lack of resources, as in the source: the fault injector can make it. Empty if it cannot.
    pub failures: &'static [&'static str],
    /// It may raise an exception into its caller.
    pub raises: bool,
    /// Nobody but the caller sees what it does.
    pub local: bool,
    /// What an import is bound to.
    pub target: Target,
}

/// What an import is bound to.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// A function.
    Code(unsafe extern "win64" fn()),
    /// A variable: gives its address.
    Data(fn() -> *const u8),
}

impl Target {
    /// The address that goes into the import table.
    pub fn address(self) -> usize {
        match self {
            Target::Code(f) => f as usize,
            Target::Data(f) => f() as usize,
        }
    }
}

/// What a call does beside its work: [`TRACE`], [`SWITCH`]. One byte, so that ordinary calls look once.
static HOOKS: AtomicU8 = AtomicU8::new(0);
const TRACE: u8 = 1;
const SWITCH: u8 = 2;
static FAULTS: AtomicBool = AtomicBool::new(false);

/// Makes each call and each return an event of [`crate::trace`].
pub(crate) fn set_tracing(on: bool) {
    set_hook(TRACE, on);
}

/// Makes each call and each return a switch point of the seeded scheduler.
pub(crate) fn set_switching(on: bool) {
    set_hook(SWITCH, on);
}

fn set_hook(hook: u8, on: bool) {
    if on {
        HOOKS.fetch_or(hook, Ordering::Relaxed);
    } else {
        HOOKS.fetch_and(!hook, Ordering::Relaxed);
    }
}

/// Arms or disarms the fault injector.
pub fn set_faults(on: bool) {
    FAULTS.store(on, Ordering::Relaxed);
}

/// What each routine does first. A few instructions when all is well.
#[inline(always)]
pub fn enter(row: &'static Row) {
    let context = context::current();
    context.routine.set(row);
    let irql = context.irql.get();
    if irql > row.max_irql || irql < row.min_irql {
        wrong_irql(row, irql);
    }
    if HOOKS.load(Ordering::Relaxed) != 0 {
        hooked(row);
    }
}

/// What each routine does last.
#[inline(always)]
pub fn leave(row: &'static Row) {
    if HOOKS.load(Ordering::Relaxed) != 0 {
        returned(row);
    }
}

#[cold]
extern "win64-unwind" fn returned(row: &'static Row) {
    let hooks = HOOKS.load(Ordering::Relaxed);
    if hooks & TRACE != 0 {
        trace::record(What::Return(row));
    }
    if hooks & SWITCH != 0 && !row.local {
        crate::sched::seeded::returns(row);
    }
}

#[cold]
extern "win64-unwind" fn hooked(row: &'static Row) {
    let hooks = HOOKS.load(Ordering::Relaxed);
    if hooks & TRACE != 0 {
        trace::record(What::Call(row, context::current().caller()));
    }
    if hooks & SWITCH != 0 {
        crate::sched::seeded::called(row);
    }
}

/// Which of its failures this call shall have now, if any.
#[inline(always)]
pub fn shall_fail(row: &'static Row) -> Option<usize> {
    if !FAULTS.load(Ordering::Relaxed) {
        return None;
    }
    usize::try_from(crate::verifier::faults::shall_fail(row)).ok()
}

#[cold]
#[inline(never)]
extern "win64-unwind" fn wrong_irql(row: &'static Row, irql: KIRQL) -> ! {
    let code =
        if row.blocks && irql > row.max_irql { &codes::WAIT_AT_RAISED_IRQL } else { &codes::ROUTINE_AT_WRONG_IRQL };
    let allowed = match (row.min_irql, row.max_irql) {
        (0, max) => format!("at most IRQL {max} ({})", irql_name(max)),
        (min, 15) => format!("at least IRQL {min} ({})", irql_name(min)),
        (min, max) => format!("IRQL {min} ({}) to {max} ({})", irql_name(min), irql_name(max)),
    };
    Violation::new(code)
        .params([
            row.target.address() as u64,
            u64::from(irql),
            u64::from(row.max_irql),
            context::current().caller() as u64,
        ])
        .text(format!("{} was called at IRQL {irql} ({}); it may be called at {allowed}", row.name, irql_name(irql)))
        .raise()
}

/// The usual name of an IRQL.
pub fn irql_name(irql: KIRQL) -> &'static str {
    match irql {
        0 => "PASSIVE_LEVEL",
        1 => "APC_LEVEL",
        2 => "DISPATCH_LEVEL",
        15 => "HIGH_LEVEL",
        _ => "a device level",
    }
}
