//! Every routine that can fail does fail, once for each call stack of the drivers: while they load, while
//! adapters come and go, and in every workload of the consumer.

use ndktest_host::faults::{Trouble, to_fixpoint, workload};
use ndktest_host::{Session, Setup, child, two_adapters};
use ntsim::machine::Machine;
use ntsim::verifier::faults::{Injection, Plan};
use std::path::PathBuf;
use std::time::Duration;

/// A round that lasts longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

fn image(name: &str) -> PathBuf {
    Setup::tests().images.join(name).with_extension("sys")
}

/// Runs the body in a child, passes on its sum, and wants at least so many stacks.
fn survives(name: &str, least: usize, body: impl FnOnce() -> Injection) {
    let output = child::run(name, || {
        let report = body().report();
        println!("{report}");
        assert_eq!(report.failed, report.survived);
        assert!(report.failed >= least, "only {} stacks", report.failed);
    });
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}{errors}", output.status);
    let sum = said.lines().find(|line| line.starts_with("faults: ")).unwrap_or("no sum");
    println!("{name}: {sum}");
}

/// Adapters, removed and unloaded; what is left behind is a failure, whatever happened before.
fn adapters_come_and_go() -> Result<(), Trouble> {
    let mut machine = Machine::new(Setup::tests().config)?;
    let result = start(&mut machine);
    for report in machine.shutdown()? {
        if !report.is_clean() {
            return Err(Trouble { status: None, text: report.to_string() });
        }
    }
    result
}

fn start(machine: &mut Machine) -> Result<(), Trouble> {
    let nic = machine.load(image("softndk"), &[])?;
    for adapter in two_adapters() {
        let adapter = machine.add_adapter(nic, adapter)?;
        machine.pause_adapter(adapter)?;
        machine.restart_adapter(adapter)?;
    }
    Ok(())
}

#[test]
fn loading_and_adapters_survive_every_failure() {
    survives("loading_and_adapters_survive_every_failure", 20, || {
        let injection = Injection::arm(Plan::fixpoint().limit(LIMIT));
        to_fixpoint(&injection, adapters_come_and_go).unwrap_or_else(|why| panic!("{why}"));
        injection
    });
}

#[test]
fn the_consumer_loads_and_unloads_with_every_failure() {
    survives("the_consumer_loads_and_unloads_with_every_failure", 5, || {
        let injection = Injection::arm(Plan::fixpoint().driver("ndktest").limit(LIMIT));
        let session = || -> Result<(), Trouble> {
            let session = Session::boot(&Setup::tests())?;
            session.end()?.expect_clean();
            Ok(())
        };
        to_fixpoint(&injection, session).unwrap_or_else(|why| panic!("{why}"));
        injection
    });
}

/// Each workload to its fixpoint on one machine, which then has to be clean.
fn workloads(plan: Plan, names: &[&str]) -> Injection {
    let session = Session::boot(&Setup::tests()).unwrap_or_else(|error| panic!("{error}"));
    let file = std::env::temp_dir().join(format!("ndktest-faults-{}", std::process::id()));
    std::fs::write(&file, vec![7; 40_000]).unwrap();
    let injection = Injection::arm(plan.limit(LIMIT));
    for name in names {
        let mut request = session.request(name);
        request.piece = 4096;
        request.rounds = 2;
        let source = (*name == "transfer").then_some(file.as_path());
        let result = to_fixpoint(&injection, || workload(&session, &request, source));
        result.unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
    std::fs::remove_file(&file).unwrap();
    injection
}

const NAMES: [&str; 6] = ["info", "objects", "connect", "ping", "rdma", "transfer"];

#[test]
fn workloads_survive_every_failure_of_the_provider() {
    survives("workloads_survive_every_failure_of_the_provider", 12, || {
        workloads(Plan::fixpoint().driver("softndk"), &NAMES)
    });
}

#[test]
fn workloads_survive_every_failure_of_the_consumer() {
    survives("workloads_survive_every_failure_of_the_consumer", 50, || {
        workloads(Plan::fixpoint().driver("ndktest"), &NAMES)
    });
}
