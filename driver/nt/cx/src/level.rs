//! Lock levels: the one order in which locks of the driver are taken.
//!
//! ```text
//! Unlocked < Control < Adapter < Leaf
//! ```
//! `Control` is the one driver-wide lock of connection state (two adapters meet in a connection, so a
//! lock per adapter would have no order); `Adapter` guards lists of one adapter; `Leaf` is anything
//! under which no other lock is taken. Two locks of one level are never held together.

/// What a token may hold: nothing, or locks up to a level.
pub trait Held: sealed::Sealed {}

/// The level of a lock.
pub trait Level: Held {}

/// The lock level `Self` may be taken while `H` is the highest level held.
#[diagnostic::on_unimplemented(
    message = "a lock of level `{Self}` may not be taken while `{H}` is held",
    note = "the order is Unlocked < Control < Adapter < Leaf; a consumer may only be called Unlocked"
)]
pub trait After<H: Held>: Level {}

/// No lock of the driver is held: upcalls are allowed.
#[derive(Debug)]
pub struct Unlocked;

/// The driver-wide lock of listeners, connectors and connections.
#[derive(Debug)]
pub struct Control;

/// Lists and states of one adapter.
#[derive(Debug)]
pub struct Adapter;

/// The last lock: nothing is taken under it.
#[derive(Debug)]
pub struct Leaf;

impl Held for Unlocked {}
impl Held for Control {}
impl Held for Adapter {}
impl Held for Leaf {}
impl Level for Control {}
impl Level for Adapter {}
impl Level for Leaf {}

impl After<Unlocked> for Control {}
impl After<Unlocked> for Adapter {}
impl After<Control> for Adapter {}
impl After<Unlocked> for Leaf {}
impl After<Control> for Leaf {}
impl After<Adapter> for Leaf {}

mod sealed {
    /// Closes the set of levels: the order above is complete.
    pub trait Sealed {}
    impl Sealed for super::Unlocked {}
    impl Sealed for super::Control {}
    impl Sealed for super::Adapter {}
    impl Sealed for super::Leaf {}
}
