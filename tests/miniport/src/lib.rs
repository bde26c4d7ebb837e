//! What the tests of the miniport share: a machine with softndk.sys and a few adapters.
//!
//! The image is `softndk.sys` in the folder that the variable `NTSIM_SYS_DIR` names, or in
//! `target/sys/debug`; `cargo xtask build --package softndk` makes it.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ntsim::machine::{AdapterConfig, AdapterId, Config, DriverId, Machine};
use ntsim::ndis::{Edge, OidAnswer};

/// How long a frame may take that has to come.
pub const SOON: Duration = Duration::from_secs(5);
/// How long to wait for a frame that must not come.
pub const NEVER: Duration = Duration::from_millis(50);

/// There is one machine in a process, and tests run on several threads.
static TURN: Mutex<()> = Mutex::new(());

/// A machine with softndk.sys.
pub struct Bench {
    machine: Option<Machine>,
    driver: DriverId,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    /// Boots a machine and loads the driver.
    ///
    /// # Panics
    /// When the image is not there: the message says how to make it.
    pub fn boot() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let image = image();
        assert!(image.is_file(), "{} is missing: cargo xtask build --package softndk", image.display());
        let mut machine = Machine::new(Config::default()).unwrap();
        let driver = machine.load(&image, &[]).unwrap();
        Self { machine: Some(machine), driver, _turn: turn }
    }

    /// Boots a machine with two adapters, at interface indices 11 and 12.
    pub fn pair() -> (Self, Station, Station) {
        let mut bench = Self::boot();
        let one = bench.station(AdapterConfig::new("one", 11));
        let two = bench.station(AdapterConfig::new("two", 12));
        (bench, one, two)
    }

    /// Adds an adapter.
    pub fn station(&mut self, config: AdapterConfig) -> Station {
        let driver = self.driver;
        let id = self.machine().add_adapter(driver, config).unwrap();
        let edge = self.machine().edge(id).unwrap();
        Station { id, edge }
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().unwrap()
    }

    /// A query.
    pub fn query(&mut self, station: &Station, oid: u32, room: usize) -> OidAnswer {
        self.machine().query_oid(station.id, oid, room).unwrap()
    }

    /// A set; gives the status.
    pub fn set(&mut self, station: &Station, oid: u32, bytes: &[u8]) -> i32 {
        self.machine().set_oid(station.id, oid, bytes).unwrap().status
    }

    /// The current address of an adapter.
    pub fn mac(&mut self, station: &Station) -> [u8; 6] {
        self.query(station, ndkpi_sys::OID_802_3_CURRENT_ADDRESS, 6).bytes.try_into().unwrap()
    }

    /// Sets the packet filter.
    pub fn filter(&mut self, station: &Station, filter: u32) {
        let status = self.set(station, ndkpi_sys::OID_GEN_CURRENT_PACKET_FILTER, &filter.to_le_bytes());
        assert_eq!(status, 0);
    }

    /// Removes all adapters and the driver, and finds nothing left behind.
    pub fn shut_down(mut self) {
        for report in self.machine.take().unwrap().shutdown().unwrap() {
            assert!(report.is_clean(), "{report}");
        }
    }
}

/// An adapter and the host's edge of it.
pub struct Station {
    /// Names it.
    pub id: AdapterId,
    /// Sends and receives.
    pub edge: Edge,
}

impl Station {
    /// The next frame, which has to come.
    ///
    /// # Panics
    /// When it does not.
    pub fn frame(&self) -> Vec<u8> {
        self.edge.receive(SOON).expect("a frame")
    }

    /// No frame comes.
    ///
    /// # Panics
    /// When one does.
    pub fn nothing(&self) {
        assert_eq!(self.edge.receive(NEVER), None);
    }
}

/// A frame of `length` bytes; its payload tells where it came from.
pub fn frame(to: [u8; 6], from: [u8; 6], length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = to.into_iter().chain(from).chain([0x88, 0xb5]).collect();
    bytes.extend((bytes.len()..length).map(|index| (index % 251) as u8 | 1));
    bytes
}

fn image() -> PathBuf {
    let folder = std::env::var_os("NTSIM_SYS_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/sys/debug")), PathBuf::from);
    folder.join("softndk.sys")
}
