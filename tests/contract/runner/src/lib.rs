//! The conformance run: every test of the contract over every wire, in machines that may die.
#![forbid(unsafe_code)]

pub mod conformance;
pub mod report;

/// Which two ends a test connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Both ends on one adapter.
    Same,
    /// The ends on two adapters of the machine.
    Two,
}

impl Wire {
    /// Every wire there is.
    pub const ALL: [Self; 2] = [Self::Same, Self::Two];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Two => "two",
        }
    }

    /// The wire of a name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wire| wire.name() == name)
    }
}
