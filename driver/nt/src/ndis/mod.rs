//! NDIS as a miniport sees it.
//!
//! | module | what |
//! |---|---|
//! | [`driver`] | registration, optional handlers, deregistration |
//! | [`attributes`] | what an adapter says of itself |
//! | [`config`] | keywords of the adapter |
//! | [`oid`] | requests: queries answered, sets read |
//! | [`nbl`], [`frame`], [`receive`] | NBLs, frames to be sent, NBLs for frames received |
//! | [`adapter`] | calls on a running adapter: completions, indications, events |
//!
//! `unsafe` is here because NDIS hands out bare pointers and takes them.

pub mod adapter;
pub mod attributes;
pub mod config;
pub mod driver;
pub mod frame;
pub mod nbl;
pub mod oid;
pub mod receive;

use ndkpi_sys as sys;

/// NDIS_STATUS: zero and positive values are no failures.
pub type Status = sys::NDIS_STATUS;

/// The NDIS version the driver is written for: 6.50 is Windows 10, and all that the driver uses.
/// (Its baseline is Windows 10 2004, with 6.84; declaring less keeps NDIS's contract smaller.)
pub const VERSION: (u8, u8) = (6, 50);

/// An NDIS handle of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct AdapterHandle(sys::NDIS_HANDLE);

// SAFETY: a handle is a name; the functions that take it are safe on any thread.
unsafe impl Send for AdapterHandle {}
// SAFETY: as above.
unsafe impl Sync for AdapterHandle {}

impl AdapterHandle {
    /// Names an adapter.
    ///
    /// # Safety
    /// `handle` is what MiniportInitializeEx was given, and is not used after MiniportHaltEx.
    #[must_use]
    pub const unsafe fn new(handle: sys::NDIS_HANDLE) -> Self {
        Self(handle)
    }

    pub(crate) const fn raw(self) -> sys::NDIS_HANDLE {
        self.0
    }
}

/// A header of an NDIS structure.
const fn header(kind: u8, revision: u8, size: u16) -> sys::NDIS_OBJECT_HEADER {
    sys::NDIS_OBJECT_HEADER { Type: kind, Revision: revision, Size: size }
}
