//! What a major function does that the driver did not set: it refuses the request.

use crate::types::*;

/// The routine that fills `MajorFunction` before `DriverEntry`.
pub fn default_dispatch() -> DRIVER_DISPATCH {
    let address = hidden::IopInvalidDeviceRequest::ROW.target.address();
    // SAFETY: the row's entry has this signature.
    unsafe { std::mem::transmute::<usize, DRIVER_DISPATCH>(address) }
}

unsafe fn refuse(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: called with the IRP that `dispatch::send` holds.
    unsafe {
        (*irp).IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
        (*irp).IoStatus.Information = 0;
        super::dispatch::complete(irp);
    }
    STATUS_INVALID_DEVICE_REQUEST
}

mod hidden {
    use super::*;
    crate::routines! { "io";
        fn IopInvalidDeviceRequest(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS = refuse: PASSIVE..=DISPATCH;
    }
}
