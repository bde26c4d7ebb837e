//! Device control: what each code does.

use core::slice;

use wdk_sys::ntddk::MmMapLockedPagesSpecifyCache;
use wdk_sys::{
    _DEVICE_OBJECT, _IRP, _MEMORY_CACHING_TYPE, _MODE, NTSTATUS, STATUS_BUFFER_TOO_SMALL,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::{irp, later, services};

/// Gives the input back.
const ECHO: u32 = 0x22_2000;
/// Gives the input back, later, from a work item.
const ECHO_LATER: u32 = 0x22_2004;
/// Ends when it is cancelled.
const UNTIL_CANCELLED: u32 = 0x22_2008;
/// Gives the registry value `Parameters\Depth`, a REG_DWORD.
const DEPTH: u32 = 0x22_200C;
/// Gives length and byte sum, each 8 bytes, of the file whose object name (UTF-16) is the input.
const SUM_FILE: u32 = 0x22_2010;
/// METHOD_OUT_DIRECT: fills the output with the input's first byte.
const FILL: u32 = 0x22_2016;

const MDL_MAPPED_OR_NONPAGED: i16 = 0x5;
const PRIORITY: u32 = 16 | 0x4000_0000;

pub(crate) unsafe extern "C" fn device_control(device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: the union's member for IRP_MJ_DEVICE_CONTROL.
    let (code, input, output) = unsafe {
        let control = irp::location(irp).Parameters.DeviceIoControl;
        (control.IoControlCode, control.InputBufferLength, control.OutputBufferLength)
    };
    match code {
        // SAFETY: called with an IRP for this driver, in all arms.
        ECHO => unsafe { echo(irp, input, output) },
        // SAFETY: as above.
        ECHO_LATER if output >= input => unsafe { later::echo(device, irp, input) },
        // SAFETY: as above.
        ECHO_LATER => unsafe { irp::complete(irp, STATUS_BUFFER_TOO_SMALL, 0) },
        // SAFETY: as above.
        UNTIL_CANCELLED => unsafe { later::wait_for_cancel(irp) },
        // SAFETY: as above.
        DEPTH => unsafe { answer(irp, output, services::depth().map(u32::to_le_bytes)) },
        SUM_FILE => {
            // SAFETY: the I/O manager's buffer has the input.
            let name = unsafe { system_buffer(irp, input) };
            let result = services::sum_file(name).map(|(length, sum)| {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&length.to_le_bytes());
                bytes[8..].copy_from_slice(&sum.to_le_bytes());
                bytes
            });
            // SAFETY: as above.
            unsafe { answer(irp, output, result) }
        }
        // SAFETY: as above.
        FILL => unsafe { fill(irp, input, output) },
        // SAFETY: as above.
        _ => unsafe { irp::complete(irp, STATUS_INVALID_DEVICE_REQUEST, 0) },
    }
}

/// # Safety
/// The driver holds the IRP, whose system buffer has `length` bytes.
unsafe fn system_buffer<'a>(irp: *mut _IRP, length: u32) -> &'a mut [u8] {
    // SAFETY: by contract.
    unsafe {
        let buffer = (*irp).AssociatedIrp.SystemBuffer.cast::<u8>();
        if buffer.is_null() { &mut [] } else { slice::from_raw_parts_mut(buffer, length as usize) }
    }
}

/// # Safety
/// The driver holds the IRP.
unsafe fn echo(irp: *mut _IRP, input: u32, output: u32) -> NTSTATUS {
    let status = if output >= input { STATUS_SUCCESS } else { STATUS_BUFFER_TOO_SMALL };
    let information = if output >= input { u64::from(input) } else { 0 };
    // SAFETY: by contract.
    unsafe { irp::complete(irp, status, information) }
}

/// Completes a buffered request with a result of fixed size.
///
/// # Safety
/// The driver holds the IRP, whose system buffer has `output` bytes.
unsafe fn answer<const N: usize>(irp: *mut _IRP, output: u32, result: Result<[u8; N], NTSTATUS>) -> NTSTATUS {
    // SAFETY: by contract, in both places.
    unsafe {
        let (status, information) = match result {
            Err(status) => (status, 0),
            Ok(_) if (output as usize) < N => (STATUS_BUFFER_TOO_SMALL, 0),
            Ok(bytes) => {
                if let Some(start) = system_buffer(irp, output).get_mut(..N) {
                    start.copy_from_slice(&bytes);
                }
                (STATUS_SUCCESS, N as u64)
            }
        };
        irp::complete(irp, status, information)
    }
}

/// # Safety
/// The driver holds the IRP, a METHOD_OUT_DIRECT one.
unsafe fn fill(irp: *mut _IRP, input: u32, output: u32) -> NTSTATUS {
    // SAFETY: the I/O manager's buffer has the input.
    let Some(&mut byte) = (unsafe { system_buffer(irp, input) }).first_mut() else {
        // SAFETY: by contract.
        return unsafe { irp::complete(irp, STATUS_INVALID_PARAMETER, 0) };
    };
    // SAFETY: the I/O manager's MDL, mapped as `MmGetSystemAddressForMdlSafe` does.
    let address = unsafe {
        let mdl = (*irp).MdlAddress;
        if mdl.is_null() {
            return irp::complete(irp, STATUS_INVALID_PARAMETER, 0);
        }
        if (*mdl).MdlFlags & MDL_MAPPED_OR_NONPAGED != 0 {
            (*mdl).MappedSystemVa
        } else {
            MmMapLockedPagesSpecifyCache(
                mdl,
                _MODE::KernelMode as i8,
                _MEMORY_CACHING_TYPE::MmCached,
                core::ptr::null_mut(),
                0,
                PRIORITY,
            )
        }
    };
    if address.is_null() {
        // SAFETY: by contract.
        return unsafe { irp::complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0) };
    }
    // SAFETY: the MDL describes the output buffer.
    unsafe { address.cast::<u8>().write_bytes(byte, output as usize) };
    // SAFETY: by contract.
    unsafe { irp::complete(irp, STATUS_SUCCESS, u64::from(output)) }
}
