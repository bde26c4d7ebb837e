//! What a test that the host makes is, and how it says what it expects.

use std::fmt::Debug;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Result, bail};

/// A requirement that is tested through the simulated NDIS. It boots its own machines.
pub struct Test {
    /// Requirement ID.
    pub id: &'static str,
    /// One line for people.
    pub what: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The test.
    pub run: fn(&Checks) -> Result<()>,
}

/// Defines the tests of a file and its list of them:
/// ```ignore
/// requirements! {
///     "REG-01" reg_01, "the miniport registers as NDIS 6.30 or later";
/// }
/// fn reg_01(checks: &Checks) -> Result<()> { .. }
/// ```
macro_rules! requirements {
    ($($id:literal $function:ident, $what:literal;)*) => {
        /// The tests of this file.
        pub static TESTS: &[$crate::host::Test] = &[$(
            $crate::host::Test { id: $id, what: $what, file: file!(), run: $function },
        )*];
    };
}
pub(crate) use requirements;

/// Counts the expectations of a test that held.
#[derive(Debug, Default)]
pub struct Checks(AtomicU64);

impl Checks {
    /// How many held so far.
    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Expects a condition.
    ///
    /// # Errors
    /// When it does not hold.
    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) -> Result<()> {
        if !holds {
            bail!("{what} ({})", place(Location::caller()));
        }
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Expects a value.
    ///
    /// # Errors
    /// When another one is seen.
    #[track_caller]
    pub fn equal<T: PartialEq + Debug>(&self, seen: T, wanted: T, what: &str) -> Result<()> {
        if seen != wanted {
            bail!("{what}: seen {seen:#x?}, wanted {wanted:#x?} ({})", place(Location::caller()));
        }
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Adds what a workload has checked, and expects that it succeeded.
    ///
    /// # Errors
    /// The workload's failure.
    #[track_caller]
    pub fn outcome(&self, outcome: &ndktest_api::Outcome) -> Result<()> {
        self.0.fetch_add(outcome.checks, Relaxed);
        if outcome.status != 0 {
            bail!("{} ({})", crate::conformance::reason(outcome), place(Location::caller()));
        }
        Ok(())
    }
}

fn place(location: &Location<'_>) -> String {
    format!("{}:{}", location.file(), location.line())
}
