//! `STATE-*`, `VER-09`: NDK is enabled and disabled, and NDIS hears of it.

use anyhow::Result;
use ndkpi_sys::{
    NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_NOT_SUPPORTED, NET_PNP_EVENT_NOTIFICATION,
    OID_GEN_STATISTICS, OID_NDK_SET_STATE, OID_PNP_SET_POWER,
};
use ntsim::machine::NdkEvent;

use super::bench::{Bench, DISABLE, ENABLE, first};
use super::capability::given;
use crate::host::{Checks, requirements};

requirements! {
    "STATE-01" state_01, "one byte; any other length is refused and changes nothing";
    "STATE-02" state_02, "a set is answered at once, never pended";
    "STATE-03" state_03, "TRUE enables NDK while the keyword allows it";
    "STATE-04" state_04, "TRUE while *NetworkDirect is 0 leaves NDK disabled";
    "STATE-05" state_05, "FALSE disables NDK";
    "STATE-06" state_06, "the state that it has already raises no event";
    "STATE-07" state_07, "each change is announced by the NDK event with no buffer";
    "STATE-08" state_08, "an event is raised from outside the OID handler, with no request pended";
    "STATE-09" state_09, "the disable event returns when the last adapter is closed";
    "STATE-10" state_10, "opens fail from the request on, and open adapters go on working";
    "STATE-11" state_11, "opens succeed again once the enable event has been started";
    "STATE-12" state_12, "requests during an event are carried out in order and end in the last state";
    "STATE-13" state_13, "a change by itself is announced the same way";
    "STATE-14" state_14, "no event for the state at initialisation";
    "STATE-15" state_15, "NDIS answers the state and the capabilities without the miniport";
    "VER-09" ver_09, "an open while NDK is disabled fails with ADAPTER_NOT_READY";
}

/// STATUS_DEVICE_NOT_READY as a consumer sees it: WSK passes the status of NDIS on.
const NOT_READY: i32 = NDIS_STATUS_ADAPTER_NOT_READY;

fn state_01(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    for length in [0, 2, 3, 4, 8, 64] {
        let answer = bench.machine().set_oid(bench.id(0)?, OID_NDK_SET_STATE, &vec![0; length])?;
        checks.equal(answer.status, NDIS_STATUS_INVALID_LENGTH, "a wrong length")?;
        checks.equal(answer.needed, 1, "the length that is needed")?;
    }
    checks.equal(bench.try_open(0)?, 0, "NDK is still enabled")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    bench.end()
}

fn state_02(checks: &Checks) -> Result<()> {
    // The simulator stops at PENDING; here also while an event is held up by an open adapter.
    let bench = Bench::one(checks)?;
    let open = bench.start("staged-hold", |_| {})?;
    for enabled in [false, true, false, false, true, true, false] {
        bench.set_state(0, enabled)?;
    }
    bench.finish(open)?;
    bench.set_state(0, true)?;
    bench.end()
}

fn state_03(checks: &Checks) -> Result<()> {
    for value in ["1", ""] {
        let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", value)])?;
        bench.set_state(0, false)?;
        bench.raised(0, &[DISABLE])?;
        checks.equal(bench.try_open(0)?, NOT_READY, "disabled")?;
        bench.set_state(0, true)?;
        bench.raised(0, &[DISABLE, ENABLE])?;
        checks.equal(bench.try_open(0)?, 0, "the provider opens again")?;
        bench.run("info")?;
        bench.end()?;
    }
    Ok(())
}

fn state_04(checks: &Checks) -> Result<()> {
    let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", "0")])?;
    checks.equal(given(&bench, 0)?.attributes.Enabled, 0, "disabled at first")?;
    for _ in 0..3 {
        checks.equal(bench.set(0, OID_NDK_SET_STATE, &[1])?, NDIS_STATUS_NOT_SUPPORTED, "TRUE is refused")?;
        checks.equal(bench.try_open(0)?, NOT_READY, "NDK stays disabled")?;
    }
    bench.set_state(0, false)?;
    bench.never("no event comes of it", || Ok(!bench.events(0)?.is_empty()))?;
    bench.end()
}

fn state_05(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    bench.run("info")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.machine().ndk_binding(bench.id(0)?)?.enabled, false, "NDIS knows of it")?;
    checks.equal(bench.try_open(0)?, NOT_READY, "the provider refuses")?;
    checks.equal(bench.status_of("info")?, NOT_READY, "a consumer is refused")?;
    bench.end()
}

fn state_06(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    for _ in 0..3 {
        bench.set_state(0, true)?;
    }
    bench.never("TRUE while enabled", || Ok(!bench.events(0)?.is_empty()))?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    for _ in 0..3 {
        bench.set_state(0, false)?;
    }
    bench.never("FALSE while disabled", || Ok(bench.events(0)?.len() != 1))?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    bench.end()
}

/// Every member of an event is as it has to be.
fn well_formed(checks: &Checks, event: &NdkEvent) -> Result<()> {
    let size = size_of::<NET_PNP_EVENT_NOTIFICATION>();
    checks.check([13, 14].contains(&event.event), "NetEventNDKEnable is 13, NetEventNDKDisable 14")?;
    checks.equal((event.header.0, event.header.1), (0x80, 1), "type and revision")?;
    checks.check(usize::from(event.header.2) <= size && event.header.2 >= 164, "the size")?;
    checks.equal((event.port, event.buffer, event.length), (0, 0, 0), "no port, no buffer")
}

fn state_07(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let mut kinds = Vec::new();
    for enabled in [false, true, false, true] {
        bench.set_state(0, enabled)?;
        kinds.push(if enabled { 13 } else { 14 });
        bench.raised(0, &kinds)?;
    }
    for event in bench.events(0)? {
        well_formed(checks, &event)?;
    }
    bench.end()
}

fn state_08(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    // Requests on the way all the time: the simulator stops if one of them is with the miniport too long
    // while an event is raised, which is what waiting for the event would come to.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..300 {
                bench.query(0, OID_GEN_STATISTICS, 152)?;
            }
            anyhow::Ok(())
        });
        for round in 0..40 {
            bench.set_state(0, round % 2 == 1)?;
            // Most changes are waited for; some are taken back before anybody has heard of them.
            if round % 5 != 0 {
                bench.soon("the event", || Ok(bench.machine().wmi_ndk_state(bench.id(0)?)? == (round % 2 == 1)))?;
            }
        }
        asking.join().map_err(|_| anyhow::anyhow!("the asking thread"))?
    })?;
    bench.soon("the last state is told", || Ok(bench.machine().wmi_ndk_state(bench.id(0)?)?))?;
    let events = bench.events(0)?;
    checks.check(!events.is_empty(), "there were events")?;
    for event in events {
        checks.check(!event.inside_handler, "raised outside every handler of the miniport")?;
    }
    bench.end()
}

fn state_09(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let mut open = bench.start("staged-hold", |request| request.rounds = 3)?;
    checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, 3, "adapters are open")?;
    bench.set_state(0, false)?;
    bench.soon("the event is raised", || Ok(!bench.events(0)?.is_empty()))?;
    // Closes are served while the event waits; it returns after the last one, and not before.
    for (stage, left) in [(2, 2), (3, 1)] {
        open.to_stage(stage)?;
        checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, left, "one fewer is open")?;
        let over = || Ok(bench.events(0)?.iter().any(|event| event.open_after.is_some()));
        bench.never("the event waits for the others", over)?;
    }
    open.to_stage(4)?;
    bench.raised(0, &[DISABLE])?;
    let event = bench.events(0)?[0];
    checks.equal(event.open_before, 3, "open when it was raised")?;
    checks.equal(event.open_after, Some(0), "open when it returned")?;
    bench.finish(open)?;
    bench.end()
}

fn state_10(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut open = bench.start("staged-carry", |request| request.rounds = 2)?;
    bench.set_state(0, false)?;
    // Not from the event on: from the request on.
    checks.equal(bench.try_open(0)?, NOT_READY, "the provider refuses at once")?;
    bench.soon("the event is raised", || Ok(!bench.events(0)?.is_empty()))?;
    checks.equal(bench.try_open(0)?, NOT_READY, "and during the event")?;
    checks.equal(bench.status_of("info")?, NOT_READY, "a consumer is refused")?;
    // The connection that was there carries messages both ways.
    open.to_stage(2)?;
    open.to_stage(3)?;
    checks.equal(bench.events(0)?[0].open_after, None, "the event waits")?;
    bench.finish(open)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.try_open(0)?, NOT_READY, "and afterwards")?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    bench.run("ping")?;
    bench.end()
}

fn state_11(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let open = bench.start("staged-hold", |_| {})?;
    bench.set_state(0, false)?;
    bench.soon("the disable is raised", || Ok(!bench.events(0)?.is_empty()))?;
    bench.set_state(0, true)?;
    checks.equal(bench.try_open(0)?, NOT_READY, "TRUE alone lets nobody in")?;
    checks.equal(bench.kinds(0)?, vec![DISABLE], "the enable has not been started")?;
    bench.finish(open)?;
    bench.soon("opens succeed", || Ok(bench.try_open(0)? == 0))?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    bench.run("info")?;
    bench.end()
}

fn state_12(checks: &Checks) -> Result<()> {
    for last in [true, false] {
        let bench = Bench::one(checks)?;
        let open = bench.start("staged-hold", |_| {})?;
        bench.set_state(0, false)?;
        bench.soon("the event is raised", || Ok(!bench.events(0)?.is_empty()))?;
        for enabled in [true, false, true, last] {
            bench.set_state(0, enabled)?;
        }
        bench.never("one event at a time", || Ok(bench.events(0)?.len() != 1))?;
        bench.finish(open)?;
        bench.soon("the last state holds", || Ok((bench.try_open(0)? == 0) == last))?;
        // Whatever was left out, events alternate, and the last one tells the last state.
        bench.soon("all have returned", || Ok(bench.events(0)?.iter().all(|event| event.open_after.is_some())))?;
        let kinds = bench.kinds(0)?;
        let alternate = kinds.iter().enumerate().all(|(at, kind)| *kind == [DISABLE, ENABLE][at % 2]);
        checks.check(alternate, "the events alternate")?;
        let wanted = if last { ENABLE } else { DISABLE };
        bench.soon("the last event tells it", || Ok(bench.kinds(0)?.last() == Some(&wanted)))?;
        checks.equal(bench.machine().wmi_ndk_state(bench.id(0)?)?, last, "and NDIS knows it")?;
        bench.end()?;
    }
    Ok(())
}

fn state_13(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    // Low power, and back: nobody has set the state.
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &4_u32.to_le_bytes())?, 0, "low power")?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &1_u32.to_le_bytes())?, 0, "full power")?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    // The device goes away by itself.
    bench.machine().announce_surprise_removal(bench.id(1)?)?;
    bench.raised(1, &[DISABLE])?;
    for event in bench.events(0)?.iter().chain(&bench.events(1)?) {
        well_formed(checks, event)?;
        checks.check(!event.inside_handler, "raised outside every handler of the miniport")?;
    }
    bench.end()
}

fn state_14(checks: &Checks) -> Result<()> {
    for (value, first_event) in [("1", Some(DISABLE)), ("0", None)] {
        let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", value)])?;
        bench.never("an event for the first state", || Ok(!bench.events(0)?.is_empty()))?;
        // The first event is that of the first change.
        bench.set_state(0, false)?;
        bench.raised(0, first_event.as_slice())?;
        bench.end()?;
    }
    Ok(())
}

fn state_15(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let id = bench.id(0)?;
    let before = bench.machine().oid_requests(id)?;
    let given = given(&bench, 0)?;
    for _ in 0..3 {
        checks.equal(bench.machine().wmi_ndk_state(id)?, true, "GUID_NDIS_NDK_STATE")?;
        let shown = bench.machine().wmi_ndk_capabilities(id)?;
        checks.check(shown.is_some(), "GUID_NDIS_NDK_CAPABILITIES")?;
        let counts = shown.map(|shown| (shown.MaxQpCount, shown.MaxMrCount, shown.NdkInfo.MaxCqDepth));
        let wanted = (given.capabilities.MaxQpCount, given.capabilities.MaxMrCount, given.info.MaxCqDepth);
        checks.equal(counts, Some(wanted), "what the miniport gave")?;
    }
    checks.equal(bench.machine().oid_requests(id)?, before, "the miniport is not asked")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.machine().wmi_ndk_state(id)?, false, "the state follows the events")?;
    // The miniport answers neither: it does not know the state as an OID to query.
    checks.equal(bench.query(0, OID_NDK_SET_STATE, 1)?.status, NDIS_STATUS_NOT_SUPPORTED, "no query of the state")?;
    bench.end()
}

fn ver_09(checks: &Checks) -> Result<()> {
    let bench = Bench::with(checks, vec![first().keyword("*NetworkDirect", "0")])?;
    checks.equal(bench.try_open(0)?, NOT_READY, "disabled from the start")?;
    checks.equal(bench.machine().open_ndk_adapters(bench.id(0)?)?, 0, "nothing is open")?;
    bench.end()?;
    let bench = Bench::one(checks)?;
    bench.set_state(0, false)?;
    checks.equal(bench.try_open(0)?, NOT_READY, "disabled by request")?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.status_of("info")?, NOT_READY, "a consumer is refused")?;
    bench.set_state(0, true)?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    checks.equal(bench.try_open(0)?, 0, "enabled again")?;
    bench.end()
}
