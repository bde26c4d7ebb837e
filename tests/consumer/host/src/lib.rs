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
use ntsim::machine::{AdapterConfig, Config, File, Machine, MachineError, NtStatus, UnloadReport};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::{FromBytes, IntoBytes};

pub mod child;

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
    device: File,
    machine: Machine,
    targets: Vec<api::Target>,
    next: AtomicU64,
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
    /// Boots the machine, loads both drivers, starts the adapters, opens the consumer's device.
    ///
    /// # Errors
    /// [`Error::NoImage`] names the command that builds a missing image.
    pub fn boot(setup: &Setup) -> Result<Self, Error> {
        let nic = image(&setup.images, "softndk")?;
        let consumer = image(&setup.images, "ndktest")?;
        let mut machine = Machine::new(setup.config.clone())?;
        let nic = machine.load(nic, &[])?;
        let mut targets = Vec::new();
        for adapter in &setup.adapters {
            targets.push(target(adapter));
            machine.add_adapter(nic, adapter.clone())?;
        }
        machine.load(consumer, &[])?;
        let device = machine.open(api::LINK_NAME)?;
        let session = Self { device, machine, targets, next: AtomicU64::new(1) };
        // The driver hears of addresses a moment after its adapters have started.
        let outcome = session.run(&session.request("settle"), None)?;
        if outcome.status == 0 { Ok(session) } else { Err(Error::Unsettled(Box::new(outcome.failure))) }
    }

    /// A request with the session's adapters, a fresh id and ordinary choices.
    pub fn request(&self, workload: &str) -> api::Request {
        let mut adapters = [api::Target::default(); 2];
        for (place, target) in adapters.iter_mut().zip(&self.targets) {
            *place = *target;
        }
        api::Request {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            seed: 1,
            workload: api::Text::new(workload),
            adapters,
            major: 2,
            minor: 1,
            ..api::Request::default()
        }
    }

    /// The workloads that the consumer has.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Answer`].
    pub fn workloads(&self) -> Result<Vec<api::Entry>, Error> {
        const MOST: usize = 4096;
        let bytes = self.control("the list", api::IOCTL_LIST, &[], MOST * size_of::<api::Entry>())?;
        let entries = bytes.chunks_exact(size_of::<api::Entry>());
        Ok(entries.filter_map(|entry| api::Entry::read_from_bytes(entry).ok()).collect())
    }

    /// Runs a workload and waits for its end. A workload that fails is not an error: see the outcome.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer does not know the workload or cannot begin.
    pub fn run(&self, request: &api::Request, file: Option<&Path>) -> Result<api::Outcome, Error> {
        let mut input = request.as_bytes().to_vec();
        if let Some(file) = file {
            input.extend(nt_path(file).encode_utf16().flat_map(u16::to_le_bytes));
        }
        let bytes = self.control("a run", api::IOCTL_RUN, &input, size_of::<api::Outcome>())?;
        parse("a run", &bytes)
    }

    /// How far a run is; none if it has not begun or is over.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Answer`].
    pub fn progress(&self, id: u64) -> Result<Option<api::Progress>, Error> {
        const WHAT: &str = "the progress";
        match self.control(WHAT, api::IOCTL_PROGRESS, id.as_bytes(), size_of::<api::Progress>()) {
            Ok(bytes) => parse(WHAT, &bytes).map(Some),
            Err(Error::Refused { status: NtStatus::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a run early; false if it has not begun or is over.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn cancel(&self, id: u64) -> Result<bool, Error> {
        match self.control("a cancel", api::IOCTL_CANCEL, id.as_bytes(), 0) {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: NtStatus::NOT_FOUND, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The machine, for tests that do more with it.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Closes the device, removes the adapters, unloads the drivers.
    ///
    /// # Errors
    /// [`Error::Machine`] if a driver cannot be unloaded.
    pub fn end(self) -> Result<Left, Error> {
        let Self { device, machine, .. } = self;
        drop(device);
        Ok(Left { reports: machine.shutdown()? })
    }

    fn control(&self, what: &'static str, code: u32, input: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        let (status, output) = self.device.ioctl(code, input, room)?;
        if status == NtStatus::SUCCESS { Ok(output) } else { Err(Error::Refused { what, status }) }
    }
}

fn parse<T: FromBytes>(what: &'static str, bytes: &[u8]) -> Result<T, Error> {
    T::read_from_bytes(bytes).map_err(|_| Error::Answer { what, length: bytes.len() })
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

/// The path of a host's file as the machine's drivers name it.
fn nt_path(file: &Path) -> String {
    format!(r"\??\Z:{}", file.display()).replace('/', "\\")
}
