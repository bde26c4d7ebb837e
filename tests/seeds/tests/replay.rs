//! A seed is a course: equal seeds give equal logs, in any process.

use softndk_sweep::child::{self, Job, Verdict};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_softndk-sweep");

fn run(workload: &str, seed: u64, strategy: &str) -> Verdict {
    let strategy = strategy.parse().unwrap();
    child::spawn(Path::new(PROGRAM), &Job { workload: workload.to_owned(), seed, strategy, images: None }).unwrap()
}

#[test]
fn a_seed_replays_and_another_one_differs() {
    for strategy in ["random", "pct:3"] {
        let first = run("connect", 7, strategy);
        assert_eq!(first.failure, None);
        assert_ne!(first.decisions, []);
        assert_eq!(run("connect", 7, strategy), first, "{strategy}");
        assert_ne!(run("connect", 8, strategy).hash, first.hash, "{strategy}");
    }
}

#[test]
fn the_log_is_the_same_byte_for_byte() {
    let log = || {
        let output = Command::new(PROGRAM).args(["one", "objects", "3", "random", "--log"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let first = log();
    assert!(first.lines().count() > 1000, "{} lines", first.lines().count());
    assert_eq!(first, log());
}

#[test]
fn the_choices_of_a_run_can_be_replayed_without_its_seed() {
    let drawn = run("objects", 5, "random");
    let list: Vec<String> = drawn.decisions.iter().map(|decision| decision.chosen.to_string()).collect();
    let again = run("objects", 5, &format!("replay:{}", list.join(".")));
    assert_eq!((again.hash, again.failure), (drawn.hash, None));
}
