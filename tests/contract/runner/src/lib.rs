//! The conformance run: every test of the contract over every wire, in machines that may die.
//!
//! A requirement is seen by the kernel consumer (`tests/contract/*.rs`, compiled into `ndktest.sys`) or by NDIS,
//! which is the host's part here ([`ndis`], compiled into this program).
#![forbid(unsafe_code)]

pub mod conformance;
pub mod coverage;
pub mod faults;
pub mod host;
pub mod machine;
pub mod report;
pub mod selection;

#[path = "../../ndis/mod.rs"]
pub mod ndis;

/// Who sees a test, and which two ends it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The consumer, with both ends on one adapter.
    Same,
    /// The consumer, with the ends on two adapters of the machine.
    Two,
    /// NDIS, with whatever adapters the test boots.
    Ndis,
}

impl Wire {
    /// Every wire there is.
    pub const ALL: [Self; 3] = [Self::Same, Self::Two, Self::Ndis];
    /// The wires of the tests that the consumer makes.
    pub const CONSUMER: [Self; 2] = [Self::Same, Self::Two];
    /// The wire of the tests that NDIS makes.
    pub const HOST: [Self; 1] = [Self::Ndis];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Two => "two",
            Self::Ndis => "ndis",
        }
    }

    /// The wire of a name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.name() == name)
    }
}
