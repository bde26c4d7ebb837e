//! What to do about a broken rule, for somebody who sees it for the first time.

/// For what is left behind.
pub(super) const FOR_LEAKS: &str = "Each object below shows where it was made. Find the path on which it should have \
    been given back: often the error path of an initialisation, or an unload routine that forgets what a later \
    version of the driver added.";

/// For a scenario that did not hold.
pub(super) const FOR_EXPECTATIONS: &str = "Compare what was expected with what came. If the driver waits for \
    something that does not come, the timeline shows what its threads did last.";

const OTHERWISE: &str = "Read the first stack from the top down to the first function of the driver: that call broke \
    the rule. The further stacks show what led to it.";

/// The row with the longest name that the rule's begins with decides.
const ROWS: &[(&str, &str)] = &[
    (
        "ROUTINE_AT_WRONG_IRQL",
        "Call the routine at an IRQL that it allows. If a spin lock is held here, move the call \
        behind its release; if this is a DPC, hand the work to a work item, which runs at PASSIVE_LEVEL.",
    ),
    (
        "WAIT_AT_RAISED_IRQL",
        "A thread at DISPATCH_LEVEL must not wait: the scheduler cannot run. Release spin locks \
        first; from a DPC, queue a work item and wait there; or poll with a zero time-out.",
    ),
    (
        "NULL_CALL",
        "Check the function pointer before the call, or find out why it was never set: a dispatch table that \
        was not filled in, or an object that was already torn down.",
    ),
    ("NULL_CALLBACK", "Give the routine that the kernel has to call, or do not register it."),
    (
        "LOCK_HELD_AT_RETURN",
        "Every path out of the function has to release what it took: look at early returns and \
        error paths between the acquire (the place is named above) and the end of the function.",
    ),
    (
        "LOCK_OF_CALLER_RELEASED",
        "Only who took a spin lock releases it. Check that acquire and release stand in the \
        same function, and that no path releases twice.",
    ),
    (
        "IRQL_CHANGED_AT_RETURN",
        "Every raise needs its lower on each path out of the function. Check early returns, and \
        that the old IRQL that is restored is the one that the raise returned.",
    ),
    ("REGION_", "Enter and leave critical and guarded regions in pairs on every path."),
    (
        "UNFINISHED_ROUTINE",
        "ntsim does not have this routine yet; the driver did nothing wrong. Run the part of the \
        driver that does not need it, or add the routine to ntsim.",
    ),
    ("NTSIM_FAULT", "This is a fault of ntsim, not of the driver: please report it with this page."),
    (
        "PAGE_FAULT_AT_RAISED_IRQL",
        "At DISPATCH_LEVEL only valid, nonpaged memory may be touched, and no handler can \
        catch the fault. If the address is near zero, a null pointer was used; if it lies in a freed block, the \
        history below shows who freed it.",
    ),
    (
        "PAGE_FAULT",
        "If the address is near zero, a null pointer was used: check what returned it. If it lies in or \
        behind a pool block, the history below shows who allocated and who freed that block.",
    ),
    (
        "UNLOADED_DRIVER",
        "Something of the driver outlived it: a timer, a DPC, a work item, a callback that was not \
        deregistered. Cancel it and wait for it in the unload routine.",
    ),
    (
        "BAD_INSTRUCTION",
        "The compiler put a trap here (unreachable code, a failed check), or the code is damaged, or \
        it needs a privilege that only a real kernel has.",
    ),
    ("DIVISION_FAULT", "Check the divisor before the division; values that come from outside can be zero."),
    ("STACK_OVERFLOW", "Kernel stacks are small. Move large buffers to pool and bound recursion."),
    (
        "STACK_BUFFER_OVERRUN",
        "A function wrote beyond one of its local arrays. The function is the one whose check \
        failed (on the stack, or its caller if the stack is damaged): look at copies and loops into its buffers.",
    ),
    ("BREAKPOINT", "A breakpoint or a failed assertion was compiled in; the stack shows which."),
    ("FAST_FAIL", "The code of the fast fail says which check failed: a corrupt list, a cookie, an invalid argument."),
    ("ASSERTION_FAILURE", "The driver's own assertion failed; the stack shows which condition."),
    (
        "GUARD_CHECK_FAILURE",
        "The target of the call is no function that may be called by pointer: a corrupt pointer, or \
        a function that was linked without control flow guard.",
    ),
    ("DRIVER_BUGCHECK", "The driver ended the machine on purpose; the four parameters are its own."),
    (
        "UNHANDLED_EXCEPTION",
        "Put the call that raises into a __try block, or use a form that returns a status instead.",
    ),
    ("RAISE_TO_LOWER_IRQL", "Raise to the same or a higher IRQL only; what lowers is KeLowerIrql."),
    ("LOWER_TO_HIGHER_IRQL", "Lower to the IRQL that the raise returned."),
    ("LOWERED_WITH_LOCK", "Release the spin lock first, with the IRQL that its acquire returned."),
    (
        "SPIN_LOCK_RECURSION",
        "Spin locks are not recursive. Split the function: one half that expects the lock to be \
        held, one that takes it. A callback that is called with the lock held is a usual cause.",
    ),
    ("SPIN_LOCK", "Take and release each spin lock in pairs, by the same kind of routine, and initialise it before."),
    ("OBJECT_NOT_INITIALIZED", "Initialise the object before anybody can reach it, and do not copy or move it."),
    ("DPC_", "A DPC object lives until its routine has returned: flush or remove it before its memory goes."),
    ("TIMER_", "Cancel the timer and flush its DPC before its memory or its code goes."),
    ("POOL_DOUBLE_FREE", "Two places think that they own the block. The history below shows the first release."),
    (
        "POOL_OVERRUN",
        "Something wrote beyond the block. Compare the size of the allocation (below) with what is \
        written; a structure that grew is a usual cause.",
    ),
    ("POOL_WRITE_AFTER_FREE", "Somebody kept a pointer to the block. The history below shows who freed it."),
    ("POOL_", "Compare the call with how the block was allocated (tag, pool, size); the history below shows it."),
    (
        "MDL_",
        "An MDL goes allocate, lock or build, map, unmap, unlock, free. The stack shows which step is out of order.",
    ),
    ("REFERENCE_UNDERFLOW", "Each dereference needs its reference. Look for an error path that gives one back twice."),
    ("BAD_HANDLE", "Close a handle once, and keep handles and pointers apart."),
    ("THREAD_AT_UNLOAD", "Tell the thread to end, wait for it, then return from the unload routine."),
    ("WORK_AT_UNLOAD", "Wait for work items before the unload routine returns."),
    ("LEAKED", FOR_LEAKS),
    (
        "IRP_COMPLETED_TWICE",
        "Decide who owns the request: who completes it gives it away. A cancel routine and the \
        ordinary path usually race here: take the cancel routine out before completing.",
    ),
    (
        "IRP_",
        "Follow the request from the dispatch routine to its completion: status, pending mark, and return value \
        have to agree.",
    ),
    (
        "NDK_",
        "The contract of NDKPI names the rule (docs/contract/ndkpi.md). The history below shows the object's \
        life: compare the order of calls with what the rule allows.",
    ),
    ("NDIS_", "Compare the order of calls with the state that NDIS has the miniport in."),
];

/// What to do about the rule with this name.
pub(super) fn for_rule(name: &str) -> &'static str {
    let fitting = ROWS.iter().filter(|(begin, _)| name.starts_with(begin));
    fitting.max_by_key(|(begin, _)| begin.len()).map_or(OTHERWISE, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::rules::RULES;

    #[test]
    fn every_row_is_about_a_rule_and_can_be_reached() {
        let names: Vec<&str> = RULES.iter().flat_map(|(_, codes)| codes.iter()).map(|code| code.name).collect();
        for (begin, text) in ROWS {
            assert!(names.iter().any(|name| for_rule(name) == *text), "no rule gets the advice of {begin}");
        }
    }

    #[test]
    fn the_longer_name_wins() {
        assert_ne!(for_rule("PAGE_FAULT"), for_rule("PAGE_FAULT_AT_RAISED_IRQL"));
        assert_eq!(for_rule("SOMETHING_ELSE"), OTHERWISE);
    }
}
