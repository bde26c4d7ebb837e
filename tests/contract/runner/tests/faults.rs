//! A slice of the contract while the provider's allocations fail; `cargo xtask test --thorough` does all of it.

use std::process::Command;

/// Runs the tests of a section to their fixpoint; gives the sum.
fn section(object: &str) -> String {
    let runner = Command::new(env!("CARGO_BIN_EXE_softndk-runner")).args(["--faults", "--object", object]).output();
    let output = runner.expect("the runner starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    said.lines().find(|line| line.starts_with("faults: ")).expect("a sum").to_owned()
}

#[test]
fn tests_of_reads_survive_every_failure() {
    let sum = section("RD");
    println!("{sum}");
    let number = |word: usize| sum.split_whitespace().nth(word).and_then(|text| text.parse::<usize>().ok());
    // "faults: N unique stacks failed, M survived"
    let (failed, survived) = (number(1).expect("a count"), number(5).expect("a count"));
    assert!(failed >= 10, "{sum}");
    assert_eq!(failed, survived, "{sum}");
}
