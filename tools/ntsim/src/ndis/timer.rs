//! NDIS timer objects: a KTIMER and a DPC each (ndis.md KP-TMR-01, KP-TMR-02).

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::handles::{self, Object};
use super::{codes, pool};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::ke;
use crate::types::{KDPC, KTIMER};
use ndkpi_sys::*;

/// A timer object. Never freed: a DPC that is on its way must find something.
#[derive(Debug)]
pub(super) struct Timer {
    /// The adapter's handle, or 0.
    pub owner: usize,
    handle: usize,
    function: NDIS_TIMER_FUNCTION,
    context: usize,
    /// The context of the last set, if it gave one.
    set_context: AtomicUsize,
    periodic: AtomicBool,
    freed: AtomicBool,
    block: *mut Block,
}

#[derive(Debug)]
struct Block {
    timer: KTIMER,
    dpc: KDPC,
}

// SAFETY: the block is touched by Ke under its own locks.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

#[cold]
fn misuse(handle: usize, text: &str) -> ! {
    Violation::new(&codes::NDIS_TIMER_MISUSE).params([handle as u64, 0, 0, 0]).text(text).raise()
}

unsafe fn allocate(
    handle: NDIS_HANDLE,
    characteristics: *mut NDIS_TIMER_CHARACTERISTICS,
    out: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let owner = handles::owner(handle, "NdisAllocateTimerObject");
    // SAFETY: the caller's structure.
    let given = unsafe { characteristics.read() };
    let header = given.Header;
    if header.Type != NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS
        || header.Revision < 1
        || header.Size < NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1
    {
        Violation::new(&codes::NDIS_BAD_OBJECT_HEADER)
            .params([header.Type.into(), header.Revision.into(), header.Size.into(), 0])
            .text("NDIS_TIMER_CHARACTERISTICS has a wrong header: type 0x97, revision 1, size 24")
            .raise();
    }
    pool::check_tag(given.AllocationTag, "NdisAllocateTimerObject");
    let new = handles::reserve();
    let block = Box::leak(Box::new(
        // SAFETY: both are plain kernel structures, initialised below.
        unsafe { std::mem::zeroed::<Block>() },
    ));
    let timer = Arc::new(Timer {
        owner,
        handle: new,
        function: given.TimerFunction,
        context: given.FunctionContext.expose_provenance(),
        set_context: AtomicUsize::new(0),
        periodic: AtomicBool::new(false),
        freed: AtomicBool::new(false),
        block,
    });
    // SAFETY: a fresh block that lives for ever; the row's function has a DPC routine's parameters.
    unsafe {
        ke::timer::initialize(&raw mut (*timer.block).timer);
        let routine = std::mem::transmute::<usize, Option<crate::types::KDEFERRED_ROUTINE>>(
            callback::NdisTimerDpc::ROW.target.address(),
        );
        ke::dpc::initialize(&raw mut (*timer.block).dpc, routine, std::ptr::without_provenance_mut(new));
    }
    handles::publish(new, Object::Timer(timer));
    Kernel::get().leaks.track("NDIS timer object", new, "");
    // SAFETY: the caller's out-parameter.
    unsafe { out.write(handles::as_handle(new)) };
    NDIS_STATUS_SUCCESS
}

unsafe fn expired(_dpc: *mut KDPC, context: *mut c_void, _first: *mut c_void, _second: *mut c_void) {
    // Freed meanwhile: nobody may be called any more; freeing a set timer has been reported.
    let Some(Object::Timer(timer)) = handles::find(context.addr()) else { return };
    let context = match timer.set_context.load(Ordering::Acquire) {
        0 => timer.context,
        context => context,
    };
    let target = timer.function.map_or(0, |f| f as usize);
    call_driver(CallSite::new("NDIS timer function", target), || {
        if let Some(function) = timer.function {
            let null = std::ptr::null_mut();
            // SAFETY: the driver's function with the driver's context.
            unsafe { function(null, std::ptr::with_exposed_provenance_mut(context), null, null) }
        }
    });
}

fn arm(handle: NDIS_HANDLE, due: LARGE_INTEGER, period: i32, context: *mut c_void, routine: &str) -> u8 {
    let timer = handles::timer(handle, routine);
    timer.set_context.store(context.expose_provenance(), Ordering::Release);
    timer.periodic.store(period != 0, Ordering::Release);
    // SAFETY: all views of the union are plain numbers; the block is alive.
    let was_set = unsafe {
        let block = timer.block;
        ke::timer::set(&raw mut (*block).timer, due.QuadPart, period.max(0) as u32, &raw mut (*block).dpc)
    };
    u8::from(was_set)
}

unsafe fn set(handle: NDIS_HANDLE, due: LARGE_INTEGER, period: i32, context: *mut c_void) -> u8 {
    arm(handle, due, period, context, "NdisSetTimerObject")
}

unsafe fn set_coalescable(
    handle: NDIS_HANDLE,
    due: LARGE_INTEGER,
    period: i32,
    context: *mut c_void,
    _delay: u32,
) -> u8 {
    arm(handle, due, period, context, "NdisSetCoalescableTimerObject")
}

unsafe fn cancel(handle: NDIS_HANDLE) -> u8 {
    let timer = handles::timer(handle, "NdisCancelTimerObject");
    let periodic = timer.periodic.load(Ordering::Acquire);
    if periodic && crate::context::irql() != crate::types::PASSIVE_LEVEL {
        misuse(
            timer.handle,
            "a periodic NDIS timer is cancelled at PASSIVE_LEVEL only: the call waits for the function",
        );
    }
    // SAFETY: the block is alive.
    let was_set = unsafe { ke::timer::cancel(&raw mut (*timer.block).timer) };
    if periodic {
        ke::dpc::flush();
    }
    u8::from(was_set)
}

unsafe fn free(handle: NDIS_HANDLE) {
    let timer = handles::timer(handle, "NdisFreeTimerObject");
    let address = (&raw const *timer.block).addr();
    if ke::timer::find_set(|set| set == address).is_some() {
        misuse(timer.handle, "NdisFreeTimerObject is called for a timer that is set");
    }
    timer.freed.store(true, Ordering::Release);
    handles::forget(handle.addr());
    Kernel::get().leaks.untrack("NDIS timer object", handle.addr());
}

crate::routines! { "ndis.sys";
    fn NdisAllocateTimerObject(handle: NDIS_HANDLE, characteristics: *mut NDIS_TIMER_CHARACTERISTICS, out: *mut NDIS_HANDLE)
        -> NDIS_STATUS = allocate: PASSIVE..=DISPATCH, fails(NDIS_STATUS_RESOURCES);
    fn NdisFreeTimerObject(handle: NDIS_HANDLE) = free: PASSIVE..=DISPATCH;
    fn NdisSetTimerObject(handle: NDIS_HANDLE, due: LARGE_INTEGER, period: i32, context: *mut c_void) -> u8
        = set: PASSIVE..=DISPATCH;
    fn NdisSetCoalescableTimerObject(handle: NDIS_HANDLE, due: LARGE_INTEGER, period: i32, context: *mut c_void,
        delay: u32) -> u8 = set_coalescable: PASSIVE..=DISPATCH;
    fn NdisCancelTimerObject(handle: NDIS_HANDLE) -> u8 = cancel: PASSIVE..=DISPATCH;
}

/// What the kernel's timer DPC calls; no export.
mod callback {
    use super::*;

    crate::routines! { "ndis.sys";
        fn NdisTimerDpc(dpc: *mut KDPC, context: *mut c_void, first: *mut c_void, second: *mut c_void)
            = expired: DISPATCH..=DISPATCH;
    }
}
