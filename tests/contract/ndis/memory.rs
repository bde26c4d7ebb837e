//! What of the contract speaks of too little memory, and a consumer cannot bring about: `CQ-54`, `CQ-71`, `MR-14`,
//! `CONN-16`, `LSN-07`, `LSN-14`, `SEP-05`. The host lets the provider's allocations fail, one after the other.

use anyhow::Result;

use super::bench::Bench;
use crate::host::{Checks, requirements};

requirements! {
    "CQ-54" cq_54, "a resize without memory leaves the CQ as it was";
    "CQ-71" cq_71, "moderation takes no memory, or is refused";
    "MR-14" mr_14, "a registration without memory is refused, and can be tried again";
    "SEP-05" sep_05, "a shared endpoint without memory is refused";
    "LSN-07" lsn_07, "a listen takes no memory, or is refused";
    "CONN-16" conn_16, "a connect takes no memory, or is refused";
    "LSN-14" lsn_14, "a request for which there is no connector is refused, without an event";
}

const ROUNDS: u32 = 8;

/// Runs `staged-memory` with a request; in each round another call of the provider that can fail does so, from the one
/// with the number `first` on.
fn hungry_from(checks: &Checks, first: usize, request: u32, takes_memory: bool) -> Result<()> {
    let mut bench = Bench::two(checks)?;
    let driver = bench.session().driver();
    let mut running = bench.start("staged-memory", |options| {
        (options.window, options.rounds, options.piece) = (request, ROUNDS, u32::from(takes_memory));
    })?;
    let mut injected = 0;
    for round in 0..ROUNDS {
        running.arrives(u64::from(2 * round + 1))?;
        let number = first + round as usize;
        let calls = bench.machine().fail_call_of(driver, number)?;
        let arrived = running.to_stage(u64::from(2 * round + 2));
        ntsim::verifier::faults::set_chooser(None);
        arrived?;
        injected += u32::from(calls.load(std::sync::atomic::Ordering::Relaxed) > number);
        running.go_on()?;
    }
    bench.finish(running)?;
    checks.equal(injected > 0, takes_memory, "calls that could fail were made")?;
    bench.end()
}

fn hungry(checks: &Checks, request: u32, takes_memory: bool) -> Result<()> {
    hungry_from(checks, 0, request, takes_memory)
}

fn cq_54(checks: &Checks) -> Result<()> {
    hungry(checks, 0, true)
}

fn cq_71(checks: &Checks) -> Result<()> {
    hungry(checks, 1, false)
}

fn mr_14(checks: &Checks) -> Result<()> {
    hungry(checks, 2, true)
}

fn sep_05(checks: &Checks) -> Result<()> {
    hungry(checks, 3, true)
}

fn lsn_07(checks: &Checks) -> Result<()> {
    hungry(checks, 4, false)
}

fn conn_16(checks: &Checks) -> Result<()> {
    hungry(checks, 5, false)
}

fn lsn_14(checks: &Checks) -> Result<()> {
    // The first call makes the connector of the side that asks.
    hungry_from(checks, 1, 6, true)
}
