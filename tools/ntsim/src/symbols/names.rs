//! Names for addresses.

use super::Raw;
use crate::kernel::Kernel;
use std::fmt;

/// A frame with names.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Named {
    /// The module, such as `softndk.sys` or `ntoskrnl.exe`.
    pub module: String,
    /// The function; empty if unknown.
    pub function: String,
    /// Bytes from the function's (or module's) begin.
    pub offset: usize,
    /// Source file; empty if unknown.
    pub file: String,
    /// Line; 0 if unknown.
    pub line: u32,
    /// The frame is not code but the remark "the kernel called here".
    pub remark: Option<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(remark) = &self.remark {
            return write!(f, "-- {remark}");
        }
        write!(f, "{}", self.module)?;
        if !self.function.is_empty() {
            write!(f, "!{}", self.function)?;
        }
        if self.offset != 0 {
            write!(f, "+{:#x}", self.offset)?;
        }
        if !self.file.is_empty() {
            write!(f, " ({}:{})", self.file, self.line)?;
        }
        Ok(())
    }
}

pub(super) fn name(frame: &Raw) -> Named {
    match frame {
        Raw::Code(address) => name_address(*address),
        Raw::Routine(row) => Named {
            module: row.module.to_owned(),
            function: row.name.to_owned(),
            offset: 0,
            file: String::new(),
            line: 0,
            remark: None,
        },
        Raw::Called(site) => Named {
            module: String::new(),
            function: String::new(),
            offset: 0,
            file: String::new(),
            line: 0,
            remark: Some(format!("called by the kernel as {}", site.what)),
        },
    }
}

fn name_address(address: usize) -> Named {
    let mut named = Named { module: "?".into(), function: String::new(), offset: address, file: String::new(), line: 0, remark: None };
    if let Some(image) = Kernel::get().images.containing(address) {
        named.module = image.name.clone();
        named.offset = address - image.base;
    }
    named
}

/// One line for an address.
pub fn describe(address: usize) -> String {
    name_address(address).to_string()
}
