//! Each workload of the consumer, over each wire, in a machine of its own.

use std::process::Command;

fn passes(wire: &str, workload: &str) {
    let run = Command::new(env!("CARGO_BIN_EXE_softndk-runner")).args(["workloads", wire, workload]).output();
    let run = run.expect("the runner starts");
    assert!(
        run.status.success(),
        "{workload} over {wire}: {}\n{}\n{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

macro_rules! workloads {
    ($($name:ident),*) => { $(
        mod $name {
            #[test]
            fn over_one_adapter() {
                super::passes("same", stringify!($name));
            }

            #[test]
            fn over_two_adapters() {
                super::passes("two", stringify!($name));
            }
        }
    )* };
}

workloads!(info, objects, connect, ping, rdma);

/// Every test of the contract that is written, over every wire.
#[test]
fn the_contract_holds() {
    let run = Command::new(env!("CARGO_BIN_EXE_softndk-runner")).arg("conformance").output();
    let run = run.expect("the runner starts");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
}
