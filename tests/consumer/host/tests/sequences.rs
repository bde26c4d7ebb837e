//! Random sequences of NDK calls against `softndk.sys`, beside an oracle (`tests/consumer/sequence`); failures are made short.
//!
//! A machine that finds a broken rule ends its process, so the sequences run in a child, which answers line by line; a
//! child that dies has failed at the sequence it was given, and another one takes over.

use ndktest_api as api;
use ndktest_host::{Session, Setup};
use ndktest_sequence::{STEP_BYTES, decode};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const MARK: &str = "NDKTEST_SEQUENCES";
/// How long a completion may take, in milliseconds: one that is missing should not take long to make short.
const PATIENCE: u32 = 5_000;
/// Cases of an ordinary run; PROPTEST_CASES asks for more.
const CASES: u32 = 96;
/// What the sequences of the suite are made from.
const SEED: u64 = 2;

/// A child with a booted machine.
struct Machine {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Machine {
    fn start(test: &str) -> Self {
        let binary = std::env::current_exe().expect("a test has a binary");
        let mut child = Command::new(binary)
            .args([test, "--exact", "--nocapture"])
            .env(MARK, test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test's own binary can be started");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    /// What the child answers to a line; none if it is gone.
    fn ask(&mut self, line: &str) -> Option<String> {
        writeln!(self.input, "{line}").ok()?;
        (&mut self.output).lines().map_while(Result::ok).find_map(|line| line.strip_prefix("= ").map(str::to_owned))
    }

    /// What a child that is gone has said.
    fn report(mut self) -> String {
        drop(self.input);
        let errors = self.child.stderr.take().map(std::io::read_to_string);
        let status = self.child.wait();
        format!("the machine ended with {status:?}\n{}", errors.and_then(Result::ok).unwrap_or_default())
    }
}

/// The child's side: boots, runs what it reads, and looks at what is left behind in the end.
fn serve(setup: &Setup) {
    let session = Session::boot(setup).unwrap_or_else(|error| panic!("{error}"));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line == "end" {
            break;
        }
        let bytes: Vec<u8> =
            (0..line.len() / 2).filter_map(|at| u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()).collect();
        let request = api::Request { patience: PATIENCE, ..session.request("sequence") };
        let outcome = session.run_with(&request, &bytes).unwrap_or_else(|error| panic!("{error}"));
        let failure = &outcome.failure;
        match outcome.status {
            0 if outcome.checks == 0 => println!("= it checked nothing"),
            0 => println!("= passed"),
            _ => println!(
                "= {} ({}:{}, status {:#010x}, seen {:#x}, wanted {:#x})",
                failure.what, failure.file, failure.line, failure.status, failure.seen, failure.wanted
            ),
        }
    }
    session.end().unwrap_or_else(|error| panic!("{error}")).expect_clean();
    println!("= clean");
}

fn hex(steps: &[[u8; STEP_BYTES]]) -> String {
    steps.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
}

/// Both links, and everything registered with every right.
fn prologue() -> Vec<[u8; STEP_BYTES]> {
    let mut steps = vec![[0, 0, 0, 0], [0, 1, 0, 0]];
    for end in 0..2 {
        steps.extend((0..3).map(|memory| [4, end << 1 | memory << 2, 0, 0]));
        steps.extend((0..2).map(|memory| [22, end << 1 | memory << 2, 0, 0]));
    }
    steps
}

fn steps() -> impl Strategy<Value = Vec<[u8; STEP_BYTES]>> {
    let free = proptest::collection::vec(any::<[u8; STEP_BYTES]>(), 1..80);
    (any::<bool>(), free).prop_map(|(bare, steps)| {
        // Most sequences begin with something to work on.
        if bare && steps.len() % 4 == 0 { steps } else { [prologue(), steps].concat() }
    })
}

fn explore(test: &str, setup: &Setup) {
    if std::env::var_os(MARK).is_some() {
        serve(setup);
        return;
    }
    let machine = RefCell::new(None::<Machine>);
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    // The suite plays the same sequences each time, for its answer must not be luck; who asks for a number of cases
    // gets new ones.
    let rng_seed = if cases == CASES { RngSeed::Fixed(SEED) } else { RngSeed::Random };
    let config = Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let mut running = machine.take().unwrap_or_else(|| Machine::start(test));
        match running.ask(&hex(&steps)) {
            Some(answer) if answer == "passed" => {
                machine.replace(Some(running));
                Ok(())
            }
            Some(answer) => {
                machine.replace(Some(running));
                Err(TestCaseError::fail(answer))
            }
            None => Err(TestCaseError::fail(running.report())),
        }
    });
    if let Err(error) = outcome {
        if let proptest::test_runner::TestError::Fail(reason, steps) = &error {
            let spelled: Vec<String> = steps.iter().map(|step| format!("{step:?}: {:?}", decode(*step))).collect();
            panic!("{reason}\n{}\n{}", hex(steps), spelled.join("\n"));
        }
        panic!("{error}");
    }
    if let Some(mut running) = machine.take() {
        assert_eq!(running.ask("end").as_deref(), Some("clean"), "{}", running.report());
    }
}

#[test]
fn sequences_on_one_adapter() {
    let mut setup = Setup::tests();
    setup.adapters.truncate(1);
    explore("sequences_on_one_adapter", &setup);
}

#[test]
fn sequences_across_two_adapters() {
    explore("sequences_across_two_adapters", &Setup::tests());
}
