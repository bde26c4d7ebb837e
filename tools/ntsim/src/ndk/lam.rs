//! Logical address mappings of one open, from NdkBuildLAM to NdkReleaseLAM.
//!
//! A mapping is known by what the provider wrote into the consumer's structure, not by where that lies: the
//! consumer may move the structure before it releases it (LAM-14). A provider that leaves AdapterContext
//! alone and maps the same pages twice hands out two equal ones, so equal ones are counted.

use std::collections::HashMap;
use std::mem::offset_of;

use crate::symbols::Stack;
use ndkpi_sys::NDK_LOGICAL_ADDRESS_MAPPING;

/// What tells one mapping from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The provider's own value.
    pub context: usize,
    pages: u32,
    first: u64,
}

impl Mapping {
    /// Reads what the provider wrote.
    ///
    /// # Safety
    /// `lam` is readable as far as its page array says.
    pub(super) unsafe fn read(lam: *const NDK_LOGICAL_ADDRESS_MAPPING) -> Mapping {
        // SAFETY: the caller's promise.
        let (context, pages) = unsafe { ((*lam).AdapterContext, (*lam).AdapterPageCount) };
        let array = lam.wrapping_byte_add(offset_of!(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray)).cast::<u64>();
        // SAFETY: an array with pages has a first one.
        let first = if pages == 0 { 0 } else { unsafe { array.read() } };
        Mapping { context: context.addr(), pages, first }
    }
}

/// The mappings that are built and not released, with where they were built.
#[derive(Debug, Default)]
pub struct Mappings(HashMap<Mapping, Vec<Stack>>);

impl Mappings {
    pub(super) fn built(&mut self, mapping: Mapping, at: Stack) {
        self.0.entry(mapping).or_default().push(at);
    }

    /// False if there is no such mapping.
    pub(super) fn released(&mut self, mapping: &Mapping) -> bool {
        let Some(stacks) = self.0.get_mut(mapping) else { return false };
        let known = stacks.pop().is_some();
        if stacks.is_empty() {
            self.0.remove(mapping);
        }
        known
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that are left.
    pub(super) fn left(&self) -> Vec<(Mapping, Stack)> {
        self.0.iter().flat_map(|(mapping, stacks)| stacks.iter().map(|stack| (*mapping, stack.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(context: usize, first: i64) -> NDK_LOGICAL_ADDRESS_MAPPING {
        let mut lam = NDK_LOGICAL_ADDRESS_MAPPING {
            AdapterContext: std::ptr::without_provenance_mut(context),
            AdapterPageCount: 1,
            ..Default::default()
        };
        lam.AdapterPageArray[0].QuadPart = first;
        lam
    }

    fn read(lam: &NDK_LOGICAL_ADDRESS_MAPPING) -> Mapping {
        // SAFETY: a structure with its one page.
        unsafe { Mapping::read(lam) }
    }

    #[test]
    fn a_moved_structure_is_the_same_mapping() {
        let mut mappings = Mappings::default();
        mappings.built(read(&structure(7, 0x1000)), Stack::capture());
        let moved = Box::new(structure(7, 0x1000));
        assert!(mappings.released(&read(&moved)));
        assert!(!mappings.released(&read(&moved)), "released once");
        assert!(mappings.is_empty());
    }

    #[test]
    fn equal_mappings_are_counted() {
        let mut mappings = Mappings::default();
        let mapping = read(&structure(0, 0x2000));
        mappings.built(mapping, Stack::capture());
        mappings.built(mapping, Stack::capture());
        assert!(!mappings.released(&read(&structure(0, 0x3000))), "another page");
        assert!(!mappings.released(&read(&structure(1, 0x2000))), "another context");
        assert_eq!(mappings.left().len(), 2);
        assert!(mappings.released(&mapping) && mappings.released(&mapping));
        assert!(!mappings.released(&mapping));
    }
}
