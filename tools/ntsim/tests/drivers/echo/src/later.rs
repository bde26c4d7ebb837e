//! Requests that pend: one ends from a work item, one when it is cancelled.

use wdk_sys::ntddk::{IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItemEx, IoReleaseCancelSpinLock};
use wdk_sys::{
    _DEVICE_OBJECT, _IRP, _WORK_QUEUE_TYPE, NTSTATUS, PIO_WORKITEM, PVOID, STATUS_CANCELLED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::irp;

/// Queues a work item that gives `length` bytes of the system buffer back.
///
/// # Safety
/// The driver holds the IRP, whose output is at least `length` bytes long.
pub(crate) unsafe fn echo(device: *mut _DEVICE_OBJECT, irp: *mut _IRP, length: u32) -> NTSTATUS {
    // SAFETY: the driver's own device.
    let item = unsafe { IoAllocateWorkItem(device) };
    if item.is_null() {
        // SAFETY: by contract.
        return unsafe { irp::complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0) };
    }
    // SAFETY: by contract; the work item is the driver's own.
    unsafe {
        (*irp).IoStatus.Information = u64::from(length);
        irp::mark_pending(irp);
        IoQueueWorkItemEx(item, Some(finish), _WORK_QUEUE_TYPE::DelayedWorkQueue, irp.cast());
    }
    STATUS_PENDING
}

unsafe extern "C" fn finish(_object: PVOID, context: PVOID, item: PIO_WORKITEM) {
    // SAFETY: the routine may free its own item.
    unsafe { IoFreeWorkItem(item) };
    let irp: *mut _IRP = context.cast();
    // SAFETY: the pending IRP that `echo` queued.
    let length = unsafe { (*irp).IoStatus.Information };
    // SAFETY: as above.
    unsafe { irp::complete(irp, STATUS_SUCCESS, length) };
}

/// Pends a request until it is cancelled.
///
/// # Safety
/// The driver holds the IRP.
pub(crate) unsafe fn wait_for_cancel(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: by contract.
    unsafe {
        irp::mark_pending(irp);
        irp::exchange_cancel_routine(irp, cancel as *mut ());
        // Cancelled before the routine was set: whoever takes the routine out completes it.
        if (&raw const (*irp).Cancel).read_volatile() != 0
            && !irp::exchange_cancel_routine(irp, core::ptr::null_mut()).is_null()
        {
            irp::complete(irp, STATUS_CANCELLED, 0);
        }
    }
    STATUS_PENDING
}

unsafe extern "C" fn cancel(_device: *mut _DEVICE_OBJECT, irp: *mut _IRP) {
    // SAFETY: called with the cancel spin lock held and the IRP for this driver.
    unsafe {
        IoReleaseCancelSpinLock((*irp).CancelIrql);
        irp::complete(irp, STATUS_CANCELLED, 0);
    }
}
