//! Misuses an NDK object. The service's name is the case.
#![no_std]

extern crate wdk_panic;

use core::ffi::c_void;
use core::ptr::null_mut;

use bad_common::{Consumer, Pending, created};
use ndkpi_sys::{NDK_ADAPTER, NDK_CQ, NDK_CQ_NOTIFY_ANY, NDK_MR, NDK_PD};
use wdk_sys::{
    _DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};

static CONSUMER: Consumer = Consumer::new();

/// What may be done wrong with a domain and a CQ.
type Case = fn(*mut NDK_PD, *mut NDK_CQ) -> Option<()>;

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object and string.
    let path = unsafe {
        (*driver).DriverUnload = Some(unload);
        core::slice::from_raw_parts((*path).Buffer, usize::from((*path).Length / 2))
    };
    let Some(case) = case(path) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: PASSIVE_LEVEL, once.
    let status = unsafe { CONSUMER.register(16) };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: PASSIVE_LEVEL, registered.
    match unsafe { CONSUMER.open() } {
        Ok(adapter) => use_adapter(adapter, case).map_or(STATUS_UNSUCCESSFUL, |()| STATUS_SUCCESS),
        Err(status) => status,
    }
}

fn case(path: &[u16]) -> Option<Case> {
    let start = path.iter().rposition(|unit| *unit == u16::from(b'\\')).map_or(0, |at| at + 1);
    let named = |name: &str| path.iter().skip(start).copied().eq(name.bytes().map(u16::from));
    let cases: [(&str, Case); 4] = [
        ("use-after-close", use_after_close),
        ("unknown-object", arm_nothing),
        ("wrong-type", arm_domain),
        ("null-completion", close_without_completion),
    ];
    cases.iter().find(|(name, _)| named(name)).map(|(_, case)| *case)
}

fn use_adapter(adapter: *mut NDK_ADAPTER, case: Case) -> Option<()> {
    let (mut pd, mut cq): (*mut NDK_PD, *mut NDK_CQ) = (null_mut(), null_mut());
    let (domain, queue) = (&raw mut pd, &raw mut cq);
    // SAFETY: a live adapter; PASSIVE_LEVEL.
    unsafe {
        let create = (*(*adapter).Dispatch).NdkCreatePd?;
        Pending::run(|context| create(adapter, Some(created), context, domain));
        let create = (*(*adapter).Dispatch).NdkCreateCq?;
        Pending::run(|context| {
            create(adapter, 16, Some(notified), null_mut(), null_mut(), Some(created), context, queue)
        });
    }
    case(pd, cq)
}

// SAFETY (all blocks below): none for what is the mistake; the verifier has to find it.

/// The region keeps the domain's close pending.
#[inline(never)]
fn use_after_close(pd: *mut NDK_PD, _cq: *mut NDK_CQ) -> Option<()> {
    let (mut mr, mut token): (*mut NDK_MR, u32) = (null_mut(), 0);
    let region = &raw mut mr;
    // SAFETY: see above.
    unsafe {
        let table = (*pd).Dispatch;
        let (create, close) = ((*table).NdkCreateMr?, (*table).NdkClosePd?);
        Pending::run(|context| create(pd, 0, Some(created), context, region));
        close(pd.cast(), Some(ignored), null_mut());
        ((*table).NdkGetPrivilegedMemoryRegionToken?)(pd, &raw mut token);
    }
    Some(())
}

#[inline(never)]
fn arm_nothing(_pd: *mut NDK_PD, cq: *mut NDK_CQ) -> Option<()> {
    // SAFETY: see above.
    unsafe {
        let arm = (*(*cq).Dispatch).NdkArmCq?;
        let mut copy = cq.read();
        arm(&raw mut copy, NDK_CQ_NOTIFY_ANY);
    }
    Some(())
}

#[inline(never)]
fn arm_domain(pd: *mut NDK_PD, cq: *mut NDK_CQ) -> Option<()> {
    // SAFETY: see above.
    unsafe { ((*(*cq).Dispatch).NdkArmCq?)(pd.cast(), NDK_CQ_NOTIFY_ANY) };
    Some(())
}

#[inline(never)]
fn close_without_completion(pd: *mut NDK_PD, _cq: *mut NDK_CQ) -> Option<()> {
    // SAFETY: see above.
    unsafe { ((*(*pd).Dispatch).NdkClosePd?)(pd.cast(), None, null_mut()) };
    Some(())
}

unsafe extern "system" fn ignored(_context: *mut c_void) {}

unsafe extern "system" fn notified(_context: *mut c_void, _status: NTSTATUS) {}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
