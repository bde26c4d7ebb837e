//! The rule that is broken, by the number of the `Fault` keyword.

use core::sync::atomic::{AtomicU32, Ordering};

/// What goes wrong. Numbers are those of the keyword.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Fault {
    /// VER-08.
    NullEntry = 1,
    /// HDR-03.
    BadVersion = 2,
    /// HDR-04.
    ReservedNotZero = 3,
    /// CMP-01.
    DoubleCompletion = 4,
    /// CMP-07.
    OutOnPending = 5,
    /// CQ-17.
    NotifyWithoutArm = 6,
    /// HDR-05.
    ReservedOverwritten = 7,
    /// LIFE-03.
    CloseTwice = 8,
    /// LIFE-10.
    ParentFirst = 9,
    /// CMP-02.
    CompletionAfterFailure = 10,
    /// CMP-12.
    LockAcrossCallback = 11,
    /// RE-11.
    EventInsideCall = 12,
    /// IRQL-04.
    IrqlChanged = 13,
    /// CQ-23.
    NotifyOverlap = 14,
    /// HDR-02.
    BadType = 15,
    /// CMP-08.
    ObjectOnFailure = 16,
    /// LIFE-01.
    CloseFails = 17,
    /// CMP-03.
    PendingFromSync = 18,
    /// LIFE-30.
    AdapterCloseEarly = 19,
    /// VER-04.
    LowVersion = 20,
    /// HDR-08.
    DispatchRewritten = 21,
    /// MP-INIT-02.
    GeneralFirst = 30,
    /// MP-CFG-02.
    ConfigurationLeft = 31,
    /// MP-INIT-03.
    NoGeneral = 32,
    /// MP-PAUSE-01.
    PauseFails = 33,
    /// MP-PAUSE-03.
    PauseTwice = 34,
    /// MP-UNL-01.
    NotDeregistered = 35,
    /// KP-WI-01.
    WorkItemTwice = 36,
    /// MP-LINK-04.
    EarlyStatus = 37,
    /// STATE-06.
    NeedlessEvent = 38,
    /// KP-TMR-02 and MP-HALT-05.
    TimerFreedSet = 39,
    /// MP-NBL-03.
    PoolFreedBusy = 40,
    /// MP-RX-04.
    ReceiveWhilePaused = 41,
    /// MP-OPT-01.
    HandlersLate = 42,
    /// MP-UNL-01.
    DeregisteredEarly = 43,
    /// MP-VER-02.
    PoolHeader = 44,
    /// MP-RATTR-01.
    NoContext = 45,
    /// MP-REST-01.
    RestartStatus = 46,
    /// MP-NBL-05.
    PoolTag = 47,
    /// A pool with data, which ntsim does not have.
    PoolData = 48,
    /// A handle that NDIS never gave.
    ForeignHandle = 49,
    /// MP-TX-15.
    FlagsNotTrue = 50,
    /// MP-TX-01.
    SentNotOwned = 51,
    /// MP-OID-02.
    OidNotOut = 52,
    /// A spin lock held across a call that may call back.
    LockHeld = 53,
    /// A read-write lock taken twice for writing.
    RwLockTwice = 54,
    /// MP-RX-05.
    ReceivedCount = 55,
    /// MP-RX-03.
    ReceivedSource = 56,
    /// MP-REG-01.
    RegisteredTwice = 57,
    /// MP-NBL-02: a received frame without memory behind it.
    ReceivedShort = 58,
    /// CMP-04.
    UnknownCompletion = 60,
    /// CMP-05.
    CompletedPending = 61,
    /// CMP-06.
    NoObject = 62,
    /// HDR-07.
    NoDispatch = 63,
    /// More results than the array takes.
    TooManyResults = 64,
    /// LIFE-04.
    CallbackAfterClose = 65,
}

static FAULT: AtomicU32 = AtomicU32::new(0);

/// Sets what the keyword says.
pub fn set(number: u32) {
    FAULT.store(number, Ordering::Release);
}

/// Whether this is the rule to break.
pub fn is(fault: Fault) -> bool {
    FAULT.load(Ordering::Acquire) == fault as u32
}
