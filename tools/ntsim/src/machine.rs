//! The simulated machine: what host tools and tests use.
//!
//! ```no_run
//! use ntsim::machine::{AdapterConfig, Config, Machine};
//!
//! # fn main() -> Result<(), ntsim::machine::MachineError> {
//! let mut machine = Machine::new(Config::default())?;
//! let nic = machine.load("softndk.sys", &[])?;
//! machine.add_adapter(nic, AdapterConfig::new("Ethernet 1", 11).address("192.0.2.1/24"))?;
//! let consumer = machine.load("ndktest.sys", &[("Parameters\\Verbose", 1.into())])?;
//!
//! let device = machine.open(r"\\.\NdkTest")?;
//! let (status, output) = device.ioctl(0x22_2000, &[], 64)?;
//! assert!(status.is_success(), "{status}");
//! drop(device);
//!
//! assert!(machine.unload(consumer)?.is_clean());
//! for report in machine.shutdown()? {
//!     assert!(report.is_clean(), "{report}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A driver that breaks a rule stops the machine: the report goes to stderr and the *process*
//! ends with exit code 3. A test that expects this runs the machine in a child process, as
//! `tools/ntsim/tests` do.

mod adapter;
mod config;
mod course;
mod error;
mod file;
mod report;
mod service;
mod status;
mod view;

pub use adapter::AdapterId;
pub use config::{AdapterConfig, Config, IpConfig, Keyword};
pub use course::{Course, Worker};
pub use error::MachineError;
pub use file::File;
pub use report::{Leak, UnloadReport};
pub use status::NtStatus;

pub use crate::ndis::{
    AttributesCall, Edge, NdkAttributes, NdkBinding, NdkEvent, NdkOpen, OidAnswer, OidRequest, Registration, Watch,
};
pub use crate::sched::{Decision, Schedule, Strategy};

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::kernel::Kernel;
use crate::loader::{self, Driver};
use crate::registry::Value;
use crate::{io, ndis, sched, verifier};
use adapter::Adapter;

/// How long work items of a driver may still run when it is unloaded.
const WORK_ITEM_GRACE: Duration = Duration::from_secs(30);

/// Processors of a seeded machine, unless told otherwise: on every host the same.
const SEEDED_PROCESSORS: u32 = 2;

/// Names a loaded driver of a [`Machine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DriverId(u64);

static RUNNING: AtomicBool = AtomicBool::new(false);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

struct Loaded {
    id: DriverId,
    name: String,
    driver: Driver,
}

/// A Windows machine inside this process. There is one at a time.
///
/// Loading, unloading and adapters need `&mut`; [`Machine::open`] and the files that it gives
/// can be used by many threads at once.
#[must_use = "a machine that is dropped at once does nothing"]
pub struct Machine {
    drivers: Vec<Loaded>,
    adapters: Vec<Adapter>,
}

impl Machine {
    /// Boots a machine without drivers.
    ///
    /// # Errors
    /// [`MachineError::AlreadyRunning`], [`MachineError::OptionsFixed`].
    pub fn new(config: Config) -> Result<Machine, MachineError> {
        if RUNNING.swap(true, Ordering::AcqRel) {
            return Err(MachineError::AlreadyRunning);
        }
        if !config.apply() {
            RUNNING.store(false, Ordering::Release);
            return Err(MachineError::OptionsFixed);
        }
        Kernel::get();
        Ok(Machine { drivers: Vec::new(), adapters: Vec::new() })
    }

    /// Loads a driver, named after its file, and runs its `DriverEntry`.
    ///
    /// `values` are written below the service key before; a name may have a path before it
    /// (`Parameters\Window`).
    ///
    /// # Errors
    /// [`MachineError::Load`] tells in one line what is wrong with the image or what
    /// `DriverEntry` returned.
    pub fn load(&mut self, path: impl AsRef<Path>, values: &[(&str, Value)]) -> Result<DriverId, MachineError> {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        self.load_as(&name, path, values)
    }

    /// As [`Machine::load`] with a service name of its own.
    ///
    /// # Errors
    /// As for [`Machine::load`].
    pub fn load_as(
        &mut self,
        name: &str,
        path: impl AsRef<Path>,
        values: &[(&str, Value)],
    ) -> Result<DriverId, MachineError> {
        if self.drivers.iter().any(|loaded| loaded.name.eq_ignore_ascii_case(name)) {
            return Err(MachineError::DriverLoaded(name.to_owned()));
        }
        let path = path.as_ref();
        let key = service::write_key(name, path, values)?;
        let image = loader::load(path)?;
        let driver = Driver::start(image, name, &key, io::default_dispatch())?;
        // SAFETY: the driver object of a driver that was just started.
        unsafe { io::device::finish_initialization(driver.object) };
        let id = DriverId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        self.drivers.push(Loaded { id, name: name.to_owned(), driver });
        Ok(id)
    }

    /// The service name of a loaded driver.
    pub fn driver_name(&self, driver: DriverId) -> Option<&str> {
        self.drivers.iter().find(|loaded| loaded.id == driver).map(|loaded| loaded.name.as_str())
    }

    /// Adds an adapter to a miniport driver and starts it: `MiniportInitializeEx`, then restart.
    ///
    /// # Errors
    /// [`MachineError::AdapterFailed`] with the status of the step that failed.
    pub fn add_adapter(&mut self, driver: DriverId, config: AdapterConfig) -> Result<AdapterId, MachineError> {
        let index = self.index_of(driver)?;
        for other in &self.adapters {
            if other.config.name.eq_ignore_ascii_case(&config.name) {
                return Err(MachineError::AdapterExists(format!("the name `{}`", config.name)));
            }
            if other.config.interface_index == config.interface_index {
                let clash = format!("the interface index {}", config.interface_index);
                return Err(MachineError::AdapterExists(clash));
            }
        }
        let id = AdapterId::new(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let adapter = Adapter::start(id, driver, &self.drivers[index].driver, config)?;
        self.adapters.push(adapter);
        Ok(id)
    }

    /// Removes an adapter as the device manager does: pause, then halt.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn remove_adapter(&mut self, adapter: AdapterId) -> Result<(), MachineError> {
        self.take_adapter(adapter)?.remove()
    }

    /// Pulls an adapter out: the miniport hears of it by `NdisDevicePnPEventSurpriseRemoved`,
    /// then it is halted.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn surprise_remove_adapter(&mut self, adapter: AdapterId) -> Result<(), MachineError> {
        self.take_adapter(adapter)?.surprise_remove()
    }

    /// Pauses an adapter: sends end, receives stop; [`Machine::restart_adapter`] undoes it.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`]; [`MachineError::AdapterFailed`] if it does not run.
    pub fn pause_adapter(&self, adapter: AdapterId) -> Result<(), MachineError> {
        self.adapter(adapter)?.pause()
    }

    /// Restarts a paused adapter.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`]; [`MachineError::AdapterFailed`] if it is not paused.
    pub fn restart_adapter(&self, adapter: AdapterId) -> Result<(), MachineError> {
        self.adapter(adapter)?.restart()
    }

    /// Sends a regular OID query with a buffer of `capacity` bytes.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`]; a failing NDIS_STATUS is an answer, not an error.
    pub fn query_oid(&self, adapter: AdapterId, oid: u32, capacity: usize) -> Result<OidAnswer, MachineError> {
        self.adapter(adapter)?.query_oid(oid, capacity)
    }

    /// Sends a regular OID set.
    ///
    /// # Errors
    /// As for [`Machine::query_oid`].
    pub fn set_oid(&self, adapter: AdapterId, oid: u32, bytes: &[u8]) -> Result<OidAnswer, MachineError> {
        self.adapter(adapter)?.set_oid(oid, bytes)
    }

    /// The protocol edge of an adapter, which sends and receives Ethernet frames.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn edge(&self, adapter: AdapterId) -> Result<Edge, MachineError> {
        self.adapter(adapter)?.edge()
    }

    /// Adds an IP address at run time; drivers that watch the address table hear of it. False
    /// if the adapter has the address.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn add_address(&self, adapter: AdapterId, address: IpConfig) -> Result<bool, MachineError> {
        Ok(self.adapter(adapter)?.add_address(address))
    }

    /// Takes an IP address away at run time. False if the adapter has not had it.
    ///
    /// # Errors
    /// [`MachineError::NoSuchAdapter`].
    pub fn remove_address(&self, adapter: AdapterId, address: IpAddr) -> Result<bool, MachineError> {
        Ok(self.adapter(adapter)?.remove_address(address))
    }

    /// Opens a device by a name such as `\\.\NdkTest` or `\Device\NdkTest`.
    ///
    /// # Errors
    /// [`MachineError::Open`] with the status of the name look-up or of IRP_MJ_CREATE.
    pub fn open(&self, name: &str) -> Result<File, MachineError> {
        File::open(name)
    }

    /// Unloads a driver: calls `DriverUnload`, then looks for what it left behind.
    ///
    /// # Errors
    /// [`MachineError::DriverInUse`] while it has adapters or open files; it stays loaded.
    pub fn unload(&mut self, driver: DriverId) -> Result<UnloadReport, MachineError> {
        let index = self.index_of(driver)?;
        let adapters = self.adapters.iter().filter(|adapter| adapter.driver == driver).count();
        let files = io::device::open_files(self.drivers[index].driver.object);
        let in_use = match (adapters, files) {
            (0, 0) => None,
            (0, files) => Some(format!("{files} files are open on its devices")),
            (adapters, _) => Some(format!("it has {adapters} adapters")),
        };
        if let Some(why) = in_use {
            let driver = self.drivers[index].name.clone();
            return Err(MachineError::DriverInUse { driver, why });
        }
        let loaded = self.drivers.remove(index);
        let image = loaded.driver.image.id;
        io::work_item::drain(image, WORK_ITEM_GRACE);
        let object = loaded.driver.object;
        let leaks = loaded.driver.unload();
        ndis::driver_gone(object);
        io::forget_leaked(&leaks);
        Ok(UnloadReport::new(&loaded.name, &leaks))
    }

    /// Removes all adapters and unloads all drivers, last ones first.
    ///
    /// # Errors
    /// The first driver that cannot be unloaded; the machine is gone all the same.
    pub fn shutdown(mut self) -> Result<Vec<UnloadReport>, MachineError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<Vec<UnloadReport>, MachineError> {
        while let Some(adapter) = self.adapters.pop() {
            adapter.remove()?;
        }
        let mut reports = Vec::new();
        while let Some(last) = self.drivers.last() {
            reports.push(self.unload(last.id)?);
        }
        Ok(reports)
    }

    fn index_of(&self, driver: DriverId) -> Result<usize, MachineError> {
        let found = self.drivers.iter().position(|loaded| loaded.id == driver);
        found.ok_or(MachineError::NoSuchDriver)
    }

    fn adapter(&self, id: AdapterId) -> Result<&Adapter, MachineError> {
        let found = self.adapters.iter().find(|adapter| adapter.id == id);
        found.ok_or(MachineError::NoSuchAdapter)
    }

    fn take_adapter(&mut self, id: AdapterId) -> Result<Adapter, MachineError> {
        let found = self.adapters.iter().position(|adapter| adapter.id == id);
        Ok(self.adapters.remove(found.ok_or(MachineError::NoSuchAdapter)?))
    }
}

/// A machine that was not shut down is shut down now; what its drivers left behind is printed.
impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            match self.stop() {
                Ok(reports) => {
                    for report in reports.iter().filter(|report| !report.is_clean()) {
                        eprintln!("{report}");
                    }
                }
                Err(error) => eprintln!("the machine was not shut down cleanly: {error}"),
            }
        }
        RUNNING.store(false, Ordering::Release);
    }
}

impl Config {
    /// Hands the options to the verifier; false if it is too late for them.
    fn apply(&self) -> bool {
        let defaults = verifier::Options::default();
        let seeded = self.schedule != Schedule::Free;
        let wanted = verifier::Options {
            cpus: self.processors.unwrap_or(if seeded { SEEDED_PROCESSORS } else { defaults.cpus }),
            guard_pages: self.guard_pages,
            ..defaults
        };
        let (cpus, guard_pages) = (wanted.cpus, wanted.guard_pages);
        let fixed = verifier::configure(wanted);
        let now = verifier::options();
        (fixed || (now.cpus == cpus && now.guard_pages == guard_pages)) && self.apply_schedule()
    }

    /// A process has one schedule for all its machines.
    fn apply_schedule(&self) -> bool {
        let now = sched::seeded::started_with();
        match (&self.schedule, now) {
            (Schedule::Free, now) => now.is_none(),
            (Schedule::Seeded { seed, strategy }, None) => sched::seeded::start(*seed, strategy),
            (Schedule::Seeded { seed, strategy }, Some(now)) => now == (*seed, strategy.clone()),
        }
    }
}
