//! The CodeView record: which PDB belongs to the image.

use crate::loader::pe::{Pe, directory};

/// The PDB's identity.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct CodeView {
    /// The PDB's path as linked.
    pub pdb: String,
    /// Its GUID.
    pub guid: String,
    /// Its age.
    pub age: u32,
}

const CODE_VIEW: u32 = 2;

/// Reads it; `None` if the image has none.
pub(super) fn code_view(pe: &Pe) -> Option<CodeView> {
    let (rva, size) = pe.directories[directory::DEBUG];
    let word =
        |bytes: &[u8], at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    (0..size / 28).find_map(|index| {
        let entry = pe.at(rva.checked_add(index * 28)?, 28)?;
        if word(entry, 12)? != CODE_VIEW {
            return None;
        }
        let (length, offset) = (word(entry, 16)? as usize, word(entry, 24)? as usize);
        let record = pe.bytes.get(offset..offset.checked_add(length)?)?;
        if !record.starts_with(b"RSDS") || record.len() < 25 {
            return None;
        }
        let (a, b, c) = (word(record, 4)?, &record[8..12], &record[12..20]);
        let name = &record[24..];
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some(CodeView {
            pdb: String::from_utf8_lossy(&name[..end]).into_owned(),
            guid: format!(
                "{a:08x}-{:04x}-{:04x}-{:02x}{:02x}-{}",
                u16::from_le_bytes([b[0], b[1]]),
                u16::from_le_bytes([b[2], b[3]]),
                c[0],
                c[1],
                c[2..].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            ),
            age: word(record, 20)?,
        })
    })
}
