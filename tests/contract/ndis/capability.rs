//! `CAP-*`, `VER-21`: what an adapter tells NDIS of its NDK side when it is initialised.

use anyhow::{Context, Result};
use ndkpi_sys::{
    NDIS_NDK_CAPABILITIES, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER_INFO, NDK_VERSION, OID_PNP_SET_POWER,
};
use ntsim::machine::NdkAttributes;
use ntsim::ndk::{Checks as Shim, set_checks};

use super::bench::{Bench, DISABLE, ENABLE, first};
use crate::host::{Checks, requirements};

requirements! {
    "CAP-01" cap_01, "NDK attributes are set once, after registration and general attributes";
    "CAP-02" cap_02, "NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES has its header, Enabled and the capabilities";
    "CAP-03" cap_03, "a disabled adapter gives the same capabilities, with Enabled FALSE";
    "CAP-04" cap_04, "NDIS_NDK_CAPABILITIES has its header and no flags";
    "CAP-05" cap_05, "as many objects as counted exist over all opens, and one more is refused";
    "CAP-06" cap_06, "no adapter-wide read limit; the limits of each QP hold";
    "CAP-07" cap_07, "no counter is missing";
    "CAP-08" cap_08, "NdkInfo is the info that a consumer reads, all of it";
    "CAP-09" cap_09, "capabilities and info stay as they are until the halt";
    "CAP-10" cap_10, "protocols that bind see the capabilities and the state of the moment";
    "VER-21" ver_21, "the info before any open has the highest version";
}

/// The NDK attributes of an adapter.
pub fn given(bench: &Bench<'_>, at: usize) -> Result<NdkAttributes> {
    bench.machine().ndk_attributes(bench.id(at)?)?.context("the adapter has NDK attributes")
}

/// The members of the capabilities that are numbers.
fn numbers(capabilities: &NDIS_NDK_CAPABILITIES) -> ([u32; 9], u64) {
    let numbers = [
        capabilities.Flags,
        capabilities.MaxQpCount,
        capabilities.MaxCqCount,
        capabilities.MaxMrCount,
        capabilities.MaxPdCount,
        capabilities.MaxInboundReadLimit,
        capabilities.MaxOutboundReadLimit,
        capabilities.MaxMwCount,
        capabilities.MaxSrqCount,
    ];
    (numbers, capabilities.MissingCounterMask)
}

/// All members of the info, in order.
pub fn members(info: &NDK_ADAPTER_INFO) -> [u64; 22] {
    [
        u64::from(info.Version.Major),
        u64::from(info.Version.Minor),
        info.VendorId.into(),
        info.DeviceId.into(),
        info.MaxRegistrationSize as u64,
        info.MaxWindowSize as u64,
        info.FRMRPageCount.into(),
        info.MaxInitiatorRequestSge.into(),
        info.MaxReceiveRequestSge.into(),
        info.MaxReadRequestSge.into(),
        info.MaxTransferLength.into(),
        info.MaxInlineDataSize.into(),
        info.MaxInboundReadLimit.into(),
        info.MaxOutboundReadLimit.into(),
        info.MaxReceiveQueueDepth.into(),
        info.MaxInitiatorQueueDepth.into(),
        info.MaxSrqDepth.into(),
        info.MaxCqDepth.into(),
        info.LargeRequestThreshold.into(),
        u64::from(info.MaxCallerData) << 32 | u64::from(info.MaxCalleeData),
        info.AdapterFlags.into(),
        u64::from(info.RdmaTechnology.cast_unsigned()),
    ]
}

fn cap_01(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let calls = bench.machine().attributes_calls(bench.id(0)?)?;
    let kinds: Vec<u8> = calls.iter().map(|call| call.kind).collect();
    let wanted = [
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
        NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
    ];
    checks.equal(kinds, wanted.to_vec(), "the attributes, in order")?;
    checks.check(calls.iter().all(|call| call.status == 0), "NDIS took all of them")?;
    bench.end()
}

fn cap_02(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let attributes = given(&bench, 0)?.attributes;
    let header = (attributes.Header.Type, attributes.Header.Revision, attributes.Header.Size);
    checks.equal(header, (0xB3, 1, 16), "the header")?;
    checks.equal(attributes.Enabled, 1, "Enabled is TRUE, as the keyword says")?;
    checks.check(!attributes.NdkCapabilities.is_null(), "the capabilities are there")?;
    bench.end()
}

fn cap_03(checks: &Checks) -> Result<()> {
    let mut off = first().keyword("*NetworkDirect", "0");
    (off.name, off.interface_index) = ("off".to_owned(), 12);
    let bench = Bench::with(checks, vec![first(), off])?;
    let (on, off) = (given(&bench, 0)?, given(&bench, 1)?);
    checks.equal(on.attributes.Enabled, 1, "Enabled without the keyword")?;
    checks.equal(off.attributes.Enabled, 0, "Enabled with *NetworkDirect 0")?;
    checks.equal(numbers(&off.capabilities), numbers(&on.capabilities), "the capabilities")?;
    checks.equal(members(&off.info), members(&on.info), "the info")?;
    bench.end()
}

fn cap_04(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let capabilities = given(&bench, 0)?.capabilities;
    let header = (capabilities.Header.Type, capabilities.Header.Revision, capabilities.Header.Size);
    checks.equal(header, (0x80, 1, 56), "the header")?;
    checks.equal(capabilities.Flags, 0, "no flags")?;
    bench.end()
}

fn cap_05(checks: &Checks) -> Result<()> {
    // A million objects: without special pool, and without a record for each of them.
    set_checks(Shim::Off);
    let bench = Bench::fast(checks)?;
    let capabilities = given(&bench, 0)?.capabilities;
    // By the number that the workload gives a kind.
    let counts = [
        (ndkpi_sys::NdkObjectTypeQp, capabilities.MaxQpCount),
        (ndkpi_sys::NdkObjectTypeCq, capabilities.MaxCqCount),
        (ndkpi_sys::NdkObjectTypePd, capabilities.MaxPdCount),
        (ndkpi_sys::NdkObjectTypeSrq, capabilities.MaxSrqCount),
        (ndkpi_sys::NdkObjectTypeMr, capabilities.MaxMrCount),
        (ndkpi_sys::NdkObjectTypeMw, capabilities.MaxMwCount),
    ];
    for (kind, count) in counts {
        checks.check(count > 0, "a count is not 0")?;
        bench.run_with("staged-quota", |request| {
            (request.window, request.rounds) = (kind.cast_unsigned(), count);
        })?;
    }
    bench.end()
}

fn cap_06(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let given = given(&bench, 0)?;
    checks.equal(given.capabilities.MaxInboundReadLimit, 0, "no adapter-wide inbound limit")?;
    checks.equal(given.capabilities.MaxOutboundReadLimit, 0, "no adapter-wide outbound limit")?;
    checks.check(given.info.MaxInboundReadLimit > 0, "an inbound limit of each QP")?;
    checks.check(given.info.MaxOutboundReadLimit > 0, "an outbound limit of each QP")?;
    // Several connections have the whole limit of a QP each, at the same time, and none has more.
    bench.run("staged-reads")?;
    bench.end()
}

fn cap_07(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    checks.equal(given(&bench, 0)?.capabilities.MissingCounterMask, 0, "no counter is missing")?;
    bench.end()
}

fn cap_08(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let given = given(&bench, 0)?;
    checks.check(!given.capabilities.NdkInfo.is_null(), "NdkInfo is there")?;
    let parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
        Version: NDK_VERSION { Major: 2, Minor: 1 },
        ..NDIS_OPEN_NDK_ADAPTER_PARAMETERS::default()
    };
    let (status, open) = bench.open_as(0, parameters)?;
    checks.equal(status, 0, "the open")?;
    let (status, info) = open.context("an open adapter")?.info();
    checks.equal(status, 0, "NdkQueryAdapterInfo")?;
    checks.equal(members(&given.info), members(&info), "the info")?;
    bench.end()
}

fn cap_09(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let given = given(&bench, 0)?;
    let unchanged = |when: &str| {
        let now = bench.machine().ndk_capabilities_now(bench.id(0)?)?;
        let (capabilities, info) = now.context("the capabilities")?;
        checks.equal(numbers(&capabilities), numbers(&given.capabilities), when)?;
        checks.equal(capabilities.NdkInfo.addr(), given.capabilities.NdkInfo.addr(), when)?;
        checks.equal(members(&info), members(&given.info), when)
    };
    unchanged("after the initialisation")?;
    bench.run("ping")?;
    unchanged("after traffic")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    unchanged("while NDK is disabled")?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    unchanged("enabled again")?;
    bench.machine().pause_adapter(bench.id(0)?)?;
    unchanged("while paused")?;
    bench.machine().restart_adapter(bench.id(0)?)?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &4_u32.to_le_bytes())?, 0, "low power")?;
    unchanged("in low power")?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &1_u32.to_le_bytes())?, 0, "full power")?;
    bench.machine().announce_surprise_removal(bench.id(0)?)?;
    unchanged("after the surprise removal, before the halt")?;
    bench.end()
}

fn cap_10(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let given = given(&bench, 0)?;
    let bound = |enabled: bool, when: &str| {
        let binding = bench.machine().ndk_binding(bench.id(0)?)?;
        checks.equal(binding.enabled, enabled, when)?;
        let (capabilities, info) = binding.capabilities.context("NDKCapabilities is not NULL")?;
        checks.equal(numbers(&capabilities), numbers(&given.capabilities), when)?;
        checks.equal(members(&info), members(&given.info), when)
    };
    bound(true, "at first")?;
    for enabled in [false, true, false] {
        bench.set_state(0, enabled)?;
        bench.soon("the event is raised", || Ok(bench.machine().ndk_binding(bench.id(0)?)?.enabled == enabled))?;
        bound(enabled, "after a change")?;
    }
    bench.end()
}

fn ver_21(checks: &Checks) -> Result<()> {
    let bench = Bench::with(checks, vec![first()])?;
    checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, 0, "nothing has been opened")?;
    let version = given(&bench, 0)?.info.Version;
    checks.equal((version.Major, version.Minor), (2, 1), "the highest version")?;
    bench.end()
}
