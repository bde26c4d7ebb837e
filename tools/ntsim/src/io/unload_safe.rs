//! `IoSetCompletionRoutineEx`: a completion routine with a device that it belongs to.
//!
//! The stack location gets ntsim's own marker as routine and a box with the driver's; the walk
//! in [`super::dispatch`] recognises the marker and calls what is in the box.

use parking_lot::Mutex;

use super::device;
use crate::kernel::Kernel;
use crate::types::*;

/// What the driver asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved {
    /// The device that the routine belongs to.
    pub device: *mut DEVICE_OBJECT,
    /// The routine.
    pub routine: Option<IO_COMPLETION_ROUTINE>,
    /// Its context.
    pub context: PVOID,
}

// SAFETY: the pointers are the driver's; they are only passed back to it.
unsafe impl Send for Saved {}

static SAVED: Mutex<Vec<(usize, Box<Saved>)>> = Mutex::new(Vec::new());

fn marker() -> usize {
    IopUnloadSafeCompletion::ROW.target.address()
}

/// Takes what was saved, if the routine at `address` is the marker.
pub(crate) fn take(address: usize, context: PVOID) -> Option<Saved> {
    if address != marker() {
        return None;
    }
    let mut saved = SAVED.lock();
    let index = saved.iter().position(|(key, _)| *key == context as usize)?;
    let (_, found) = saved.swap_remove(index);
    drop(saved);
    Kernel::get().leaks.untrack("IO_COMPLETION_CONTEXT", context as usize);
    Some(*found)
}

unsafe fn set_completion_routine(
    device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    routine: Option<IO_COMPLETION_ROUTINE>,
    context: PVOID,
    on_success: BOOLEAN,
    on_error: BOOLEAN,
    on_cancel: BOOLEAN,
) -> NTSTATUS {
    device::driver_of(device, "set a completion routine for");
    super::irp::table().record(irp, "set a completion routine in");
    let saved = Box::new(Saved { device, routine, context });
    let key = &raw const *saved as usize;
    SAVED.lock().push((key, saved));
    Kernel::get().leaks.track("IO_COMPLETION_CONTEXT", key, "IoSetCompletionRoutineEx");
    let control =
        [(on_success, SL_INVOKE_ON_SUCCESS), (on_error, SL_INVOKE_ON_ERROR), (on_cancel, SL_INVOKE_ON_CANCEL)]
            .iter()
            .filter(|(wanted, _)| *wanted != 0)
            .fold(0, |control, (_, bit)| control | bit);
    // SAFETY: the marker has this signature; it is never called, only recognised.
    let marker: IO_COMPLETION_ROUTINE = unsafe { std::mem::transmute(marker()) };
    // SAFETY: the IRP is on record; the driver that holds it has a next location, as with
    // `IoSetCompletionRoutine`.
    unsafe {
        let next = (*irp).Tail.CurrentStackLocation.wrapping_sub(1);
        (*next).CompletionRoutine = Some(marker);
        (*next).Context = std::ptr::with_exposed_provenance_mut(key);
        (*next).Control = control;
    }
    STATUS_SUCCESS
}

unsafe fn never_called() -> NTSTATUS {
    unreachable!("the walk calls the driver's routine instead")
}

crate::routines! { "ntoskrnl.exe";
    fn IoSetCompletionRoutineEx(device: *mut DEVICE_OBJECT, irp: *mut IRP, routine: Option<IO_COMPLETION_ROUTINE>, context: PVOID, on_success: BOOLEAN, on_error: BOOLEAN, on_cancel: BOOLEAN) -> NTSTATUS = set_completion_routine: PASSIVE..=DISPATCH, fails(STATUS_INSUFFICIENT_RESOURCES);
}

mod hidden {
    use super::never_called;
    use crate::types::NTSTATUS;
    crate::routines! { "io";
        fn IopUnloadSafeCompletion() -> NTSTATUS = never_called: PASSIVE..=DISPATCH;
    }
}
use hidden::IopUnloadSafeCompletion;
