//! The contract as NDIS sees it: one test for each requirement ID that a consumer cannot observe.
//!
//! The host drives the simulated NDIS: it registers, starts, pauses, queries and removes adapters of the built
//! `softndk.sys`, and has `ndktest.sys` open them and make traffic where that is needed ([`bench`]). A test
//! whose machine a broken rule ends has failed; the run goes on behind it.

mod bench;
mod capability;
mod count;
mod inf;
mod list;
mod memory;
mod oid;
mod open;
mod pnp;
mod register;
mod state;

use crate::host::Test;

/// The lists of all files.
static FILES: &[&[Test]] = &[
    register::TESTS,
    capability::TESTS,
    inf::TESTS,
    open::TESTS,
    state::TESTS,
    oid::TESTS,
    count::TESTS,
    list::TESTS,
    memory::TESTS,
    pnp::TESTS,
];

/// All tests.
pub fn tests() -> impl Iterator<Item = &'static Test> {
    FILES.iter().flat_map(|tests| tests.iter())
}
