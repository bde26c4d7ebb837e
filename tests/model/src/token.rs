//! Pins against invalidation: after it is complete no byte is touched, and it is told once.

use std::ptr::NonNull;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use softndk_abi::work::ObjectWork;
use softndk_abi::{Access, Token};
use softndk_nic::memory::Backing;
use softndk_nic::token::{Drained, Kind, RegionDesc, SlotIndex, Table};

use crate::harness::{Block, Log, explore};

struct Shared {
    table: Table,
    log: Log,
    region: SlotIndex,
    token: Token,
    /// Stands for the consumer's memory: loom sees whether a copy and the consumer's reuse meet.
    memory: UnsafeCell<u8>,
    _blocks: [Block; 2],
}

fn shared() -> Arc<Shared> {
    let blocks = [Block::new(Table::directory_bytes(1)), Block::new(Table::chunk_bytes())];
    // SAFETY: the blocks are kept beside the table.
    let table = unsafe { Table::new(blocks[0].pointer(), 1, [1, 2]) };
    // SAFETY: as above.
    assert!(unsafe { table.add_chunk(blocks[1].pointer()) });
    let region = table.allocate(Kind::Region).expect("room");
    let description = RegionDesc {
        base: 0x1000,
        length: 64,
        pd: 1,
        rights: Access::LOCAL_WRITE,
        backing: Backing::Contiguous(NonNull::dangling()),
    };
    // SAFETY: nothing is copied by this address.
    let token = unsafe { table.register(region, &description) }.expect("fresh");
    Arc::new(Shared { table, log: Log::default(), region, token, memory: UnsafeCell::new(0), _blocks: blocks })
}

impl Shared {
    fn access(&self) {
        if let Ok(_pin) = self.table.pin_local(self.token, 0x1000, 64, Access::LOCAL_WRITE, 1, &self.log) {
            self.memory.with(|_| ());
        }
    }

    fn reuse(&self) {
        self.memory.with_mut(|_| ());
    }
}

#[test]
fn mr_23_and_mr_24_no_access_after_the_invalidation_is_complete() {
    explore(3, || {
        let shared = shared();
        let other = shared.clone();
        let thread = thread::spawn(move || other.access());
        let drained = shared.table.invalidate(shared.region, &shared.log).expect("valid");
        if drained == Drained::Now {
            shared.reuse();
        }
        thread.join().expect("copier");
        let told = shared.log.drained.lock().expect("log").len();
        assert_eq!(told, usize::from(drained == Drained::Later));
        shared.reuse();
        assert_eq!(shared.table.release(shared.region), Ok(()));
    });
}

#[test]
fn life_37_two_copies_and_a_close() {
    explore(2, || {
        let shared = shared();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let other = shared.clone();
                thread::spawn(move || other.access())
            })
            .collect();
        let drained = shared.table.retire(shared.region, &shared.log);
        if drained == Drained::Now {
            shared.reuse();
        }
        for thread in threads {
            thread.join().expect("copier");
        }
        assert_eq!(shared.log.drained.lock().expect("log").len(), usize::from(drained == Drained::Later));
        assert_eq!(shared.table.release(shared.region), Ok(()));
    });
}

#[test]
fn life_28_window_and_region_are_closed_at_once_beside_an_access() {
    explore(2, || {
        let shared = shared();
        let window = shared.table.allocate(Kind::Window).expect("room");
        shared.table.initialise_window(window, 1).expect("fresh");
        let token = shared.table.plan_window_token(window).expect("window");
        let work = ObjectWork {
            object: window.0,
            second: shared.token.0,
            base: 0x1000,
            span: 64,
            rights: Access::REMOTE_READ,
            token,
            ..ObjectWork::EMPTY
        };
        shared.table.bind(&work, 1, 9, &shared.log).expect("a good bind");
        let other = shared.clone();
        let copier = thread::spawn(move || {
            if let Ok(_pin) = other.table.pin_remote(token, 0x1000, 64, Access::REMOTE_READ, 1, 9, &other.log) {
                other.memory.with(|_| ());
            }
        });
        let other = shared.clone();
        let closer = thread::spawn(move || other.table.retire(window, &other.log) == Drained::Later);
        let later = shared.table.retire(shared.region, &shared.log) == Drained::Later;
        copier.join().expect("copier");
        let window_later = closer.join().expect("closer");
        let told = shared.log.drained.lock().expect("log").clone();
        let times = |index: SlotIndex| told.iter().filter(|i| **i == index.0).count();
        assert_eq!((times(shared.region), times(window)), (usize::from(later), usize::from(window_later)));
        shared.reuse();
        assert_eq!(shared.table.release(window), Ok(()));
        assert_eq!(shared.table.release(shared.region), Ok(()));
    });
}

#[test]
fn frg_12_two_registrations_of_one_slot_have_one_winner() {
    explore(3, || {
        let shared = shared();
        assert_eq!(shared.table.invalidate(shared.region, &shared.log), Ok(Drained::Now));
        let description = RegionDesc {
            base: 0,
            length: 0,
            pd: 1,
            rights: Access::LOCAL_WRITE,
            backing: Backing::Contiguous(NonNull::dangling()),
        };
        let other = shared.clone();
        let thread = thread::spawn(move || {
            // SAFETY: no bytes.
            unsafe { other.table.register(other.region, &description) }.is_ok()
        });
        // SAFETY: no bytes.
        let own = unsafe { shared.table.register(shared.region, &description) }.is_ok();
        assert!(own ^ thread.join().expect("other"));
    });
}
