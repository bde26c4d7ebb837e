//! Kernel threads: each is a host thread.

use crate::types::{DISPATCHER_HEADER, LIST_ENTRY, THREAD_OBJECT};
use std::sync::atomic::{AtomicU32, Ordering};

/// A kernel thread; drivers see it as an opaque `KTHREAD` that can be waited for.
#[repr(C)]
#[derive(Debug)]
pub struct Thread {
    header: DISPATCHER_HEADER,
    id: u32,
    name: String,
}

// SAFETY: the header is only touched under the dispatcher lock.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

static NEXT_ID: AtomicU32 = AtomicU32::new(8);

impl Thread {
    /// A new thread object; lives for ever (threads are few).
    pub(crate) fn new(name: String) -> &'static Thread {
        let thread = Box::leak(Box::new(Thread {
            header: DISPATCHER_HEADER {
                Type: THREAD_OBJECT,
                Signalling: 0,
                Size: 0,
                Reserved1: 0,
                SignalState: 0,
                WaitListHead: LIST_ENTRY { Flink: std::ptr::null_mut(), Blink: std::ptr::null_mut() },
            },
            id: NEXT_ID.fetch_add(4, Ordering::Relaxed),
            name,
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

    /// The processor it starts on.
    pub(crate) fn initial_cpu(&self) -> u32 {
        0
    }
}
