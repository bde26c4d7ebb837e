//! Kernel threads: each is a host thread.

use super::wait;
use crate::bugcheck::codes;
use crate::context::{self};
use crate::sched::Parker;
use crate::types::{DISPATCHER_HEADER, GROUP_AFFINITY, LIST_ENTRY, NTSTATUS, THREAD_OBJECT};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn KeGetCurrentThread() -> *const Thread = current_pointer: PASSIVE..=HIGH;
    fn PsGetCurrentThread() -> *const Thread = current_pointer: PASSIVE..=HIGH;
    fn PsGetCurrentThreadId() -> usize = current_id: PASSIVE..=HIGH;
    fn PsGetCurrentProcessId() -> usize = current_process_id: PASSIVE..=HIGH;
    fn KeSetPriorityThread(thread: *const Thread, priority: i32) -> i32 = set_priority: PASSIVE..=PASSIVE;
    fn KeSetBasePriorityThread(thread: *const Thread, increment: i32) -> i32 = set_base_priority: PASSIVE..=PASSIVE;
    fn KeSetSystemGroupAffinityThread(new: *const GROUP_AFFINITY, old: *mut GROUP_AFFINITY) = set_group_affinity: PASSIVE..=DISPATCH;
    fn KeRevertToUserGroupAffinityThread(old: *const GROUP_AFFINITY) = revert_group_affinity: PASSIVE..=DISPATCH;
    fn KeSetSystemAffinityThreadEx(mask: usize) -> usize = set_affinity: PASSIVE..=DISPATCH;
}

/// A kernel thread; drivers see it as an opaque `KTHREAD` that can be waited for.
#[repr(C)]
#[derive(Debug)]
pub struct Thread {
    header: DISPATCHER_HEADER,
    id: u32,
    name: String,
    pub(super) parker: Parker,
    affinity: AtomicU64,
    priority: AtomicI32,
    exit_status: AtomicI32,
    exited: AtomicBool,
    /// The start routine, for system threads that a driver made.
    start: usize,
}

// SAFETY: the header is only touched under the dispatcher lock.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

static NEXT_ID: AtomicU32 = AtomicU32::new(8);
static NEXT_CPU: AtomicU32 = AtomicU32::new(0);

impl Thread {
    /// A new thread object; lives for ever (threads are few).
    pub(crate) fn new(name: String) -> &'static Thread {
        Self::with_start(name, 0)
    }

    /// As [`Self::new`] for a driver's start routine.
    pub(crate) fn with_start(name: String, start: usize) -> &'static Thread {
        let thread = Box::leak(Box::new(Thread {
            header: DISPATCHER_HEADER {
                Type: THREAD_OBJECT,
                Signalling: 0,
                Size: 6,
                Reserved1: 0,
                SignalState: 0,
                WaitListHead: LIST_ENTRY { Flink: std::ptr::null_mut(), Blink: std::ptr::null_mut() },
            },
            id: NEXT_ID.fetch_add(4, Ordering::Relaxed),
            name,
            parker: Parker::new(),
            affinity: AtomicU64::new(0),
            priority: AtomicI32::new(8),
            exit_status: AtomicI32::new(0),
            exited: AtomicBool::new(false),
            start,
        }));
        let head = &raw mut thread.header.WaitListHead;
        thread.header.WaitListHead = LIST_ENTRY { Flink: head, Blink: head };
        thread
    }

    /// The thread object of the running host thread.
    pub(crate) fn for_host_thread() -> &'static Thread {
        Self::new(std::thread::current().name().unwrap_or("host thread").to_owned())
    }

    /// The thread's ID, a multiple of four.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a driver waits for.
    pub fn header(&self) -> *mut DISPATCHER_HEADER {
        (&raw const self.header).cast_mut()
    }

    /// Its start routine's address, 0 for threads of ntsim.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Whether it has ended.
    pub fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Acquire)
    }

    /// Ends it: wakes who waits for it.
    pub(crate) fn exit(&self, status: NTSTATUS) {
        self.exit_status.store(status, Ordering::Release);
        self.exited.store(true, Ordering::Release);
        // SAFETY: the object lives for ever.
        unsafe { wait::signal_for_ever(self.header()) };
    }

    /// The processors that it may use; 0 for all.
    pub(crate) fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    /// The processor it starts on.
    pub(crate) fn initial_cpu(&self) -> u32 {
        NEXT_CPU.fetch_add(1, Ordering::Relaxed) % super::cpu::count()
    }
}

/// The running thread. It has entered the kernel, else this is a fault of ntsim.
pub fn current() -> &'static Thread {
    // SAFETY: thread objects are leaked boxes.
    match unsafe { context::current().thread.get().as_ref() } {
        Some(thread) => thread,
        None => bugcheck!(
            codes::NTSIM_FAULT,
            [0, 0, 0, 0],
            "a host thread runs kernel code without having entered the kernel"
        ),
    }
}

unsafe fn current_pointer() -> *const Thread {
    current()
}

unsafe fn current_id() -> usize {
    current().id as usize
}

unsafe fn current_process_id() -> usize {
    4
}

unsafe fn set_priority(thread: *const Thread, priority: i32) -> i32 {
    if !(1..=31).contains(&priority) {
        bugcheck!(
            codes::BAD_PARAMETER,
            [priority as u64, 0, 0, 0],
            "KeSetPriorityThread was given priority {priority}; it goes from 1 to 31"
        );
    }
    // SAFETY: the driver passes a thread object, which lives for ever.
    unsafe { (*thread).priority.swap(priority, Ordering::Relaxed) }
}

unsafe fn set_base_priority(thread: *const Thread, increment: i32) -> i32 {
    // SAFETY: as above.
    unsafe { (*thread).priority.swap((8 + increment).clamp(1, 31), Ordering::Relaxed) - 8 }
}

unsafe fn set_group_affinity(new: *const GROUP_AFFINITY, old: *mut GROUP_AFFINITY) {
    let thread = current();
    // SAFETY: the driver's structures; `old` is optional.
    unsafe {
        let before = thread.affinity.swap((*new).Mask as u64, Ordering::Relaxed);
        if !old.is_null() {
            old.write(GROUP_AFFINITY { Mask: before as usize, Group: 0, Reserved: [0; 3] });
        }
    }
}

unsafe fn revert_group_affinity(old: *const GROUP_AFFINITY) {
    // SAFETY: the driver's structure.
    current().affinity.store(unsafe { (*old).Mask } as u64, Ordering::Relaxed);
}

unsafe fn set_affinity(mask: usize) -> usize {
    current().affinity.swap(mask as u64, Ordering::Relaxed) as usize
}
