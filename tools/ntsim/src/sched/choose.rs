//! The choice among runnable threads.

use super::strategy::Strategy;

/// One choice among several threads that could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Index of the thread that was chosen, in the order of threads.
    pub chosen: u16,
    /// Threads that could run.
    pub among: u16,
    /// Index of the thread that ran before, if it could go on: choosing another one preempts it.
    pub running: Option<u16>,
    /// Index of the thread that runs where no strategy chooses: the running one, else the next in turn.
    pub first: u16,
}

/// A small generator (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        // The bias is below limit / 2^64.
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }
}

#[derive(Debug)]
enum Way {
    Random,
    Pct {
        /// By thread; higher runs first.
        priorities: Vec<u64>,
        /// Choices at which the running thread falls, last ones first.
        changes: Vec<u64>,
        /// The next lower priority than all so far.
        lowest: u64,
    },
    Replay(std::vec::IntoIter<u16>),
}

/// Chooses, and keeps what it chose.
#[derive(Debug)]
pub(super) struct Chooser {
    way: Way,
    random: Random,
    /// Whether the strategy chooses; else the running thread goes on until it waits.
    pub exploring: bool,
    /// Choices while exploring.
    steps: u64,
    pub decisions: Vec<Decision>,
}

impl Chooser {
    pub fn new(seed: u64, strategy: &Strategy) -> Self {
        let mut random = Random::new(seed, 1);
        let way = match strategy {
            Strategy::Random => Way::Random,
            Strategy::Pct { depth, steps } => {
                let mut changes: Vec<u64> = (1..*depth).map(|_| random.below(u64::from(*steps)) + 1).collect();
                changes.sort_unstable_by(|one, other| other.cmp(one));
                Way::Pct { priorities: Vec::new(), changes, lowest: 1 << 32 }
            }
            Strategy::Replay(list) => Way::Replay(list.clone().into_iter()),
        };
        Self { way, random, exploring: true, steps: 0, decisions: Vec::new() }
    }

    /// Counts a choice; where a change point lies, the running thread falls.
    fn step(&mut self, running: usize) {
        self.steps += 1;
        if let Way::Pct { priorities, changes, lowest } = &mut self.way {
            while changes.last().is_some_and(|change| *change <= self.steps) {
                changes.pop();
                *lowest -= 1;
                if let Some(priority) = priorities.get_mut(running) {
                    *priority = *lowest;
                }
            }
        }
    }

    /// One of `runnable`, which is in order and not empty.
    pub fn choose(&mut self, runnable: &[usize], running: usize) -> usize {
        let place = runnable.iter().position(|task| *task == running);
        if runnable.len() == 1 {
            return runnable[0];
        }
        // The running one if it can, else the next one in turn.
        let steady = place.unwrap_or_else(|| runnable.iter().position(|task| *task > running).unwrap_or(0));
        let mut chosen = steady;
        if self.exploring {
            self.step(running);
            chosen = self.pick(runnable, steady);
            self.decisions.push(Decision {
                chosen: chosen as u16,
                among: runnable.len() as u16,
                running: place.map(|place| place as u16),
                first: steady as u16,
            });
        }
        runnable[chosen]
    }

    fn pick(&mut self, runnable: &[usize], steady: usize) -> usize {
        match &mut self.way {
            Way::Random => self.random.below(runnable.len() as u64) as usize,
            Way::Pct { priorities, .. } => {
                let most = runnable[runnable.len() - 1];
                while priorities.len() <= most {
                    // Above all that have fallen.
                    priorities.push((1 << 32) + (self.random.next() >> 1));
                }
                let best = runnable.iter().enumerate().max_by_key(|(_, task)| priorities[**task]);
                best.map_or(steady, |(place, _)| place)
            }
            Way::Replay(list) => match list.next() {
                Some(chosen) => usize::from(chosen).min(runnable.len() - 1),
                None => steady,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, strategy: &Strategy) -> Vec<usize> {
        let mut chooser = Chooser::new(seed, strategy);
        let mut running = 0;
        let mut all = Vec::new();
        for _ in 0..200 {
            running = chooser.choose(&[0, 1, 2], running);
            all.push(running);
        }
        all
    }

    #[test]
    fn a_seed_says_all_choices() {
        for strategy in ["random", "pct:3:200"] {
            let strategy = strategy.parse().unwrap();
            assert_eq!(run(7, &strategy), run(7, &strategy));
            assert_ne!(run(7, &strategy), run(8, &strategy));
        }
    }

    #[test]
    fn pct_changes_as_often_as_its_depth_says() {
        for seed in 0..50 {
            let all = run(seed, &Strategy::Pct { depth: 3, steps: 200 });
            let changes = all.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!(changes <= 2, "seed {seed}: {changes}");
        }
    }

    #[test]
    fn decisions_that_were_kept_replay() {
        let mut chooser = Chooser::new(3, &Strategy::Random);
        let mut running = 0;
        let first: Vec<usize> = (0..50)
            .map(|_| {
                running = chooser.choose(&[0, 1, 2, 3], running);
                running
            })
            .collect();
        let list = chooser.decisions.iter().map(|decision| decision.chosen).collect();
        let mut again = Chooser::new(99, &Strategy::Replay(list));
        let mut running = 0;
        for expected in first {
            running = again.choose(&[0, 1, 2, 3], running);
            assert_eq!(running, expected);
        }
    }
}
