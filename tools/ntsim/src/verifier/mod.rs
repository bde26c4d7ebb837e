//! Checks that do not belong to one routine, the call log, the fault injector.

pub mod faults;
pub mod log;
