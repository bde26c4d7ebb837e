//! What shall fail.

use crate::table::Row;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Each stack once with each of its routine's failures; one call fails in a round.
    Fixpoint,
    /// The call with this number, from 1, counted over all rounds.
    Nth(u64),
    /// Each call with a probability; the same seed fails the same calls of a run whose calls come in the same order.
    Random {
        /// Where the sequence starts.
        seed: u64,
        /// 0 to 1.
        probability: f64,
    },
}

/// What shall fail, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which calls.
    pub mode: Mode,
    /// Only calls of these drivers, by file name with or without `.sys`; empty: of all.
    pub drivers: Vec<String>,
    /// Only these routines; empty: all that can fail.
    pub routines: Vec<String>,
    /// A round that lasts longer ends the process with [`Plan::HUNG`] after telling what was failed in it.
    pub limit: Option<Duration>,
}

impl Plan {
    /// The exit code of a process whose round does not end in time.
    pub const HUNG: i32 = 4;

    /// Fails calls by `mode`, of all drivers and routines.
    pub fn new(mode: Mode) -> Self {
        Self { mode, drivers: Vec::new(), routines: Vec::new(), limit: None }
    }

    /// [`Mode::Fixpoint`].
    pub fn fixpoint() -> Self {
        Self::new(Mode::Fixpoint)
    }

    /// Only calls of this driver, and of others named so.
    #[must_use]
    pub fn driver(mut self, name: impl Into<String>) -> Self {
        self.drivers.push(name.into());
        self
    }

    /// Only this routine, and others named so.
    #[must_use]
    pub fn routine(mut self, name: impl Into<String>) -> Self {
        self.routines.push(name.into());
        self
    }

    /// A time limit for each round.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(super) fn wants_routine(&self, row: &Row) -> bool {
        self.routines.is_empty() || self.routines.iter().any(|name| name == row.name)
    }

    pub(super) fn wants_driver(&self, image: &str) -> bool {
        let bare = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.strip_suffix(".sys").map(str::to_owned).unwrap_or(name)
        };
        self.drivers.is_empty() || self.drivers.iter().any(|name| bare(name) == bare(image))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::Fixpoint => f.write_str("fixpoint"),
            Mode::Nth(number) => write!(f, "nth:{number}"),
            Mode::Random { seed, probability } => write!(f, "random:{seed}:{probability}"),
        }
    }
}

/// `fixpoint`, `nth:N`, `random:SEED:P`.
impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is none of fixpoint, nth:N, random:SEED:P (N from 1, P from 0 to 1)");
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "fixpoint" if rest.is_empty() && !text.contains(':') => Ok(Mode::Fixpoint),
            "nth" => match rest.parse() {
                Ok(number @ 1..) => Ok(Mode::Nth(number)),
                _ => Err(wrong()),
            },
            "random" => {
                let (seed, probability) = rest.split_once(':').ok_or_else(wrong)?;
                let seed = seed.parse().map_err(|_| wrong())?;
                match probability.parse() {
                    Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(Mode::Random { seed, probability }),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}
