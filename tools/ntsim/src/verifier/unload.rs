//! What may not be alive when a driver's code goes away.

use crate::bugcheck::{Code, Violation, codes};
use crate::ke::{dpc, timer};
use crate::kernel::Image;
use crate::symbols::describe;
use crate::types::{KDPC, KTIMER};

/// Stops the machine if a DPC, timer, thread or work item of `image` is left.
pub(crate) fn check(image: &'static Image) {
    let mut routine = 0;
    let mut of_image = |dpc: *mut KDPC| {
        routine = if dpc.is_null() {
            0
        } else {
            // SAFETY: queued DPCs and those of set timers are alive.
            unsafe { (*dpc).DeferredRoutine }.map_or(0, |routine| routine as usize)
        };
        image.contains(routine) || image.contains(dpc as usize)
    };
    if let Some(dpc) = dpc::find_queued(&mut of_image) {
        alive(&codes::DPC_AT_UNLOAD, image, dpc as usize, routine, "DPC is queued");
    }
    let timer = timer::find_set(|timer| {
        // SAFETY: set timers are alive.
        let dpc = unsafe { (*(timer as *mut KTIMER)).Dpc };
        image.contains(timer) || of_image(dpc)
    });
    if let Some(timer) = timer {
        alive(&codes::TIMER_AT_UNLOAD, image, timer, routine, "timer is set");
    }
    if let Some(thread) = crate::ps::running_in(image) {
        alive(&codes::THREAD_AT_UNLOAD, image, thread.header() as usize, thread.start(), "system thread runs");
    }
    if let Some(routine) = crate::ex::work::pending_of(image) {
        alive(&codes::WORK_AT_UNLOAD, image, 0, routine, "work item is queued or running");
    }
}

fn alive(code: &'static Code, image: &Image, object: usize, routine: usize, what: &str) -> ! {
    Violation::new(code)
        .params([object as u64, routine as u64, image.base as u64, 0])
        .guilty(image.entry)
        .text(format!("{} was unloaded, but a {what}: object {object:#x}, routine {}", image.name, describe(routine)))
        .raise()
}
