//! Seeded scheduling by itself, without drivers: turns, time, deadlock. A process has one schedule, so
//! each case runs in a child.

use ntsim::machine::{Config, Machine, Strategy};
use ntsim::sched::{self, Parker};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CASE: &str = "NTSIM_SEEDED_CASE";

/// In the child runs `f`; else runs this very test in a child that is told to, and gives what it said.
fn in_child(test: &str, f: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(CASE).is_some() {
        f();
        return None;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", test, "--nocapture"]).env(CASE, "1").output().unwrap();
    Some(output)
}

fn machine(seed: u64) -> Machine {
    Machine::new(Config::seeded(seed, Strategy::Random)).unwrap()
}

#[test]
fn time_passes_only_when_nobody_can_run() {
    let output = in_child("time_passes_only_when_nobody_can_run", || {
        let machine = machine(1);
        let (host, virtual_time) = (Instant::now(), sched::now());
        let other = Machine::spawn("other", move || {
            // The creator may sleep its hour first, or not have come to that: no time has passed for either.
            assert!(sched::now() - virtual_time < Duration::from_secs(1), "somebody could run");
            sched::sleep(Duration::from_secs(7200));
        });
        sched::sleep(Duration::from_secs(3600));
        let about = |hours: u64| {
            let passed = sched::now() - virtual_time;
            passed >= Duration::from_secs(3600 * hours) && passed < Duration::from_secs(3600 * hours + 1)
        };
        assert!(about(1));
        other.unwrap().join();
        assert!(about(2));
        assert!(host.elapsed() < Duration::from_secs(60));
        drop(machine);
    });
    assert!(output.is_none_or(|output| output.status.success()));
}

#[test]
fn threads_take_turns_as_the_seed_says() {
    let output = in_child("threads_take_turns_as_the_seed_says", || {
        let machine = machine(std::env::var("NTSIM_SEEDED_SEED").map_or(1, |seed| seed.parse().unwrap()));
        let turns = Arc::new(Mutex::new(String::new()));
        let workers: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|name| {
                let turns = Arc::clone(&turns);
                let work = move || {
                    for _ in 0..10 {
                        turns.lock().unwrap().push_str(name);
                        // For no time at all, but others may go first.
                        sched::sleep(Duration::ZERO);
                    }
                };
                Machine::spawn(name, work).unwrap()
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join());
        println!("turns {} log {:#x}", turns.lock().unwrap(), machine.course().unwrap().hash());
    });
    if output.is_none() {
        return;
    }
    let turns = |seed: &str| {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program);
        child.args(["--exact", "threads_take_turns_as_the_seed_says", "--nocapture"]);
        let output = child.env(CASE, "1").env("NTSIM_SEEDED_SEED", seed).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let at = text.find("turns ").unwrap_or_else(|| panic!("{text}"));
        text[at..].lines().next().unwrap().to_owned()
    };
    assert_eq!(turns("3"), turns("3"));
    assert_ne!(turns("3"), turns("4"));
}

#[test]
fn a_deadlock_is_reported_with_those_who_wait() {
    let output = in_child("a_deadlock_is_reported_with_those_who_wait", || {
        let _machine = machine(1);
        let _other = Machine::spawn("waits for nothing", || Parker::new().park(None));
        Parker::new().park(None);
    });
    let Some(output) = output else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for word in ["SCHEDULE_DEADLOCK", "t1 waits for nothing waits", "seed 1, strategy random"] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
}
