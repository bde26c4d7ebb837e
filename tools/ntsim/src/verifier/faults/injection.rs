//! The injector's state, rounds, and the decision.

use super::call::Call;
use super::{Mode, Plan, Report};
use crate::machine::NtStatus;
use crate::table::{self, Row};
use parking_lot::{Mutex, RwLock};
use std::collections::HashSet;
use std::sync::mpsc;
use std::time::Duration;

/// A call that was failed.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub call: Call,
    /// Which of the row's failures.
    pub choice: usize,
    pub survived: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub plan: Plan,
    /// Keys and choices that were failed.
    seen: HashSet<(u64, usize)>,
    pub faults: Vec<Fault>,
    /// Where the faults of the current or last round begin.
    round: usize,
    pub rounds: u64,
    /// Calls that could have failed.
    pub calls: u64,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

type Chooser = Box<dyn Fn(&'static Row) -> bool + Send + Sync>;

static CHOOSER: RwLock<Option<Chooser>> = RwLock::new(None);

/// For tests that know which call they mean: installs who decides, with the first failure of the routine; `None`
/// disarms. Not together with an [`Injection`].
pub fn set_chooser(chooser: Option<Chooser>) {
    table::set_faults(chooser.is_some());
    *CHOOSER.write() = chooser;
}

/// An armed injector. One lives at a time; when it is dropped nothing fails any more.
#[derive(Debug)]
#[must_use = "dropping it disarms the injector"]
pub struct Injection(());

impl Injection {
    /// Arms the injector; rounds make it work. A former one forgets what it has seen.
    pub fn arm(plan: Plan) -> Self {
        table::set_faults(false);
        *STATE.lock() = Some(State { plan, seen: HashSet::new(), faults: Vec::new(), round: 0, rounds: 0, calls: 0 });
        Self(())
    }

    /// Lets calls fail while `f` runs, on all threads; gives how many were failed.
    pub fn round<R>(&self, f: impl FnOnce() -> R) -> (R, usize) {
        let limit = STATE.lock().as_mut().and_then(|state| {
            state.rounds += 1;
            state.round = state.faults.len();
            state.plan.limit
        });
        let watch = limit.map(watch);
        table::set_faults(true);
        let result = f();
        table::set_faults(false);
        drop(watch);
        (result, STATE.lock().as_ref().map_or(0, |state| state.faults.len() - state.round))
    }

    /// Says that the last round ended as it should.
    pub fn survived(&self) {
        if let Some(state) = STATE.lock().as_mut() {
            let from = state.round;
            state.faults.iter_mut().skip(from).for_each(|fault| fault.survived = true);
        }
    }

    /// What was failed so far.
    pub fn report(&self) -> Report {
        let state = STATE.lock();
        state.as_ref().map(Report::of).unwrap_or_default()
    }

    /// Whether the last round may have ended with this status: something failed in it, and the status says that
    /// resources were lacking, or is what the failed routine answered.
    pub fn excuses(&self, status: NtStatus) -> bool {
        let lacking = [NtStatus::INSUFFICIENT_RESOURCES, NtStatus::NO_MEMORY];
        failed_in_round().iter().any(|fault| lacking.contains(&status) || fault.status() == Some(status))
    }

    /// What was failed in the current or last round.
    pub fn last_round(&self) -> Vec<super::ReportedFault> {
        failed_in_round()
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        table::set_faults(false);
        *STATE.lock() = None;
    }
}

/// Ends the process unless the sender is dropped in time.
fn watch(limit: Duration) -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if receiver.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("*** a round did not end within {} s; in it failed:", limit.as_secs());
            for fault in failed_in_round() {
                eprintln!("{fault:#}");
            }
            // SAFETY: ends the process without running exit handlers, which stuck threads may be inside.
            unsafe { libc::_exit(Plan::HUNG) }
        }
    });
    sender
}

/// What was failed in this round, for reports; empty if the state is being changed.
pub(crate) fn failed_in_round() -> Vec<super::ReportedFault> {
    let faults: Vec<Fault> = match STATE.try_lock_for(Duration::from_secs(1)).as_deref() {
        Some(Some(state)) => state.faults.iter().skip(state.round).cloned().collect(),
        _ => Vec::new(),
    };
    faults.iter().map(super::ReportedFault::of).collect()
}

/// Which failure of its row the call shall have, or -1. Called from win64 code with few registers saved: see
/// [`crate::verifier::log::call`].
#[cold]
pub(crate) extern "win64-unwind" fn shall_fail(row: &'static Row) -> isize {
    decide(row).and_then(|choice| isize::try_from(choice).ok()).unwrap_or(-1)
}

#[inline(never)]
fn decide(row: &'static Row) -> Option<usize> {
    if let Some(choose) = CHOOSER.read().as_ref() {
        return choose(row).then_some(0);
    }
    if !STATE.lock().as_ref()?.plan.wants_routine(row) {
        return None;
    }
    let call = Call::here(row)?;
    let mut state = STATE.lock();
    let state = state.as_mut()?;
    if !state.plan.wants_driver(&call.image.name) {
        return None;
    }
    state.calls += 1;
    let choices = row.failures.len();
    let choice = match state.plan.mode {
        Mode::Fixpoint if state.faults.len() > state.round => None,
        Mode::Fixpoint => {
            let key = call.key();
            (0..choices).find(|choice| state.seen.insert((key, *choice)))
        }
        Mode::Nth(number) => (state.calls == number).then_some(0),
        Mode::Random { seed, probability } => {
            let draw = mix(seed, state.calls);
            // 53 bits make a fraction without rounding.
            let fraction = (draw >> 11) as f64 / (1_u64 << 53) as f64;
            (fraction < probability).then(|| (draw & 0x7FF) as usize % choices)
        }
    }?;
    state.faults.push(Fault { call, choice, survived: false });
    Some(choice)
}

/// The number at a place of a seed's sequence (SplitMix64).
fn mix(seed: u64, place: u64) -> u64 {
    let mut word = seed.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
