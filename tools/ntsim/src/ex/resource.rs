//! ERESOURCE: recursive reader/writer locks; the state is kept beside the driver's structure.

use crate::bugcheck::codes;
use crate::ke::thread;
use crate::kernel::Kernel;
use crate::sched;
use crate::types::{BOOLEAN, NTSTATUS, PVOID, STATUS_SUCCESS};
use parking_lot::Mutex;
use std::collections::HashMap;

crate::routines! { "ntoskrnl.exe";
    fn ExInitializeResourceLite(resource: PVOID) -> NTSTATUS = initialize: PASSIVE..=DISPATCH;
    fn ExDeleteResourceLite(resource: PVOID) -> NTSTATUS = delete: PASSIVE..=APC;
    fn ExAcquireResourceExclusiveLite(resource: PVOID, wait: BOOLEAN) -> BOOLEAN = acquire_exclusive: PASSIVE..=APC, blocks;
    fn ExAcquireResourceSharedLite(resource: PVOID, wait: BOOLEAN) -> BOOLEAN = acquire_shared: PASSIVE..=APC, blocks;
    fn ExReleaseResourceLite(resource: PVOID) = release: PASSIVE..=DISPATCH;
}

const SIZE: usize = 104;
const KIND: &str = "ERESOURCE";

#[derive(Default)]
struct State {
    /// Owner thread and depth.
    exclusive: Option<(u32, u32)>,
    /// Thread and depth.
    shared: HashMap<u32, u32>,
}

static STATES: Mutex<Option<HashMap<usize, State>>> = Mutex::new(None);

fn with<R>(resource: PVOID, f: impl FnOnce(&mut State) -> R) -> R {
    let mut states = STATES.lock();
    match states.get_or_insert_default().get_mut(&(resource as usize)) {
        Some(state) => f(state),
        None => {
            drop(states);
            bugcheck!(
                codes::OBJECT_NOT_INITIALIZED,
                [resource as u64, 0, 0, 0],
                "the resource at {resource:p} is not initialised, or was deleted"
            )
        }
    }
}

unsafe fn initialize(resource: PVOID) -> NTSTATUS {
    let before = STATES.lock().get_or_insert_default().insert(resource as usize, State::default());
    if before.is_some() {
        bugcheck!(
            codes::OBJECT_IN_USE,
            [resource as u64, 0, 0, 0],
            "the resource at {resource:p} was initialised twice"
        );
    }
    // SAFETY: the driver's 104 bytes for a resource.
    unsafe { resource.cast::<u8>().write_bytes(0, SIZE) };
    Kernel::get().leaks.track(KIND, resource as usize, "");
    STATUS_SUCCESS
}

unsafe fn delete(resource: PVOID) -> NTSTATUS {
    let held = with(resource, |state| state.exclusive.is_some() || !state.shared.is_empty());
    if held {
        bugcheck!(
            codes::OBJECT_IN_USE,
            [resource as u64, 0, 0, 0],
            "the resource at {resource:p} was deleted while it is held"
        );
    }
    STATES.lock().get_or_insert_default().remove(&(resource as usize));
    Kernel::get().leaks.untrack(KIND, resource as usize);
    STATUS_SUCCESS
}

unsafe fn acquire_exclusive(resource: PVOID, wait: BOOLEAN) -> BOOLEAN {
    super::push_lock::need_region("ExAcquireResourceExclusiveLite");
    let me = thread::current().id();
    let take = || {
        with(resource, |state| match &mut state.exclusive {
            Some((owner, depth)) if *owner == me => {
                *depth += 1;
                true
            }
            Some(_) => false,
            None if state.shared.contains_key(&me) => {
                bugcheck!(
                    codes::LOCK_RECURSION,
                    [resource as u64, 0, 0, 0],
                    "the thread holds the resource at {resource:p} shared and wants it exclusively: it would wait for itself"
                )
            }
            None if state.shared.is_empty() => {
                state.exclusive = Some((me, 1));
                true
            }
            None => false,
        })
    };
    acquire(resource, wait, take)
}

unsafe fn acquire_shared(resource: PVOID, wait: BOOLEAN) -> BOOLEAN {
    super::push_lock::need_region("ExAcquireResourceSharedLite");
    let me = thread::current().id();
    let take = || {
        with(resource, |state| match &mut state.exclusive {
            Some((owner, depth)) if *owner == me => {
                *depth += 1;
                true
            }
            Some(_) => false,
            None => {
                *state.shared.entry(me).or_insert(0) += 1;
                true
            }
        })
    };
    acquire(resource, wait, take)
}

fn acquire(resource: PVOID, wait: BOOLEAN, mut take: impl FnMut() -> bool) -> BOOLEAN {
    if take() {
        return 1;
    }
    if wait == 0 {
        return 0;
    }
    sched::wait_on(resource as usize, take);
    1
}

unsafe fn release(resource: PVOID) {
    let me = thread::current().id();
    let released = with(resource, |state| {
        if let Some((owner, depth)) = &mut state.exclusive {
            if *owner != me {
                return false;
            }
            *depth -= 1;
            if *depth == 0 {
                state.exclusive = None;
            }
            return true;
        }
        let Some(depth) = state.shared.get_mut(&me) else {
            return false;
        };
        *depth -= 1;
        if *depth == 0 {
            state.shared.remove(&me);
        }
        true
    });
    if !released {
        bugcheck!(
            codes::LOCK_NOT_OWNED,
            [resource as u64, 0, 0, 0],
            "the resource at {resource:p} is released by a thread that does not hold it"
        );
    }
    sched::notify(resource as usize);
}
