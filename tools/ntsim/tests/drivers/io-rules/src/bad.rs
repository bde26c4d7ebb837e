//! Mistakes with IRPs.
//!
//! No function here is safe in any sense: each breaks the rule that its name says.

use wdk_sys::ntddk::{IoAllocateIrp, IoFreeIrp, IofCallDriver, IofCompleteRequest};
use wdk_sys::{
    _DEVICE_OBJECT, _IRP, IRP_MJ_DEVICE_CONTROL, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::irp;

#[inline(never)]
pub(crate) unsafe fn complete_twice(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe {
        irp::complete(irp, STATUS_SUCCESS, 0);
        IofCompleteRequest(irp, 0);
    }
    STATUS_SUCCESS
}

#[inline(never)]
pub(crate) unsafe fn complete_without_status(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe { IofCompleteRequest(irp, 0) };
    STATUS_SUCCESS
}

#[inline(never)]
pub(crate) unsafe fn complete_with_pending(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe { irp::complete(irp, STATUS_PENDING, 0) }
}

#[inline(never)]
pub(crate) unsafe fn leave_cancel_routine(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe {
        irp::exchange_cancel_routine(irp, cancel as *mut ());
        irp::complete(irp, STATUS_SUCCESS, 0)
    }
}

unsafe extern "C" fn cancel(_device: *mut _DEVICE_OBJECT, _irp: *mut _IRP) {}

#[inline(never)]
pub(crate) unsafe fn claim_too_much(irp: *mut _IRP, output: u32) -> NTSTATUS {
    // SAFETY: none.
    unsafe { irp::complete(irp, STATUS_SUCCESS, u64::from(output) + 1) }
}

#[inline(never)]
pub(crate) unsafe fn pend_without_mark() -> NTSTATUS {
    STATUS_PENDING
}

#[inline(never)]
pub(crate) unsafe fn mark_without_pending(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe {
        irp::mark_pending(irp);
        irp::complete(irp, STATUS_SUCCESS, 0)
    }
}

#[inline(never)]
pub(crate) unsafe fn forget_request() -> NTSTATUS {
    STATUS_UNSUCCESSFUL
}

#[inline(never)]
pub(crate) unsafe fn answer_otherwise(irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    unsafe { irp::complete(irp, STATUS_UNSUCCESSFUL, 0) };
    STATUS_SUCCESS
}

#[inline(never)]
pub(crate) unsafe fn free_request(irp: *mut _IRP) {
    // SAFETY: none.
    unsafe { IoFreeIrp(irp) };
    stay();
}

/// Keeps the last call from becoming a jump, which would take the function off the stack.
#[inline(always)]
pub(crate) fn stay() {
    core::hint::black_box(());
}

/// Sends an IRP of its own and sets no completion routine to take it back.
#[inline(never)]
pub(crate) unsafe fn send_without_owner(device: *mut _DEVICE_OBJECT) {
    // SAFETY: none.
    unsafe {
        let own = IoAllocateIrp(1, 0);
        if own.is_null() {
            return;
        }
        let next = core::ptr::from_mut(irp::location(own)).wrapping_sub(1);
        (*next).MajorFunction = IRP_MJ_DEVICE_CONTROL as u8;
        (*next).Parameters.DeviceIoControl.IoControlCode = 0x22_0000;
        let _ = IofCallDriver(device, own);
    }
    stay();
}

#[inline(never)]
pub(crate) unsafe fn run_out_of_locations(device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: none.
    let status = unsafe { IofCallDriver(device, irp) };
    stay();
    status
}

#[inline(never)]
pub(crate) unsafe fn overrun_buffer(irp: *mut _IRP, length: u32) {
    // SAFETY: none.
    unsafe { (*irp).AssociatedIrp.SystemBuffer.cast::<u8>().add(length as usize).write(1) };
}

#[inline(never)]
pub(crate) unsafe fn free_irp_twice() {
    // SAFETY: none.
    unsafe {
        let own = IoAllocateIrp(1, 0);
        IoFreeIrp(own);
        IoFreeIrp(own);
    }
    stay();
}
