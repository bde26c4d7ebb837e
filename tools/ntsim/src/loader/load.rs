//! From a file to a mapped image.

use super::guard::LoadConfig;
use super::pe::{Pe, directory};
use super::{Image, LoadError, Section, imports};
use crate::host::memory::{self, Protection};
use crate::kernel::Kernel;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// An image under construction: all pages readable and writable.
pub(super) struct Mapped<'a> {
    pub(super) pe: &'a Pe,
    pub(super) base: *mut u8,
    pub(super) size: usize,
}

impl Mapped<'_> {
    /// `N` bytes at an offset, or the error that they are missing.
    pub(super) fn read<const N: usize>(&self, rva: u64, what: &str) -> Result<[u8; N], LoadError> {
        self.check(rva, N as u64, what)?;
        // SAFETY: checked to lie inside the mapping, which is readable.
        Ok(unsafe { self.base.add(rva as usize).cast::<[u8; N]>().read_unaligned() })
    }

    pub(super) fn u32(&self, rva: u64, what: &str) -> Result<u32, LoadError> {
        self.read(rva, what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, rva: u64, what: &str) -> Result<u64, LoadError> {
        self.read(rva, what).map(u64::from_le_bytes)
    }

    pub(super) fn write_u64(&self, rva: u64, value: u64, what: &str) -> Result<(), LoadError> {
        self.check(rva, 8, what)?;
        // SAFETY: checked to lie inside the mapping, which is writable.
        unsafe { self.base.add(rva as usize).cast::<u64>().write_unaligned(value) };
        Ok(())
    }

    /// A zero-terminated name.
    pub(super) fn name(&self, rva: u64, what: &str) -> Result<String, LoadError> {
        let mut name = Vec::new();
        for at in rva.. {
            match self.read::<1>(at, what)?[0] {
                0 => break,
                byte if name.len() < 512 => name.push(byte),
                _ => return Err(self.pe.damaged(format!("{what} is longer than 512 bytes"))),
            }
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// The offset of an address that the relocated image holds.
    pub(super) fn rva_of(&self, address: u64, what: &str) -> Result<u64, LoadError> {
        let rva = address.wrapping_sub(self.base as u64);
        self.check(rva, 1, what)?;
        Ok(rva)
    }

    fn check(&self, rva: u64, size: u64, what: &str) -> Result<(), LoadError> {
        if rva.checked_add(size).is_none_or(|end| end > self.size as u64) {
            return Err(self.pe.damaged(format!("{what} lies outside the image ({rva:#x})")));
        }
        Ok(())
    }
}

/// Loads a driver's image; its code has not run yet.
///
/// # Errors
/// One line that says what is wrong with the file.
pub fn load(path: &Path) -> Result<&'static Image, LoadError> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let bytes = std::fs::read(path).map_err(|error| LoadError::Unreadable { path: path.into(), error })?;
    let pe = Pe::parse(&file, bytes)?;
    if pe.entry == 0 {
        return Err(LoadError::NoEntry { file });
    }
    check_rules(&pe)?;
    let kernel = Kernel::get();
    let size = (pe.image_size as usize).next_multiple_of(0x1000);
    let base =
        memory::map(size, Protection::ReadWrite).map_err(|error| LoadError::NoMemory { file: file.clone(), error })?;
    let mapped = Mapped { pe: &pe, base, size };
    match build(&mapped, path) {
        Ok(parts) => {
            let id = kernel.images.reserve().ok_or_else(|| pe.refused("256 images have been loaded already"))?;
            let image = Box::leak(Box::new(Image {
                id,
                name: file,
                path: path.into(),
                base: base as usize,
                size,
                entry: base as usize + pe.entry as usize,
                sections: parts.sections,
                functions: parts.functions,
                guarded: parts.guarded,
                pdb: parts.pdb,
                unloaded: AtomicBool::new(false),
            }));
            kernel.images.publish(image);
            Ok(image)
        }
        Err(error) => {
            // SAFETY: nobody knows the mapping.
            unsafe { memory::unmap(base, size) };
            Err(error)
        }
    }
}

struct Parts {
    sections: Vec<Section>,
    functions: Vec<[u32; 3]>,
    guarded: Option<Vec<u32>>,
    pdb: Option<std::path::PathBuf>,
}

fn check_rules(pe: &Pe) -> Result<(), LoadError> {
    for section in &pe.sections {
        if section.executable() && section.writable() {
            return Err(pe.refused(format!("section {} is writable and executable", section.name)));
        }
    }
    if !pe.section_of(pe.entry).is_some_and(super::pe::SectionHeader::executable) {
        return Err(pe.refused("the entry point lies in no executable section"));
    }
    if pe.directories[directory::TLS].1 != 0 {
        return Err(pe.refused("it uses thread-local storage, which kernel images do not have"));
    }
    if pe.directories[directory::DELAY_IMPORT].1 != 0 {
        return Err(pe.refused("it has delayed imports, which ntsim does not bind"));
    }
    Ok(())
}

fn build(mapped: &Mapped<'_>, path: &Path) -> Result<Parts, LoadError> {
    copy(mapped);
    relocate(mapped)?;
    imports::bind(mapped)?;
    let config = LoadConfig::apply(mapped)?;
    let functions = functions(mapped)?;
    // SAFETY: the image is being loaded: all of it is mapped, writable, and does not run.
    unsafe { crate::sched::atomics::mark(mapped.base, mapped.size, &functions) };
    let sections = protect(mapped)?;
    let pdb = Some(path.with_extension("pdb")).filter(|pdb| pdb.is_file());
    Ok(Parts { sections, functions, guarded: config.guarded, pdb })
}

fn copy(mapped: &Mapped<'_>) {
    let pe = mapped.pe;
    let put = |rva: u32, bytes: &[u8]| {
        // SAFETY: Pe::parse has checked that headers and sections lie inside the image.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), mapped.base.add(rva as usize), bytes.len()) };
    };
    put(0, &pe.bytes[..(pe.headers_size as usize).min(mapped.size)]);
    for section in &pe.sections {
        let size = section.file_size.min(section.virtual_size) as usize;
        let begin = section.file_offset as usize;
        if size != 0 {
            put(section.rva, &pe.bytes[begin..begin + size]);
        }
    }
}

fn relocate(mapped: &Mapped<'_>) -> Result<(), LoadError> {
    let delta = (mapped.base as u64).wrapping_sub(mapped.pe.image_base);
    let (begin, size) = mapped.pe.directories[directory::RELOCATION];
    if size == 0 {
        if mapped.pe.characteristics & 1 != 0 {
            return Err(mapped.pe.refused("its relocations are stripped"));
        }
        return Ok(());
    }
    let (mut at, end) = (u64::from(begin), u64::from(begin) + u64::from(size));
    while at + 8 <= end {
        let page = u64::from(mapped.u32(at, "a relocation block")?);
        let length = u64::from(mapped.u32(at + 4, "a relocation block")?);
        if length < 8 || at + length > end {
            return Err(mapped.pe.damaged(format!("a relocation block has {length} bytes")));
        }
        for entry in (at + 8..at + length - 1).step_by(2) {
            let word = u16::from_le_bytes(mapped.read(entry, "a relocation")?);
            let target = page + u64::from(word & 0xfff);
            match word >> 12 {
                0 => {}
                10 => {
                    let value = mapped.u64(target, "a relocated word")?;
                    mapped.write_u64(target, value.wrapping_add(delta), "a relocated word")?;
                }
                kind => {
                    return Err(mapped.pe.damaged(format!("relocation type {kind} does not exist on x86_64")));
                }
            }
        }
        at += length;
    }
    Ok(())
}

fn functions(mapped: &Mapped<'_>) -> Result<Vec<[u32; 3]>, LoadError> {
    let (begin, size) = mapped.pe.directories[directory::EXCEPTION];
    let mut list = Vec::with_capacity(size as usize / 12);
    for index in 0..u64::from(size / 12) {
        let at = u64::from(begin) + index * 12;
        let mut function = [0; 3];
        for (word, slot) in function.iter_mut().enumerate() {
            *slot = mapped.u32(at + word as u64 * 4, "unwind data")?;
        }
        // The walker reads the unwind info without checks: at most 4 + 255 * 2 + 16 bytes.
        if function[0] < function[1] {
            mapped.read::<4>(u64::from(function[2]), "an unwind info")?;
            if u64::from(function[2]) + 544 <= mapped.size as u64 {
                list.push(function);
            }
        }
    }
    list.sort_unstable();
    Ok(list)
}

fn protect(mapped: &Mapped<'_>) -> Result<Vec<Section>, LoadError> {
    let pe = mapped.pe;
    let mut sections = vec![Section {
        name: "headers".into(),
        rva: 0,
        size: pe.headers_size.next_multiple_of(0x1000).min(mapped.size as u32),
        protection: Protection::Read,
    }];
    sections.extend(pe.sections.iter().filter(|section| section.virtual_size != 0).map(|section| Section {
        name: section.name.clone(),
        rva: section.rva,
        size: section.virtual_size.next_multiple_of(0x1000),
        protection: match (section.executable(), section.writable(), section.readable()) {
            (true, _, _) => Protection::ReadExecute,
            (_, true, _) => Protection::ReadWrite,
            (_, _, true) => Protection::Read,
            _ => Protection::None,
        },
    }));
    let set = |rva: u32, size: usize, protection| {
        // SAFETY: the pages are the new mapping's; nobody else knows them.
        unsafe { memory::protect(mapped.base.add(rva as usize), size, protection) }
    };
    let all = set(0, mapped.size, Protection::None);
    sections
        .iter()
        .try_fold(all, |before, section| before.map(|()| set(section.rva, section.size as usize, section.protection)))
        .and_then(|last| last)
        .map_err(|error| LoadError::NoMemory { file: pe.file.clone(), error })?;
    Ok(sections)
}
