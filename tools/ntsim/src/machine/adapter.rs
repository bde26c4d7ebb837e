//! Adapters of the machine: their registry keys, and what NDIS is asked to do with them.

use super::{AdapterConfig, DriverId, Keyword, MachineError};
use crate::loader::Driver;
use crate::registry::{self, CLASS, ENUM, Value};

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
}

impl Adapter {
    pub fn start(
        id: AdapterId,
        driver: DriverId,
        _loaded: &Driver,
        config: AdapterConfig,
    ) -> Result<Adapter, MachineError> {
        write_keys(id, &config).map_err(|why| MachineError::AdapterFailed { name: config.name.clone(), why })?;
        let why = "NDIS is not part of this machine yet".to_owned();
        let adapter = Adapter { id, driver, config };
        Err(MachineError::AdapterFailed { name: adapter.config.name, why })
    }

    pub fn remove(self) {}

    pub fn surprise_remove(self) {}
}

/// Writes the hardware and the software key of an adapter.
fn write_keys(id: AdapterId, config: &AdapterConfig) -> Result<(), String> {
    let registry = registry::machine();
    let complain = |failure| format!("its registry keys cannot be written: {failure:?}");
    let number = format!("{:04}", id.0);
    let software = format!(r"{CLASS}\{NET_CLASS}\{number}");
    let key = registry.create_path(&software).map_err(complain)?;
    registry.set_value(key, "DriverDesc", Value::string(&config.name)).map_err(complain)?;
    for (name, keyword) in &config.keywords {
        let value = match keyword {
            Keyword::Number(number) => Value::dword(*number),
            Keyword::Text(text) => Value::string(text),
            Keyword::Bytes(bytes) => Value::binary(bytes),
        };
        registry.set_value(key, name, value).map_err(complain)?;
    }
    let key = registry.create_path(&format!(r"{ENUM}\ROOT\NET\{number}")).map_err(complain)?;
    let values = [
        ("DeviceDesc", Value::string(&config.name)),
        ("ClassGUID", Value::string(NET_CLASS)),
        ("Driver", Value::string(&format!(r"{NET_CLASS}\{number}"))),
    ];
    for (name, value) in values {
        registry.set_value(key, name, value).map_err(complain)?;
    }
    Ok(())
}
