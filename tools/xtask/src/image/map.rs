//! The linker's map: which symbols an image holds, and where.

use rustc_demangle::demangle;
use std::collections::BTreeMap;

/// Names by address relative to the image base. Folded functions share an address.
#[derive(Debug, Default)]
pub struct SymbolMap {
    by_address: BTreeMap<u32, Vec<String>>,
}

impl SymbolMap {
    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_address.values().flatten().map(String::as_str)
    }

    /// The names of the symbol that starts at an address.
    pub fn at(&self, address: u32) -> impl Iterator<Item = &str> {
        self.by_address.get(&address).into_iter().flatten().map(String::as_str)
    }

    /// The start and first name of the symbol that covers an address.
    pub fn covering(&self, address: u32) -> Option<(u32, &str)> {
        let (start, names) = self.by_address.range(..=address).next_back()?;
        Some((*start, names.first()?))
    }

    /// The start addresses inside a range, ascending.
    pub fn starts(&self, range: std::ops::Range<u32>) -> impl Iterator<Item = u32> {
        self.by_address.range(range).map(|(address, _)| *address)
    }
}

/// Parses the map: `0001:00000000  name  0000000180001000  object` per symbol.
pub fn parse(text: &str, image_base: u64) -> SymbolMap {
    let mut map = SymbolMap::default();
    for line in text.lines() {
        let mut columns = line.split_whitespace();
        let (Some(place), Some(name), Some(address)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        // Section lines have the same first column, but no address in their third.
        let is_symbol = place.len() == 13 && place.as_bytes()[4] == b':' && address.len() == 16;
        let Ok(address) = u64::from_str_radix(address, 16) else {
            continue;
        };
        let offset = address.checked_sub(image_base).and_then(|offset| u32::try_from(offset).ok());
        if let (true, Some(offset)) = (is_symbol, offset) {
            map.by_address.entry(offset).or_default().push(format!("{:#}", demangle(name)));
        }
    }
    map
}

/// True for the functions through which core and alloc panic, and for a crate's panic handler.
pub fn is_panic(name: &str) -> bool {
    const PREFIXES: [&str; 10] = [
        "core::panicking::",
        "core::option::unwrap_failed",
        "core::option::expect_failed",
        "core::result::unwrap_failed",
        "core::cell::panic_",
        "core::str::slice_error_fail",
        "core::slice::index::slice_",
        "core::slice::copy_from_slice_impl::len_mismatch_fail",
        "alloc::raw_vec::capacity_overflow",
        "wdk_panic::",
    ];
    name.contains("rust_begin_unwind")
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.contains("_fail::do_panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = " 0001:00000000 00003ab6H .text                   CODE\n\n \
        0001:00000000       DriverEntry                0000000180001000     a.o\n \
        0001:00000010       _ZN4core9panicking5panic17h0123456789abcdefE 0000000180001010     b.o\n";

    #[test]
    fn symbols_have_addresses_relative_to_the_image() {
        let map = parse(MAP, 0x1_8000_0000);
        assert_eq!(map.at(0x1000).collect::<Vec<_>>(), ["DriverEntry"]);
        assert_eq!(map.covering(0x100F), Some((0x1000, "DriverEntry")));
        assert!(map.at(0x1010).any(is_panic));
        assert_eq!(map.starts(0x1000..0x2000).collect::<Vec<_>>(), [0x1000, 0x1010]);
    }
}
