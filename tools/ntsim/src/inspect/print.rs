//! The text form.

use super::{ImportState, Inspection};
use std::fmt;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: PE32+ {}, subsystem {}, {} bytes", self.file, self.machine, self.subsystem, self.file_size)?;
        writeln!(f, "  entry           {:#x}", self.entry)?;
        writeln!(
            f,
            "  image           {:#x} bytes, linked for {:#x}, {} bytes of relocations",
            self.image_size, self.image_base, self.relocations
        )?;
        writeln!(f, "  characteristics {}", self.characteristics.join(", "))?;
        writeln!(f, "  unwind data     {} functions", self.functions)?;
        match &self.load_config {
            Some(config) => writeln!(
                f,
                "  load config     {:#x} bytes, {}, control flow guard {} ({} functions, flags {:#x})",
                config.size,
                if config.security_cookie { "security cookie" } else { "no security cookie" },
                if config.control_flow_guard { "on" } else { "off" },
                config.guard_functions,
                config.guard_flags
            )?,
            None => writeln!(f, "  load config     none")?,
        }
        match &self.debug {
            Some(debug) => writeln!(f, "  debug           {} {{{}}} age {}", debug.pdb, debug.guid, debug.age)?,
            None => writeln!(f, "  debug           none")?,
        }
        writeln!(f, "  sections")?;
        for section in &self.sections {
            let discardable = if section.discardable { " discardable" } else { "" };
            writeln!(
                f,
                "    {:<8} {:#8x} {:>8} bytes {}{discardable}",
                section.name, section.rva, section.size, section.rights
            )?;
        }
        writeln!(f, "  imports ({})", self.imports.len())?;
        for import in &self.imports {
            let note = match import.state {
                ImportState::Finished => "",
                ImportState::Unfinished => "   [known, unfinished: stops when called]",
                ImportState::Unknown => "   [UNKNOWN: the image does not load]",
            };
            writeln!(f, "    {}!{}{note}", import.module, import.name)?;
        }
        Ok(())
    }
}
