//! The end of the machine, for broken invariants of our own. Nothing that a consumer, a peer or an
//! administrator can do leads here.

use wdk_sys::ntddk::KeBugCheckEx;

/// `SNDK`: the bug check code of this driver; its first parameter is a [`Reason`].
pub const CODE: u32 = 0x534e_444b;

/// What was broken: parameter 1 of the bug check. The others are described per reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// An entry point was called at a wrong IRQL: address of its name, IRQL, highest IRQL allowed.
    WrongIrql = 1,
    /// The header of a pool block is damaged: its address, the damaged word.
    PoolHeader = 2,
    /// A thread object was dropped without a join: its address.
    ThreadNotJoined = 3,
    /// A timer or DPC was dropped while armed or queued: its address.
    DropWhileArmed = 4,
    /// A wait that cannot fail failed: the status.
    WaitFailed = 5,
    /// A counter went below zero or around: its address.
    Counter = 6,
    /// A state machine got an event that its owner never sends: address of its name, state, event.
    State = 7,
    /// A set-once cell was read before it was set, or set twice: its address.
    Cell = 8,
}

/// Stops the machine.
#[cold]
#[inline(never)]
pub fn stop(reason: Reason, first: usize, second: usize, third: usize) -> ! {
    // SAFETY: callable in any state; it does not return.
    unsafe { KeBugCheckEx(CODE, reason as u64, first as u64, second as u64, third as u64) }
}
