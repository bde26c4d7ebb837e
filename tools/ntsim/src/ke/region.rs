//! Critical and guarded regions: there are no APCs in ntsim, but the balance is checked.

use crate::bugcheck::codes;
use crate::context;
use crate::types::{APC_LEVEL, BOOLEAN};

crate::routines! { "ntoskrnl.exe";
    fn KeEnterCriticalRegion() = enter_critical: PASSIVE..=APC;
    fn KeLeaveCriticalRegion() = leave_critical: PASSIVE..=APC;
    fn KeEnterGuardedRegion() = enter_guarded: PASSIVE..=APC;
    fn KeLeaveGuardedRegion() = leave_guarded: PASSIVE..=APC;
    fn KeAreApcsDisabled() -> BOOLEAN = apcs_disabled: PASSIVE..=DISPATCH;
    fn KeAreAllApcsDisabled() -> BOOLEAN = all_apcs_disabled: PASSIVE..=DISPATCH;
}

unsafe fn enter_critical() {
    let depth = &context::current().critical;
    depth.set(depth.get() + 1);
}

unsafe fn leave_critical() {
    let depth = &context::current().critical;
    let Some(less) = depth.get().checked_sub(1) else {
        bugcheck!(codes::REGION_NOT_ENTERED, [0, 0, 0, 0], "a critical region was left that was not entered");
    };
    depth.set(less);
}

unsafe fn enter_guarded() {
    let depth = &context::current().guarded;
    depth.set(depth.get() + 1);
}

unsafe fn leave_guarded() {
    let depth = &context::current().guarded;
    let Some(less) = depth.get().checked_sub(1) else {
        bugcheck!(codes::REGION_NOT_ENTERED, [1, 0, 0, 0], "a guarded region was left that was not entered");
    };
    depth.set(less);
}

unsafe fn apcs_disabled() -> BOOLEAN {
    let context = context::current();
    u8::from(context.critical.get() != 0 || context.guarded.get() != 0 || context.irql.get() >= APC_LEVEL)
}

unsafe fn all_apcs_disabled() -> BOOLEAN {
    let context = context::current();
    u8::from(context.guarded.get() != 0 || context.irql.get() >= APC_LEVEL)
}
