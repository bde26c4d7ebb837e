//! The headers of a PE32+ file, checked.

use super::LoadError;

/// The longest file and image that are looked at.
const LIMIT: u64 = 512 << 20;

/// Memory rights of a section, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SectionHeader {
    /// Its name.
    pub name: String,
    /// Offset in the image.
    pub rva: u32,
    /// Bytes in the image.
    pub virtual_size: u32,
    /// Offset in the file.
    pub file_offset: u32,
    /// Bytes in the file.
    pub file_size: u32,
    /// `Characteristics`.
    pub flags: u32,
}

impl SectionHeader {
    /// It may be executed.
    pub fn executable(&self) -> bool {
        self.flags & 0x2000_0000 != 0
    }

    /// It may be written.
    pub fn writable(&self) -> bool {
        self.flags & 0x8000_0000 != 0
    }

    /// It may be read.
    pub fn readable(&self) -> bool {
        self.flags & 0x4000_0000 != 0
    }

    /// It is thrown away after `DriverEntry`.
    pub fn discardable(&self) -> bool {
        self.flags & 0x0200_0000 != 0
    }
}

/// Indices of data directories.
pub mod directory {
    /// Imports.
    pub const IMPORT: usize = 1;
    /// Unwind data.
    pub const EXCEPTION: usize = 3;
    /// Relocations.
    pub const RELOCATION: usize = 5;
    /// Debug entries.
    pub const DEBUG: usize = 6;
    /// Thread-local storage.
    pub const TLS: usize = 9;
    /// Load configuration.
    pub const LOAD_CONFIG: usize = 10;
    /// Delayed imports.
    pub const DELAY_IMPORT: usize = 13;
}

/// A checked PE32+ file.
#[derive(Debug)]
pub struct Pe {
    /// File name, for messages.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The machine.
    pub machine: u16,
    /// COFF characteristics.
    pub characteristics: u16,
    /// Link time stamp (or content hash).
    pub time_stamp: u32,
    /// Offset of the entry point; 0 if none.
    pub entry: u32,
    /// The address it is linked for.
    pub image_base: u64,
    /// Bytes in memory.
    pub image_size: u32,
    /// Bytes of headers.
    pub headers_size: u32,
    /// Subsystem.
    pub subsystem: u16,
    /// `DllCharacteristics`.
    pub dll_characteristics: u16,
    /// (offset, size) of the data directories; absent ones are zero.
    pub directories: [(u32, u32); 16],
    /// The sections in order.
    pub sections: Vec<SectionHeader>,
}

impl Pe {
    /// Checks the headers of `bytes`.
    ///
    /// # Errors
    /// One line that names what is wrong; the entry point's absence is the loader's affair.
    pub fn parse(file: &str, bytes: Vec<u8>) -> Result<Self, LoadError> {
        let reader = Reader { file, bytes: &bytes };
        if bytes.len() as u64 > LIMIT {
            return Err(reader.not_pe("the file is larger than 512 MiB"));
        }
        if !bytes.starts_with(b"MZ") {
            return Err(reader.not_pe("it does not start with MZ"));
        }
        reader.need(0, 64, "the DOS header")?;
        let header = reader.u32(0x3c);
        reader.need(header, 24, "the PE header")?;
        let at = header as usize;
        if &bytes[at..at + 4] != b"PE\0\0" {
            return Err(reader.not_pe("the DOS header does not point at a PE signature"));
        }
        let machine = reader.u16(header + 4);
        let section_count = u32::from(reader.u16(header + 6));
        let optional_size = u32::from(reader.u16(header + 20));
        let characteristics = reader.u16(header + 22);
        let optional = header + 24;
        reader.need(optional, 2, "the optional header")?;
        if reader.u16(optional) == 0x10b || machine == 0x14c {
            return Err(LoadError::ThirtyTwoBit { file: file.into() });
        }
        if machine != 0x8664 {
            return Err(LoadError::WrongMachine { file: file.into(), machine });
        }
        if reader.u16(optional) != 0x20b {
            return Err(
                reader.not_pe(&format!("the optional header has magic {:#x}, not 0x20b (PE32+)", reader.u16(optional)))
            );
        }
        if optional_size < 112 {
            return Err(reader.damaged(format!("the optional header has {optional_size} bytes, PE32+ needs 112")));
        }
        reader.need(optional, optional_size, "the optional header")?;
        let mut directories = [(0, 0); 16];
        let count = reader.u32(optional + 108).min(16).min((optional_size - 112) / 8);
        for (index, slot) in directories.iter_mut().enumerate().take(count as usize) {
            let at = optional + 112 + index as u32 * 8;
            *slot = (reader.u32(at), reader.u32(at + 4));
        }
        let table = optional + optional_size;
        reader.need(table, section_count * 40, "the section table")?;
        let sections = (0..section_count).map(|index| reader.section(table + index * 40)).collect();
        let pe = Pe {
            file: file.into(),
            machine,
            characteristics,
            time_stamp: reader.u32(header + 8),
            entry: reader.u32(optional + 16),
            image_base: reader.u64(optional + 24),
            image_size: reader.u32(optional + 56),
            headers_size: reader.u32(optional + 60),
            subsystem: reader.u16(optional + 68),
            dll_characteristics: reader.u16(optional + 70),
            directories,
            sections,
            bytes,
        };
        pe.check(section_alignment(&pe.bytes, optional))?;
        Ok(pe)
    }

    fn check(&self, alignment: u32) -> Result<(), LoadError> {
        let reader = Reader { file: &self.file, bytes: &self.bytes };
        if self.image_size == 0 || u64::from(self.image_size) > LIMIT {
            return Err(reader.damaged(format!("the image size is {:#x}", self.image_size)));
        }
        if alignment < 0x1000 || !alignment.is_power_of_two() {
            return Err(
                reader.damaged(format!("the section alignment is {alignment:#x}, less than a page or no power of two"))
            );
        }
        reader.need(0, self.headers_size, "the headers")?;
        let mut end = self.headers_size;
        for section in &self.sections {
            let name = &section.name;
            if section.rva % 0x1000 != 0 {
                return Err(reader.damaged(format!("section {name} begins at {:#x}, not at a page", section.rva)));
            }
            if section.rva < end {
                return Err(reader.damaged(format!("section {name} overlaps what comes before it")));
            }
            end = section
                .rva
                .checked_add(section.virtual_size.max(section.file_size.min(section.virtual_size)))
                .filter(|end| *end <= self.image_size)
                .ok_or_else(|| reader.damaged(format!("section {name} reaches over the end of the image")))?;
            if section.file_size != 0 {
                reader.need(section.file_offset, section.file_size, &format!("section {name}"))?;
            }
        }
        if self.entry >= self.image_size {
            return Err(reader.damaged(format!("the entry point {:#x} lies outside the image", self.entry)));
        }
        for (index, (rva, size)) in self.directories.iter().enumerate() {
            // The certificate directory is a file offset and is not mapped.
            if index != 4 && *size != 0 && rva.checked_add(*size).is_none_or(|end| end > self.image_size) {
                return Err(reader.damaged(format!("data directory {index} reaches over the end of the image")));
            }
        }
        Ok(())
    }

    /// Bytes of the file that will lie at `rva`, if `size` of them come from one section.
    pub fn at(&self, rva: u32, size: u32) -> Option<&[u8]> {
        let section =
            self.sections.iter().find(|section| rva.wrapping_sub(section.rva) < section.virtual_size.max(1))?;
        let inside = rva - section.rva;
        if inside.checked_add(size)? > section.file_size {
            return None;
        }
        let begin = (section.file_offset + inside) as usize;
        self.bytes.get(begin..begin + size as usize)
    }

    /// The section that contains `rva`.
    pub fn section_of(&self, rva: u32) -> Option<&SectionHeader> {
        self.sections.iter().find(|section| rva.wrapping_sub(section.rva) < section.virtual_size)
    }

    pub(crate) fn damaged(&self, why: impl Into<String>) -> LoadError {
        LoadError::Damaged { file: self.file.clone(), why: why.into() }
    }

    pub(crate) fn refused(&self, why: impl Into<String>) -> LoadError {
        LoadError::Refused { file: self.file.clone(), why: why.into() }
    }
}

fn section_alignment(bytes: &[u8], optional: u32) -> u32 {
    Reader { file: "", bytes }.u32(optional + 32)
}

struct Reader<'a> {
    file: &'a str,
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn need(&self, offset: u32, size: u32, what: &str) -> Result<(), LoadError> {
        let needed = u64::from(offset) + u64::from(size);
        let size = self.bytes.len() as u64;
        if needed > size {
            return Err(LoadError::Truncated { file: self.file.into(), what: what.into(), needed, size });
        }
        Ok(())
    }

    fn u16(&self, offset: u32) -> u16 {
        let at = offset as usize;
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    fn u32(&self, offset: u32) -> u32 {
        let at = offset as usize;
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, offset: u32) -> u64 {
        let at = offset as usize;
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn section(&self, at: u32) -> SectionHeader {
        let name = &self.bytes[at as usize..at as usize + 8];
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(8);
        SectionHeader {
            name: String::from_utf8_lossy(&name[..end]).into_owned(),
            virtual_size: self.u32(at + 8),
            rva: self.u32(at + 12),
            file_size: self.u32(at + 16),
            file_offset: self.u32(at + 20),
            flags: self.u32(at + 36),
        }
    }

    fn not_pe(&self, why: &str) -> LoadError {
        LoadError::NotPe { file: self.file.into(), why: why.into() }
    }

    fn damaged(&self, why: String) -> LoadError {
        LoadError::Damaged { file: self.file.into(), why }
    }
}
