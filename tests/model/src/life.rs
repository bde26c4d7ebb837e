//! The reference counter: one last holder, who sees what all others did.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use softndk_provider::life::{Dropped, Life};

use crate::harness::explore;

#[test]
fn exactly_one_holder_is_the_last_and_sees_everything() {
    explore(3, || {
        let shared = Arc::new((Life::new(), [UnsafeCell::new(0), UnsafeCell::new(0), UnsafeCell::new(0)]));
        shared.0.acquire();
        shared.0.acquire();
        let threads: Vec<_> = (0..2)
            .map(|index| {
                let shared = shared.clone();
                thread::spawn(move || hold(&shared, index))
            })
            .collect();
        let mut last = hold(&shared, 2);
        for thread in threads {
            last += thread.join().expect("holder");
        }
        assert_eq!(last, 1);
    });
}

/// Uses the object, drops the reference; 1 for the last, who tears it down.
fn hold(shared: &(Life, [UnsafeCell<u32>; 3]), index: usize) -> u32 {
    // SAFETY: each holder has a cell of its own, until the last takes all.
    shared.1[index].with_mut(|cell| unsafe { *cell = 1 });
    match shared.0.release() {
        Dropped::Shared => 0,
        Dropped::Last => {
            for cell in &shared.1 {
                // SAFETY: nobody else is left.
                cell.with_mut(|cell| unsafe { assert_eq!(*cell, 1) });
            }
            1
        }
    }
}

#[test]
fn a_look_up_beside_the_last_release_gets_a_live_object_or_none() {
    explore(3, || {
        let shared = Arc::new(Life::new());
        let other = shared.clone();
        let thread = thread::spawn(move || other.release() == Dropped::Last);
        let mut lasts = 0;
        if shared.try_acquire() {
            lasts += u32::from(shared.release() == Dropped::Last);
        }
        lasts += u32::from(thread.join().expect("holder"));
        assert_eq!(lasts, 1);
    });
}
