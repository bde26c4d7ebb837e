//! The codes of the kernel core. Subsystems declare their own with [`crate::codes!`].

crate::codes! {
    /// A routine was called at an IRQL at which it must not be called.
    ROUTINE_AT_WRONG_IRQL = 0xC4;
    /// A routine that waits was called at DISPATCH_LEVEL or above.
    WAIT_AT_RAISED_IRQL = 0xC4;
    /// The kernel has to call a function that the driver gave as a null pointer.
    NULL_CALLBACK = 0xC4;
    /// A driver function returned while holding a spin lock it took.
    LOCK_HELD_AT_RETURN = 0xC4;
    /// A driver function released a spin lock of its caller.
    LOCK_OF_CALLER_RELEASED = 0xC4;
    /// A driver function returned at another IRQL than it was called at.
    IRQL_CHANGED_AT_RETURN = 0xC4;
    /// A driver function returned with another depth of critical or guarded regions.
    REGION_LEFT_OPEN = 0xC4;
    /// A routine that ntsim knows but does not have yet was called.
    UNFINISHED_ROUTINE = 0xE0000001;
}
