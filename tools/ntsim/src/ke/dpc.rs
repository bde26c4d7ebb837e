//! DPCs: a queue per virtual processor.
//!
//! Who occupies a processor runs its DPCs when it lowers its IRQL; a processor that nobody
//! occupies has a host thread for them. Queueing at PASSIVE_LEVEL to the own processor runs the
//! DPC before the call returns, as the software interrupt does on a real one.

use super::cpu;
use crate::bugcheck::codes;
use crate::context::{self, CallSite, Context, call_driver};
use crate::ke::thread::Thread;
use crate::sched::{self, Parker};
use crate::types::{
    BOOLEAN, DISPATCH_LEVEL, DPC_OBJECT, DPC_THREADED_OBJECT, KDEFERRED_ROUTINE, KDPC, KIRQL, NTSTATUS, PASSIVE_LEVEL,
    PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Duration;

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeDpc(dpc: *mut KDPC, routine: Option<KDEFERRED_ROUTINE>, context: PVOID) = initialize: PASSIVE..=HIGH;
    fn KeInitializeThreadedDpc(dpc: *mut KDPC, routine: Option<KDEFERRED_ROUTINE>, context: PVOID) = initialize_threaded: PASSIVE..=HIGH;
    fn KeInsertQueueDpc(dpc: *mut KDPC, a: PVOID, b: PVOID) -> BOOLEAN = insert_by_driver: PASSIVE..=HIGH;
    fn KeRemoveQueueDpc(dpc: *mut KDPC) -> BOOLEAN = remove_by_driver: PASSIVE..=HIGH;
    fn KeFlushQueuedDpcs() = flush_by_driver: PASSIVE..=PASSIVE, blocks;
    fn KeSetTargetProcessorDpc(dpc: *mut KDPC, number: i8) = set_target: PASSIVE..=HIGH;
    fn KeSetTargetProcessorDpcEx(dpc: *mut KDPC, number: *const PROCESSOR_NUMBER) -> NTSTATUS = set_target_ex: PASSIVE..=HIGH;
    fn KeSetImportanceDpc(dpc: *mut KDPC, importance: u32) = set_importance: PASSIVE..=HIGH;
}

const LOW_IMPORTANCE: u8 = 0;
const MEDIUM_IMPORTANCE: u8 = 1;
const HIGH_IMPORTANCE: u8 = 2;

/// How many DPCs a thread runs when it lowers its IRQL before the processor's own thread takes over.
const BATCH: u32 = 64;

/// How long a DPC may take. Windows allows less; a busy host may stop a thread for seconds.
const WATCHDOG: Duration = Duration::from_secs(10);

/// The DPCs of one processor.
#[derive(Debug)]
pub struct DpcQueue {
    list: Mutex<VecDeque<DpcPointer>>,
    length: AtomicU32,
    parker: Parker,
    started: Once,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct DpcPointer(*mut KDPC);

// SAFETY: the KDPC belongs to the kernel while it is queued.
unsafe impl Send for DpcPointer {}

/// What runs on each processor: for unload checks. Index `cpu`.
static RUNNING: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Initialises a DPC.
///
/// # Safety
/// `dpc` must point at a KDPC of nonpaged memory.
pub unsafe fn initialize(dpc: *mut KDPC, routine: Option<KDEFERRED_ROUTINE>, context: PVOID) {
    // SAFETY: by contract.
    unsafe { fill(dpc, DPC_OBJECT, routine, context) };
}

unsafe fn initialize_threaded(dpc: *mut KDPC, routine: Option<KDEFERRED_ROUTINE>, context: PVOID) {
    // SAFETY: the driver's KDPC.
    unsafe { fill(dpc, DPC_THREADED_OBJECT, routine, context) };
}

unsafe fn fill(dpc: *mut KDPC, kind: u8, routine: Option<KDEFERRED_ROUTINE>, context: PVOID) {
    if is_queued_anywhere(dpc) {
        bugcheck!(codes::DPC_IN_USE, [dpc as u64, 0, 0, 0], "the DPC at {dpc:p} was initialised while it is queued");
    }
    // SAFETY: by contract of the callers.
    unsafe {
        dpc.write(KDPC {
            Type: kind,
            Importance: MEDIUM_IMPORTANCE,
            Number: 0,
            DpcListEntry: null_mut(),
            ProcessorHistory: 0,
            DeferredRoutine: routine,
            DeferredContext: context,
            SystemArgument1: null_mut(),
            SystemArgument2: null_mut(),
            DpcData: null_mut(),
        });
    }
}

/// Queues a DPC; false if it is queued already.
///
/// # Safety
/// `dpc` must point at an initialised KDPC that lives until it has run.
pub unsafe fn insert(dpc: *mut KDPC, a: PVOID, b: PVOID) -> bool {
    // SAFETY: by contract.
    let (kind, importance, number) = unsafe { ((*dpc).Type, (*dpc).Importance, (*dpc).Number) };
    if kind == DPC_THREADED_OBJECT {
        // SAFETY: by contract.
        return unsafe { THREADED.push(dpc, a, b, importance == HIGH_IMPORTANCE) };
    }
    if kind != DPC_OBJECT {
        bugcheck!(
            codes::DPC_NOT_INITIALIZED,
            [dpc as u64, u64::from(kind), 0, 0],
            "the DPC at {dpc:p} was queued but is not initialised (type {kind})"
        );
    }
    let context = context::current();
    let here = context.irql.get() < DISPATCH_LEVEL;
    if here && number == 0 && importance != LOW_IMPORTANCE {
        // The software interrupt: it runs as soon as the IRQL falls again.
        let old = super::irql::raise(DISPATCH_LEVEL);
        // SAFETY: by contract.
        let inserted = unsafe { cpu::get(context.cpu.get()).dpcs.push(dpc, a, b, importance == HIGH_IMPORTANCE) };
        super::irql::lower(old);
        return inserted;
    }
    let own = if here { context.last_cpu.get() } else { context.cpu.get() };
    let target = if number == 0 { own } else { u32::from(number) - 1 } % cpu::count();
    let cpu = cpu::get(target);
    // SAFETY: by contract.
    let inserted = unsafe { cpu.dpcs.push(dpc, a, b, importance == HIGH_IMPORTANCE) };
    if inserted && !cpu.is_owned() {
        wake(target);
    }
    inserted
}

/// Takes a DPC out of its queue; false if it was in none (it may be running).
///
/// # Safety
/// `dpc` must point at an initialised KDPC.
pub unsafe fn remove(dpc: *mut KDPC) -> bool {
    cpu::all().iter().map(|cpu| &cpu.dpcs).chain([&THREADED.0]).any(|queue| queue.remove(dpc))
}

/// Waits until every DPC that is queued now has run.
pub fn flush() {
    let context = context::current();
    for index in 0..cpu::count() {
        // Who has the processor runs no DPC of it at the same time.
        cpu::occupy_exactly(context, index);
        context.irql.set(DISPATCH_LEVEL);
        let queue = &cpu::get(index).dpcs;
        for _ in 0..queue.length.load(Ordering::SeqCst) {
            if !run_one(context, queue, index) {
                break;
            }
        }
        super::irql::lower(PASSIVE_LEVEL);
    }
    THREADED.flush();
}

/// Called when a thread goes below DISPATCH_LEVEL: runs what waits, leaves the processor.
#[inline(always)]
pub(crate) fn retire_and_leave(context: &Context, new: KIRQL) {
    let index = context.cpu.get();
    let queue = &cpu::get(index).dpcs;
    if queue.length.load(Ordering::SeqCst) != 0 && !context.in_dpc.get() {
        retire(context, queue, index);
        context.irql.set(new);
    }
    cpu::leave(context);
    // A DPC that came after the look above found the processor occupied and woke nobody.
    if queue.length.load(Ordering::SeqCst) != 0 {
        wake(index);
    }
}

#[cold]
extern "win64-unwind" fn retire(context: &Context, queue: &DpcQueue, index: u32) {
    context.irql.set(DISPATCH_LEVEL);
    for _ in 0..BATCH {
        if !run_one(context, queue, index) {
            return;
        }
    }
}

fn run_one(context: &Context, queue: &DpcQueue, index: u32) -> bool {
    let Some(call) = queue.pop() else {
        return false;
    };
    RUNNING[index as usize % 64].store(call.routine.map_or(0, |routine| routine as usize), Ordering::Relaxed);
    let before = context.in_dpc.replace(true);
    call.run();
    context.in_dpc.set(before);
    RUNNING[index as usize % 64].store(0, Ordering::Relaxed);
    true
}

/// A DPC taken from its queue: its block may be reused by the driver from now on.
struct Call {
    dpc: *mut KDPC,
    routine: Option<KDEFERRED_ROUTINE>,
    context: PVOID,
    a: PVOID,
    b: PVOID,
}

impl Call {
    fn run(&self) {
        let target = self.routine.map_or(0, |routine| routine as usize);
        if sched::is_seeded() {
            sched::seeded::dpc_starts(target);
        }
        let began = sched::now();
        call_driver(CallSite::new("DPC routine", target), || {
            if let Some(routine) = self.routine {
                // SAFETY: the driver's routine with its own arguments.
                unsafe { routine(self.dpc, self.context, self.a, self.b) };
            }
        });
        let took = sched::now() - began;
        if crate::verifier::options().dpc_watchdog && took > WATCHDOG {
            crate::bugcheck::Violation::new(&codes::DPC_WATCHDOG)
                .params([target as u64, took.as_millis() as u64, 0, 0])
                .guilty(target)
                .text(format!("the DPC routine {} ran for {} ms", crate::symbols::describe(target), took.as_millis()))
                .raise();
        }
    }
}

impl DpcQueue {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Self {
            list: Mutex::new(VecDeque::new()),
            length: AtomicU32::new(0),
            parker: Parker::new(),
            started: Once::new(),
        }
    }

    unsafe fn push(&self, dpc: *mut KDPC, a: PVOID, b: PVOID, first: bool) -> bool {
        let mut list = self.list.lock();
        // SAFETY: the driver's KDPC; DpcData is the "queued" mark, claimed atomically because two
        // processors may queue the same DPC.
        unsafe {
            let mark = AtomicPtr::from_ptr(&raw mut (*dpc).DpcData);
            let queue = std::ptr::from_ref(self).cast_mut().cast();
            if mark.compare_exchange(null_mut(), queue, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                return false;
            }
            (*dpc).SystemArgument1 = a;
            (*dpc).SystemArgument2 = b;
        }
        if first {
            list.push_front(DpcPointer(dpc));
        } else {
            list.push_back(DpcPointer(dpc));
        }
        self.length.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn pop(&self) -> Option<Call> {
        let mut list = self.list.lock();
        let DpcPointer(dpc) = list.pop_front()?;
        self.length.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: queued DPCs are alive (verifier: freeing their block is a violation).
        unsafe {
            let call = Call {
                dpc,
                routine: (*dpc).DeferredRoutine,
                context: (*dpc).DeferredContext,
                a: (*dpc).SystemArgument1,
                b: (*dpc).SystemArgument2,
            };
            AtomicPtr::from_ptr(&raw mut (*dpc).DpcData).store(null_mut(), Ordering::SeqCst);
            Some(call)
        }
    }

    fn remove(&self, dpc: *mut KDPC) -> bool {
        let mut list = self.list.lock();
        let Some(index) = list.iter().position(|other| other.0 == dpc) else {
            return false;
        };
        list.remove(index);
        self.length.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: as in `pop`.
        unsafe { AtomicPtr::from_ptr(&raw mut (*dpc).DpcData).store(null_mut(), Ordering::SeqCst) };
        true
    }

    fn find(&self, mut matches: impl FnMut(*mut KDPC) -> bool) -> Option<*mut KDPC> {
        if self.length.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.list.lock().iter().map(|pointer| pointer.0).find(|dpc| matches(*dpc))
    }
}

/// Whether this KDPC is in any queue.
fn is_queued_anywhere(dpc: *mut KDPC) -> bool {
    find_queued(|other| other == dpc).is_some()
}

/// The first queued DPC that matches.
pub(crate) fn find_queued(mut matches: impl FnMut(*mut KDPC) -> bool) -> Option<*mut KDPC> {
    cpu::all().iter().map(|cpu| &cpu.dpcs).chain([&THREADED.0]).find_map(|queue| queue.find(&mut matches))
}

/// Wakes the processor's DPC thread.
#[cold]
extern "win64-unwind" fn wake(index: u32) {
    let queue = &cpu::get(index).dpcs;
    queue.started.call_once(|| {
        let thread = Thread::new(format!("DPC {index}"));
        let started = sched::spawn(format!("dpc-{index}"), move || {
            context::attach_thread(thread);
            serve(index);
        });
        if let Err(error) = started {
            bugcheck!(codes::NTSIM_FAULT, [0, 0, 0, 0], "the host gives no thread for DPCs: {error}");
        }
    });
    queue.parker.unpark();
}

fn serve(index: u32) {
    let context = context::current();
    let queue = &cpu::get(index).dpcs;
    loop {
        while queue.length.load(Ordering::SeqCst) == 0 {
            queue.parker.park(None);
        }
        cpu::occupy_exactly(context, index);
        context.irql.set(DISPATCH_LEVEL);
        super::irql::lower(PASSIVE_LEVEL);
    }
}

/// Threaded DPCs: a thread at PASSIVE_LEVEL runs them.
struct Threaded(DpcQueue, AtomicU32);

static THREADED: LazyLock<Threaded> = LazyLock::new(|| Threaded(DpcQueue::new(), AtomicU32::new(0)));

impl Threaded {
    unsafe fn push(&'static self, dpc: *mut KDPC, a: PVOID, b: PVOID, first: bool) -> bool {
        self.0.started.call_once(|| {
            let thread = Thread::new("threaded DPCs".to_owned());
            let started = sched::spawn("threaded-dpc".to_owned(), move || {
                context::attach_thread(thread);
                self.serve();
            });
            if let Err(error) = started {
                bugcheck!(codes::NTSIM_FAULT, [0, 0, 0, 0], "the host gives no thread for DPCs: {error}");
            }
        });
        // SAFETY: by contract of the caller.
        let inserted = unsafe { self.0.push(dpc, a, b, first) };
        self.0.parker.unpark();
        inserted
    }

    fn serve(&self) {
        let context = context::current();
        context.in_dpc.set(true);
        loop {
            self.1.store(1, Ordering::SeqCst);
            while let Some(call) = self.0.pop() {
                call.run();
            }
            self.1.store(0, Ordering::SeqCst);
            if self.0.length.load(Ordering::SeqCst) == 0 {
                self.0.parker.park(None);
            }
        }
    }

    fn flush(&self) {
        while self.0.length.load(Ordering::SeqCst) != 0 || self.1.load(Ordering::SeqCst) != 0 {
            sched::sleep(Duration::from_micros(200));
        }
    }
}

unsafe fn insert_by_driver(dpc: *mut KDPC, a: PVOID, b: PVOID) -> BOOLEAN {
    // SAFETY: the driver's DPC.
    u8::from(unsafe { insert(dpc, a, b) })
}

unsafe fn remove_by_driver(dpc: *mut KDPC) -> BOOLEAN {
    // SAFETY: the driver's DPC.
    u8::from(unsafe { remove(dpc) })
}

unsafe fn flush_by_driver() {
    flush();
}

unsafe fn set_target(dpc: *mut KDPC, number: i8) {
    if u32::from(number.unsigned_abs()) >= cpu::count() || number < 0 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [dpc as u64, number as u64, 0, 0],
            "a DPC was aimed at processor {number}; there are {}",
            cpu::count()
        );
    }
    // SAFETY: the driver's DPC.
    unsafe { (*dpc).Number = number as u16 + 1 };
}

unsafe fn set_target_ex(dpc: *mut KDPC, number: *const PROCESSOR_NUMBER) -> NTSTATUS {
    // SAFETY: the driver's DPC and processor number.
    unsafe {
        if (*number).Group != 0 || u32::from((*number).Number) >= cpu::count() || (*number).Reserved != 0 {
            return STATUS_INVALID_PARAMETER;
        }
        (*dpc).Number = u16::from((*number).Number) + 1;
    }
    STATUS_SUCCESS
}

unsafe fn set_importance(dpc: *mut KDPC, importance: u32) {
    // SAFETY: the driver's DPC. 3 is MediumHigh.
    unsafe { (*dpc).Importance = importance.min(3) as u8 };
}
