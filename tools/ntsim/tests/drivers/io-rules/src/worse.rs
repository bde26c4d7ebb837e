//! Mistakes with devices, work items, locks, files and the registry.
//!
//! No function here is safe in any sense: each breaks the rule that its name says.

use core::mem::size_of;
use core::ptr;

use wdk_sys::ntddk::{
    IoAllocateErrorLogEntry, IoAllocateWorkItem, IoCreateDevice, IoDeleteDevice, IoFreeWorkItem, IoQueueWorkItem,
    IoReleaseCancelSpinLock, IoWriteErrorLogEntry, KeAcquireSpinLockRaiseToDpc, KeEnterGuardedRegion,
    KeLeaveGuardedRegion, KeReleaseSpinLock, RtlQueryRegistryValues, ZwClose, ZwCreateFile, ZwReadFile,
};
use wdk_sys::{
    _DEVICE_OBJECT, _DRIVER_OBJECT, _WORK_QUEUE_TYPE, FILE_DEVICE_UNKNOWN, FILE_SYNCHRONOUS_IO_NONALERT, HANDLE,
    IO_STATUS_BLOCK, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PDEVICE_OBJECT, PVOID,
};

use crate::bad::stay;
use crate::{unicode, wide};

/// A routine runs between two calls now and then, which makes the mistake none: try again.
const TRIES: usize = 100_000;

static FILE: [u16; 32] = wide(r"\??\Z:\proc\self\status");
static SERVICE: [u16; 24] = wide("ntsim_io_rules");
static VALUE: [u16; 8] = wide("Type");

#[inline(never)]
pub(crate) unsafe fn delete_device_twice(driver: *mut _DRIVER_OBJECT) {
    let mut device: PDEVICE_OBJECT = ptr::null_mut();
    // SAFETY: none.
    unsafe {
        let _ = IoCreateDevice(driver, 0, ptr::null_mut(), FILE_DEVICE_UNKNOWN, 0, 0, &raw mut device);
        IoDeleteDevice(device);
        IoDeleteDevice(device);
    }
    stay();
}

unsafe extern "C" fn routine(_device: *mut _DEVICE_OBJECT, _context: PVOID) {}

#[inline(never)]
pub(crate) unsafe fn queue_item_twice(device: *mut _DEVICE_OBJECT) {
    // SAFETY: none.
    unsafe {
        let item = IoAllocateWorkItem(device);
        for _ in 0..TRIES {
            let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
            IoQueueWorkItem(item, Some(routine), queue, ptr::null_mut());
        }
    }
}

#[inline(never)]
pub(crate) unsafe fn free_queued_item(device: *mut _DEVICE_OBJECT) {
    // SAFETY: none.
    unsafe {
        for _ in 0..TRIES {
            let item = IoAllocateWorkItem(device);
            let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
            IoQueueWorkItem(item, Some(routine), queue, ptr::null_mut());
            IoFreeWorkItem(item);
        }
    }
}

#[inline(never)]
pub(crate) unsafe fn free_item_twice(device: *mut _DEVICE_OBJECT) {
    // SAFETY: none.
    unsafe {
        let item = IoAllocateWorkItem(device);
        IoFreeWorkItem(item);
        IoFreeWorkItem(item);
    }
    stay();
}

#[inline(never)]
pub(crate) unsafe fn write_log_entry_twice(device: *mut _DEVICE_OBJECT) {
    // SAFETY: none.
    unsafe {
        let entry = IoAllocateErrorLogEntry(device.cast(), 64);
        IoWriteErrorLogEntry(entry);
        IoWriteErrorLogEntry(entry);
    }
    stay();
}

#[inline(never)]
pub(crate) unsafe fn release_cancel_lock() {
    let mut lock = 0;
    // SAFETY: none.
    unsafe {
        let old = KeAcquireSpinLockRaiseToDpc(&raw mut lock);
        IoReleaseCancelSpinLock(old);
        KeReleaseSpinLock(&raw mut lock, old);
    }
}

#[inline(never)]
pub(crate) unsafe fn close_in_guarded_region() {
    // SAFETY: none.
    unsafe {
        KeEnterGuardedRegion();
        let _ = ZwClose(ptr::null_mut());
        KeLeaveGuardedRegion();
    }
    stay();
}

#[inline(never)]
pub(crate) unsafe fn read_to_nowhere() {
    let mut name = unicode(&FILE);
    let mut attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: ptr::null_mut(),
        ObjectName: &raw mut name,
        Attributes: OBJ_KERNEL_HANDLE,
        SecurityDescriptor: ptr::null_mut(),
        SecurityQualityOfService: ptr::null_mut(),
    };
    let mut file: HANDLE = ptr::null_mut();
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: none.
    unsafe {
        let _ = ZwCreateFile(
            &raw mut file,
            0x8010_0000,
            &raw mut attributes,
            &raw mut block,
            ptr::null_mut(),
            0,
            7,
            1,
            FILE_SYNCHRONOUS_IO_NONALERT,
            ptr::null_mut(),
            0,
        );
        let nowhere: PVOID = ptr::without_provenance_mut(0x10);
        let _ = ZwReadFile(
            file,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
            &raw mut block,
            nowhere,
            64,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        let _ = ZwClose(file);
    }
}

/// RTL_QUERY_REGISTRY_DIRECT without RTL_QUERY_REGISTRY_TYPECHECK.
#[inline(never)]
pub(crate) unsafe fn query_without_type_check() {
    const SERVICES: u32 = 1;
    const DIRECT: usize = 0x20;
    let mut kind = 0_u32;
    // Routine, flags, name, variable, default type, default, its length; then the empty entry.
    let mut table = [[0_usize; 7]; 2];
    table[0][1] = DIRECT;
    table[0][2] = VALUE.as_ptr() as usize;
    table[0][3] = &raw mut kind as usize;
    // SAFETY: none.
    unsafe {
        let _ = RtlQueryRegistryValues(
            SERVICES,
            SERVICE.as_ptr(),
            table.as_mut_ptr().cast(),
            ptr::null_mut(),
            ptr::null_mut(),
        );
    }
}
