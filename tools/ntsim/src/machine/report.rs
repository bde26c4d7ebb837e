//! What a driver left behind.

use std::fmt;

use serde::Serialize;

use crate::leaks::Owned;

/// What an unload found: nothing, if the driver is clean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnloadReport {
    /// The driver's service name.
    pub driver: String,
    /// What it did not give back.
    pub leaks: Vec<Leak>,
}

/// One object that a driver did not give back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// What it is: `pool`, `IO_WORKITEM`, `NDK_MR` ...
    pub kind: String,
    /// Size and tag, name, or what else tells it from others of its kind.
    pub detail: String,
    /// Its address.
    pub address: usize,
    /// Where it was made, innermost first: function, file and line.
    pub stack: Vec<String>,
}

impl UnloadReport {
    pub(super) fn new(driver: &str, leaks: &[Owned]) -> Self {
        let leak = |owned: &Owned| Leak {
            kind: owned.kind.to_owned(),
            detail: owned.detail.clone(),
            address: owned.address,
            stack: owned.stack.named().iter().map(ToString::to_string).collect(),
        };
        UnloadReport { driver: driver.to_owned(), leaks: leaks.iter().map(leak).collect() }
    }

    /// Whether the driver gave everything back.
    pub fn is_clean(&self) -> bool {
        self.leaks.is_empty()
    }
}

impl fmt::Display for UnloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "{}: unloaded, nothing left behind", self.driver);
        }
        write!(f, "{}: unloaded, {} left behind", self.driver, self.leaks.len())?;
        for leak in &self.leaks {
            write!(f, "\n  {} at {:#x} {}", leak.kind, leak.address, leak.detail)?;
            for frame in &leak.stack {
                write!(f, "\n      {frame}")?;
            }
        }
        Ok(())
    }
}
