//! What threads wait for, DPCs, locks.
use super::*;

pub const EVENT_NOTIFICATION_OBJECT: u8 = 0;
pub const EVENT_SYNCHRONIZATION_OBJECT: u8 = 1;
pub const MUTANT_OBJECT: u8 = 2;
pub const PROCESS_OBJECT: u8 = 3;
pub const SEMAPHORE_OBJECT: u8 = 5;
pub const THREAD_OBJECT: u8 = 6;
pub const TIMER_NOTIFICATION_OBJECT: u8 = 8;
pub const TIMER_SYNCHRONIZATION_OBJECT: u8 = 9;
pub const DPC_OBJECT: u8 = 19;
pub const DPC_THREADED_OBJECT: u8 = 24;

#[repr(C)]
#[derive(Debug)]
pub struct DISPATCHER_HEADER {
    pub Type: u8,
    pub Signalling: u8,
    /// In four-byte words.
    pub Size: u8,
    pub Reserved1: u8,
    pub SignalState: i32,
    pub WaitListHead: LIST_ENTRY,
}

#[repr(C)]
#[derive(Debug)]
pub struct KEVENT {
    pub Header: DISPATCHER_HEADER,
}

#[repr(C)]
#[derive(Debug)]
pub struct KSEMAPHORE {
    pub Header: DISPATCHER_HEADER,
    pub Limit: i32,
}

#[repr(C)]
#[derive(Debug)]
pub struct KMUTANT {
    pub Header: DISPATCHER_HEADER,
    pub MutantListEntry: LIST_ENTRY,
    pub OwnerThread: PVOID,
    pub Abandoned: u8,
    pub ApcDisable: u8,
}

pub type KDEFERRED_ROUTINE =
    unsafe extern "win64" fn(dpc: *mut KDPC, context: PVOID, argument1: PVOID, argument2: PVOID);

#[repr(C)]
#[derive(Debug)]
pub struct KDPC {
    pub Type: u8,
    pub Importance: u8,
    /// 0: the current processor; else the processor's index + `DPC_TARGET_BASE`.
    pub Number: u16,
    pub DpcListEntry: *mut KDPC,
    pub ProcessorHistory: usize,
    pub DeferredRoutine: Option<KDEFERRED_ROUTINE>,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    /// Non-null while queued.
    pub DpcData: PVOID,
}

#[repr(C)]
#[derive(Debug)]
pub struct KTIMER {
    pub Header: DISPATCHER_HEADER,
    pub DueTime: i64,
    pub TimerListEntry: LIST_ENTRY,
    pub Dpc: *mut KDPC,
    pub Processor: u32,
    /// Milliseconds; 0 is one-shot.
    pub Period: u32,
}

#[repr(C)]
#[derive(Debug)]
pub struct KLOCK_QUEUE_HANDLE {
    pub Next: PVOID,
    pub Lock: *mut KSPIN_LOCK,
    pub OldIrql: KIRQL,
}

#[repr(C)]
#[derive(Debug)]
pub struct FAST_MUTEX {
    pub Count: i32,
    pub Owner: PVOID,
    pub Contention: u32,
    pub Event: KEVENT,
    pub OldIrql: u32,
}

#[repr(C)]
#[derive(Debug)]
pub struct KWAIT_BLOCK {
    pub WaitListEntry: LIST_ENTRY,
    pub WaitType: u8,
    pub BlockState: u8,
    pub WaitKey: u16,
    pub SpareLong: i32,
    pub Thread: PVOID,
    pub Object: PVOID,
    pub SparePtr: PVOID,
}

#[repr(C)]
#[derive(Debug)]
pub struct EX_RUNDOWN_REF {
    pub Count: usize,
}

#[repr(C, align(16))]
#[derive(Debug)]
pub struct SLIST_HEADER {
    pub Alignment: u64,
    pub Region: u64,
}

#[repr(C, align(16))]
#[derive(Debug)]
pub struct SLIST_ENTRY {
    pub Next: *mut SLIST_ENTRY,
}
