//! The tables that consumers see: the shim's functions, or in a benchmark the provider's own for
//! the functions of the data path.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::call::provider_violation;
use super::kind::{Kind, Version};
use super::record::Record;
use super::{Checks, rules};
use crate::table::Row;

/// The longest table, that of the connector at 2.1.
const LONGEST: usize = 13;

/// One entry of a kind's table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The shim's function.
    pub row: &'static Row,
    /// Whether it is of the data path: posts, polls, arms.
    pub hot: bool,
}

/// An entry that is always wrapped.
pub(super) const fn cold(row: &'static Row) -> Entry {
    Entry { row, hot: false }
}

/// An entry that only full checking wraps.
pub(super) const fn hot(row: &'static Row) -> Entry {
    Entry { row, hot: true }
}

#[derive(Debug)]
struct Table {
    /// What the consumer calls.
    words: [usize; LONGEST],
    /// What the provider gave, to notice another driver's table at the same address.
    provider: [usize; LONGEST],
}

type Key = (usize, Kind, Version, Checks);
static TABLES: Mutex<Option<HashMap<Key, &'static Table>>> = Mutex::new(None);

/// The shim's entries for a kind.
fn entries(kind: Kind) -> &'static [Entry] {
    match kind {
        Kind::Adapter => super::adapter::ENTRIES,
        Kind::Qp => super::qp::ENTRIES,
        Kind::Cq => super::cq::ENTRIES,
        Kind::Mr => super::mr::ENTRIES,
        Kind::Mw => super::mw::ENTRIES,
        Kind::Pd => super::pd::ENTRIES,
        Kind::SharedEndpoint => super::endpoint::ENTRIES,
        Kind::Connector => super::connector::ENTRIES,
        Kind::Listener => super::listener::ENTRIES,
        Kind::Srq => super::srq::ENTRIES,
    }
}

/// The address of the table that takes the place of the provider's; stops at a NULL entry (VER-08).
///
/// # Safety
/// `provider` must be the dispatch table that the provider put into an object of `kind`.
pub(super) unsafe fn shim(record: &Record, kind: Kind, provider: usize, version: Version, checks: Checks) -> usize {
    let entries = entries(kind);
    let count = kind.entries(version);
    let mut given = [0; LONGEST];
    let table: *const usize = std::ptr::with_exposed_provenance(provider);
    for (at, (word, entry)) in given.iter_mut().zip(entries).take(count).enumerate() {
        // SAFETY: the table has at least the entries of the negotiated version.
        *word = unsafe { table.add(at).read() };
        if *word == 0 {
            let text = format!(
                "the provider's {}_DISPATCH at version {version} has no {}: every entry is mandatory, also for features \
                 that the adapter does not have",
                kind.name(),
                entry.row.name
            );
            provider_violation(record, &rules::NDK_NULL_ENTRY, text);
        }
    }
    let mut tables = TABLES.lock();
    let tables = tables.get_or_insert_with(HashMap::new);
    let key = (provider, kind, version, checks);
    if let Some(table) = tables.get(&key).filter(|table| table.provider == given) {
        return table.words.as_ptr().expose_provenance();
    }
    let mut words = [0; LONGEST];
    for ((word, entry), given) in words.iter_mut().zip(entries).zip(given).take(count) {
        *word = if entry.hot && checks == Checks::Life { given } else { entry.row.target.address() };
    }
    let table: &'static Table = Box::leak(Box::new(Table { words, provider: given }));
    tables.insert(key, table);
    table.words.as_ptr().expose_provenance()
}
