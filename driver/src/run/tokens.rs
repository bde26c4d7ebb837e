//! The token table of a device with its memory, and those who wait for a token to drain.
//!
//! The table grows by chunks of 1024 slots, which stay until the device goes. A region, window or
//! mapping whose end must wait for copies in progress (`MR-24`, `LIFE-38`) leaves a [`Waiter`]; the
//! engine's `drained` wakes it.
//!
//! `unsafe` is here because waiters are parts of the objects that wait.

use core::{
    cell::UnsafeCell,
    ptr::{self, NonNull},
};

use softndk_nic::token::{AllocateError, Drained, Kind, SlotIndex, Table};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    lock::{Leaf, Spin},
    pool::{KBytes, Tag},
    random::Generator,
};
use softndk_provider::Failure;

const TAG: Tag = Tag::new(*b"nkTk");
/// Most chunks: 524,288 regions, windows and mappings for each device.
const CHUNKS: u32 = 512;

/// Called when the slot has drained; it gives up what the waiter held.
///
/// # Safety
/// Called once for each wait, with no lock held.
pub type Woken = unsafe fn(NonNull<Waiter>);

/// Somebody who waits for a slot to drain.
pub struct Waiter {
    woken: Woken,
    place: UnsafeCell<Place>,
}

struct Place {
    index: u32,
    next: *mut Waiter,
}

// SAFETY: `place` is touched under the lock of the list only.
unsafe impl Sync for Waiter {}
// SAFETY: as above.
unsafe impl Send for Waiter {}

impl Waiter {
    /// Not waiting.
    pub const fn new(woken: Woken) -> Self {
        Self { woken, place: UnsafeCell::new(Place { index: 0, next: ptr::null_mut() }) }
    }
}

/// The first waiter.
struct Waiters(*mut Waiter);

// SAFETY: followed under the lock only.
unsafe impl Send for Waiters {}

/// The table and its memory.
pub struct Tokens {
    table: Option<Table>,
    growth: Spin<(), Leaf>,
    waiters: Spin<Waiters, Leaf>,
    directory: Option<KBytes>,
}

impl Tokens {
    /// A table without slots; one that never gets any when there is no memory for its directory.
    pub fn new(random: &mut Generator) -> Self {
        let directory = KBytes::try_zeroed(TAG, Table::directory_bytes(CHUNKS)).ok();
        let seed = [random.next_u64(), random.next_u64()];
        // SAFETY: fresh, zeroed memory of that size, freed after the table.
        let table = directory.as_ref().map(|memory| unsafe { Table::new(memory.as_ptr(), CHUNKS, seed) });
        Self { table, growth: Spin::new(()), waiters: Spin::new(Waiters(ptr::null_mut())), directory }
    }

    /// The table.
    pub const fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// A slot of `kind`; the table grows if it must.
    ///
    /// # Errors
    /// [`Failure::NoResources`].
    pub fn allocate(&self, kind: Kind, cx: &mut Cx<AtMostDispatch>) -> Result<SlotIndex, Failure> {
        let table = self.table.as_ref().ok_or(Failure::NoResources)?;
        loop {
            match table.allocate(kind) {
                Ok(index) => return Ok(index),
                Err(AllocateError::Full) => return Err(Failure::NoResources),
                Err(AllocateError::NeedChunk) => self.grow(table, cx)?,
            }
        }
    }

    fn grow(&self, table: &Table, cx: &mut Cx<AtMostDispatch>) -> Result<(), Failure> {
        let chunk = KBytes::try_zeroed(TAG, Table::chunk_bytes()).map_err(|_| Failure::NoResources)?;
        let (memory, _) = chunk.into_raw();
        let guard = self.growth.lock(cx);
        // SAFETY: fresh, zeroed memory of that size, which the device frees after the table; calls are
        // serialised by the lock.
        let taken = unsafe { table.add_chunk(memory) };
        drop(guard);
        if taken {
            return Ok(());
        }
        // SAFETY: the table did not take it.
        drop(unsafe { KBytes::from_raw(memory, 0) });
        Err(Failure::NoResources)
    }

    /// Gives a drained slot back.
    pub fn release(&self, index: SlotIndex) {
        if let Some(table) = &self.table {
            let released = table.release(index);
            debug_assert!(released.is_ok(), "a slot was released while it was in use");
        }
    }

    /// Ends access through `index` by `end`, with `waiter` in place first. On [`Drained::Later`] the
    /// waiter is woken once; else it is not.
    ///
    /// # Errors
    /// Those of `end`; the waiter is not woken then.
    ///
    /// # Safety
    /// The waiter is not waiting already, and lives until it is woken.
    pub unsafe fn drain<E>(
        &self,
        index: SlotIndex,
        waiter: NonNull<Waiter>,
        cx: &mut Cx<AtMostDispatch>,
        end: impl FnOnce(&Table) -> Result<Drained, E>,
    ) -> Result<Drained, E> {
        let Some(table) = &self.table else { return Ok(Drained::Now) };
        {
            let mut waiters = self.waiters.lock(cx);
            // SAFETY: the caller's waiter, under the lock.
            unsafe { *waiter.as_ref().place.get() = Place { index: index.0, next: waiters.0 } };
            waiters.0 = waiter.as_ptr();
        }
        let ended = end(table);
        if !matches!(ended, Ok(Drained::Later)) {
            self.take(cx, |candidate, _| ptr::eq(candidate, waiter.as_ptr()));
        }
        ended
    }

    /// Wakes everybody who waits for `index`. No lock is held.
    pub fn drained(&self, index: u32, cx: &mut Cx<AtMostDispatch>) {
        while let Some(waiter) = self.take(cx, |_, place| place.index == index) {
            // SAFETY: taken out of the list once.
            let woken = unsafe { waiter.as_ref() }.woken;
            // SAFETY: this is the one call for this wait, and no lock is held.
            unsafe { woken(waiter) };
        }
    }

    /// Takes the first waiter that fits out of the list.
    fn take(&self, cx: &mut Cx<AtMostDispatch>, fits: impl Fn(*mut Waiter, &Place) -> bool) -> Option<NonNull<Waiter>> {
        let mut waiters = self.waiters.lock(cx);
        let mut link: *mut *mut Waiter = &raw mut waiters.0;
        loop {
            // SAFETY: `link` is the head or the next link of a waiter in the list.
            let here = NonNull::new(unsafe { link.read() })?;
            // SAFETY: what is in the list lives, and its place is guarded by the lock.
            let place = unsafe { &mut *here.as_ref().place.get() };
            if fits(here.as_ptr(), place) {
                // SAFETY: as for the read.
                unsafe { link.write(place.next) };
                return Some(here);
            }
            link = &raw mut place.next;
        }
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            for chunk in table.chunks() {
                // SAFETY: added by `grow` from `into_raw`; nobody uses the table any more.
                drop(unsafe { KBytes::from_raw(chunk, 0) });
            }
        }
        self.directory = None;
    }
}
