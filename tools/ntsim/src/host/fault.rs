//! Processor faults of the host become bugchecks.

/// Once per process.
pub(crate) fn install() {}

/// Once per thread that enters the kernel.
pub fn prepare_thread() {}
