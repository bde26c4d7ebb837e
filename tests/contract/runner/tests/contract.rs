//! Every test of the contract that is written, over every wire.
#![forbid(unsafe_code)]

use std::process::Command;

#[test]
fn the_contract_holds() {
    let run = Command::new(env!("CARGO_BIN_EXE_softndk-runner")).output();
    let run = run.expect("the runner starts");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(report.ends_with(" passed, 0 failed\n"), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
}
