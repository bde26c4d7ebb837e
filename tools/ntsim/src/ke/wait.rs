//! Waits. One lock stands over all dispatcher objects; waiting threads hang their blocks into
//! the object's own list, as on Windows.

use super::{thread, time};
use crate::bugcheck::{Violation, codes};
use crate::context;
use crate::types::{
    DISPATCH_LEVEL, DISPATCHER_HEADER, EVENT_SYNCHRONIZATION_OBJECT, KMUTANT, KPROCESSOR_MODE, LIST_ENTRY,
    MUTANT_OBJECT, NTSTATUS, PROCESS_OBJECT, SEMAPHORE_OBJECT, STATUS_ABANDONED, STATUS_SUCCESS, STATUS_TIMEOUT,
    THREAD_OBJECT, TIMER_NOTIFICATION_OBJECT, TIMER_SYNCHRONIZATION_OBJECT,
};
use parking_lot::{Mutex, MutexGuard};
use std::cell::Cell;
use std::ffi::c_void;

crate::routines! { "ntoskrnl.exe";
    fn KeWaitForSingleObject(object: *mut DISPATCHER_HEADER, reason: u32, mode: KPROCESSOR_MODE, alertable: u8, timeout: *const i64) -> NTSTATUS
        = wait_single: PASSIVE..=HIGH, blocks;
    fn KeWaitForMultipleObjects(count: u32, objects: *const *mut DISPATCHER_HEADER, kind: u32, reason: u32, mode: KPROCESSOR_MODE, alertable: u8,
        timeout: *const i64, blocks: *mut c_void) -> NTSTATUS = wait_multiple: PASSIVE..=HIGH, blocks;
}

/// Most objects of one wait; more than three need the driver's wait blocks.
const MAXIMUM_WAIT_OBJECTS: u32 = 64;
const THREAD_WAIT_OBJECTS: u32 = 3;

static DISPATCHER: Mutex<()> = Mutex::new(());

/// The lock over all dispatcher objects.
pub(super) fn lock() -> MutexGuard<'static, ()> {
    DISPATCHER.lock()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    All,
    Any,
}

/// A thread that waits; on its stack.
struct Waiter {
    thread: &'static thread::Thread,
    kind: Kind,
    objects: *const *mut DISPATCHER_HEADER,
    count: usize,
    result: Cell<Option<NTSTATUS>>,
    blocks: *mut Block,
}

/// Links a waiter into one object's list.
#[repr(C)]
struct Block {
    entry: LIST_ENTRY,
    waiter: *const Waiter,
    index: usize,
}

/// Waits for one object; `timeout` as NT has it (negative: relative, 100 ns; 0: only look).
///
/// IRQL < DISPATCH_LEVEL, or any up to it with a zero time-out.
///
/// # Safety
/// `object` must point at an initialised dispatcher object that lives over the wait.
pub unsafe fn one(object: *mut DISPATCHER_HEADER, timeout: Option<i64>) -> NTSTATUS {
    // SAFETY: by contract.
    unsafe { wait(&[object], Kind::Any, timeout) }
}

/// Waits for several; `all` or the first of them. The result is the index of the satisfied one.
///
/// # Safety
/// As for [`one`].
pub unsafe fn many(objects: &[*mut DISPATCHER_HEADER], all: bool, timeout: Option<i64>) -> NTSTATUS {
    // SAFETY: by contract.
    unsafe { wait(objects, if all { Kind::All } else { Kind::Any }, timeout) }
}

unsafe fn wait(objects: &[*mut DISPATCHER_HEADER], kind: Kind, timeout: Option<i64>) -> NTSTATUS {
    let irql = context::irql();
    if irql >= DISPATCH_LEVEL && timeout != Some(0) || irql > DISPATCH_LEVEL {
        at_raised_irql(irql, objects.first().map_or(0, |object| *object as u64));
    }
    let thread = thread::current();
    let guard = lock();
    for object in objects {
        // SAFETY: by contract.
        unsafe { check(*object) };
    }
    // SAFETY: checked objects, under the lock.
    if let Some(result) = unsafe { try_satisfy(thread, kind, objects) } {
        return result;
    }
    if timeout == Some(0) {
        return STATUS_TIMEOUT;
    }
    let until = timeout.map(time::deadline);
    let mut blocks: Vec<Block> = Vec::with_capacity(objects.len());
    let waiter = Waiter {
        thread,
        kind,
        objects: objects.as_ptr(),
        count: objects.len(),
        result: Cell::new(None),
        blocks: blocks.as_mut_ptr(),
    };
    for (index, object) in objects.iter().enumerate() {
        blocks.push(Block {
            entry: LIST_ENTRY { Flink: std::ptr::null_mut(), Blink: std::ptr::null_mut() },
            waiter: &raw const waiter,
            index,
        });
        // SAFETY: the block has its final address (the vector has room), the object is alive.
        unsafe { append(&raw mut (**object).WaitListHead, &raw mut (*waiter.blocks.add(index)).entry) };
    }
    drop(guard);
    loop {
        let woken = thread.parker.park(until);
        let _guard = lock();
        if let Some(result) = waiter.result.get() {
            return result;
        }
        if !woken {
            // SAFETY: under the lock; nobody has satisfied the wait, so all blocks are linked.
            unsafe { unlink_all(&waiter) };
            return STATUS_TIMEOUT;
        }
    }
}

#[cold]
fn at_raised_irql(irql: u8, object: u64) -> ! {
    Violation::new(&codes::WAIT_AT_RAISED_IRQL)
        .params([object, u64::from(irql), 0, 0])
        .text(format!(
            "a wait that can block was made at IRQL {irql} ({}); at DISPATCH_LEVEL a wait needs a zero time-out",
            crate::table::irql_name(irql)
        ))
        .raise()
}

/// Makes the object signalled and wakes whom that satisfies. The caller holds the lock and has
/// set `SignalState`.
///
/// # Safety
/// A checked object.
pub(super) unsafe fn signalled(object: *mut DISPATCHER_HEADER) {
    // SAFETY: list nodes are blocks of waiting threads, alive under the lock.
    unsafe {
        let head = &raw mut (*object).WaitListHead;
        let mut node = (*head).Flink;
        while node != head && is_signalled(object, None) {
            let next = (*node).Flink;
            let block = node.cast::<Block>();
            let waiter = &*(*block).waiter;
            let objects = std::slice::from_raw_parts(waiter.objects, waiter.count);
            let result = match waiter.kind {
                Kind::Any => consume(waiter.thread, object).map(|status| index_status(status, (*block).index)),
                Kind::All => try_satisfy(waiter.thread, Kind::All, objects),
            };
            if let Some(result) = result {
                // `next` may be another block of the same waiter (one object named twice).
                unlink_all(waiter);
                waiter.result.set(Some(result));
                waiter.thread.parker.unpark();
                node = (*head).Flink;
            } else {
                node = next;
            }
        }
    }
}

/// Makes a thread object signalled for good.
///
/// # Safety
/// An initialised object.
pub(crate) unsafe fn signal_for_ever(object: *mut DISPATCHER_HEADER) {
    let _guard = lock();
    // SAFETY: by contract.
    unsafe {
        (*object).SignalState = 1;
        signalled(object);
    }
}

fn index_status(status: NTSTATUS, index: usize) -> NTSTATUS {
    status + index as NTSTATUS
}

/// Takes what the wait wants if it is there.
unsafe fn try_satisfy(
    thread: &'static thread::Thread,
    kind: Kind,
    objects: &[*mut DISPATCHER_HEADER],
) -> Option<NTSTATUS> {
    // SAFETY: checked objects under the lock.
    unsafe {
        match kind {
            Kind::Any => objects
                .iter()
                .enumerate()
                .find_map(|(index, object)| consume(thread, *object).map(|status| index_status(status, index))),
            Kind::All => {
                if !objects.iter().all(|object| is_signalled(*object, Some(thread))) {
                    return None;
                }
                let mut result = STATUS_SUCCESS;
                for object in objects {
                    if consume(thread, *object) == Some(STATUS_ABANDONED) {
                        result = STATUS_ABANDONED;
                    }
                }
                Some(result)
            }
        }
    }
}

unsafe fn is_signalled(object: *mut DISPATCHER_HEADER, thread: Option<&'static thread::Thread>) -> bool {
    // SAFETY: a checked object under the lock.
    unsafe {
        let owned = (*object).Type == MUTANT_OBJECT
            && thread.is_some_and(|thread| {
                (*object.cast::<KMUTANT>()).OwnerThread == std::ptr::from_ref(thread).cast_mut().cast()
            });
        (*object).SignalState > 0 || owned
    }
}

/// Satisfies a wait of `thread` for `object` if it is signalled, with the object's side effect.
unsafe fn consume(thread: &'static thread::Thread, object: *mut DISPATCHER_HEADER) -> Option<NTSTATUS> {
    // SAFETY: a checked object under the lock; the type says which structure it is.
    unsafe {
        if !is_signalled(object, Some(thread)) {
            return None;
        }
        match (*object).Type {
            EVENT_SYNCHRONIZATION_OBJECT | TIMER_SYNCHRONIZATION_OBJECT => (*object).SignalState = 0,
            SEMAPHORE_OBJECT => (*object).SignalState -= 1,
            MUTANT_OBJECT => {
                let mutex = object.cast::<KMUTANT>();
                (*object).SignalState -= 1;
                (*mutex).OwnerThread = std::ptr::from_ref(thread).cast_mut().cast();
                if std::mem::take(&mut (*mutex).Abandoned) != 0 {
                    return Some(STATUS_ABANDONED);
                }
            }
            _ => {}
        }
        Some(STATUS_SUCCESS)
    }
}

/// A violation if `object` is no initialised dispatcher object.
///
/// # Safety
/// `object` must be readable.
pub(super) unsafe fn check(object: *mut DISPATCHER_HEADER) {
    if object.is_null() || object as usize & 7 != 0 {
        not_initialized(object, 0);
    }
    // SAFETY: by contract.
    let (kind, head) = unsafe { ((*object).Type, (*object).WaitListHead.Flink) };
    let known = matches!(
        kind,
        0..=MUTANT_OBJECT
            | PROCESS_OBJECT
            | SEMAPHORE_OBJECT
            | THREAD_OBJECT
            | TIMER_NOTIFICATION_OBJECT
            | TIMER_SYNCHRONIZATION_OBJECT
    );
    if !known || head.is_null() {
        not_initialized(object, kind);
    }
}

#[cold]
fn not_initialized(object: *mut DISPATCHER_HEADER, kind: u8) -> ! {
    bugcheck!(
        codes::OBJECT_NOT_INITIALIZED,
        [object as u64, u64::from(kind), 0, 0],
        "the object at {object:p} is no initialised event, semaphore, mutex, timer or thread (type {kind}, or an empty wait list)"
    )
}

/// Initialises a header; a violation if threads wait for what was there.
///
/// # Safety
/// `object` must be writable memory for the object.
pub(super) unsafe fn initialize(object: *mut DISPATCHER_HEADER, kind: u8, words: u8, state: i32) {
    // SAFETY: by contract.
    unsafe {
        let head = &raw mut (*object).WaitListHead;
        object.write(DISPATCHER_HEADER {
            Type: kind,
            Signalling: 0,
            Size: words,
            Reserved1: 0,
            SignalState: state,
            WaitListHead: LIST_ENTRY { Flink: head, Blink: head },
        });
    }
}

unsafe fn append(head: *mut LIST_ENTRY, entry: *mut LIST_ENTRY) {
    // SAFETY: a valid list under the lock.
    unsafe {
        let last = (*head).Blink;
        (*entry).Flink = head;
        (*entry).Blink = last;
        (*last).Flink = entry;
        (*head).Blink = entry;
    }
}

unsafe fn unlink_all(waiter: &Waiter) {
    for index in 0..waiter.count {
        // SAFETY: all blocks of an unsatisfied waiter are linked, under the lock.
        unsafe {
            let entry = &raw mut (*waiter.blocks.add(index)).entry;
            (*(*entry).Blink).Flink = (*entry).Flink;
            (*(*entry).Flink).Blink = (*entry).Blink;
        }
    }
}

unsafe fn read_timeout(timeout: *const i64) -> Option<i64> {
    // SAFETY: the driver's time-out, or null for none.
    (!timeout.is_null()).then(|| unsafe { timeout.read() })
}

unsafe fn wait_single(
    object: *mut DISPATCHER_HEADER,
    _reason: u32,
    _mode: KPROCESSOR_MODE,
    _alertable: u8,
    timeout: *const i64,
) -> NTSTATUS {
    // SAFETY: the driver's object and time-out.
    unsafe { one(object, read_timeout(timeout)) }
}

#[expect(clippy::too_many_arguments, reason = "the routine has them")]
unsafe fn wait_multiple(
    count: u32,
    objects: *const *mut DISPATCHER_HEADER,
    kind: u32,
    _reason: u32,
    _mode: KPROCESSOR_MODE,
    _alertable: u8,
    timeout: *const i64,
    blocks: *mut c_void,
) -> NTSTATUS {
    let most = if blocks.is_null() { THREAD_WAIT_OBJECTS } else { MAXIMUM_WAIT_OBJECTS };
    if count == 0 || count > most {
        bugcheck!(
            codes::BAD_WAIT_COUNT,
            [u64::from(count), u64::from(most), 0, 0],
            "a wait names {count} objects; with these wait blocks 1 to {most} are allowed"
        );
    }
    // SAFETY: the driver's array of objects and time-out.
    unsafe { many(std::slice::from_raw_parts(objects, count as usize), kind == 0, read_timeout(timeout)) }
}
