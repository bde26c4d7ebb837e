//! The fault injector: makes routines fail that can fail for lack of resources.
//!
//! ```text
//!   driver -> routine's row (`fails(..)`) -> shall_fail -> [injector: plan, what was failed before]
//! ```
//! A call is known by its routine and the driver's own frames above it, as offsets from the image. In
//! [`Mode::Fixpoint`] each such stack fails once with each failure that its routine has; rounds are played
//! until one shows no new stack:
//!
//! ```no_run
//! use ntsim::verifier::faults::{Injection, Plan};
//!
//! let injection = Injection::arm(Plan::fixpoint().driver("softndk"));
//! loop {
//!     let (outcome, failed) = injection.round(|| { /* load, use, unload */ });
//!     // Judge the outcome: with nothing failed it must be a success.
//!     injection.survived();
//!     if failed == 0 {
//!         break;
//!     }
//! }
//! println!("{}", injection.report());
//! ```
//! Outside a round nothing fails.

mod call;
mod injection;
mod plan;
mod report;

#[cfg(test)]
mod tests;

pub use injection::{Injection, set_chooser};
pub(crate) use injection::{failed_in_round, shall_fail};
pub use plan::{Mode, Plan};
pub use report::{Report, ReportedFault};
