//! NDIS work items (ndis.md KP-WI-01).

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::codes;
use super::handles::{self, Object};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use ndkpi_sys::*;

/// A work item.
#[derive(Debug)]
pub(super) struct WorkItem {
    /// The adapter's handle, or 0.
    pub owner: usize,
    queued: AtomicBool,
}

#[cold]
fn misuse(handle: NDIS_HANDLE, text: &str) -> ! {
    Violation::new(&codes::NDIS_WORK_ITEM_MISUSE).params([handle.addr() as u64, 0, 0, 0]).text(text).raise()
}

unsafe fn allocate(handle: NDIS_HANDLE) -> NDIS_HANDLE {
    let owner = handles::owner(handle, "NdisAllocateIoWorkItem");
    let item = handles::insert(Object::WorkItem(Arc::new(WorkItem { owner, queued: AtomicBool::new(false) })));
    Kernel::get().leaks.track("NDIS work item", item, "");
    handles::as_handle(item)
}

unsafe fn queue(handle: NDIS_HANDLE, routine: NDIS_IO_WORKITEM_ROUTINE, context: *mut c_void) {
    let item = handles::work_item(handle, "NdisQueueIoWorkItem");
    if item.queued.swap(true, Ordering::AcqRel) {
        misuse(handle, "NdisQueueIoWorkItem is called for a work item that is queued already");
    }
    let target = routine.map_or(0, |f| f as usize);
    let (handle, context) = (handle.addr(), context.expose_provenance());
    let run = move || {
        item.queued.store(false, Ordering::Release);
        call_driver(CallSite::new("NDIS work item routine", target), || {
            if let Some(routine) = routine {
                // SAFETY: the driver's routine with the driver's context.
                unsafe { routine(std::ptr::with_exposed_provenance_mut(context), handles::as_handle(handle)) }
            }
        });
    };
    crate::ex::work::queue_for("NDIS work item", target, Box::new(run));
}

unsafe fn free(handle: NDIS_HANDLE) {
    let item = handles::work_item(handle, "NdisFreeIoWorkItem");
    if item.queued.load(Ordering::Acquire) {
        misuse(handle, "NdisFreeIoWorkItem is called for a work item that is queued");
    }
    handles::forget(handle.addr());
    Kernel::get().leaks.untrack("NDIS work item", handle.addr());
}

crate::routines! { "ndis.sys";
    fn NdisAllocateIoWorkItem(handle: NDIS_HANDLE) -> NDIS_HANDLE = allocate: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn NdisQueueIoWorkItem(handle: NDIS_HANDLE, routine: NDIS_IO_WORKITEM_ROUTINE, context: *mut c_void)
        = queue: PASSIVE..=DISPATCH;
    fn NdisFreeIoWorkItem(handle: NDIS_HANDLE) = free: PASSIVE..=DISPATCH;
}
