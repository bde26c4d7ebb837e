//! Adapters of the machine: their registry keys, and what NDIS is asked to do with them.

use std::net::IpAddr;

use super::{AdapterConfig, DriverId, IpConfig, Keyword, MachineError, NtStatus};
use crate::loader::Driver;
use crate::ndis::{self, OidAnswer};
use crate::netio;
use crate::registry::{self, CLASS, ENUM, Failure, Value};

/// The class of network adapters.
const NET_CLASS: &str = "{4d36e972-e325-11ce-bfc1-08002be10318}";

/// Names an adapter of a [`super::Machine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdapterId(u64);

impl AdapterId {
    pub(super) fn new(id: u64) -> Self {
        AdapterId(id)
    }
}

/// A started adapter.
pub(super) struct Adapter {
    pub id: AdapterId,
    pub driver: DriverId,
    pub config: AdapterConfig,
    ndis: ndis::AdapterId,
    keys: Vec<String>,
}

impl Adapter {
    pub fn start(
        id: AdapterId,
        driver: DriverId,
        loaded: &Driver,
        config: AdapterConfig,
    ) -> Result<Adapter, MachineError> {
        let keys = [format!(r"{CLASS}\{NET_CLASS}\{:04}", id.0), format!(r"{ENUM}\ROOT\NET\{:04}", id.0)];
        if let Err(why) = write_keys(&keys, &config) {
            let why = format!("its registry keys cannot be written: {why:?}");
            return Err(MachineError::AdapterFailed { name: config.name, why, status: None });
        }
        match ndis::add_adapter(loaded.object, &config) {
            Ok(ndis) => Ok(Adapter { id, driver, config, ndis, keys: keys.into() }),
            Err(error) => {
                delete_keys(&keys);
                Err(failed(&config.name, &error))
            }
        }
    }

    pub fn remove(self) -> Result<(), MachineError> {
        let removed = ndis::remove_adapter(self.ndis);
        self.finish(removed)
    }

    pub fn surprise_remove(self) -> Result<(), MachineError> {
        let removed = ndis::surprise_remove(self.ndis);
        self.finish(removed)
    }

    fn finish(self, removed: Result<(), ndis::NdisError>) -> Result<(), MachineError> {
        delete_keys(&self.keys);
        removed.map_err(|error| failed(&self.config.name, &error))
    }

    pub fn pause(&self) -> Result<(), MachineError> {
        ndis::pause(self.ndis).map_err(|error| self.failed(&error))
    }

    pub fn restart(&self) -> Result<(), MachineError> {
        ndis::restart(self.ndis).map_err(|error| self.failed(&error))
    }

    pub fn query_oid(&self, oid: u32, capacity: usize) -> Result<OidAnswer, MachineError> {
        ndis::query(self.ndis, oid, capacity).map_err(|error| self.failed(&error))
    }

    pub fn set_oid(&self, oid: u32, bytes: &[u8]) -> Result<OidAnswer, MachineError> {
        ndis::set(self.ndis, oid, bytes).map_err(|error| self.failed(&error))
    }

    pub fn look<T>(&self, what: impl FnOnce(ndis::AdapterId) -> Result<T, ndis::NdisError>) -> Result<T, MachineError> {
        what(self.ndis).map_err(|error| self.failed(&error))
    }

    pub fn edge(&self) -> Result<ndis::Edge, MachineError> {
        ndis::edge(self.ndis).map_err(|error| self.failed(&error))
    }

    pub fn add_address(&self, address: IpConfig) -> bool {
        netio::add_address(self.config.interface_index, address)
    }

    pub fn remove_address(&self, address: IpAddr) -> bool {
        netio::remove_address(self.config.interface_index, address)
    }

    fn failed(&self, error: &ndis::NdisError) -> MachineError {
        failed(&self.config.name, error)
    }
}

fn failed(name: &str, error: &ndis::NdisError) -> MachineError {
    let status = error.status().map(NtStatus::from_raw);
    MachineError::AdapterFailed { name: name.to_owned(), why: error.to_string(), status }
}

/// Writes the software key and the hardware key of an adapter.
fn write_keys([software, hardware]: &[String; 2], config: &AdapterConfig) -> Result<(), Failure> {
    let registry = registry::machine();
    let key = registry.create_path(software)?;
    registry.set_value(key, "DriverDesc", Value::string(&config.name))?;
    for (name, keyword) in &config.keywords {
        let value = match keyword {
            Keyword::Number(number) => Value::dword(*number),
            Keyword::Text(text) => Value::string(text),
            Keyword::Bytes(bytes) => Value::binary(bytes),
        };
        registry.set_value(key, name, value)?;
    }
    let class = software.rsplit('\\').next().unwrap_or_default();
    let key = registry.create_path(hardware)?;
    registry.set_value(key, "DeviceDesc", Value::string(&config.name))?;
    registry.set_value(key, "ClassGUID", Value::string(NET_CLASS))?;
    registry.set_value(key, "Driver", Value::string(&format!(r"{NET_CLASS}\{class}")))
}

fn delete_keys(keys: &[String]) {
    let registry = registry::machine();
    for path in keys {
        // A driver may have deleted the key already.
        let _ = registry.open_path(path).and_then(|key| registry.delete_tree(key));
    }
}
