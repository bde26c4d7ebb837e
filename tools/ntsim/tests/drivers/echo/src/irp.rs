//! The inline functions of the headers that the driver needs.

use core::sync::atomic::{AtomicPtr, Ordering};

use wdk_sys::ntddk::IofCompleteRequest;
use wdk_sys::{_IO_STACK_LOCATION, _IRP, NTSTATUS, SL_PENDING_RETURNED};

/// `IoGetCurrentIrpStackLocation`.
///
/// # Safety
/// The driver holds the IRP.
pub(crate) unsafe fn location<'a>(irp: *mut _IRP) -> &'a mut _IO_STACK_LOCATION {
    // SAFETY: by contract; an IRP under way has a current location.
    unsafe { &mut *(*irp).Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation }
}

/// `IoMarkIrpPending`.
///
/// # Safety
/// The driver holds the IRP.
pub(crate) unsafe fn mark_pending(irp: *mut _IRP) {
    // SAFETY: by contract.
    unsafe { location(irp) }.Control |= SL_PENDING_RETURNED as u8;
}

/// Sets the result and gives the IRP back.
///
/// # Safety
/// The driver holds the IRP and does not touch it afterwards.
pub(crate) unsafe fn complete(irp: *mut _IRP, status: NTSTATUS, information: u64) -> NTSTATUS {
    // SAFETY: by contract.
    unsafe {
        (*irp).IoStatus.__bindgen_anon_1.Status = status;
        (*irp).IoStatus.Information = information;
        IofCompleteRequest(irp, 0);
    }
    status
}

/// `IoSetCancelRoutine`; gives the routine that was there.
///
/// # Safety
/// The driver holds the IRP.
pub(crate) unsafe fn exchange_cancel_routine(irp: *mut _IRP, routine: *mut ()) -> *mut () {
    // SAFETY: the field is a pointer that everybody exchanges atomically.
    let slot = unsafe { AtomicPtr::from_ptr((&raw mut (*irp).CancelRoutine).cast::<*mut ()>()) };
    slot.swap(routine, Ordering::AcqRel)
}
