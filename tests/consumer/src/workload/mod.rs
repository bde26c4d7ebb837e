//! What can be run, one file each.

use crate::{
    run::{Result, Run},
    wsk::Provider,
};
use ndktest_api as api;

mod connect;
mod info;
mod objects;
mod ping;
mod race;
mod rdma;
mod settle;
mod transfer;

/// What a workload gets.
pub struct Job<'a> {
    /// Request, counters, expectations.
    pub run: &'a Run,
    /// The way to adapters.
    pub provider: &'a Provider,
    /// What followed the request: a path in UTF-16.
    pub path: &'a [u8],
}

/// A workload by its name.
pub struct Workload {
    /// Name in a request.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// How many adapters it needs.
    pub adapters: u32,
    /// The source file that defines it.
    pub file: &'static str,
    /// Runs at PASSIVE_LEVEL; fills in what the counters do not tell.
    pub run: fn(&Job, &mut api::Outcome) -> Result,
}

static WORKLOADS: [&Workload; 7] = [
    &settle::WORKLOAD,
    &info::WORKLOAD,
    &objects::WORKLOAD,
    &connect::WORKLOAD,
    &ping::WORKLOAD,
    &rdma::WORKLOAD,
    &transfer::WORKLOAD,
];

/// Workloads, then races, then the tests of the contract.
fn all() -> impl Iterator<Item = &'static Workload> {
    WORKLOADS.into_iter().chain(race::WORKLOADS).chain(crate::contract::tests())
}

/// The workload of a name.
pub fn find(name: &str) -> Option<&'static Workload> {
    all().find(|workload| workload.name == name)
}

/// All workloads, for the list.
pub fn entries() -> impl Iterator<Item = api::Entry> {
    all().map(|workload| api::Entry {
        name: api::Text::new(workload.name),
        description: api::Text::new(workload.description),
        adapters: workload.adapters,
        file: api::Text::tail(workload.file),
    })
}
