//! Ex timers: a KTIMER with a DPC of ntsim's that calls the driver's function.

use crate::bugcheck::codes;
use crate::context::{CallSite, call_driver};
use crate::ke::{dpc, timer};
use crate::kernel::Kernel;
use crate::sched;
use crate::types::{BOOLEAN, DISPATCH_LEVEL, KDPC, KTIMER, PVOID};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

crate::routines! { "ntoskrnl.exe";
    fn ExAllocateTimer(callback: Option<Callback>, context: PVOID, attributes: u32) -> *mut Timer = allocate: PASSIVE..=DISPATCH, fails(null_mut());
    fn ExSetTimer(timer: *mut Timer, due: i64, period: i64, parameters: PVOID) -> BOOLEAN = set: PASSIVE..=DISPATCH;
    fn ExCancelTimer(timer: *mut Timer, parameters: PVOID) -> BOOLEAN = cancel: PASSIVE..=DISPATCH;
    fn ExDeleteTimer(timer: *mut Timer, cancel: BOOLEAN, wait: BOOLEAN, parameters: *const DeleteParameters) -> BOOLEAN = delete: PASSIVE..=DISPATCH;
}

/// The DPC routine of all Ex timers.
mod expiry {
    use super::{KDPC, PVOID, expired};

    crate::routines! { "ex timer";
        fn Expired(dpc: *mut KDPC, context: PVOID, a: PVOID, b: PVOID) = expired: DISPATCH..=DISPATCH;
    }
}

type Callback = unsafe extern "win64" fn(timer: *mut Timer, context: PVOID);
type DeleteCallback = unsafe extern "win64" fn(context: PVOID);

const KIND: &str = "EX_TIMER";

/// Drivers may wait for it like for a KTIMER.
#[repr(C)]
pub(super) struct Timer {
    timer: KTIMER,
    dpc: KDPC,
    callback: Option<Callback>,
    context: PVOID,
    running: AtomicBool,
}

#[repr(C)]
pub(super) struct DeleteParameters {
    version: u32,
    reserved: u32,
    callback: Option<DeleteCallback>,
    context: PVOID,
}

unsafe fn allocate(callback: Option<Callback>, context: PVOID, _attributes: u32) -> *mut Timer {
    let timer = Box::into_raw(Box::<MaybeUninit<Timer>>::new(MaybeUninit::zeroed())).cast::<Timer>();
    // SAFETY: zeroed memory of our own; the DPC routine has the deferred routine's type.
    unsafe {
        timer::initialize(&raw mut (*timer).timer);
        let routine =
            std::mem::transmute::<usize, crate::types::KDEFERRED_ROUTINE>(expiry::Expired::ROW.target.address());
        dpc::initialize(&raw mut (*timer).dpc, Some(routine), timer.cast());
        (*timer).callback = callback;
        (*timer).context = context;
    }
    Kernel::get().leaks.track(KIND, timer as usize, "");
    timer
}

fn check(timer: *mut Timer) {
    if Kernel::get().leaks.find(KIND, timer as usize).is_none() {
        bugcheck!(
            codes::BAD_HANDLE,
            [timer as u64, 0, 0, 0],
            "a timer routine was given {timer:p}, which is no Ex timer (or was deleted)"
        );
    }
}

unsafe fn set(timer: *mut Timer, due: i64, period: i64, _parameters: PVOID) -> BOOLEAN {
    check(timer);
    // Periods are in 100 ns here and in milliseconds there; a shorter one is rounded up.
    let milliseconds = if period <= 0 { 0 } else { (period / 10_000).clamp(1, i64::from(i32::MAX)) as u32 };
    // SAFETY: a checked timer. Without a callback there is no DPC to queue.
    unsafe {
        let dpc = if (*timer).callback.is_some() { &raw mut (*timer).dpc } else { null_mut() };
        u8::from(timer::set(&raw mut (*timer).timer, due, milliseconds, dpc))
    }
}

unsafe fn cancel(timer: *mut Timer, _parameters: PVOID) -> BOOLEAN {
    check(timer);
    // SAFETY: a checked timer.
    u8::from(unsafe { timer::cancel(&raw mut (*timer).timer) })
}

unsafe fn expired(_dpc: *mut KDPC, context: PVOID, _a: PVOID, _b: PVOID) {
    let timer = context.cast::<Timer>();
    // SAFETY: the timer lives until delete has seen it neither queued nor running.
    unsafe {
        (*timer).running.store(true, Ordering::SeqCst);
        let (callback, argument) = ((*timer).callback, (*timer).context);
        call_driver(CallSite::new("Ex timer callback", callback.map_or(0, |callback| callback as usize)), || {
            if let Some(callback) = callback {
                callback(timer, argument);
            }
        });
        (*timer).running.store(false, Ordering::SeqCst);
    }
}

unsafe fn delete(timer: *mut Timer, cancel: BOOLEAN, wait: BOOLEAN, parameters: *const DeleteParameters) -> BOOLEAN {
    check(timer);
    if wait != 0 && (crate::context::irql() >= DISPATCH_LEVEL || cancel == 0) {
        bugcheck!(
            codes::WAIT_NOT_ALLOWED,
            [timer as u64, u64::from(cancel), 0, 0],
            "ExDeleteTimer with Wait TRUE needs Cancel TRUE and IRQL < DISPATCH_LEVEL"
        );
    }
    Kernel::get().leaks.untrack(KIND, timer as usize);
    // SAFETY: a checked timer; it is freed when it is neither set, queued nor running.
    unsafe {
        let cancelled = cancel != 0 && timer::cancel(&raw mut (*timer).timer);
        let done = (!parameters.is_null()).then(|| ((*parameters).callback, (*parameters).context));
        let finish = Finish { timer, done };
        if wait != 0 {
            finish.run();
        } else {
            super::work::queue("timer deletion", Box::new(move || finish.run()));
        }
        u8::from(cancelled)
    }
}

struct Finish {
    timer: *mut Timer,
    done: Option<(Option<DeleteCallback>, PVOID)>,
}

// SAFETY: the timer belongs to the deletion.
unsafe impl Send for Finish {}

impl Finish {
    fn run(self) {
        let timer = self.timer as usize;
        let dpc = timer + std::mem::offset_of!(Timer, dpc);
        let busy = || {
            // SAFETY: freed below only.
            let running = unsafe { (*self.timer).running.load(Ordering::SeqCst) };
            running
                || timer::find_set(|other| other == timer).is_some()
                || dpc::find_queued(|other| other as usize == dpc).is_some()
        };
        while busy() {
            sched::sleep(std::time::Duration::from_micros(100));
        }
        // A DPC that was taken from its queue may be on its way into the callback.
        dpc::flush();
        if let Some((Some(callback), context)) = self.done {
            // SAFETY: the driver's function with its own argument.
            call_driver(CallSite::new("timer delete callback", callback as usize), || unsafe { callback(context) });
        }
        // SAFETY: made by `allocate`; nobody uses it any more.
        drop(unsafe { Box::from_raw(self.timer.cast::<MaybeUninit<Timer>>()) });
    }
}
