//! How a machine is scheduled, as users say it.

use std::fmt;
use std::str::FromStr;

/// Who chooses which kernel thread runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// The host: threads run side by side on its clock.
    #[default]
    Free,
    /// A seed: one thread at a time, on a virtual clock. Equal seeds give equal runs.
    Seeded {
        /// What the choices and the random numbers of the machine come from.
        seed: u64,
        /// How it chooses.
        strategy: Strategy,
    },
}

/// How a seed chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// At each switch point any runnable thread, all equally likely.
    #[default]
    Random,
    /// Probabilistic concurrency testing: the runnable thread of highest random priority, and
    /// `depth - 1` points where the running one falls to the lowest. Finds each bug that needs `depth`
    /// orderings with a probability of at least `1 / (threads * steps^(depth - 1))`.
    Pct {
        /// Orderings that the bugs looked for need, from 1.
        depth: u32,
        /// Choices among which the change points are drawn: as many as a run has.
        steps: u32,
    },
    /// The running thread goes on until it waits, except where these decisions say otherwise: the n-th
    /// number is an index into the n-th choice. What exhaustive search is made of.
    Replay(Vec<u16>),
}

/// Choices that a small workload has.
const STEPS: u32 = 500;

impl FromStr for Strategy {
    type Err = String;

    /// Reads `random`, `pct:3`, `pct:3:5000`, `replay`, `replay:0.1.2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no strategy: random, pct:DEPTH, pct:DEPTH:STEPS, replay:N.N.N");
        let mut parts = text.split(':');
        let strategy = match (parts.next(), parts.next(), parts.next()) {
            (Some("random"), None, None) => Self::Random,
            (Some("pct"), Some(depth), steps) => {
                let depth = depth.parse().ok().filter(|depth| (1..=64).contains(depth)).ok_or_else(wrong)?;
                let steps = steps.map_or(Some(STEPS), |steps| steps.parse().ok().filter(|steps| *steps > 0));
                Self::Pct { depth, steps: steps.ok_or_else(wrong)? }
            }
            (Some("replay"), None, None) => Self::Replay(Vec::new()),
            (Some("replay"), Some(list), None) => {
                Self::Replay(list.split('.').map(|word| word.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?)
            }
            _ => return Err(wrong()),
        };
        if parts.next().is_some() { Err(wrong()) } else { Ok(strategy) }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Pct { depth, steps: STEPS } => write!(f, "pct:{depth}"),
            Self::Pct { depth, steps } => write!(f, "pct:{depth}:{steps}"),
            Self::Replay(list) if list.is_empty() => f.write_str("replay"),
            Self::Replay(list) => {
                let words: Vec<String> = list.iter().map(u16::to_string).collect();
                write!(f, "replay:{}", words.join("."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_read_as_it_is_written() {
        for text in ["random", "pct:3", "pct:3:5000", "replay", "replay:0.3.1"] {
            assert_eq!(text.parse::<Strategy>().unwrap().to_string(), text);
        }
        for text in ["", "Random", "pct", "pct:0", "pct:x", "pct:1:0", "pct:1:2:3", "replay:a", "random:1"] {
            assert!(text.parse::<Strategy>().is_err(), "{text}");
        }
    }
}
