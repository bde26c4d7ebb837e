//! The contract as tests: one for each requirement ID, under the ID's name (`docs/contract/ndkpi.md`).
//!
//! The tests stand in `tests/contract/`, one file for each object, and are compiled into this driver.
//! They see the provider through NDKPI only, as any consumer does, and so run on Windows by the same
//! control codes. Each opens what it needs and leaves nothing open.

use crate::workload::Workload;

/// Defines the tests of a file and its list of them:
/// ```ignore
/// contract! {
///     "CQ-02" cq_02, "a depth above MaxCqDepth is refused";
/// }
/// fn cq_02(job: &Job) -> Result { .. }
/// ```
macro_rules! contract {
    ($($id:literal $function:ident, $what:literal;)*) => {
        /// The tests of this file.
        pub static TESTS: &[$crate::workload::Workload] = &[$(
            $crate::workload::Workload {
                name: $id,
                description: $what,
                adapters: 1,
                run: |job, _| $function(job),
            },
        )*];
    };
}
pub(crate) use contract;

#[path = "../../contract/version.rs"]
mod version;

/// The lists of all files.
static FILES: &[&[Workload]] = &[version::TESTS];

/// All tests.
pub fn tests() -> impl Iterator<Item = &'static Workload> {
    FILES.iter().flat_map(|tests| tests.iter())
}
