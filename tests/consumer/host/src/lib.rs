//! A machine with softndk adapters and the consumer: boots `softndk.sys` and `ndktest.sys` in ntsim, runs
//! workloads, and tells what was left behind.
//!
//! ```no_run
//! use ndktest_host::{Session, Setup};
//!
//! # fn main() -> Result<(), ndktest_host::Error> {
//! let session = Session::boot(&Setup::tests())?;
//! let outcome = session.run(&session.request("ping"), None)?;
//! assert_eq!(outcome.status, 0, "{:?}", outcome.failure);
//! session.end()?.expect_clean();
//! # Ok(())
//! # }
//! ```
//!
//! A driver that breaks a rule ends the *process* with exit code 3; [`child`] helps tests that share one.
#![forbid(unsafe_code)]

use ndktest_api as api;
use ntsim::machine::{
    AdapterConfig, AdapterId, Config, Course, DriverId, Machine, MachineError, NtStatus, UnloadReport, Worker,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod child;
mod consumer;
pub mod faults;
mod running;

pub use consumer::Consumer;
pub use running::Running;

/// What can go wrong outside the workload itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine did not come up, or a driver could not be loaded.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// An image is not there.
    #[error("{} is missing: build it with `{command}`", path.display())]
    NoImage {
        /// Where it was looked for.
        path: PathBuf,
        /// What builds it.
        command: String,
    },
    /// The consumer refused a request.
    #[error("ndktest.sys answered {status} to {what}")]
    Refused {
        /// The request.
        what: &'static str,
        /// Its status.
        status: NtStatus,
    },
    /// The adapters do not come to know their addresses.
    #[error("the adapters do not settle: {} (0x{:08X})", .0.what, .0.status)]
    Unsettled(Box<api::Failure>),
    /// The consumer's answer has another shape than this program knows.
    #[error("ndktest.sys answered {what} with {length} bytes")]
    Answer {
        /// The request.
        what: &'static str,
        /// Bytes of the answer.
        length: usize,
    },
    /// A run ended while it was expected to arrive at a stage.
    #[error("{workload} ended before stage {stage}: {} (0x{:08X})", .failure.what, .failure.status)]
    Ended {
        /// The workload.
        workload: String,
        /// The stage.
        stage: u64,
        /// Why it ended.
        failure: Box<api::Failure>,
    },
    /// A run does not arrive at a stage, or does not end.
    #[error("{workload} does not come to {what}")]
    Stuck {
        /// The workload.
        workload: String,
        /// What was waited for.
        what: String,
    },
}

/// A machine to boot.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Folder with `softndk.sys` and `ndktest.sys`.
    pub images: PathBuf,
    /// Checks and processors.
    pub config: Config,
    /// Adapters, with addresses; at most two of them take part in a workload.
    pub adapters: Vec<AdapterConfig>,
}

impl Setup {
    /// Two adapters with both kinds of addresses, all checks, images from `NTSIM_SYS_DIR` or the debug build.
    pub fn tests() -> Self {
        let images = std::env::var_os("NTSIM_SYS_DIR").map_or_else(default_images, PathBuf::from);
        Self { images, config: Config::default(), adapters: two_adapters() }
    }

    /// The same without the checks that cost speed.
    pub fn fast(images: PathBuf) -> Self {
        Self { images, config: Config::fast(), adapters: two_adapters() }
    }
}

/// Two adapters on one virtual network.
pub fn two_adapters() -> Vec<AdapterConfig> {
    let adapter = |number: u32| {
        AdapterConfig::new(&format!("softndk {number}"), 10 + number)
            .address(&format!("192.168.77.{number}/24"))
            .address(&format!("fd77::{number}/64"))
            .keyword("*NetworkDirect", "1")
    };
    vec![adapter(1), adapter(2)]
}

// The build leaves images below the target folder; tests run from the folder of their package.
fn default_images() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap_or(Path::new("."));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("sys/debug")
}

/// A booted machine with the consumer's device open.
pub struct Session {
    // Before the machine: the driver cannot be unloaded with its device open.
    consumer: Arc<Consumer>,
    machine: Machine,
    driver: DriverId,
    adapters: Vec<AdapterId>,
}

/// What was left behind when everything was unloaded.
#[derive(Debug)]
pub struct Left {
    /// One report for each driver.
    pub reports: Vec<UnloadReport>,
}

impl Left {
    /// Number of things that were left.
    pub fn count(&self) -> usize {
        self.reports.iter().map(|report| report.leaks.len()).sum()
    }

    /// For tests.
    ///
    /// # Panics
    /// If anything was left behind.
    pub fn expect_clean(&self) {
        for report in &self.reports {
            assert!(report.is_clean(), "{report}");
        }
    }
}

impl Session {
    /// Boots the machine, loads both drivers, starts the adapters, opens the consumer's device, and waits until
    /// the adapters know their addresses.
    ///
    /// # Errors
    /// [`Error::NoImage`] names the command that builds a missing image.
    pub fn boot(setup: &Setup) -> Result<Self, Error> {
        let session = Self::boot_unsettled(setup)?;
        session.settle()?;
        Ok(session)
    }

    /// As [`Session::boot`] for a seeded machine: threads of the boot run until they wait, and nothing is
    /// explored before [`Course::explore`].
    ///
    /// # Errors
    /// As for [`Session::boot`].
    pub fn boot_steadily(setup: &Setup) -> Result<Self, Error> {
        let session = Self::boot_as(setup, false)?;
        session.settle()?;
        Ok(session)
    }

    /// As [`Session::boot`], for adapters that cannot be opened.
    ///
    /// # Errors
    /// As for [`Session::boot`].
    pub fn boot_unsettled(setup: &Setup) -> Result<Self, Error> {
        Self::boot_as(setup, true)
    }

    fn boot_as(setup: &Setup, explore: bool) -> Result<Self, Error> {
        let nic = image(&setup.images, "softndk")?;
        let consumer = image(&setup.images, "ndktest")?;
        let mut machine = Machine::new(setup.config.clone())?;
        if let Some(course) = machine.course() {
            course.explore(explore);
        }
        let driver = machine.load(nic, &[])?;
        let mut targets = Vec::new();
        let mut adapters = Vec::new();
        for adapter in &setup.adapters {
            targets.push(target(adapter));
            adapters.push(machine.add_adapter(driver, adapter.clone())?);
        }
        machine.load(consumer, &[])?;
        let consumer = Arc::new(Consumer::open(&machine, targets)?);
        Ok(Self { consumer, machine, driver, adapters })
    }

    /// Waits until the adapters know their addresses: the driver hears of them a moment after it has started.
    ///
    /// # Errors
    /// [`Error::Unsettled`].
    pub fn settle(&self) -> Result<(), Error> {
        let outcome = self.run(&self.request("settle"), None)?;
        if outcome.status == 0 { Ok(()) } else { Err(Error::Unsettled(Box::new(outcome.failure))) }
    }

    /// See [`Consumer::request`].
    pub fn request(&self, workload: &str) -> api::Request {
        self.consumer.request(workload)
    }

    /// See [`Consumer::workloads`].
    ///
    /// # Errors
    /// As there.
    pub fn workloads(&self) -> Result<Vec<api::Entry>, Error> {
        self.consumer.workloads()
    }

    /// See [`Consumer::run`].
    ///
    /// # Errors
    /// As there.
    pub fn run(&self, request: &api::Request, file: Option<&Path>) -> Result<api::Outcome, Error> {
        self.consumer.run(request, file)
    }

    /// See [`Consumer::run_with`].
    ///
    /// # Errors
    /// As there.
    pub fn run_with(&self, request: &api::Request, behind: &[u8]) -> Result<api::Outcome, Error> {
        self.consumer.run_with(request, behind)
    }

    /// Runs a workload on another thread.
    pub fn start(&self, request: &api::Request) -> Running {
        Running::start(Arc::clone(&self.consumer), request)
    }

    /// Runs a workload on another thread, which takes part in a seeded machine.
    ///
    /// # Errors
    /// The host has no more threads.
    pub fn beside(&self, request: &api::Request) -> std::io::Result<Worker<Result<api::Outcome, Error>>> {
        let (consumer, request) = (Arc::clone(&self.consumer), *request);
        Machine::spawn("consumer", move || consumer.run(&request, None))
    }

    /// See [`Consumer::progress`].
    ///
    /// # Errors
    /// As there.
    pub fn progress(&self, id: u64) -> Result<Option<api::Progress>, Error> {
        self.consumer.progress(id)
    }

    /// See [`Consumer::cancel`].
    ///
    /// # Errors
    /// As there.
    pub fn cancel(&self, id: u64) -> Result<bool, Error> {
        self.consumer.cancel(id)
    }

    /// The course of a seeded machine.
    pub fn course(&self) -> Option<Course> {
        self.machine.course()
    }

    /// The machine, for tests that do more with it.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The machine, for what needs no exclusive access.
    pub fn view(&self) -> &Machine {
        &self.machine
    }

    /// The adapters, in the order of the set-up.
    pub fn adapters(&self) -> &[AdapterId] {
        &self.adapters
    }

    /// softndk.sys.
    pub fn driver(&self) -> DriverId {
        self.driver
    }

    /// Closes the device, removes the adapters, unloads the drivers.
    ///
    /// # Errors
    /// [`Error::Machine`] if a driver cannot be unloaded: the consumer cannot while a [`Running`] is not over.
    pub fn end(self) -> Result<Left, Error> {
        let Self { consumer, machine, .. } = self;
        drop(consumer);
        Ok(Left { reports: machine.shutdown()? })
    }
}

fn image(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name).with_extension("sys");
    if path.is_file() {
        return Ok(path);
    }
    let release = if folder.ends_with("release") { " --release" } else { "" };
    Err(Error::NoImage { path, command: format!("cargo xtask build{release} --package {name}") })
}

fn target(adapter: &AdapterConfig) -> api::Target {
    let mut target = api::Target { interface: adapter.interface_index, ..api::Target::default() };
    for address in &adapter.addresses {
        match address.address {
            std::net::IpAddr::V4(address) => target.ipv4 = address.octets(),
            std::net::IpAddr::V6(address) => target.ipv6 = address.octets(),
        }
    }
    target
}
