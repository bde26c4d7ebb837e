//! The service key that a driver finds.

use std::path::Path;

use super::MachineError;
use crate::registry::{self, SERVICES, Value};

/// What the service keys of kernel drivers hold.
const SERVICE_KERNEL_DRIVER: u32 = 1;
const SERVICE_DEMAND_START: u32 = 3;
const SERVICE_ERROR_NORMAL: u32 = 1;

/// Writes the service key anew; gives the path that `DriverEntry` is told.
pub(super) fn write_key(name: &str, image: &Path, values: &[(&str, Value)]) -> Result<String, MachineError> {
    let registry = registry::machine();
    let path = format!(r"{SERVICES}\{name}");
    let bad = |_| MachineError::RegistryPath(name.to_owned());
    let key = registry.create_path(&path).map_err(bad)?;
    let absolute = std::path::absolute(image).unwrap_or_else(|_| image.to_owned());
    let image_path = format!(r"\??\Z:{}", absolute.to_string_lossy().replace('/', r"\"));
    let standard = [
        ("Type", Value::dword(SERVICE_KERNEL_DRIVER)),
        ("Start", Value::dword(SERVICE_DEMAND_START)),
        ("ErrorControl", Value::dword(SERVICE_ERROR_NORMAL)),
        ("ImagePath", Value::expand_string(&image_path)),
    ];
    for (name, value) in standard {
        registry.set_value(key, name, value).map_err(bad)?;
    }
    for (place, value) in values {
        let bad = |_| MachineError::RegistryPath((*place).to_owned());
        let (below, name) = place.rsplit_once('\\').unwrap_or(("", place));
        let has_gap = place.contains('\\') && below.split('\\').any(str::is_empty);
        if has_gap {
            return Err(MachineError::RegistryPath((*place).to_owned()));
        }
        let target = if below.is_empty() { path.clone() } else { format!(r"{path}\{below}") };
        let key = registry.create_path(&target).map_err(bad)?;
        registry.set_value(key, name, value.clone()).map_err(bad)?;
    }
    Ok(format!(r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\{name}"))
}
