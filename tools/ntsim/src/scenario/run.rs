//! Plays a scenario on a machine.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Action, Driver, Ioctl, Scenario, Step, hex};
use crate::machine::{AdapterId, Config, DriverId, File, Machine, MachineError, NtStatus, UnloadReport};
use crate::sched::{self, Ticket};
use crate::verifier::faults::{Injection, Mode, Plan, Report};

/// How a scenario ended.
#[derive(Debug)]
pub enum Ending {
    /// All expectations held, and every driver left nothing behind.
    Passed(Summary),
    /// An expectation did not hold.
    Failed {
        /// The line of the step, where there is one.
        line: Option<usize>,
        /// What was expected and what came.
        why: String,
        /// The status that came.
        status: Option<NtStatus>,
    },
    /// The machine could not be set up as the scenario says.
    Unusable {
        /// The line of the step, where there is one.
        line: Option<usize>,
        /// Why.
        why: String,
        /// The status that a driver failed with.
        status: Option<NtStatus>,
    },
    /// Expectations held, but a driver left something behind.
    Leaked(Vec<UnloadReport>),
}

/// What a scenario did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Steps performed.
    pub steps: usize,
    /// Device control requests sent.
    pub requests: usize,
    /// Of a seeded machine: its events, and their hash.
    pub log: Option<(u64, u64)>,
    /// What the fault injector failed, if it was asked to.
    pub faults: Option<Report>,
}

/// What the run tells while it goes on.
pub type Listener = Box<dyn Fn(&str) + Send>;

/// Boots a machine, plays the steps, shuts down. Gives up when the scenario's time is over: the
/// machine is then left as it is, and the process should end.
///
/// With faults the limit is for each round, and a round that does not keep it ends the process.
pub fn run(scenario: Scenario, tell: Listener) -> Ending {
    if let Some(plan) = &scenario.faults {
        let plan = plan.clone().limit(scenario.time_limit);
        return run_with_faults(&scenario, plan, &tell);
    }
    let limit = scenario.time_limit;
    let (sender, receiver) = mpsc::channel();
    let player = thread::Builder::new().name("scenario".to_owned()).spawn(move || {
        // The receiver is gone only if the time is over.
        let _ = sender.send(Player::play(&scenario, &tell));
    });
    if let Err(error) = player {
        return Ending::Unusable { line: None, why: format!("the host gives no thread: {error}"), status: None };
    }
    receiver.recv_timeout(limit).unwrap_or_else(|_| Ending::Failed {
        line: None,
        why: format!("it did not end within its time limit of {} ms", limit.as_millis()),
        status: None,
    })
}

/// Plays rounds until one shows no new stack; other modes than a fixpoint have one round.
fn run_with_faults(scenario: &Scenario, plan: Plan, tell: &Listener) -> Ending {
    let fixpoint = plan.mode == Mode::Fixpoint;
    let injection = Injection::arm(plan);
    loop {
        let (ending, failed) = injection.round(|| Player::play(scenario, tell));
        for line in injection.last_round() {
            tell(&line.to_string());
        }
        let mut summary = match judged(ending, &injection) {
            Ok(summary) => summary,
            Err(ending) => return ending,
        };
        injection.survived();
        if failed == 0 || !fixpoint {
            summary.faults = Some(injection.report());
            return Ending::Passed(summary);
        }
    }
}

/// A round with a fault may end early, with a status that tells of it; then nothing is left behind either.
fn judged(ending: Ending, injection: &Injection) -> Result<Summary, Ending> {
    let after = |why: String| match injection.last_round() {
        faults if faults.is_empty() => why,
        faults => {
            let faults: Vec<String> = faults.iter().map(|fault| format!("{fault:#}")).collect();
            format!("{why}\nafter the fault injector had done this:\n{}", faults.join("\n"))
        }
    };
    match ending {
        Ending::Passed(summary) => Ok(summary),
        Ending::Failed { status: Some(status), .. } | Ending::Unusable { status: Some(status), .. }
            if injection.excuses(status) =>
        {
            Ok(Summary::default())
        }
        Ending::Failed { line, why, status } => Err(Ending::Failed { line, why: after(why), status }),
        Ending::Unusable { line, why, status } => Err(Ending::Unusable { line, why: after(why), status }),
        Ending::Leaked(reports) => Err(Ending::Leaked(reports)),
    }
}

struct Player<'a> {
    scenario: &'a Scenario,
    tell: &'a Listener,
    machine: Machine,
    drivers: HashMap<&'a str, DriverId>,
    adapters: HashMap<&'a str, AdapterId>,
    summary: Summary,
    reports: Vec<UnloadReport>,
}

/// A step that did not go as it should.
enum Trouble {
    Expectation(String),
    Status(NtStatus, String),
    Machine(MachineError),
}

impl From<MachineError> for Trouble {
    fn from(error: MachineError) -> Self {
        Trouble::Machine(error)
    }
}

impl Trouble {
    fn status(&self) -> Option<NtStatus> {
        match self {
            Trouble::Expectation(_) => None,
            Trouble::Status(status, _) => Some(*status),
            Trouble::Machine(error) => error.status(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Expectation(why) | Trouble::Status(_, why) => f.write_str(why),
            Trouble::Machine(error) => error.fmt(f),
        }
    }
}

impl<'a> Player<'a> {
    fn play(scenario: &'a Scenario, tell: &'a Listener) -> Ending {
        let (processors, schedule) = (scenario.processors, scenario.schedule.clone());
        let config = Config { processors, schedule, ..Config::default() };
        let machine = match Machine::new(config) {
            Ok(machine) => machine,
            Err(error) => {
                return Ending::Unusable { line: None, why: error.to_string(), status: None };
            }
        };
        let mut player = Player {
            scenario,
            tell,
            machine,
            drivers: HashMap::new(),
            adapters: HashMap::new(),
            summary: Summary::default(),
            reports: Vec::new(),
        };
        if let Err(error) = player.set_up() {
            let (why, status) = (error.to_string(), error.status());
            return player.end_early(Ending::Unusable { line: None, why, status });
        }
        for step in &scenario.steps {
            if let Err(trouble) = player.step(step) {
                let (line, why, status) = (Some(step.line), trouble.to_string(), trouble.status());
                return player.end_early(match trouble {
                    Trouble::Machine(MachineError::Load(_)) => Ending::Unusable { line, why, status },
                    _ => Ending::Failed { line, why, status },
                });
            }
            player.summary.steps += 1;
        }
        player.shut_down()
    }

    fn set_up(&mut self) -> Result<(), MachineError> {
        for driver in self.scenario.drivers.iter().filter(|driver| !driver.manual) {
            self.load(driver)?;
        }
        for adapter in self.scenario.adapters.iter().filter(|adapter| !adapter.manual) {
            self.add(&adapter.config.name)?;
        }
        Ok(())
    }

    /// After trouble. With faults the drivers have to be as clean as after success.
    fn end_early(self, ending: Ending) -> Ending {
        if self.scenario.faults.is_none() {
            return ending;
        }
        match self.shut_down() {
            Ending::Passed(_) => ending,
            worse => worse,
        }
    }

    fn shut_down(mut self) -> Ending {
        let mut summary = self.summary;
        let course = self.machine.course();
        match self.machine.shutdown() {
            Ok(reports) => {
                for report in reports {
                    (self.tell)(&report.to_string());
                    self.reports.push(report);
                }
            }
            Err(error) => {
                return Ending::Failed { line: None, why: error.to_string(), status: None };
            }
        }
        summary.log = course.map(|course| (course.events(), course.hash()));
        self.reports.retain(|report| !report.is_clean());
        if self.reports.is_empty() { Ending::Passed(summary) } else { Ending::Leaked(self.reports) }
    }

    fn step(&mut self, step: &'a Step) -> Result<(), Trouble> {
        match &step.action {
            Action::Ioctl(ioctl) => self.ioctl(step.line, ioctl)?,
            Action::Load(name) => {
                let found = self.scenario.drivers.iter().find(|driver| driver.name == *name);
                self.load(found.expect("the name was checked when the scenario was read"))?;
            }
            Action::Unload(name) => {
                let id = self.drivers.remove(name.as_str()).ok_or(MachineError::NoSuchDriver)?;
                let report = self.machine.unload(id)?;
                (self.tell)(&report.to_string());
                self.reports.push(report);
            }
            Action::Add(name) => self.add(name)?,
            Action::Remove(name) => {
                let id = self.take_adapter(name)?;
                self.machine.remove_adapter(id)?;
            }
            Action::SurpriseRemove(name) => {
                let id = self.take_adapter(name)?;
                self.machine.surprise_remove_adapter(id)?;
            }
            Action::Sleep(time) => sched::sleep(*time),
        }
        Ok(())
    }

    fn load(&mut self, driver: &'a Driver) -> Result<(), MachineError> {
        let values: Vec<_> = driver.registry.iter().map(|(path, value)| (path.as_str(), value.clone())).collect();
        let id = self.machine.load_as(&driver.name, &driver.path, &values)?;
        self.drivers.insert(&driver.name, id);
        (self.tell)(&format!("{}: loaded", driver.name));
        Ok(())
    }

    fn add(&mut self, name: &str) -> Result<(), MachineError> {
        let found = self.scenario.adapters.iter().find(|adapter| adapter.config.name == name);
        let adapter = found.expect("the name was checked when the scenario was read");
        let driver = self.drivers.get(adapter.driver.as_str()).ok_or(MachineError::NoSuchDriver)?;
        let id = self.machine.add_adapter(*driver, adapter.config.clone())?;
        self.adapters.insert(&adapter.config.name, id);
        (self.tell)(&format!("{name}: running on {}", adapter.driver));
        Ok(())
    }

    fn take_adapter(&mut self, name: &str) -> Result<AdapterId, MachineError> {
        self.adapters.remove(name).ok_or(MachineError::NoSuchAdapter)
    }

    fn ioctl(&mut self, line: usize, ioctl: &Ioctl) -> Result<(), Trouble> {
        let file = self.machine.open(&ioctl.device)?;
        let started = sched::now();
        let output = thread::scope(|scope| {
            let mut workers = Vec::new();
            let mut last = Ok(Vec::new());
            for number in 1..=ioctl.threads {
                let name = format!("request of line {line}, thread {number}");
                let ticket = Ticket::new(&name);
                let file = &file;
                let work = move || ticket.run(|| repeat(file, ioctl));
                match thread::Builder::new().name(name).spawn_scoped(scope, work) {
                    Ok(worker) => workers.push((ticket, worker)),
                    Err(error) => {
                        ticket.give_up();
                        last = Err(Trouble::Expectation(format!("the host gives no thread: {error}")));
                    }
                }
            }
            for (ticket, worker) in workers {
                ticket.wait();
                let result = worker.join().expect("a request does not panic");
                last = last.and(result);
            }
            last
        })?;
        self.summary.requests += ioctl.threads * ioctl.repeat;
        if let Some(path) = &ioctl.save {
            std::fs::write(path, &output).map_err(|error| {
                let what = format!("the output cannot be written to {}: {error}", path.display());
                Trouble::Expectation(what)
            })?;
        }
        let times = match ioctl.threads * ioctl.repeat {
            1 => String::new(),
            times => format!(" {times} times"),
        };
        (self.tell)(&format!(
            "line {line}: {} 0x{:08X}{times}: {} in {}{}",
            ioctl.device,
            ioctl.code,
            ioctl.expect_status,
            milliseconds(sched::now() - started),
            shown(&output)
        ));
        Ok(())
    }
}

/// Sends the request as often as it says; gives the last output.
fn repeat(file: &File, ioctl: &Ioctl) -> Result<Vec<u8>, Trouble> {
    let mut last = Vec::new();
    for _ in 0..ioctl.repeat {
        let answer = match ioctl.time_limit {
            Some(limit) => file.ioctl_within(limit, ioctl.code, &ioctl.input, ioctl.output_length),
            None => file.ioctl(ioctl.code, &ioctl.input, ioctl.output_length),
        };
        let (status, output) = answer?;
        check(ioctl, status, &output).map_err(|why| Trouble::Status(status, why))?;
        last = output;
    }
    Ok(last)
}

fn check(ioctl: &Ioctl, status: NtStatus, output: &[u8]) -> Result<(), String> {
    if status != ioctl.expect_status {
        let cancelled = match ioctl.time_limit {
            Some(limit) if status == NtStatus::CANCELLED => {
                format!(" (it was cancelled after {} ms)", limit.as_millis())
            }
            _ => String::new(),
        };
        let expected = ioctl.expect_status;
        return Err(format!("the request ended with {status}{cancelled}, expected {expected}"));
    }
    match &ioctl.expect_output {
        Some(pattern) => {
            pattern.check(output).map_err(|mismatch| format!("{mismatch}; the output is {}", shown_whole(output)))
        }
        None => Ok(()),
    }
}

/// An output for the log: short ones whole, long ones by their start.
fn shown(output: &[u8]) -> String {
    match output.len() {
        0 => String::new(),
        1..=32 => format!(", output {}", one_line(output)),
        length => format!(", {length} bytes of output {} ..", one_line(&output[..32])),
    }
}

fn shown_whole(output: &[u8]) -> String {
    if output.is_empty() { "empty".to_owned() } else { one_line(&output[..output.len().min(256)]) }
}

fn one_line(bytes: &[u8]) -> String {
    hex::dump(bytes).replace('\n', " ")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
