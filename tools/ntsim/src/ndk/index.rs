//! Finds the record of an object from its address without a lock: open addressing, one or two
//! cache lines per look-up. Insertions and removals are serialised.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::null_mut;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::record::Record;

/// A power of two; memory is touched only where objects are.
const SLOTS: usize = 1 << 20;
/// More objects than this are refused, so that every search ends.
const LIMIT: usize = SLOTS / 4 * 3;

static TABLE: LazyLock<&'static [AtomicPtr<Record>]> = LazyLock::new(|| {
    let Ok(layout) = Layout::array::<AtomicPtr<Record>>(SLOTS) else { unreachable!("8 MiB") };
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: fresh memory of SLOTS elements that is never freed; all zero is a null pointer.
    unsafe { std::slice::from_raw_parts(memory.cast(), SLOTS) }
});
static WRITER: Mutex<()> = Mutex::new(());
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// A slot whose object is gone: searches go on past it.
fn gone() -> *mut Record {
    std::ptr::without_provenance_mut(1)
}

fn first_slot(address: usize) -> usize {
    // Objects are at least 16 bytes apart; Fibonacci hashing spreads the rest.
    (address >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.trailing_zeros())
}

/// The record of the object at `address`, if one was inserted and not removed.
#[inline]
pub(super) fn find(address: usize) -> Option<&'static Record> {
    let table = &**TABLE;
    let mut slot = first_slot(address);
    for _ in 0..SLOTS {
        let record = table.get(slot)?.load(Ordering::Acquire);
        if record.is_null() {
            return None;
        }
        if record != gone() {
            // SAFETY: records are never freed.
            let record = unsafe { &*record };
            if record.address() == address {
                return Some(record);
            }
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
    None
}

/// Enters a record under its address, in place of an older one; false if there is no room.
pub(super) fn insert(record: &'static Record) -> bool {
    let _writer = WRITER.lock();
    let address = record.address();
    if let Some(old) = find(address) {
        remove_locked(old);
    }
    if LIVE.load(Ordering::Relaxed) >= LIMIT {
        return false;
    }
    let table = &**TABLE;
    let mut slot = first_slot(address);
    for _ in 0..SLOTS {
        let Some(place) = table.get(slot) else { return false };
        let there = place.load(Ordering::Relaxed);
        if there.is_null() || there == gone() {
            place.store(std::ptr::from_ref(record).cast_mut(), Ordering::Release);
            LIVE.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
    false
}

/// Takes a record out, if it is still the one at its address.
pub(super) fn remove(record: &'static Record) {
    let _writer = WRITER.lock();
    remove_locked(record);
}

/// The record with this id; slow, for reports.
pub(super) fn find_id(id: super::life::Id) -> Option<&'static Record> {
    TABLE
        .iter()
        .map(|slot| slot.load(Ordering::Acquire))
        .filter(|record| !record.is_null() && *record != gone())
        // SAFETY: records are never freed.
        .map(|record| unsafe { &*record })
        .find(|record| record.id() == id)
}

fn remove_locked(record: &'static Record) {
    let table = &**TABLE;
    let mut slot = first_slot(record.address());
    for _ in 0..SLOTS {
        let Some(place) = table.get(slot) else { return };
        let there = place.load(Ordering::Relaxed);
        if there.is_null() {
            return;
        }
        if std::ptr::eq(there, record) {
            // The last of a run needs no mark: nothing is searched for behind it.
            let next = table.get((slot + 1) & (SLOTS - 1));
            let last = next.is_none_or(|next| next.load(Ordering::Relaxed).is_null());
            place.store(if last { null_mut() } else { gone() }, Ordering::Release);
            LIVE.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        slot = (slot + 1) & (SLOTS - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::*;

    #[test]
    fn records_are_found_replaced_and_forgotten() {
        let base = 0x7FFF_0000_0000_usize;
        let records: Vec<&'static Record> = (0..1000)
            .map(|at| {
                let record = Record::reserve(Kind::Mr);
                record.set_address(base + at * 64);
                assert!(insert(record));
                record
            })
            .collect();
        for record in &records {
            assert!(std::ptr::eq(find(record.address()).unwrap(), *record));
        }
        let again = Record::reserve(Kind::Pd);
        again.set_address(base);
        assert!(insert(again));
        assert!(std::ptr::eq(find(base).unwrap(), again));
        remove(records[0]);
        assert!(find(base).is_some(), "the newer record stays");
        remove(again);
        assert!(find(base).is_none());
        for record in &records[1..] {
            remove(record);
            assert!(find(record.address()).is_none());
        }
    }
}
