//! Timers (KTIMER). One host thread waits for the next due time and plays the clock interrupt.

use super::{dpc, time, wait};
use crate::bugcheck::codes;
use crate::context;
use crate::ke::thread::Thread;
use crate::sched::{self, Parker};
use crate::types::{BOOLEAN, KDPC, KTIMER, LIST_ENTRY, TIMER_NOTIFICATION_OBJECT, TIMER_SYNCHRONIZATION_OBJECT};
use std::collections::{BTreeMap, HashMap};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

crate::routines! { "ntoskrnl.exe";
    fn KeInitializeTimer(timer: *mut KTIMER) = initialize: PASSIVE..=DISPATCH;
    fn KeInitializeTimerEx(timer: *mut KTIMER, kind: u32) = initialize_ex: PASSIVE..=DISPATCH;
    fn KeSetTimer(timer: *mut KTIMER, due: i64, dpc: *mut KDPC) -> BOOLEAN = set_once: PASSIVE..=DISPATCH;
    fn KeSetTimerEx(timer: *mut KTIMER, due: i64, period: i32, dpc: *mut KDPC) -> BOOLEAN = set_ex: PASSIVE..=DISPATCH;
    fn KeSetCoalescableTimer(timer: *mut KTIMER, due: i64, period: u32, delay: u32, dpc: *mut KDPC) -> BOOLEAN = set_coalescable: PASSIVE..=DISPATCH;
    fn KeCancelTimer(timer: *mut KTIMER) -> BOOLEAN = cancel_by_driver: PASSIVE..=DISPATCH;
    fn KeReadStateTimer(timer: *mut KTIMER) -> BOOLEAN = read: PASSIVE..=DISPATCH;
}

/// What is set: by due time and by timer. The sequence number keeps equal times apart.
struct Queue {
    by_time: BTreeMap<(Instant, u64), usize>,
    by_timer: HashMap<usize, (Instant, u64)>,
    sequence: u64,
}

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);
static SET: AtomicU32 = AtomicU32::new(0);
static CLOCK: Parker = Parker::new();
static STARTED: Once = Once::new();

fn queue() -> MutexGuard<'static, Option<Queue>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    fn new() -> Self {
        Self { by_time: BTreeMap::new(), by_timer: HashMap::new(), sequence: 0 }
    }

    fn insert(&mut self, timer: usize, due: Instant) -> bool {
        self.sequence += 1;
        let key = (due, self.sequence);
        self.by_time.insert(key, timer);
        self.by_timer.insert(timer, key);
        SET.store(self.by_timer.len() as u32, Ordering::SeqCst);
        self.by_time.first_key_value().is_some_and(|(first, _)| *first == key)
    }

    fn remove(&mut self, timer: usize) -> bool {
        let removed = self.by_timer.remove(&timer).is_some_and(|key| self.by_time.remove(&key).is_some());
        SET.store(self.by_timer.len() as u32, Ordering::SeqCst);
        removed
    }
}

/// Initialises a notification timer.
///
/// # Safety
/// Writable nonpaged memory for a KTIMER.
pub unsafe fn initialize(timer: *mut KTIMER) {
    // SAFETY: by contract.
    unsafe { initialize_ex(timer, 0) };
}

unsafe fn initialize_ex(timer: *mut KTIMER, kind: u32) {
    if find_set(|other| other == timer as usize).is_some() {
        bugcheck!(
            codes::TIMER_IN_USE,
            [timer as u64, 0, 0, 0],
            "the timer at {timer:p} was initialised while it is set"
        );
    }
    let kind = if kind == 0 { TIMER_NOTIFICATION_OBJECT } else { TIMER_SYNCHRONIZATION_OBJECT };
    // SAFETY: by contract of the callers.
    unsafe {
        wait::initialize(timer.cast(), kind, 16, 0);
        (*timer).DueTime = 0;
        (*timer).TimerListEntry = LIST_ENTRY { Flink: null_mut(), Blink: null_mut() };
        (*timer).Dpc = null_mut();
        (*timer).Processor = 0;
        (*timer).Period = 0;
    }
}

/// Sets a timer; gives whether it was set already. `due` as NT has it, `period` in milliseconds,
/// 0 for once; `dpc` may be null.
///
/// # Safety
/// An initialised timer (and DPC) that lives until it has expired or is cancelled.
pub unsafe fn set(timer: *mut KTIMER, due: i64, period: u32, dpc: *mut KDPC) -> bool {
    STARTED.call_once(start_clock);
    let moment = time::deadline(due);
    let (was_set, first) = {
        let _guard = wait::lock();
        // SAFETY: by contract; checked.
        unsafe {
            check(timer);
            (*timer).Header.SignalState = 0;
            (*timer).DueTime = if due < 0 { time::interrupt_time() as i64 - due } else { due };
            (*timer).Dpc = dpc;
            (*timer).Period = period;
        }
        let mut queue = queue();
        let queue = queue.get_or_insert_with(Queue::new);
        let was_set = queue.remove(timer as usize);
        (was_set, queue.insert(timer as usize, moment))
    };
    if first {
        CLOCK.unpark();
    }
    was_set
}

/// Cancels a timer; false if it was not set. A DPC of it may be queued or running.
///
/// # Safety
/// An initialised timer.
pub unsafe fn cancel(timer: *mut KTIMER) -> bool {
    let _guard = wait::lock();
    // SAFETY: by contract; checked.
    unsafe { check(timer) };
    queue().as_mut().is_some_and(|queue| queue.remove(timer as usize))
}

/// The first set timer that matches.
pub(crate) fn find_set(mut matches: impl FnMut(usize) -> bool) -> Option<usize> {
    if SET.load(Ordering::SeqCst) == 0 {
        return None;
    }
    queue().as_ref().and_then(|queue| queue.by_timer.keys().copied().find(|timer| matches(*timer)))
}

unsafe fn check(timer: *mut KTIMER) {
    // SAFETY: by contract of the callers.
    unsafe {
        wait::check(timer.cast());
        let kind = (*timer).Header.Type;
        if kind != TIMER_NOTIFICATION_OBJECT && kind != TIMER_SYNCHRONIZATION_OBJECT {
            bugcheck!(
                codes::OBJECT_NOT_INITIALIZED,
                [timer as u64, u64::from(kind), 0, 0],
                "a timer routine was given the object at {timer:p}, which is no timer (type {kind})"
            );
        }
    }
}

fn start_clock() {
    let thread = Thread::new("clock".to_owned());
    let started = sched::spawn("clock".to_owned(), move || {
        context::attach_thread(thread);
        run_clock();
    });
    if let Err(error) = started {
        bugcheck!(codes::NTSIM_FAULT, [0, 0, 0, 0], "the host gives no thread for timers: {error}");
    }
}

fn run_clock() {
    loop {
        let next = queue().as_ref().and_then(|queue| queue.by_time.first_key_value().map(|((due, _), _)| *due));
        let now = sched::now();
        match next {
            Some(due) if due <= now => expire(now),
            // A timer set earlier meanwhile unparks.
            next => {
                CLOCK.park(next);
            }
        }
    }
}

/// Signals what is due, queues the DPCs, and runs them on the way down.
fn expire(now: Instant) {
    let old = super::irql::raise(crate::types::DISPATCH_LEVEL);
    loop {
        let guard = wait::lock();
        let due = {
            let mut queue = queue();
            let Some(queue) = queue.as_mut() else { break };
            let Some((key, timer)) = queue.by_time.first_key_value().map(|(key, timer)| (*key, *timer)) else {
                break;
            };
            if key.0 > now {
                break;
            }
            queue.remove(timer);
            let timer = timer as *mut KTIMER;
            // SAFETY: set timers are alive (verifier: freeing their block is a violation).
            let period = unsafe { (*timer).Period };
            if period != 0 {
                // Periods that were missed are dropped, as a late clock does.
                let next = (key.0 + Duration::from_millis(u64::from(period))).max(now);
                queue.insert(timer as usize, next);
            }
            timer
        };
        // SAFETY: as above; the DPC was given with the timer.
        let pending = unsafe {
            (*due).Header.SignalState = 1;
            wait::signalled(due.cast());
            (*due).Dpc
        };
        // The DPC goes in under the lock: after a cancel nobody queues it any more.
        if !pending.is_null() {
            // SAFETY: the driver's DPC.
            unsafe { dpc::insert(pending, null_mut(), null_mut()) };
        }
        drop(guard);
    }
    super::irql::lower(old);
}

unsafe fn set_once(timer: *mut KTIMER, due: i64, dpc: *mut KDPC) -> BOOLEAN {
    // SAFETY: the driver's timer and DPC.
    u8::from(unsafe { set(timer, due, 0, dpc) })
}

unsafe fn set_ex(timer: *mut KTIMER, due: i64, period: i32, dpc: *mut KDPC) -> BOOLEAN {
    if period < 0 {
        bugcheck!(
            codes::BAD_PARAMETER,
            [timer as u64, period as u64, 0, 0],
            "KeSetTimerEx was given the period {period}"
        );
    }
    // SAFETY: the driver's timer and DPC.
    u8::from(unsafe { set(timer, due, period as u32, dpc) })
}

unsafe fn set_coalescable(timer: *mut KTIMER, due: i64, period: u32, _delay: u32, dpc: *mut KDPC) -> BOOLEAN {
    // SAFETY: the driver's timer and DPC.
    u8::from(unsafe { set(timer, due, period, dpc) })
}

unsafe fn cancel_by_driver(timer: *mut KTIMER) -> BOOLEAN {
    // SAFETY: the driver's timer.
    u8::from(unsafe { cancel(timer) })
}

unsafe fn read(timer: *mut KTIMER) -> BOOLEAN {
    let _guard = wait::lock();
    // SAFETY: the driver's timer, checked.
    unsafe {
        check(timer);
        u8::from((*timer).Header.SignalState > 0)
    }
}
