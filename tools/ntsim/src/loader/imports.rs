//! Binds imports by name.

use super::load::Mapped;
use super::pe::{Pe, directory};
use super::{LoadError, stubs};
use crate::table::{Resolved, resolve};

/// One import of an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Import {
    /// The exporting module.
    pub module: String,
    /// The routine, or `#ordinal`.
    pub name: String,
    /// Offset of the slot that gets the address.
    #[serde(skip)]
    pub slot: u64,
}

/// Fills the import table.
pub(super) fn bind(mapped: &Mapped<'_>) -> Result<(), LoadError> {
    let mut unknown = Vec::new();
    for import in list(mapped)? {
        let address = match resolve(&import.module, &import.name) {
            Resolved::Finished(row) => row.target.address(),
            Resolved::Unfinished(row) => stubs::unfinished(row),
            Resolved::Unknown => {
                unknown.push(format!("{}!{}", import.module, import.name));
                continue;
            }
        };
        mapped.write_u64(import.slot, address as u64, "the import table")?;
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(LoadError::UnknownImports { file: mapped.pe.file.clone(), names: unknown })
}

/// The imports of a mapped image, in its order.
fn list(mapped: &Mapped<'_>) -> Result<Vec<Import>, LoadError> {
    walk(mapped.pe, &|rva| mapped.u32(rva, "an import descriptor"), &|rva| mapped.u64(rva, "an import"), &|rva| {
        mapped.name(rva, "an import's name")
    })
}

/// Walks the import directory through the given readers.
pub(crate) fn walk(
    pe: &Pe,
    word: &dyn Fn(u64) -> Result<u32, LoadError>,
    quad: &dyn Fn(u64) -> Result<u64, LoadError>,
    name: &dyn Fn(u64) -> Result<String, LoadError>,
) -> Result<Vec<Import>, LoadError> {
    let mut imports = Vec::new();
    let (begin, size) = pe.directories[directory::IMPORT];
    if size == 0 {
        return Ok(imports);
    }
    for index in 0.. {
        let at = u64::from(begin) + index * 20;
        let (lookup, module, table) = (word(at)?, word(at + 12)?, word(at + 16)?);
        if module == 0 && table == 0 {
            break;
        }
        let module = name(u64::from(module))?;
        let source = u64::from(if lookup != 0 { lookup } else { table });
        for entry in 0.. {
            let value = quad(source + entry * 8)?;
            if value == 0 {
                break;
            }
            let routine =
                if value >> 63 != 0 { format!("#{}", value & 0xffff) } else { name((value & 0x7fff_ffff) + 2)? };
            imports.push(Import { module: module.clone(), name: routine, slot: u64::from(table) + entry * 8 });
            if imports.len() > 65536 {
                return Err(pe.damaged("it has more than 65536 imports"));
            }
        }
    }
    Ok(imports)
}
