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
    /// A critical or guarded region was left more often than entered.
    REGION_NOT_ENTERED = 0xC4;
    /// A routine that ntsim knows but does not have yet was called.
    UNFINISHED_ROUTINE = 0xE0000001;
    /// ntsim itself faulted outside any routine that a driver called.
    NTSIM_FAULT = 0xE0000002;

    /// Driver code touched memory that it must not touch, at PASSIVE_LEVEL or APC_LEVEL.
    PAGE_FAULT = 0x50;
    /// Driver code touched memory that it must not touch, at DISPATCH_LEVEL or above.
    PAGE_FAULT_AT_RAISED_IRQL = 0xD1;
    /// Driver code called or jumped through a null pointer.
    NULL_CALL = 0x7E;
    /// Driver code called a driver that has been unloaded, or touched its memory.
    UNLOADED_DRIVER = 0xCE;
    /// Driver code executed an instruction that does not exist or is privileged.
    BAD_INSTRUCTION = 0x7E;
    /// Driver code divided by zero or overflowed a division.
    DIVISION_FAULT = 0x7E;
    /// Driver code ran off its stack.
    STACK_OVERFLOW = 0x7F;
    /// Driver code executed int 3 or DbgBreakPoint without a debugger.
    BREAKPOINT = 0x7E;
    /// Driver code requested a fast fail (int 0x29).
    FAST_FAIL = 0x139;
    /// Driver code failed an assertion (int 0x2c).
    ASSERTION_FAILURE = 0x7E;
    /// An indirect call goes to a function that is not in the control flow guard table.
    GUARD_CHECK_FAILURE = 0x139;
    /// The driver itself called KeBugCheck or KeBugCheckEx.
    DRIVER_BUGCHECK = 0xE2;
    /// A local buffer of the driver was overrun: the cookie behind it on the stack has changed (KeBugCheckEx with 0xF7).
    STACK_BUFFER_OVERRUN = 0xF7;
    /// The driver raised an exception (ExRaiseStatus or a routine that raises), which nobody handles.
    UNHANDLED_EXCEPTION = 0x7E;
    /// An exception handler or an unwind names a frame that is not on the stack, or answers nonsense.
    BAD_UNWIND = 0x7E;

    /// The IRQL was raised to a lower one.
    RAISE_TO_LOWER_IRQL = 0x0A;
    /// The IRQL was lowered to a higher one.
    LOWER_TO_HIGHER_IRQL = 0x0A;
    /// The IRQL was lowered below DISPATCH_LEVEL while a spin lock is held.
    LOWERED_WITH_LOCK = 0xC4;

    /// A spin lock was acquired by the thread that holds it.
    SPIN_LOCK_RECURSION = 0x0F;
    /// A spin lock was released by a thread that does not hold it.
    SPIN_LOCK_NOT_OWNED = 0x10;
    /// A spin lock was released in another way than it was acquired.
    SPIN_LOCK_MIXED = 0xC4;
    /// A spin lock was acquired through a null pointer or holds a value that no acquire stores.
    SPIN_LOCK_CORRUPT = 0xC4;
    /// A spin lock could not be had for thirty seconds.
    SPIN_LOCK_STUCK = 0x133;
    /// One thread holds more spin locks than are sensible.
    TOO_MANY_LOCKS = 0xC4;
    /// A lock that is not recursive was acquired by the thread that holds it.
    LOCK_RECURSION = 0xC4;
    /// A lock was released by a thread that does not hold it.
    LOCK_NOT_OWNED = 0xC4;
    /// Push locks and unsafe fast mutexes need a critical region or APC_LEVEL.
    NO_CRITICAL_REGION = 0xC4;

    /// A dispatcher object was used before it was initialised, or after it was overwritten.
    OBJECT_NOT_INITIALIZED = 0xC4;
    /// A dispatcher object was initialised while threads wait for it.
    OBJECT_IN_USE = 0xC4;
    /// A semaphore was released beyond its limit.
    SEMAPHORE_LIMIT = 0xC4;
    /// A mutex was released by a thread that does not own it.
    MUTEX_NOT_OWNED = 0xC4;
    /// Wait was TRUE where no wait can follow.
    WAIT_NOT_ALLOWED = 0xC4;
    /// A wait named no object, or too many.
    BAD_WAIT_COUNT = 0x0C;
    /// A parameter is wrong in a way that the real routine does not survive.
    BAD_PARAMETER = 0xC4;

    /// A DPC was initialised or its memory freed while queued.
    DPC_IN_USE = 0xC7;
    /// A DPC was used before it was initialised.
    DPC_NOT_INITIALIZED = 0xC7;
    /// A timer was initialised or its memory freed while set.
    TIMER_IN_USE = 0xC7;
    /// A DPC ran for more than ten seconds.
    DPC_WATCHDOG = 0x133;

    /// Pool was freed twice.
    POOL_DOUBLE_FREE = 0xC2;
    /// What was freed is not pool.
    POOL_FOREIGN_FREE = 0xC2;
    /// Pool was freed with another tag than it was allocated with.
    POOL_WRONG_TAG = 0xC2;
    /// The driver wrote behind or before a pool block.
    POOL_OVERRUN = 0xC5;
    /// The driver wrote into a pool block after freeing it.
    POOL_WRITE_AFTER_FREE = 0xC5;
    /// An allocation of zero bytes.
    POOL_ZERO_BYTES = 0xC4;
    /// An allocation without a tag, or with a tag that is not printable.
    POOL_BAD_TAG = 0xC4;
    /// An allocation whose flags name no pool or contradict each other.
    POOL_BAD_FLAGS = 0xC4;
    /// Executable nonpaged pool was asked for.
    POOL_EXECUTABLE = 0xC4;
    /// Paged pool was allocated or freed above APC_LEVEL.
    POOL_PAGED_AT_RAISED_IRQL = 0xC4;
    /// A pool block that holds a queued DPC, a set timer or a used lock was freed.
    POOL_HOLDS_LIVE_OBJECT = 0xC4;

    /// An MDL was used before it describes locked or nonpaged memory.
    MDL_NOT_LOCKED = 0xC4;
    /// An MDL was freed twice, or is none of ours.
    MDL_FOREIGN = 0xC4;
    /// An MDL was freed while its pages are locked or mapped.
    MDL_STILL_LOCKED = 0xC4;
    /// An MDL was mapped or locked twice.
    MDL_TWICE = 0xC4;
    /// An MDL was unmapped or unlocked without having been mapped or locked.
    MDL_UNBALANCED = 0xC4;
    /// A partial MDL reaches beyond its source.
    MDL_RANGE = 0xC4;

    /// A lookaside list was used uninitialised or freed while it holds entries.
    LOOKASIDE_MISUSE = 0xC4;
    /// Rundown protection was released more often than acquired, or waited for twice.
    RUNDOWN_UNBALANCED = 0xC4;
    /// An object was dereferenced more often than referenced.
    REFERENCE_UNDERFLOW = 0x18;
    /// A handle does not exist or is of another type.
    BAD_HANDLE = 0x93;
    /// A system thread ended at raised IRQL, with locks held or regions open.
    THREAD_BAD_EXIT = 0xC4;
    /// PsTerminateSystemThread was called by a thread that PsCreateSystemThread did not make.
    THREAD_FOREIGN_EXIT = 0xC4;

    /// A driver without an unload routine was to be unloaded.
    NO_UNLOAD_ROUTINE = 0xC4;
    /// A driver still owns something after it was unloaded.
    LEAKED = 0xC4;
    /// A DPC of a driver is queued after it was unloaded.
    DPC_AT_UNLOAD = 0xCE;
    /// A timer of a driver is set after it was unloaded.
    TIMER_AT_UNLOAD = 0xCE;
    /// A thread of a driver runs after it was unloaded.
    THREAD_AT_UNLOAD = 0xCE;
    /// A work item of a driver is queued or running after it was unloaded.
    WORK_AT_UNLOAD = 0xCE;
}
