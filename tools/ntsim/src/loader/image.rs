//! A loaded driver image.

use crate::kernel::ImageId;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// `.pdata`: (begin, end, unwind info), offsets from `base`, sorted.
    pub(crate) functions: Vec<[u32; 3]>,
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
}

impl Image {
    /// The `.pdata` entry of the function around an offset.
    pub(crate) fn function_at(&self, rva: u32) -> Option<[u32; 3]> {
        let index = self.functions.partition_point(|function| function[0] <= rva);
        let function = *self.functions.get(index.checked_sub(1)?)?;
        (rva < function[1]).then_some(function)
    }
}
