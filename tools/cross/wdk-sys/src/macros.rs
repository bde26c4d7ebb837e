//! What the real package writes by hand because C has it as macros.

use crate::NTSTATUS;

/// True for success and informational statuses (the sign bit is clear).
#[must_use]
pub const fn NT_SUCCESS(nt_status: NTSTATUS) -> bool {
    nt_status >= 0
}

/// True for informational statuses (0x4000_0000 to 0x7FFF_FFFF).
#[must_use]
pub const fn NT_INFORMATION(nt_status: NTSTATUS) -> bool {
    severity(nt_status) == 1
}

/// True for warnings (0x8000_0000 to 0xBFFF_FFFF).
#[must_use]
pub const fn NT_WARNING(nt_status: NTSTATUS) -> bool {
    severity(nt_status) == 2
}

/// True for errors (0xC000_0000 to 0xFFFF_FFFF).
#[must_use]
pub const fn NT_ERROR(nt_status: NTSTATUS) -> bool {
    severity(nt_status) == 3
}

const fn severity(nt_status: NTSTATUS) -> u32 {
    nt_status.cast_unsigned() >> 30
}

/// Asserts, in builds with debug assertions, that the caller may touch pageable memory (IRQL <= APC_LEVEL).
#[macro_export]
macro_rules! PAGED_CODE {
    () => {
        debug_assert!($crate::__current_irql() <= $crate::APC_LEVEL as u8);
    };
}

/// The current IRQL, for [`PAGED_CODE`] alone.
///
/// The table says that the bindings have no `KeGetCurrentIrql`, so it is not offered as a routine.
#[doc(hidden)]
#[must_use]
pub fn __current_irql() -> crate::KIRQL {
    #[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
    unsafe extern "C" {
        fn KeGetCurrentIrql() -> crate::KIRQL;
    }
    // SAFETY: takes nothing, callable at any IRQL.
    unsafe { KeGetCurrentIrql() }
}
