//! Virtual processors.
//!
//! A thread at DISPATCH_LEVEL or above occupies one: nothing else runs there meanwhile, and DPCs
//! queued to it wait until the thread lowers its IRQL, as on a real processor. Below
//! DISPATCH_LEVEL threads occupy none, so that there can be any number of them.

use crate::context::{Context, NO_CPU};
use crate::ke::dpc::DpcQueue;
use crate::{host, sched};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One virtual processor.
#[derive(Debug, Default)]
pub struct Cpu {
    state: AtomicU32,
    pub(crate) dpcs: DpcQueue,
}

const FREE: u32 = 0;
const OWNED: u32 = 1;
const CONTENDED: u32 = 2;

static CPUS: LazyLock<Box<[Cpu]>> = LazyLock::new(|| {
    (0..crate::verifier::options().cpus)
        .map(|_| Cpu::default())
        .collect()
});

/// All of them.
pub fn all() -> &'static [Cpu] {
    &CPUS
}

/// How many there are.
pub fn count() -> u32 {
    CPUS.len() as u32
}

/// Occupies a processor for the thread: the one it ran on last if it is free, else any that its
/// affinity allows.
pub(crate) fn occupy(context: &Context) {
    let cpus = all();
    let allowed = affinity(context);
    let preferred = pick(context.last_cpu.get(), allowed, cpus.len() as u32);
    if cpus[preferred as usize].try_own() {
        return note(context, preferred);
    }
    let mut round = 0;
    loop {
        for (index, cpu) in cpus.iter().enumerate() {
            if allowed >> index & 1 != 0 && cpu.try_own() {
                return note(context, index as u32);
            }
        }
        if round < 200 {
            sched::spin(round);
        } else if cpus[preferred as usize].wait_and_own(Duration::from_micros(200)) {
            return note(context, preferred);
        }
        round += 1;
    }
}

/// Occupies this very processor; waits until it is free.
pub(crate) fn occupy_exactly(context: &Context, index: u32) {
    let cpu = &all()[index as usize];
    let mut round = 0;
    while !cpu.try_own() {
        if round < 200 {
            sched::spin(round);
        } else if cpu.wait_and_own(Duration::from_millis(10)) {
            break;
        }
        round += 1;
    }
    note(context, index);
}

/// Leaves the processor.
pub(crate) fn leave(context: &Context) {
    let index = context.cpu.replace(NO_CPU);
    let cpu = &all()[index as usize];
    if cpu.state.swap(FREE, Ordering::SeqCst) == CONTENDED {
        host::futex_wake(&cpu.state);
    }
}

impl Cpu {
    /// Whether a thread occupies it.
    pub fn is_owned(&self) -> bool {
        self.state.load(Ordering::SeqCst) != FREE
    }

    fn try_own(&self) -> bool {
        self.state
            .compare_exchange(FREE, OWNED, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    fn wait_and_own(&self, time: Duration) -> bool {
        if self.state.swap(CONTENDED, Ordering::SeqCst) == FREE {
            return true;
        }
        host::futex_wait(&self.state, CONTENDED, Some(time));
        self.state.swap(CONTENDED, Ordering::SeqCst) == FREE
    }
}

fn note(context: &Context, index: u32) {
    context.cpu.set(index);
    context.last_cpu.set(index);
}

fn affinity(context: &Context) -> u64 {
    // SAFETY: thread objects are leaked boxes.
    let thread = unsafe { context.thread.get().as_ref() };
    let mask = thread.map_or(0, super::thread::Thread::affinity);
    let all = if count() >= 64 {
        u64::MAX
    } else {
        (1 << count()) - 1
    };
    if mask & all == 0 { all } else { mask & all }
}

fn pick(preferred: u32, allowed: u64, count: u32) -> u32 {
    if preferred < count && allowed >> preferred & 1 != 0 {
        preferred
    } else {
        allowed.trailing_zeros()
    }
}
