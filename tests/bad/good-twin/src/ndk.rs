//! Each object once: created, used, closed.

use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

use bad_common::{Pending, closed, completed, created};
use ndkpi_sys::{
    NDK_ADAPTER, NDK_ADAPTER_INFO, NDK_CQ, NDK_CQ_NOTIFY_ANY, NDK_FN_CLOSE_OBJECT, NDK_MR, NDK_OBJECT_HEADER, NDK_PD,
    NDK_RESULT,
};
use wdk_sys::ntddk::{KeDelayExecutionThread, KeStallExecutionProcessor};
use wdk_sys::{_MODE, LARGE_INTEGER, NTSTATUS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};

static NOTIFIED: AtomicU32 = AtomicU32::new(0);

/// PASSIVE_LEVEL.
#[inline(never)]
pub fn use_everything(adapter: *mut NDK_ADAPTER) -> NTSTATUS {
    match run(adapter) {
        Some(status) => status,
        None => STATUS_UNSUCCESSFUL,
    }
}

fn run(adapter: *mut NDK_ADAPTER) -> Option<NTSTATUS> {
    query_info(adapter)?;
    let cq = create_cq(adapter)?;
    let pd = create_pd(adapter)?;
    let mr = create_mr(pd);
    let registered = mr.map(register_and_deregister);
    let notified = notify(cq);
    if let Some(mr) = mr {
        // SAFETY: a live MR's own close function.
        close(mr.cast(), unsafe { (*(*mr).Dispatch).NdkCloseMr })?;
    }
    // SAFETY: as above.
    close(pd.cast(), unsafe { (*(*pd).Dispatch).NdkClosePd })?;
    // SAFETY: as above.
    close(cq.cast(), unsafe { (*(*cq).Dispatch).NdkCloseCq })?;
    registered??;
    notified?;
    Some(STATUS_SUCCESS)
}

#[inline(never)]
fn query_info(adapter: *mut NDK_ADAPTER) -> Option<()> {
    let mut info = NDK_ADAPTER_INFO::default();
    let mut size = size_of::<NDK_ADAPTER_INFO>() as u32;
    // SAFETY: a live adapter; a buffer of that size.
    let status = unsafe {
        let query = (*(*adapter).Dispatch).NdkQueryAdapterInfo?;
        query(adapter, &raw mut info, &raw mut size)
    };
    (status == STATUS_SUCCESS).then_some(())
}

/// The object of a create that ended with `status`: it came inline or with the completion.
fn delivered<T>(status: NTSTATUS, inline: *mut T, completed: *mut NDK_OBJECT_HEADER) -> Option<*mut T> {
    let object = if completed.is_null() { inline } else { completed.cast() };
    (status == STATUS_SUCCESS && !object.is_null()).then_some(object)
}

#[inline(never)]
fn create_cq(adapter: *mut NDK_ADAPTER) -> Option<*mut NDK_CQ> {
    let mut cq: *mut NDK_CQ = null_mut();
    let out = &raw mut cq;
    // SAFETY: a live adapter; PASSIVE_LEVEL.
    let (status, object) = unsafe {
        let create = (*(*adapter).Dispatch).NdkCreateCq?;
        Pending::run(|context| {
            create(adapter, 16, Some(cq_notification), null_mut(), null_mut(), Some(created), context, out)
        })
    };
    delivered(status, cq, object)
}

#[inline(never)]
fn create_pd(adapter: *mut NDK_ADAPTER) -> Option<*mut NDK_PD> {
    let mut pd: *mut NDK_PD = null_mut();
    let out = &raw mut pd;
    // SAFETY: a live adapter; PASSIVE_LEVEL.
    let (status, object) = unsafe {
        let create = (*(*adapter).Dispatch).NdkCreatePd?;
        Pending::run(|context| create(adapter, Some(created), context, out))
    };
    delivered(status, pd, object)
}

#[inline(never)]
fn create_mr(pd: *mut NDK_PD) -> Option<*mut NDK_MR> {
    let mut mr: *mut NDK_MR = null_mut();
    let out = &raw mut mr;
    // SAFETY: a live PD; PASSIVE_LEVEL.
    let (status, object) = unsafe {
        let create = (*(*pd).Dispatch).NdkCreateMr?;
        Pending::run(|context| create(pd, 0, Some(created), context, out))
    };
    delivered(status, mr, object)
}

/// The fake provider takes any MDL, also none.
#[inline(never)]
fn register_and_deregister(mr: *mut NDK_MR) -> Option<()> {
    // SAFETY: a live MR; PASSIVE_LEVEL.
    unsafe {
        let table = (*mr).Dispatch;
        let register = (*table).NdkRegisterMr?;
        let (status, _) = Pending::run(|context| register(mr, null_mut(), 0, 0, Some(completed), context));
        if status != STATUS_SUCCESS {
            return None;
        }
        ((*table).NdkGetRemoteTokenFromMr?)(mr);
        ((*table).NdkGetLocalTokenFromMr?)(mr);
        let deregister = (*table).NdkDeregisterMr?;
        let (status, _) = Pending::run(|context| deregister(mr, Some(completed), context));
        (status == STATUS_SUCCESS).then_some(())
    }
}

/// Arms the CQ, and asks the fake provider for a completion by a moderation call.
#[inline(never)]
fn notify(cq: *mut NDK_CQ) -> Option<()> {
    NOTIFIED.store(0, Ordering::Relaxed);
    // SAFETY: a live CQ; PASSIVE_LEVEL.
    unsafe {
        let table = (*cq).Dispatch;
        ((*table).NdkArmCq?)(cq, NDK_CQ_NOTIFY_ANY);
        if ((*table).NdkControlCqInterruptModeration?)(cq, 0, 0) != STATUS_SUCCESS {
            return None;
        }
        for _ in 0..1000 {
            if NOTIFIED.load(Ordering::Acquire) != 0 {
                break;
            }
            let mut millisecond = LARGE_INTEGER { QuadPart: -10_000 };
            let _ = KeDelayExecutionThread(_MODE::KernelMode as i8, 0, &raw mut millisecond);
        }
        let mut result = NDK_RESULT::default();
        ((*table).NdkGetCqResults?)(cq, &raw mut result, 1);
    }
    (NOTIFIED.load(Ordering::Acquire) == 1).then_some(())
}

unsafe extern "system" fn cq_notification(_context: *mut c_void, _status: NTSTATUS) {
    // Long enough for a second one to overlap.
    for _ in 0..200 {
        // SAFETY: any IRQL.
        unsafe { KeStallExecutionProcessor(50) };
    }
    NOTIFIED.fetch_add(1, Ordering::AcqRel);
}

#[inline(never)]
fn close(object: *mut NDK_OBJECT_HEADER, function: NDK_FN_CLOSE_OBJECT) -> Option<()> {
    let function = function?;
    // SAFETY: a live object and its close function; PASSIVE_LEVEL.
    let (status, _) = unsafe { Pending::run(|context| function(object, Some(closed), context)) };
    (status == STATUS_SUCCESS).then_some(())
}
