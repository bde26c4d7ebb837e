//! Work items: a driver's routine on a system worker thread at PASSIVE_LEVEL.
//!
//! The structure that the driver holds is opaque to it; all state is on record here by address,
//! so that a queue or free of something else is found.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::codes;
use super::memory::Block;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::kernel::{ImageId, Kernel};
use crate::sched::{self, Condition};
use crate::symbols::Stack;
use crate::types::*;

/// What `IoSizeofWorkItem` answers; the first 32 bytes are a WORK_QUEUE_ITEM on Windows.
const SIZE: u32 = 64;

type Routine = unsafe extern "win64" fn(object: PVOID, context: PVOID);
type RoutineEx = unsafe extern "win64" fn(object: PVOID, context: PVOID, item: PVOID);

/// Which of the two signatures a queued routine has.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Plain(Option<Routine>),
    Extended(Option<RoutineEx>),
}

#[derive(Debug)]
struct Record {
    /// The memory, for items that `IoAllocateWorkItem` made.
    block: Option<Block>,
    /// The device or driver object.
    object: usize,
    /// Where it was queued, while it is.
    queued: Option<Stack>,
}

static ITEMS: Mutex<Option<HashMap<usize, Record>>> = Mutex::new(None);
/// How many routines are queued or running, by the image of the routine.
static BUSY: Mutex<Option<HashMap<ImageId, usize>>> = Mutex::new(None);
static CALM: Condition = Condition::new();

fn with_items<R>(f: impl FnOnce(&mut HashMap<usize, Record>) -> R) -> R {
    f(ITEMS.lock().get_or_insert_default())
}

/// Waits until no work item routine of the image is queued or running; false if the time ran out.
pub fn drain(image: ImageId, limit: Duration) -> bool {
    let deadline = sched::now() + limit;
    let mut busy = BUSY.lock();
    while busy.get_or_insert_default().get(&image).is_some_and(|count| *count > 0) {
        if !CALM.wait(&mut busy, Some(deadline)) {
            return false;
        }
    }
    true
}

fn count(image: Option<ImageId>, change: isize) {
    let Some(image) = image else { return };
    let mut busy = BUSY.lock();
    let slot = busy.get_or_insert_default().entry(image).or_default();
    *slot = slot.saturating_add_signed(change);
    drop(busy);
    CALM.notify_all();
}

unsafe fn allocate(object: PVOID) -> PVOID {
    let block = Block::new("work item", SIZE as usize);
    let item = block.address() as usize;
    add(item, Some(block), object);
    std::ptr::with_exposed_provenance_mut(item)
}

unsafe fn initialize(object: PVOID, item: PVOID) {
    add(item as usize, None, object);
}

fn add(item: usize, block: Option<Block>, object: PVOID) {
    let how = if block.is_some() { "IoAllocateWorkItem" } else { "IoInitializeWorkItem" };
    let record = Record { block, object: object as usize, queued: None };
    with_items(|items| items.insert(item, record));
    Kernel::get().leaks.track("IO_WORKITEM", item, how);
}

unsafe fn free(item: PVOID) {
    remove(item as usize, true);
}

unsafe fn uninitialize(item: PVOID) {
    remove(item as usize, false);
}

fn remove(item: usize, allocated: bool) {
    let state = with_items(|items| items.get(&item).map(|record| (record.block.is_some(), record.queued.clone())));
    match state {
        Some((_, Some(stack))) => Violation::new(&codes::WORK_ITEM_FREED_WHILE_QUEUED)
            .params([item as u64, 0, 0, 0])
            .text(format!("the driver freed the work item at {item:#x} while it was queued"))
            .related("queued at", stack)
            .raise(),
        Some((was_allocated, None)) if was_allocated == allocated => {}
        _ => not_valid(item, "freed"),
    }
    let record = with_items(|items| items.remove(&item));
    Kernel::get().leaks.untrack("IO_WORKITEM", item);
    drop(record);
}

#[cold]
fn not_valid(item: usize, doing: &str) -> ! {
    bugcheck!(
        codes::WORK_ITEM_NOT_VALID,
        [item as u64, 0, 0, 0],
        "the driver {doing} a work item at {item:#x}, but there is none that may be"
    )
}

unsafe fn queue_plain(item: PVOID, routine: Option<Routine>, _queue: i32, context: PVOID) {
    queue(item as usize, Entry::Plain(routine), context as usize);
}

unsafe fn queue_extended(item: PVOID, routine: Option<RoutineEx>, _queue: i32, context: PVOID) {
    queue(item as usize, Entry::Extended(routine), context as usize);
}

fn queue(item: usize, entry: Entry, context: usize) {
    let stack = Stack::capture();
    let before = with_items(|items| items.get_mut(&item).map(|record| record.queued.replace(stack)));
    match before {
        None => not_valid(item, "queued"),
        Some(Some(stack)) => Violation::new(&codes::WORK_ITEM_QUEUED_TWICE)
            .params([item as u64, 0, 0, 0])
            .text(format!("the driver queued the work item at {item:#x} again before it ran"))
            .related("queued before at", stack)
            .raise(),
        Some(None) => {}
    }
    let target = match entry {
        Entry::Plain(routine) => routine.map_or(0, |routine| routine as usize),
        Entry::Extended(routine) => routine.map_or(0, |routine| routine as usize),
    };
    let image = Kernel::get().images.containing(target).map(|image| image.id);
    count(image, 1);
    crate::ex::work::queue_for(
        "work item",
        target,
        Box::new(move || {
            run(item, entry, target, context);
            count(image, -1);
        }),
    );
}

/// Runs on a worker. From the call on the item is free to be queued again or freed.
fn run(item: usize, entry: Entry, target: usize, context: usize) {
    let object = with_items(|items| {
        items.get_mut(&item).map(|record| {
            record.queued = None;
            record.object
        })
    });
    // A queued item cannot be freed, so it is there.
    let Some(object) = object else { return };
    let object: PVOID = std::ptr::with_exposed_provenance_mut(object);
    let context: PVOID = std::ptr::with_exposed_provenance_mut(context);
    let item: PVOID = std::ptr::with_exposed_provenance_mut(item);
    call_driver(CallSite::new("work item routine", target), || match entry {
        // SAFETY: the driver queued this routine with this context.
        Entry::Plain(Some(routine)) => unsafe { routine(object, context) },
        // SAFETY: as above.
        Entry::Extended(Some(routine)) => unsafe { routine(object, context, item) },
        _ => unreachable!("call_driver stops at a null routine"),
    });
}

unsafe fn size() -> u32 {
    SIZE
}

crate::routines! { "ntoskrnl.exe";
    fn IoAllocateWorkItem(object: PVOID) -> PVOID = allocate: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn IoFreeWorkItem(item: PVOID) = free: PASSIVE..=DISPATCH;
    fn IoInitializeWorkItem(object: PVOID, item: PVOID) = initialize: PASSIVE..=DISPATCH;
    fn IoUninitializeWorkItem(item: PVOID) = uninitialize: PASSIVE..=DISPATCH;
    fn IoSizeofWorkItem() -> u32 = size: PASSIVE..=HIGH;
    fn IoQueueWorkItem(item: PVOID, routine: Option<Routine>, queue: i32, context: PVOID) = queue_plain: PASSIVE..=DISPATCH;
    fn IoQueueWorkItemEx(item: PVOID, routine: Option<RoutineEx>, queue: i32, context: PVOID) = queue_extended: PASSIVE..=DISPATCH;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugcheck::expect_violation;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    static RAN: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "win64" fn routine(object: PVOID, context: PVOID) {
        assert_eq!(object as usize, 0x10);
        RAN.fetch_add(context as usize, Ordering::SeqCst);
    }

    #[test]
    fn a_routine_runs_with_its_object_and_context() {
        Kernel::enter(|| {
            // SAFETY: a test driver's calls.
            unsafe {
                let item = allocate(std::ptr::without_provenance_mut(0x10));
                queue_plain(item, Some(routine), 1, std::ptr::without_provenance_mut(5));
                let started = Instant::now();
                while RAN.load(Ordering::SeqCst) == 0 {
                    assert!(started.elapsed() < Duration::from_secs(10), "it never ran");
                    std::thread::yield_now();
                }
                assert_eq!(RAN.load(Ordering::SeqCst), 5);
                free(item);
            }
        });
    }

    #[test]
    fn misuse_is_found() {
        Kernel::enter(|| {
            // SAFETY: a test driver's calls; the wrong ones touch only the record.
            unsafe {
                let item = allocate(std::ptr::null_mut());
                with_items(|items| {
                    items.get_mut(&(item as usize)).unwrap().queued = Some(Stack::default());
                });
                let twice = expect_violation(|| queue(item as usize, Entry::Plain(None), 0));
                assert_eq!(twice.0, "WORK_ITEM_QUEUED_TWICE");
                let freed = expect_violation(|| free(item));
                assert_eq!(freed.0, "WORK_ITEM_FREED_WHILE_QUEUED");
                with_items(|items| items.get_mut(&(item as usize)).unwrap().queued = None);
                assert_eq!(expect_violation(|| uninitialize(item)).0, "WORK_ITEM_NOT_VALID");
                free(item);
                assert_eq!(expect_violation(|| free(item)).0, "WORK_ITEM_NOT_VALID");
            }
        });
    }
}
