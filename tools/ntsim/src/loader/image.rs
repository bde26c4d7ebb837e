//! A loaded driver image.

use crate::host::memory::{self, Protection};
use crate::kernel::ImageId;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// A section in memory.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Offset from the image's base.
    pub rva: u32,
    /// Bytes, rounded up to pages.
    pub size: u32,
    /// Its rights.
    pub protection: Protection,
}

/// A loaded driver image. Lives for ever; its pages become inaccessible at unload.
#[derive(Debug)]
pub struct Image {
    /// Its ID.
    pub id: ImageId,
    /// Its file name, such as `softndk.sys`.
    pub name: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// Where it lies.
    pub base: usize,
    /// Bytes from `base`.
    pub size: usize,
    /// The entry point's address.
    pub entry: usize,
    /// Its sections.
    pub sections: Vec<Section>,
    /// `.pdata`: (begin, end, unwind info), offsets from `base`, sorted.
    pub(crate) functions: Vec<[u32; 3]>,
    /// Offsets of the functions that may be called by pointer, sorted; `None` without control
    /// flow guard.
    pub(crate) guarded: Option<Vec<u32>>,
    /// The PDB, if one lies beside the image.
    pub pdb: Option<PathBuf>,
    pub(crate) unloaded: AtomicBool,
}

impl Image {
    /// Whether `address` lies inside.
    #[inline]
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.size
    }

    /// Whether it has been unloaded.
    pub fn is_unloaded(&self) -> bool {
        self.unloaded.load(Ordering::Acquire)
    }

    /// The section around an address.
    pub fn section_at(&self, address: usize) -> Option<&Section> {
        let rva = u32::try_from(address.checked_sub(self.base)?).ok()?;
        self.sections.iter().find(|section| rva.wrapping_sub(section.rva) < section.size)
    }

    /// The `.pdata` entry of the function around an offset.
    pub(crate) fn function_at(&self, rva: u32) -> Option<[u32; 3]> {
        let index = self.functions.partition_point(|function| function[0] <= rva);
        let function = *self.functions.get(index.checked_sub(1)?)?;
        (rva < function[1]).then_some(function)
    }

    /// Takes all access from the pages: a late call into the driver faults and is named.
    pub(crate) fn close(&self) {
        self.unloaded.store(true, Ordering::Release);
        super::forget_checked_targets();
        // SAFETY: the driver is unloaded; what still uses its pages is meant to fault.
        let closed = unsafe { memory::protect(self.base as *mut u8, self.size, Protection::None) };
        if let Err(error) = closed {
            eprintln!("ntsim: cannot close {}: {error}", self.name);
        }
    }
}
