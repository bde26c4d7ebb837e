//! The NDK provider: one file for each object, with its shim functions and its dispatch table.
//!
//! A shim turns pointers into checked values and an IRQL token, asks the rules of
//! `softndk_provider`, carries out what they wish and returns one NTSTATUS. "What happens for a CQ" is
//! here in `cq.rs`, its rules in `provider/src/cq.rs`, its requirements are `CQ-*`.
//!
//! `unsafe` is here because the callers are C: each function trusts a pointer only for what the
//! contract promises of it.

pub mod adapter;
pub mod connector;
pub mod convert;
pub mod cq;
pub mod endpoint;
pub mod lam;
pub mod listener;
pub mod mr;
pub mod mw;
pub mod pd;
pub mod qp;
pub mod srq;
pub mod work;

use core::ptr;

use ndkpi_sys::{GUID, NDK_EXTENSION_INTERFACE, NDK_OBJECT_HEADER, NDK_VERSION, NTSTATUS};
use softndk_nt::irql::{self, AtMostDispatch, Cx};
use softndk_provider::Failure;

use crate::run::device::Device;

/// Runs a dispatch-table function: every one of them but the query of the adapter's info may be
/// called at any IRQL up to DISPATCH_LEVEL (`IRQL-01`).
#[inline]
fn enter<R>(body: impl FnOnce(&mut Cx<AtMostDispatch>) -> R) -> R {
    // SAFETY: an NDK function is called at IRQL <= DISPATCH_LEVEL, and no lock of ours is held when a
    // consumer calls.
    let mut cx = unsafe { irql::enter::<AtMostDispatch>(c"NDK function") };
    body(&mut cx)
}

/// NdkQueryExtension: there is none, on any object (`HDR-13`).
unsafe extern "system" fn extension(
    _object: *mut NDK_OBJECT_HEADER,
    _id: *mut GUID,
    _version: NDK_VERSION,
    _interface: *mut NDK_EXTENSION_INTERFACE,
) -> NTSTATUS {
    Failure::NotSupported.status()
}

/// Refuses an object of another miniport (`VER-14`).
fn same_device(one: &Device, other: &Device) -> Result<(), Failure> {
    if ptr::eq(one, other) { Ok(()) } else { Err(Failure::InvalidParameter) }
}
