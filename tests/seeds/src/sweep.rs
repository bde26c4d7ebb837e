//! Many seeds of many workloads.

use crate::child::{self, Job};
use anyhow::Result;
use ntsim::machine::Strategy;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Workloads, each of which gets all seeds.
    pub workloads: Vec<String>,
    /// Seeds.
    pub seeds: Range<u64>,
    /// Strategies, taken in turn.
    pub strategies: Vec<Strategy>,
    /// Children at a time.
    pub jobs: usize,
    /// `softndk-sweep`.
    pub program: PathBuf,
    /// Folder with the images.
    pub images: Option<PathBuf>,
    /// Ends at the first failure of a workload.
    pub first_failure: bool,
}

/// A failing seed.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was run.
    pub job: Job,
    /// What went wrong.
    pub failure: String,
}

/// What a sweep of one workload gave.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The workload.
    pub workload: String,
    /// Seeds that were run.
    pub ran: usize,
    /// Different courses among them.
    pub courses: usize,
    /// Events on average.
    pub events: u64,
    /// Time it took.
    pub took: Duration,
    /// Seeds that failed, lowest first.
    pub found: Vec<Found>,
}

/// Runs it, one workload after the other.
///
/// # Errors
/// A child that cannot be started.
pub fn run(sweep: &Sweep) -> Result<Vec<Swept>> {
    sweep.workloads.iter().map(|workload| run_one(sweep, workload)).collect()
}

fn run_one(sweep: &Sweep, workload: &str) -> Result<Swept> {
    let began = Instant::now();
    let seeds: Vec<u64> = sweep.seeds.clone().collect();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let gathered = Mutex::new((BTreeSet::new(), 0_u64, 0_usize, Vec::new()));
    let work = || -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(seed) = seeds.get(index).copied() else { break };
            let strategy = sweep.strategies[index % sweep.strategies.len()].clone();
            let job = Job { workload: workload.to_owned(), seed, strategy, images: sweep.images.clone() };
            let verdict = child::spawn(&sweep.program, &job)?;
            let mut gathered = gathered.lock().expect("no thread panics with the lock");
            gathered.0.insert(verdict.hash);
            gathered.1 += verdict.events;
            gathered.2 += 1;
            if let Some(failure) = verdict.failure {
                stop.fetch_or(sweep.first_failure, Ordering::Relaxed);
                gathered.3.push(Found { job, failure });
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..sweep.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    let (courses, events, ran, mut found) = gathered.into_inner().expect("no thread panics with the lock");
    found.sort_by_key(|found| found.job.seed);
    Ok(Swept {
        workload: workload.to_owned(),
        ran,
        courses: courses.len(),
        events: events / ran.max(1) as u64,
        took: began.elapsed(),
        found,
    })
}
