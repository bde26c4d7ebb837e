//! `REG-*`: the driver registers with NDIS.

use anyhow::{Context, Result};
use ndkpi_sys::{NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS, NDIS_STATUS_NOT_SUPPORTED, OID_NDK_STATISTICS};
use ndktest_host::Setup;
use ntsim::machine::{Machine, Registration};
use ntsim::verifier::faults::{Injection, Plan};

use super::bench::{Bench, first};
use crate::host::{Checks, requirements};

requirements! {
    "REG-01" reg_01, "NDIS 6.30 or later, and the NDK handlers are named from inside SetOptions";
    "REG-02" reg_02, "NDIS_NDK_PROVIDER_CHARACTERISTICS has its header, no flags and both handlers";
    "REG-03" reg_03, "a driver whose NDK handlers are refused reports no NDK attributes";
    "REG-04" reg_04, "a direct OID handler is registered, and a cancel handler only with it";
}

fn registration(bench: &mut Bench<'_>) -> Result<Registration> {
    let driver = bench.session().driver();
    bench.machine().registration(driver)?.context("softndk.sys is a miniport driver")
}

fn reg_01(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let registration = registration(&mut bench)?;
    let driver = registration.characteristics;
    checks.equal(driver.MajorNdisVersion, 6, "major NDIS version")?;
    checks.check(driver.MinorNdisVersion >= 30, "minor NDIS version is at least 30")?;
    checks.check(driver.SetOptionsHandler.is_some(), "a SetOptions handler")?;
    // Elsewhere than inside SetOptions the simulator takes none.
    checks.check(registration.ndk.is_some(), "NdisSetOptionalHandlers was called, and succeeded")?;
    bench.end()
}

fn reg_02(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let ndk = registration(&mut bench)?.ndk.context("NDK handlers")?;
    let header = (ndk.Header.Type, ndk.Header.Revision, ndk.Header.Size);
    checks.equal(header, (NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS, 1, 24), "the header")?;
    checks.equal(header.0, 0xB2, "the type")?;
    checks.equal(ndk.Flags, 0, "no flags")?;
    checks.check(ndk.OpenNDKAdapterHandler.is_some(), "an open handler")?;
    checks.check(ndk.CloseNDKAdapterHandler.is_some(), "a close handler")?;
    bench.end()
}

fn reg_03(checks: &Checks) -> Result<()> {
    let setup = Setup::tests();
    let image = setup.images.join("softndk.sys");
    let mut machine = Machine::new(setup.config)?;
    let injection = Injection::arm(Plan::fixpoint().routine("NdisSetOptionalHandlers"));
    let (loaded, failed) = injection.round(|| machine.load(&image, &[]));
    checks.equal(failed, 1, "the handlers are refused")?;
    match loaded {
        // The registration failed with it: no adapter can be made, and nothing is left of the driver.
        Err(_) => {
            let driver = machine.load(&image, &[])?;
            checks.check(machine.registration(driver)?.is_some(), "a later load succeeds")?;
        }
        Ok(driver) => {
            let adapter = machine.add_adapter(driver, first())?;
            checks.check(machine.ndk_attributes(adapter)?.is_none(), "a plain NIC has no NDK attributes")?;
        }
    }
    for report in machine.shutdown()? {
        checks.check(report.is_clean(), &format!("{report}"))?;
    }
    Ok(())
}

fn reg_04(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let driver = registration(&mut bench)?.characteristics;
    checks.check(driver.DirectOidRequestHandler.is_some(), "a direct OID handler")?;
    let paired = driver.CancelDirectOidRequestHandler.is_none() || driver.DirectOidRequestHandler.is_some();
    checks.check(paired, "a cancel handler comes with a direct handler only")?;
    let answer = bench.machine().query_direct_oid(bench.id(0)?, OID_NDK_STATISTICS, 248)?;
    checks.check(answer.status != NDIS_STATUS_NOT_SUPPORTED, "the handler is that of the NDK statistics")?;
    bench.end()
}
