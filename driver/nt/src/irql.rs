//! Where tokens come from, and what the machine says about its IRQL.
//!
//! `unsafe` is here for two exports and for the promise that an entry point makes.

use core::ffi::CStr;

pub use softndk_cx::irql::{AtMostDispatch, Cx, Dispatch, Irql, Passive};

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    /// Exported, but missing from wdk-sys (the x64 headers read CR8 in line).
    fn KeGetCurrentIrql() -> u8;
}

/// PASSIVE_LEVEL.
pub const PASSIVE_LEVEL: u8 = 0;
/// DISPATCH_LEVEL.
pub const DISPATCH_LEVEL: u8 = 2;

/// The IRQL of this processor now. For assertions and entry points only: NDIS data paths decide by
/// token, never by asking (KP-LOCK-07).
#[must_use]
pub fn current() -> u8 {
    // SAFETY: the routine has no preconditions.
    unsafe { KeGetCurrentIrql() }
}

/// Makes the token of the entry point `name`. Debug builds compare it with the machine and stop
/// with the name when the caller broke the IRQL rule of the entry point.
///
/// # Safety
/// As [`Cx::assume`]: the documented IRQL of the entry point is `I`, no spin lock of this driver is
/// held, and the token does not outlive the call.
#[inline]
#[must_use]
pub unsafe fn enter<I: Irql>(name: &'static CStr) -> Cx<I> {
    if cfg!(debug_assertions) {
        let irql = current();
        if irql < I::LOWEST || irql > I::HIGHEST {
            let name = name.as_ptr().expose_provenance();
            crate::bugcheck::stop(crate::bugcheck::Reason::WrongIrql, name, usize::from(irql), usize::from(I::HIGHEST));
        }
    }
    // SAFETY: the caller vouches for the IRQL and the locks.
    unsafe { Cx::assume() }
}
