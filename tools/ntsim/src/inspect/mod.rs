//! What an image says about itself, without loading it.

mod debug;
mod print;

use crate::loader::pe::{Pe, directory};
use crate::loader::{LoadError, walk_imports};
use crate::table::{Resolved, resolve};
use std::path::Path;

/// What an image says about itself. `Display` is the text for people, `Serialize` the JSON.
#[derive(Debug, serde::Serialize)]
pub struct Inspection {
    /// File name.
    pub file: String,
    /// Bytes of the file.
    pub file_size: u64,
    /// Such as `x86_64`.
    pub machine: String,
    /// Such as `native`.
    pub subsystem: String,
    /// Offset of the entry point.
    pub entry: u32,
    /// Preferred address.
    pub image_base: u64,
    /// Bytes in memory.
    pub image_size: u32,
    /// Link time stamp or content hash.
    pub time_stamp: u32,
    /// `DllCharacteristics` in words.
    pub characteristics: Vec<&'static str>,
    /// The sections.
    pub sections: Vec<Section>,
    /// The imports.
    pub imports: Vec<Import>,
    /// The load configuration, if there is one.
    pub load_config: Option<LoadConfig>,
    /// Number of functions with unwind data.
    pub functions: u32,
    /// Bytes of relocations.
    pub relocations: u32,
    /// Debug information.
    pub debug: Option<debug::CodeView>,
}

/// A section.
#[derive(Debug, serde::Serialize)]
pub struct Section {
    /// Name.
    pub name: String,
    /// Offset in the image.
    pub rva: u32,
    /// Bytes in memory.
    pub size: u32,
    /// Rights, such as `r-x`.
    pub rights: String,
    /// It is thrown away after `DriverEntry`.
    pub discardable: bool,
}

/// An import.
#[derive(Debug, serde::Serialize)]
pub struct Import {
    /// Module.
    pub module: String,
    /// Routine.
    pub name: String,
    /// What ntsim has of it.
    pub state: ImportState,
}

/// What ntsim has of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// It works.
    Finished,
    /// Known; calling it stops the machine.
    Unfinished,
    /// The image does not load.
    Unknown,
}

/// The load configuration.
#[derive(Debug, serde::Serialize)]
pub struct LoadConfig {
    /// Bytes.
    pub size: u32,
    /// It names a security cookie.
    pub security_cookie: bool,
    /// `GuardFlags`.
    pub guard_flags: u32,
    /// Calls through pointers are checked.
    pub control_flow_guard: bool,
    /// Functions in the guard table.
    pub guard_functions: u64,
}

/// Reads an image's headers and tables.
///
/// # Errors
/// One line: unreadable, not a PE, 32-bit, truncated, damaged.
pub fn inspect(path: &Path) -> Result<Inspection, LoadError> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let bytes = std::fs::read(path).map_err(|error| LoadError::Unreadable { path: path.into(), error })?;
    let pe = Pe::parse(&file, bytes)?;
    Ok(Inspection {
        file_size: pe.bytes.len() as u64,
        machine: "x86_64".into(),
        subsystem: subsystem(pe.subsystem),
        entry: pe.entry,
        image_base: pe.image_base,
        image_size: pe.image_size,
        time_stamp: pe.time_stamp,
        characteristics: characteristics(pe.dll_characteristics),
        sections: sections(&pe),
        imports: imports(&pe)?,
        load_config: load_config(&pe),
        functions: pe.directories[directory::EXCEPTION].1 / 12,
        relocations: pe.directories[directory::RELOCATION].1,
        debug: debug::code_view(&pe),
        file,
    })
}

fn subsystem(value: u16) -> String {
    match value {
        1 => "native".into(),
        2 => "windows GUI".into(),
        3 => "windows console".into(),
        other => format!("{other}"),
    }
}

const CHARACTERISTICS: [(u16, &str); 10] = [
    (0x0020, "high-entropy addresses"),
    (0x0040, "dynamic base"),
    (0x0080, "force integrity"),
    (0x0100, "no execute"),
    (0x0200, "no isolation"),
    (0x0400, "no SEH"),
    (0x0800, "no bind"),
    (0x2000, "WDM driver"),
    (0x4000, "control flow guard"),
    (0x8000, "terminal server aware"),
];

fn characteristics(value: u16) -> Vec<&'static str> {
    CHARACTERISTICS.iter().filter(|(bit, _)| value & bit != 0).map(|(_, name)| *name).collect()
}

fn sections(pe: &Pe) -> Vec<Section> {
    let mark = |on: bool, letter: char| if on { letter } else { '-' };
    let section = |header: &crate::loader::pe::SectionHeader| Section {
        name: header.name.clone(),
        rva: header.rva,
        size: header.virtual_size,
        rights: [mark(header.readable(), 'r'), mark(header.writable(), 'w'), mark(header.executable(), 'x')]
            .iter()
            .collect(),
        discardable: header.discardable(),
    };
    pe.sections.iter().map(section).collect()
}

fn imports(pe: &Pe) -> Result<Vec<Import>, LoadError> {
    let missing = || pe.damaged("the import directory points outside the sections");
    let bytes = |rva: u64, size: u32| u32::try_from(rva).ok().and_then(|rva| pe.at(rva, size)).ok_or_else(missing);
    let word = |rva: u64| bytes(rva, 4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")));
    let quad = |rva: u64| bytes(rva, 8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
    let name = |rva: u64| {
        let mut name = Vec::new();
        for at in rva.. {
            match bytes(at, 1)?[0] {
                0 => break,
                byte if name.len() < 512 => name.push(byte),
                _ => return Err(missing()),
            }
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    };
    let list = walk_imports(pe, &word, &quad, &name)?;
    let state = |module: &str, name: &str| match resolve(module, name) {
        Resolved::Finished(_) => ImportState::Finished,
        Resolved::Unfinished(_) => ImportState::Unfinished,
        Resolved::Unknown => ImportState::Unknown,
    };
    Ok(list
        .into_iter()
        .map(|import| Import { state: state(&import.module, &import.name), module: import.module, name: import.name })
        .collect())
}

fn load_config(pe: &Pe) -> Option<LoadConfig> {
    let (rva, _) = pe.directories[directory::LOAD_CONFIG];
    if rva == 0 {
        return None;
    }
    let word = |offset: u32| {
        pe.at(rva.checked_add(offset)?, 4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    };
    let quad = |offset: u32| {
        pe.at(rva.checked_add(offset)?, 8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    };
    let size = word(0)?;
    let flags = if size >= 0x94 { word(0x90)? } else { 0 };
    Some(LoadConfig {
        size,
        security_cookie: size >= 0x60 && quad(0x58)? != 0,
        guard_flags: flags,
        control_flow_guard: flags & 0x100 != 0,
        guard_functions: if size >= 0x90 { quad(0x88)? } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names() {
        assert_eq!(
            characteristics(0x4160),
            ["high-entropy addresses", "dynamic base", "no execute", "control flow guard"]
        );
        assert_eq!(subsystem(1), "native");
    }

    #[test]
    fn a_missing_file_is_one_line() {
        let error = inspect(Path::new("/nonexistent.sys")).expect_err("missing").to_string();
        assert!(error.starts_with("cannot read /nonexistent.sys: "), "{error}");
    }
}
