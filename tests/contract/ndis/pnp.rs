//! `PNP-*`: halt, removal, power, pause, and failures of the start.

use anyhow::{Context, Result};
use ndkpi_sys::{
    NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_NOT_ACCEPTED, OID_802_3_CURRENT_ADDRESS, OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_STATISTICS, OID_NDK_SET_STATE, OID_NDK_STATISTICS, OID_PNP_SET_POWER,
};
use ndktest_host::{Session, Setup};
use ntsim::machine::{AdapterConfig, Machine};
use ntsim::ndis::State;

use super::bench::{Bench, DISABLE, ENABLE, faults_in_turn, first};
use crate::host::{Checks, requirements};

requirements! {
    "PNP-01" pnp_01, "the halt disables NDK first, and returns when the last adapter is closed";
    "PNP-02" pnp_02, "after the halt nothing of the miniport is left";
    "PNP-03" pnp_03, "after a surprise removal OIDs and sends are not accepted, and the halt comes";
    "PNP-04" pnp_04, "a surprise removal breaks connections, ends requests, refuses opens and disables NDK";
    "PNP-05" pnp_05, "after it creates, connects and listens fail, and clean-up works";
    "PNP-06" pnp_06, "a consumer cleans up in any order";
    "PNP-07" pnp_07, "low power disables NDK, and full power enables it if it was enabled";
    "PNP-08" pnp_08, "connections survive pause and restart";
    "PNP-09" pnp_09, "an address that goes away breaks its connections and accepts nothing";
    "PNP-10" pnp_10, "a failed initialisation leaves no open possible and nothing allocated";
    "PNP-11" pnp_11, "the driver unloads right after the last halt";
}

fn pnp_01(checks: &Checks) -> Result<()> {
    used_until_the_end(checks)?;
    let mut bench = Bench::one(checks)?;
    let id = bench.id(0)?;
    let mut open = bench.start("staged-hold", |request| request.rounds = 2)?;
    let watch = bench.machine().watch(id)?;
    std::thread::scope(|scope| {
        let machine = bench.machine_mut();
        let halting = scope.spawn(move || machine.remove_adapter(id));
        let raised = || !watch.ndk_events().is_empty();
        wait(checks, "the disable is raised", raised)?;
        let event = watch.ndk_events()[0];
        checks.equal((event.event, event.open_before), (DISABLE, 2), "a disable, with two adapters open")?;
        open.to_stage(2)?;
        std::thread::sleep(std::time::Duration::from_millis(50));
        checks.check(!halting.is_finished(), "the halt waits for the other one")?;
        checks.check(watch.state() != State::Halted, "the adapter is not halted")?;
        checks.outcome(&open.finish()?)?;
        halting.join().map_err(|_| anyhow::anyhow!("the removal"))??;
        checks.equal(watch.ndk_events()[0].open_after, Some(0), "the event has returned")?;
        checks.equal(watch.state(), State::Halted, "the adapter is halted")
    })?;
    // With nothing open no event is owed to anybody.
    let driver = bench.session().driver();
    let again = bench.machine_mut().add_adapter(driver, first())?;
    let watch = bench.machine().watch(again)?;
    bench.machine_mut().remove_adapter(again)?;
    checks.check(watch.ndk_events().is_empty(), "an adapter that nobody uses just ends")?;
    bench.end()
}

/// A consumer in the middle of its work finds its connections broken and its requests ended, and the halt waits for
/// its closes.
fn used_until_the_end(checks: &Checks) -> Result<()> {
    let mut bench = Bench::two(checks)?;
    let id = bench.id(0)?;
    let mut running = bench.start("staged-broken", |request| request.window = 1)?;
    let watch = bench.machine().watch(id)?;
    std::thread::scope(|scope| {
        let machine = bench.machine_mut();
        let halting = scope.spawn(move || machine.remove_adapter(id));
        running.to_stage(2)?;
        checks.check(!halting.is_finished(), "the halt waits for the consumer")?;
        checks.outcome(&running.finish()?)?;
        halting.join().map_err(|_| anyhow::anyhow!("the removal"))??;
        checks.equal(watch.state(), State::Halted, "the adapter is halted")
    })?;
    bench.end()
}

fn wait(checks: &Checks, what: &str, holds: impl Fn() -> bool) -> Result<()> {
    for _ in 0..15_000 {
        if holds() {
            return checks.check(true, what);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    checks.check(false, what)
}

fn pnp_02(checks: &Checks) -> Result<()> {
    // What the driver has without adapters.
    let setup = Setup::tests();
    let mut machine = Machine::new(setup.config.clone())?;
    let driver = machine.load(setup.images.join("softndk.sys"), &[])?;
    let bare = machine.holdings(driver)?;
    drop(machine.shutdown()?);
    // Two adapters live a full life, and leave no more than that.
    let mut bench = Bench::two(checks)?;
    let driver = bench.session().driver();
    bench.run("ping")?;
    bench.run("rdma")?;
    bench.run("connect")?;
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE])?;
    for id in [bench.id(0)?, bench.id(1)?] {
        bench.machine_mut().remove_adapter(id)?;
    }
    checks.equal(bench.machine().holdings(driver)?, bare, "what is left of the driver")?;
    bench.end()
}

/// An Ethernet frame to everybody.
fn frame(bench: &Bench<'_>, at: usize) -> Result<Vec<u8>> {
    let mut frame = vec![0xFF; 6];
    frame.extend(bench.query(at, OID_802_3_CURRENT_ADDRESS, 6)?.bytes);
    frame.extend([0x88, 0xB5]);
    frame.resize(60, 1);
    Ok(frame)
}

fn pnp_03(checks: &Checks) -> Result<()> {
    let mut bench = Bench::two(checks)?;
    let id = bench.id(0)?;
    let frame = frame(&bench, 0)?;
    let edge = bench.machine().edge(id)?;
    checks.equal(edge.send(&frame), 0, "a send before")?;
    bench.machine().announce_surprise_removal(id)?;
    for oid in [OID_GEN_STATISTICS, OID_NDK_STATISTICS, OID_802_3_CURRENT_ADDRESS] {
        checks.equal(bench.query(0, oid, 4096)?.status, NDIS_STATUS_NOT_ACCEPTED, "a query")?;
    }
    let direct = bench.machine().query_direct_oid(id, OID_NDK_STATISTICS, 4096)?;
    checks.equal(direct.status, NDIS_STATUS_NOT_ACCEPTED, "a direct query")?;
    for (oid, bytes) in [(OID_NDK_SET_STATE, &[1][..]), (OID_GEN_CURRENT_PACKET_FILTER, &[0; 4])] {
        checks.equal(bench.set(0, oid, bytes)?, NDIS_STATUS_NOT_ACCEPTED, "a set")?;
    }
    checks.equal(edge.send(&frame), NDIS_STATUS_NOT_ACCEPTED, "a send")?;
    checks.equal(edge.send_all(&[&frame, &frame]), vec![NDIS_STATUS_NOT_ACCEPTED; 2], "several sends")?;
    // The other adapter goes on; the halt comes when NDIS says so.
    checks.equal(bench.query(1, OID_GEN_STATISTICS, 152)?.status, 0, "the other adapter")?;
    let watch = bench.machine().watch(id)?;
    bench.machine_mut().remove_adapter(id)?;
    checks.equal(watch.state(), State::Halted, "halted")?;
    bench.end()
}

/// Both sides of a connection can be the one that goes; with one adapter both go.
fn sides() -> [(usize, u32, usize); 3] {
    // How many adapters, what the workload is told, which adapter goes.
    [(1, 0, 0), (2, 0, 0), (2, 1, 1)]
}

fn of_size(checks: &Checks, adapters: usize) -> Result<Bench<'_>> {
    if adapters == 1 { Bench::one(checks) } else { Bench::two(checks) }
}

fn pnp_04(checks: &Checks) -> Result<()> {
    for (adapters, side, at) in sides() {
        let bench = of_size(checks, adapters)?;
        let id = bench.id(at)?;
        let mut running = bench.start("staged-broken", |request| request.rounds = side)?;
        bench.machine().announce_surprise_removal(id)?;
        running.to_stage(2)?;
        bench.soon("the disable is raised", || Ok(!bench.events(at)?.is_empty()))?;
        let event = bench.events(at)?[0];
        checks.equal(event.event, DISABLE, "a disable")?;
        checks.check(event.open_before > 0, "while the consumer has the adapter open")?;
        checks.check(!event.inside_handler, "from a worker")?;
        checks.equal(bench.try_open(at)?, NDIS_STATUS_ADAPTER_NOT_READY, "the provider itself refuses opens")?;
        bench.finish(running)?;
        bench.raised(at, &[DISABLE])?;
        checks.equal(bench.try_open(at)?, NDIS_STATUS_ADAPTER_NOT_READY, "for good")?;
        if adapters == 2 {
            checks.equal(bench.events(1 - at)?.len(), 0, "the other adapter is not concerned")?;
            checks.equal(bench.try_open(1 - at)?, 0, "and can be opened")?;
        }
        bench.end()?;
    }
    Ok(())
}

fn pnp_05(checks: &Checks) -> Result<()> {
    for (adapters, side, at) in sides() {
        let bench = of_size(checks, adapters)?;
        let mut running = bench.start("staged-refused", |request| request.rounds = side)?;
        bench.machine().announce_surprise_removal(bench.id(at)?)?;
        running.to_stage(2)?;
        bench.finish(running)?;
        bench.end()?;
    }
    Ok(())
}

fn pnp_06(checks: &Checks) -> Result<()> {
    for (adapters, side, at) in sides() {
        for order in 0..6 {
            let mut bench = of_size(checks, adapters)?;
            let id = bench.id(at)?;
            let running = bench.start("staged-order", |request| (request.rounds, request.window) = (side, order))?;
            bench.machine().announce_surprise_removal(id)?;
            // The halt waits while the consumer cleans up.
            std::thread::scope(|scope| {
                let machine = bench.machine_mut();
                let halting = scope.spawn(move || machine.remove_adapter(id));
                let ended = running.finish();
                halting.join().map_err(|_| anyhow::anyhow!("the removal"))??;
                checks.outcome(&ended?)
            })?;
            bench.end()?;
        }
    }
    Ok(())
}

/// NdisDeviceStateD0 and D3.
const D0: [u8; 4] = 1_u32.to_le_bytes();
const D3: [u8; 4] = 4_u32.to_le_bytes();

fn pnp_07(checks: &Checks) -> Result<()> {
    let bench = Bench::one(checks)?;
    let open = bench.start("staged-hold", |_| {})?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &D3)?, 0, "low power")?;
    checks.equal(bench.try_open(0)?, NDIS_STATUS_ADAPTER_NOT_READY, "opens fail")?;
    bench.soon("the disable is raised", || Ok(bench.kinds(0)? == [DISABLE]))?;
    checks.equal(bench.events(0)?[0].open_after, None, "and waits for the open adapter")?;
    bench.finish(open)?;
    bench.raised(0, &[DISABLE])?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &D0)?, 0, "full power")?;
    bench.raised(0, &[DISABLE, ENABLE])?;
    bench.run("info")?;
    // What was disabled stays so.
    bench.set_state(0, false)?;
    bench.raised(0, &[DISABLE, ENABLE, DISABLE])?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &D3)?, 0, "low power")?;
    checks.equal(bench.set(0, OID_PNP_SET_POWER, &D0)?, 0, "full power")?;
    bench.never("no event for a state that was off", || Ok(bench.events(0)?.len() != 3))?;
    checks.equal(bench.try_open(0)?, NDIS_STATUS_ADAPTER_NOT_READY, "still disabled")?;
    bench.end()
}

fn pnp_08(checks: &Checks) -> Result<()> {
    let bench = Bench::two(checks)?;
    let mut running = bench.start("staged-carry", |request| request.rounds = 4)?;
    bench.machine().pause_adapter(bench.id(0)?)?;
    running.to_stage(2)?;
    bench.machine().pause_adapter(bench.id(1)?)?;
    running.to_stage(3)?;
    bench.run("objects")?;
    bench.machine().restart_adapter(bench.id(0)?)?;
    running.to_stage(4)?;
    bench.machine().restart_adapter(bench.id(1)?)?;
    running.to_stage(5)?;
    bench.finish(running)?;
    checks.equal(bench.events(0)?.len() + bench.events(1)?.len(), 0, "no event of NDK")?;
    bench.end()
}

fn pnp_09(checks: &Checks) -> Result<()> {
    for adapters in [1, 2] {
        let bench = of_size(checks, adapters)?;
        let mut running = bench.start("staged-address", |_| {})?;
        let gone = bench.machine().remove_address(bench.id(0)?, "192.168.77.1".parse()?)?;
        checks.check(gone, "the address is taken away")?;
        running.to_stage(2)?;
        bench.finish(running)?;
        bench.end()?;
    }
    Ok(())
}

fn pnp_10(checks: &Checks) -> Result<()> {
    let mut bench = Bench::one(checks)?;
    let driver = bench.session().driver();
    let config = AdapterConfig::new("late", 21).address("192.168.77.21/24");
    let before = bench.machine().holdings(driver)?;
    let mut failed = 0;
    faults_in_turn(|| {
        let added = bench.machine_mut().add_adapter(driver, config.clone());
        ntsim::verifier::faults::set_chooser(None);
        match added {
            Ok(id) => bench.machine_mut().remove_adapter(id)?,
            Err(_) => {
                failed += 1;
                let mut request = bench.session().request("info");
                request.adapters[0].interface = 21;
                let status = bench.session().run(&request, None)?.status;
                checks.check(status < 0, "no open is possible")?;
            }
        }
        checks.equal(bench.machine().holdings(driver)?, before.clone(), "nothing is left")
    })?;
    checks.check(failed > 10, "many calls can fail")?;
    bench.run("info")?;
    bench.end()
}

fn pnp_11(checks: &Checks) -> Result<()> {
    for workload in ["ping", "connect", "objects"] {
        let session = Session::boot(&Setup::tests())?;
        let outcome = session.run(&session.request(workload), None)?;
        checks.outcome(&outcome)?;
        let left = session.end()?;
        let driver = left.reports.last().context("the report of softndk.sys")?;
        checks.check(driver.driver == "softndk" && driver.is_clean(), &format!("{driver}"))?;
    }
    let mut bench = Bench::two(checks)?;
    bench.run("ping")?;
    for id in [bench.id(0)?, bench.id(1)?] {
        bench.machine_mut().surprise_remove_adapter(id)?;
    }
    bench.end()
}
