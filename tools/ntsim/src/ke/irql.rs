//! Raising and lowering.

use super::{cpu, dpc};
use crate::bugcheck::codes;
use crate::context::{self, NO_CPU};
use crate::types::{DISPATCH_LEVEL, HIGH_LEVEL, KIRQL};

crate::routines! { "ntoskrnl.exe";
    fn KeGetCurrentIrql() -> KIRQL = current: PASSIVE..=HIGH, local;
    fn KfRaiseIrql(new: KIRQL) -> KIRQL = raise_by_driver: PASSIVE..=HIGH;
    fn KeLowerIrql(new: KIRQL) = lower_by_driver: PASSIVE..=HIGH;
    fn KeRaiseIrqlToDpcLevel() -> KIRQL = raise_to_dispatch: PASSIVE..=DISPATCH;
}

/// Raises the IRQL; gives the old one. Raising to DISPATCH_LEVEL occupies a processor.
#[inline(always)]
pub fn raise(new: KIRQL) -> KIRQL {
    let context = context::current();
    let old = context.irql.get();
    if new < old || new > HIGH_LEVEL {
        cannot_raise(old, new);
    }
    if new >= DISPATCH_LEVEL && context.cpu.get() == NO_CPU {
        cpu::occupy(context);
    }
    context.irql.set(new);
    old
}

/// Lowers the IRQL. Below DISPATCH_LEVEL the thread first runs the DPCs that wait for its
/// processor, then leaves it.
#[inline(always)]
pub fn lower(new: KIRQL) {
    let context = context::current();
    let old = context.irql.get();
    if new > old {
        cannot_lower(old, new);
    }
    context.irql.set(new);
    if new < DISPATCH_LEVEL && context.cpu.get() != NO_CPU {
        if context.held_count.get() != 0 {
            still_locked(new);
        }
        dpc::retire_and_leave(context, new);
    }
}

#[cold]
extern "win64-unwind" fn cannot_raise(old: KIRQL, new: KIRQL) -> ! {
    bugcheck!(
        codes::RAISE_TO_LOWER_IRQL,
        [u64::from(old), u64::from(new), 0, 0],
        "the IRQL was to be raised from {old} to {new}"
    )
}

#[cold]
extern "win64-unwind" fn cannot_lower(old: KIRQL, new: KIRQL) -> ! {
    bugcheck!(
        codes::LOWER_TO_HIGHER_IRQL,
        [u64::from(old), u64::from(new), 0, 0],
        "the IRQL was to be lowered from {old} to {new}"
    )
}

#[cold]
extern "win64-unwind" fn still_locked(new: KIRQL) -> ! {
    let held = context::current().held_locks().next_back();
    let (lock, at) = held.map_or((0, 0), |held| (held.lock as usize, held.taken_at));
    bugcheck!(
        codes::LOWERED_WITH_LOCK,
        [lock as u64, at as u64, u64::from(new), 0],
        "the IRQL was lowered to {new} while the spin lock at {lock:#x} is held, taken at {}",
        crate::symbols::describe(at)
    )
}

unsafe fn current() -> KIRQL {
    context::irql()
}

unsafe fn raise_by_driver(new: KIRQL) -> KIRQL {
    raise(new)
}

unsafe fn lower_by_driver(new: KIRQL) {
    lower(new);
}

unsafe fn raise_to_dispatch() -> KIRQL {
    raise(DISPATCH_LEVEL)
}
