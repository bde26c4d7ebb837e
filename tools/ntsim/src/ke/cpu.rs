//! Virtual processors.
//!
//! A thread at DISPATCH_LEVEL or above occupies one: nothing else runs there meanwhile, and DPCs
//! queued to it wait until the thread lowers its IRQL, as on a real processor. Below
//! DISPATCH_LEVEL threads occupy none, so that there can be any number of them.

use crate::context::{Context, NO_CPU};
use crate::ke::dpc::DpcQueue;
use crate::{host, sched};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One virtual processor, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Cpu {
    state: AtomicU32,
    pub(crate) dpcs: DpcQueue,
}

const FREE: u32 = 0;
const OWNED: u32 = 1;
const CONTENDED: u32 = 2;
const MOST: usize = 64;

/// Static, so that the short way of taking one calls nothing: a call from a win64 routine into
/// ordinary code costs saving ten vector registers.
static CPUS: [Cpu; MOST] = [const { Cpu { state: AtomicU32::new(FREE), dpcs: DpcQueue::new() } }; MOST];
static COUNT: AtomicU32 = AtomicU32::new(0);

/// All of them.
pub fn all() -> &'static [Cpu] {
    &CPUS[..count() as usize]
}

/// The processor with this index, which must be below 64.
#[inline(always)]
pub(crate) fn get(index: u32) -> &'static Cpu {
    &CPUS[index as usize % MOST]
}

/// How many there are, 1 to 64.
#[inline]
pub fn count() -> u32 {
    match COUNT.load(Ordering::Relaxed) {
        0 => ask_count(),
        count => count,
    }
}

#[cold]
extern "win64-unwind" fn ask_count() -> u32 {
    let count = crate::verifier::options().cpus;
    COUNT.store(count, Ordering::Relaxed);
    count
}

/// Occupies a processor for the thread: the one it ran on last if it is free, else any that its
/// affinity allows.
#[inline(always)]
pub(crate) fn occupy(context: &Context) {
    let preferred = context.last_cpu.get();
    if affinity(context) == 0 && get(preferred).try_own() {
        context.cpu.set(preferred);
    } else {
        occupy_any(context);
    }
}

#[cold]
extern "win64-unwind" fn occupy_any(context: &Context) {
    let cpus = all();
    let allowed = allowed(context);
    let preferred = pick(context.last_cpu.get(), allowed, cpus.len() as u32);
    let mut round = 0;
    loop {
        for (index, cpu) in cpus.iter().enumerate() {
            if allowed >> index & 1 != 0 && cpu.try_own() {
                return note(context, index as u32);
            }
        }
        if round < 200 || sched::is_seeded() {
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
        if round < 200 || sched::is_seeded() {
            sched::spin(round);
        } else if cpu.wait_and_own(Duration::from_millis(10)) {
            break;
        }
        round += 1;
    }
    note(context, index);
}

/// Leaves the processor.
#[inline(always)]
pub(crate) fn leave(context: &Context) {
    let index = context.cpu.replace(NO_CPU);
    let cpu = get(index);
    if cpu.state.swap(FREE, Ordering::SeqCst) == CONTENDED {
        wake_waiter(&cpu.state);
    }
}

#[cold]
extern "win64-unwind" fn wake_waiter(state: &AtomicU32) {
    host::futex_wake(state);
}

impl Cpu {
    /// Whether a thread occupies it.
    pub fn is_owned(&self) -> bool {
        self.state.load(Ordering::SeqCst) != FREE
    }

    fn try_own(&self) -> bool {
        self.state.compare_exchange(FREE, OWNED, Ordering::SeqCst, Ordering::Relaxed).is_ok()
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
    super::pcr::note_processor(context, index);
}

/// The thread's own choice; 0 for none.
#[inline(always)]
fn affinity(context: &Context) -> u64 {
    // SAFETY: thread objects are leaked boxes.
    let thread = unsafe { context.thread.get().as_ref() };
    thread.map_or(0, super::thread::Thread::affinity)
}

fn allowed(context: &Context) -> u64 {
    let mask = affinity(context);
    let all = if count() >= 64 { u64::MAX } else { (1 << count()) - 1 };
    if mask & all == 0 { all } else { mask & all }
}

fn pick(preferred: u32, allowed: u64, count: u32) -> u32 {
    if preferred < count && allowed >> preferred & 1 != 0 { preferred } else { allowed.trailing_zeros() }
}
