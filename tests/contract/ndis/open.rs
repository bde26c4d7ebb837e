//! `VER-10`, `VER-15`, `VER-20`: opens as NDIS makes them.

use anyhow::{Context, Result};
use ndkpi_sys::{
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES, NDK_VERSION,
    OID_NDK_LOCAL_ENDPOINTS,
};

use super::bench::{Bench, DISABLE, faults_in_turn};
use crate::host::{Checks, requirements};

requirements! {
    "VER-10" ver_10, "an open without memory fails with RESOURCES and leaves nothing";
    "VER-15" ver_15, "a binary for NDIS 6.50 opens for the default switch and port only";
    "VER-20" ver_20, "two miniports of one driver have their own instances, ports and states";
}

fn parameters(switch: u32, port: u32) -> NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version: NDK_VERSION { Major: 2, Minor: 1 }, SwitchId: switch, VPortId: port }
}

fn ver_10(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let driver = bench.session().driver();
    let before = bench.machine().holdings(driver)?;
    let mut failed = 0;
    faults_in_turn(|| {
        let (status, open) = bench.open_as(0, parameters(0, 0))?;
        ntsim::verifier::faults::set_chooser(None);
        if status != 0 {
            failed += 1;
            checks.equal(status, NDIS_STATUS_RESOURCES, "out of memory")?;
            checks.check(open.is_none(), "no adapter is stored")?;
        }
        drop(open);
        checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, 0, "nothing is open")?;
        checks.equal(bench.machine().holdings(driver)?, before.clone(), "nothing is left")
    })?;
    checks.check(failed > 0, "an open takes memory")?;
    checks.equal(bench.try_open(0)?, 0, "a later open succeeds")?;
    // A failed open that counted as one would hold the disable up.
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    bench.end()
}

fn ver_15(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let driver = bench.session().driver();
    let registration = bench.machine().registration(driver)?.context("a miniport driver")?;
    checks.check(registration.characteristics.MinorNdisVersion >= 50, "built for 6.50 or later")?;
    for (switch, port) in [(1, 0), (0, 1), (1, 1), (u32::MAX, 0), (0, u32::MAX)] {
        let (status, open) = bench.open_as(0, parameters(switch, port))?;
        checks.equal(status, NDIS_STATUS_NOT_SUPPORTED, "not the default pair")?;
        checks.check(open.is_none(), "nothing is opened")?;
    }
    let (status, open) = bench.open_as(0, parameters(0, 0))?;
    checks.equal(status, 0, "the default pair")?;
    let version = open.as_ref().context("an adapter")?.version();
    checks.equal((version.Major, version.Minor), (2, 1), "its version")?;
    drop(open);
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    bench.end()
}

fn ver_20(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-apart", |request| request.port = 20_000)?;
    for at in [0, 1] {
        checks.equal(bench.machine().open_ndk_adapters(bench.id(at)?)?, 1, "one instance each")?;
        let list = bench.query(at, OID_NDK_LOCAL_ENDPOINTS, 4096)?.bytes;
        checks.equal(list.len(), 16 + 2 * 36, "one listener each")?;
        let last = list[16 + 7];
        checks.equal(usize::from(last), at + 1, "at its own address")?;
    }
    running.to_stage(2)?;
    // Disabling the one does not wait for the other's open, nor close it to opens.
    let (status, open) = bench.open_as(1, parameters(0, 0))?;
    checks.equal(status, 0, "an open of the other miniport")?;
    bench.finish(running)?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.events(1)?.len(), 0, "no event of the other miniport")?;
    checks.equal(bench.try_open(1)?, 0, "which opens")?;
    checks.check(bench.try_open(0)? != 0, "while this one does not")?;
    drop(open);
    bench.end()
}
