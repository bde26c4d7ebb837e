//! Exhaustive search with a bound on preemptions: depth first over the choices, by replayed prefixes.
//!
//! Each run gives the choices it met. The next run repeats them up to the last one that has an untried
//! alternative, takes that, and goes on steadily (the running thread until it waits). An alternative
//! to a thread that could have gone on is a preemption; beyond the bound it is not tried.

use crate::child::{self, Job, Verdict};
use crate::sweep::Found;
use anyhow::Result;
use ntsim::machine::{Decision, Strategy};
use std::path::Path;

/// What a search gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Courses that were run.
    pub ran: usize,
    /// Whether that was all there are within the bound.
    pub complete: bool,
    /// The first failure.
    pub found: Option<Found>,
}

/// Searches the workload of a job with at most `preemptions` in a course and at most `limit` courses.
///
/// # Errors
/// A child that cannot be started.
pub fn search(program: &Path, job: &Job, preemptions: u32, limit: usize) -> Result<Outcome> {
    explore(preemptions, limit, |prefix| {
        let job = Job { strategy: Strategy::Replay(prefix), ..job.clone() };
        let verdict = child::spawn(program, &job)?;
        Ok((job, verdict))
    })
}

fn explore(preemptions: u32, limit: usize, mut run: impl FnMut(Vec<u16>) -> Result<(Job, Verdict)>) -> Result<Outcome> {
    let mut prefix = Some(Vec::new());
    let mut ran = 0;
    while let Some(now) = prefix.take() {
        if ran == limit {
            return Ok(Outcome { ran, complete: false, found: None });
        }
        let (job, verdict) = run(now)?;
        ran += 1;
        if let Some(failure) = verdict.failure {
            return Ok(Outcome { ran, complete: false, found: Some(Found { job, failure }) });
        }
        prefix = next(&verdict.decisions, preemptions);
    }
    Ok(Outcome { ran, complete: true, found: None })
}

/// The choices of the next course: those of the last one up to the deepest that has an alternative left.
/// At a choice the steady one comes first, then the others in order.
fn next(taken: &[Decision], preemptions: u32) -> Option<Vec<u16>> {
    (0..taken.len()).rev().find_map(|at| {
        let (before, here) = (taken.get(..at)?, taken.get(at)?);
        let spent = before.iter().filter(|decision| is_preemption(decision, decision.chosen)).count();
        let left = usize::try_from(preemptions).unwrap_or(usize::MAX).saturating_sub(spent);
        let alternative = following(here).find(|chosen| left > 0 || !is_preemption(here, *chosen))?;
        Some(before.iter().map(|decision| decision.chosen).chain([alternative]).collect())
    })
}

fn is_preemption(decision: &Decision, chosen: u16) -> bool {
    decision.running.is_some_and(|running| running != chosen)
}

/// What comes after the one that was chosen.
fn following(decision: &Decision) -> impl Iterator<Item = u16> + use<> {
    let (chosen, among) = (decision.chosen, decision.among);
    let first = decision.first;
    let rank = move |choice: u16| if choice == first { 0 } else { choice + 1 };
    (0..among).filter(move |choice| rank(*choice) > rank(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Three choices of the running thread 0 against one other: all 8 courses, once each.
    fn course(prefix: &[u16]) -> Vec<Decision> {
        let chosen = |at: usize| prefix.get(at).copied().unwrap_or(0);
        (0..3).map(|at| Decision { chosen: chosen(at), among: 2, running: Some(0), first: 0 }).collect()
    }

    fn run(preemptions: u32) -> (Outcome, BTreeSet<Vec<u16>>) {
        let mut seen = BTreeSet::new();
        let outcome = explore(preemptions, 100, |prefix| {
            let decisions = course(&prefix);
            assert!(seen.insert(decisions.iter().map(|decision| decision.chosen).collect()), "run twice");
            let job = Job { workload: String::new(), seed: 0, strategy: Strategy::Replay(prefix), images: None };
            Ok((job, Verdict { failure: None, hash: 0, events: 0, decisions }))
        });
        (outcome.unwrap(), seen)
    }

    #[test]
    fn every_course_within_the_bound_is_run_once() {
        for (preemptions, courses) in [(0, 1), (1, 4), (2, 7), (3, 8)] {
            let (outcome, seen) = run(preemptions);
            assert!(outcome.complete);
            assert_eq!((outcome.ran, seen.len()), (courses, courses), "{preemptions} preemptions");
        }
    }

    #[test]
    fn a_choice_of_who_goes_on_after_a_wait_is_no_preemption() {
        let decision = Decision { chosen: 2, among: 3, running: None, first: 2 };
        assert_eq!(next(&[decision], 0), Some(vec![0]));
        assert_eq!(next(&[Decision { chosen: 0, ..decision }], 0), Some(vec![1]));
        assert_eq!(next(&[Decision { chosen: 1, ..decision }], 0), None);
    }
}
