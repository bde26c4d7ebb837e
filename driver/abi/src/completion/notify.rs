//! When the consumer is to be called back: one word, changed by compare-and-swap.
//!
//! ```text
//!              arm                completion that matches          shell's DPC: take
//!   unarmed ---------> armed(kind) ----------------------> due ---------------------> unarmed, callback
//!                         |        matches, moderated          ^
//!                         '-----------------------> held ------'  enough completions, or the timer
//! ```
//!
//! The bits are independent: a new arm can wait while an older notification is due. A completion matches an arm
//! when it came after the last callback (CQ-19, CQ-20) and is severe enough for the kind. No lost wake-up
//! (CQ-21): a producer publishes, fences, looks at the word; an arm sets the word, fences, looks at the slots.
//!
//! A completion that cannot be fetched yet, because an older position is reserved and not yet published, must
//! not cause a callback (CQ-22). Then the older producer, which still has to look at the word, is left to do
//! it; for it to match, the arm is widened to ANY.

use super::ring::Rings;
use crate::sync::{AtomicU32, AtomicU64, Gap, Ordering, full_fence};
use crate::{CompletionStatus, Cqe};

/// What an arm waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArmKind {
    /// Completions with an error status, and failure of the CQ (CQ-13, CQ-14).
    Errors = 0,
    /// Any completion (CQ-11).
    Any = 1,
    /// Receives of solicited Sends, and errors (CQ-12).
    Solicited = 2,
}

/// A wish to the shell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Alarm {
    /// Nothing to do.
    None,
    /// Queue the CQ's notification DPC.
    Raise,
    /// Start (or restart) the CQ's moderation timer; when it runs out, call `CompletionQueue::due`.
    Hold {
        /// Interval; may be rounded down, never up (CQ-68).
        microseconds: u32,
    },
}

/// Why a CQ failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// More completions than the depth (CQ-33).
    Overflow,
    /// The device or driver failed (CQ-34).
    Internal,
}

/// What a callback reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotifyReason {
    /// Completions are there.
    Completion,
    /// The CQ has failed; this is said once.
    Failed(Failed),
}

/// Neither count nor interval would ever end a wait: refused (CQ-67).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MixRefused;

/// How severe a completion is for arms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    Plain,
    Solicited,
    Error,
}

impl Class {
    #[inline]
    pub(super) fn of(cqe: &Cqe) -> Self {
        if cqe.status != CompletionStatus::Success {
            Self::Error
        } else if cqe.solicited {
            Self::Solicited
        } else {
            Self::Plain
        }
    }

    /// Whether a completion of this class satisfies an arm with these kind bits.
    const fn matches(self, kind: u32) -> bool {
        match kind {
            ANY => true,
            SOLICITED => matches!(self, Self::Solicited | Self::Error),
            ERRORS => matches!(self, Self::Error),
            _ => false,
        }
    }
}

/// Kind bits; the larger includes the smaller, so arms merge to the maximum (CQ-25).
const KIND: u32 = 3;
const ERRORS: u32 = 1;
const SOLICITED: u32 = 2;
const ANY: u32 = 3;
/// Satisfied and given to the shell; the callback has not begun.
const DUE: u32 = 4;
/// Satisfied and kept back by moderation.
const HELD: u32 = 8;
const OVERFLOW: u32 = 16;
const INTERNAL: u32 = 32;
const FAILURE: u32 = OVERFLOW | INTERNAL;
/// The failure has been told.
const REPORTED: u32 = 64;
/// One arm; the upper bits count them. Without the count a producer that judged by an earlier arm could satisfy a
/// later one, which looks the same, with a completion that has been fetched between the two (CQ-22).
const ONE_ARM: u32 = 1 << 8;

const fn bits(kind: ArmKind) -> u32 {
    match kind {
        ArmKind::Errors => ERRORS,
        ArmKind::Any => ANY,
        ArmKind::Solicited => SOLICITED,
    }
}

/// Moderation settings as one word: count in the high half, microseconds in the low one; 0 is off.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Settings(u64);

impl Settings {
    const fn new(count: u32, interval: u32) -> Self {
        Self(((count as u64) << 32) | interval as u64)
    }

    const fn count(self) -> u64 {
        self.0 >> 32
    }

    /// The low half.
    const fn interval(self) -> u32 {
        (self.0 & u32::MAX as u64) as u32
    }

    /// Whether a satisfied arm waits, with `occupied` completions there.
    const fn holds(self, occupied: u64) -> bool {
        self.0 != 0 && (self.count() == u32::MAX as u64 || occupied < self.count())
    }

    const fn timer(self) -> Alarm {
        match self.interval() {
            u32::MAX => Alarm::None,
            microseconds => Alarm::Hold { microseconds },
        }
    }
}

/// The notification word and what it is compared with.
#[derive(Debug)]
pub(super) struct Notifier {
    word: AtomicU32,
    settings: AtomicU64,
    _gap: Gap,
    /// Completions below this position were there at the last callback (CQ-20).
    seen: AtomicU64,
    /// Completions below this position had been fetched at the last arm.
    armed_from: AtomicU64,
    /// Position + 1 of the last solicited or failed completion, and of the last failed one.
    last_solicited: AtomicU64,
    last_error: AtomicU64,
}

impl Notifier {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            settings: AtomicU64::new(0),
            _gap: Gap::new(),
            seen: AtomicU64::new(0),
            armed_from: AtomicU64::new(0),
            last_solicited: AtomicU64::new(0),
            last_error: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn failed(&self) -> Option<Failed> {
        failure(self.word.load(Ordering::Acquire))
    }

    pub(super) fn is_due(&self) -> bool {
        self.word.load(Ordering::Acquire) & DUE != 0
    }

    /// Before publishing: where the last severe completion stands.
    #[inline]
    pub(super) fn note(&self, class: Class, position: u64) {
        if class == Class::Plain {
            return;
        }
        let end = position.wrapping_add(1);
        self.last_solicited.fetch_max(end, Ordering::AcqRel);
        if class == Class::Error {
            self.last_error.fetch_max(end, Ordering::AcqRel);
        }
    }

    /// After publishing the completion at `position`.
    #[inline]
    pub(super) fn published(&self, rings: &Rings, class: Class, position: u64) -> Alarm {
        full_fence();
        let word = self.word.load(Ordering::Acquire);
        if word & (KIND | HELD) == 0 {
            return Alarm::None;
        }
        self.weigh(rings, word, |kind| {
            // A completion that was fetched before the arm says nothing to it, however late its producer looks (CQ-22).
            if !class.matches(kind) || position < self.armed_from.load(Ordering::Acquire) {
                Match::No
            } else if rings.fetchable(position) {
                Match::Yes
            } else {
                Match::Behind
            }
        })
    }

    pub(super) fn arm(&self, rings: &Rings, kind: ArmKind) -> Alarm {
        // Before the arm can be seen. What a merged, older arm waited for and has been fetched is settled, too.
        self.armed_from.fetch_max(rings.head(), Ordering::AcqRel);
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word & FAILURE != 0 {
                if word & (REPORTED | DUE) != 0 {
                    return Alarm::None;
                }
                match self.exchange(word, word | DUE) {
                    Ok(()) => return Alarm::Raise,
                    Err(now) => word = now,
                }
                continue;
            }
            let merged = (word & KIND).max(bits(kind));
            match self.exchange(word, ((word & !KIND) | merged).wrapping_add(ONE_ARM)) {
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        full_fence();
        let word = self.word.load(Ordering::Acquire);
        self.weigh(rings, word, |kind| self.waiting(rings, kind))
    }

    /// Whether a completion that came since the last callback, and is still there, satisfies an arm.
    fn waiting(&self, rings: &Rings, kind: u32) -> Match {
        let oldest = self.seen.load(Ordering::Acquire).max(rings.head());
        let severe = match kind {
            SOLICITED => self.last_solicited.load(Ordering::Acquire) > oldest,
            ERRORS => self.last_error.load(Ordering::Acquire) > oldest,
            _ => true,
        };
        if !severe {
            Match::No
        } else if rings.has_published(oldest) {
            Match::Yes
        } else {
            Match::Behind
        }
    }

    /// Moves a satisfied arm on, and a held notification that has waited long enough.
    fn weigh(&self, rings: &Rings, mut word: u32, matches: impl Fn(u32) -> Match) -> Alarm {
        loop {
            let kind = word & KIND;
            if word & FAILURE != 0 || word & (KIND | HELD) == 0 {
                return Alarm::None;
            }
            let mut next = word;
            let mut widened = false;
            match if kind == 0 { Match::No } else { matches(kind) } {
                Match::Yes => next &= !KIND,
                // The producer of an older position looks after us, and ANY matches whatever it has.
                Match::Behind if kind != ANY => {
                    next |= ANY;
                    widened = true;
                }
                Match::No | Match::Behind => {}
            }
            let satisfied = kind != 0 && next & KIND == 0;
            let settings = self.settings();
            let mut alarm = Alarm::None;
            if (satisfied || word & HELD != 0) && word & DUE == 0 {
                if settings.holds(rings.occupied()) {
                    next |= HELD;
                    if word & HELD == 0 {
                        alarm = settings.timer();
                    }
                } else {
                    next = (next & !HELD) | DUE;
                    alarm = Alarm::Raise;
                }
            }
            if next == word {
                return Alarm::None;
            }
            if let Err(now) = self.exchange(word, next) {
                word = now;
                continue;
            }
            if !widened && next & HELD == 0 {
                return alarm;
            }
            // What we judged by may have changed before our change could be seen: look again.
            full_fence();
            word = self.word.load(Ordering::Acquire);
            if widened && alarm == Alarm::None {
                continue;
            }
            return self.settle_held(rings, word, settings, alarm);
        }
    }

    /// After holding a notification: releases it if the settings or the count have overtaken us.
    fn settle_held(&self, rings: &Rings, mut word: u32, judged: Settings, alarm: Alarm) -> Alarm {
        loop {
            let settings = self.settings();
            if word & HELD == 0 || word & FAILURE != 0 {
                return alarm;
            }
            if settings.holds(rings.occupied()) {
                return if settings == judged { alarm } else { settings.timer() };
            }
            match self.exchange(word, release(word)) {
                Ok(()) => return raise(word),
                Err(now) => word = now,
            }
        }
    }

    pub(super) fn fail(&self, reason: Failed) -> (bool, Alarm) {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word & FAILURE != 0 {
                return (false, Alarm::None);
            }
            let mut next = (word & !(KIND | HELD)) | if reason == Failed::Overflow { OVERFLOW } else { INTERNAL };
            // Armed, held or due: told now, without moderation (CQ-72). Else at the next arm (CQ-33).
            let told = word & (KIND | HELD | DUE) != 0;
            if told {
                next |= DUE;
            }
            match self.exchange(word, next) {
                Ok(()) if told => return (true, raise(word)),
                Ok(()) => return (true, Alarm::None),
                Err(now) => word = now,
            }
        }
    }

    pub(super) fn moderate(&self, rings: &Rings, count: u32, interval: u32) -> Result<Alarm, MixRefused> {
        let count = if count > rings.depth() { u32::MAX } else { count };
        let settings = match (count, interval) {
            (0 | 1, _) | (_, 0) => Settings(0),
            (u32::MAX, u32::MAX) => return Err(MixRefused),
            _ => Settings::new(count, interval),
        };
        self.settings.store(settings.0, Ordering::Release);
        full_fence();
        let word = self.word.load(Ordering::Acquire);
        if word & HELD == 0 {
            return Ok(Alarm::None);
        }
        Ok(self.settle_held(rings, word, settings, settings.timer()))
    }

    pub(super) fn due(&self, rings: &Rings) -> Alarm {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let settings = self.settings();
            if word & HELD == 0 || word & FAILURE != 0 {
                return Alarm::None;
            }
            // A timer from before a change of settings has no say when the count alone governs (CQ-65).
            if settings.interval() == u32::MAX && settings.holds(rings.occupied()) {
                return Alarm::None;
            }
            match self.exchange(word, release(word)) {
                Ok(()) => return raise(word),
                Err(now) => word = now,
            }
        }
    }

    pub(super) fn take(&self, rings: &Rings) -> Option<NotifyReason> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word & DUE == 0 {
                return None;
            }
            let failed = failure(word);
            let next = match failed {
                Some(_) => (word & !DUE) | REPORTED,
                None => {
                    // Before DUE goes: an arm in between must not be satisfied by what this callback tells of.
                    let from = self.seen.load(Ordering::Relaxed).max(rings.head());
                    self.seen.store(rings.first_unpublished(from), Ordering::Release);
                    word & !DUE
                }
            };
            match self.exchange(word, next) {
                Ok(()) => return Some(failed.map_or(NotifyReason::Completion, NotifyReason::Failed)),
                Err(now) => word = now,
            }
        }
    }

    fn settings(&self) -> Settings {
        Settings(self.settings.load(Ordering::Acquire))
    }

    fn exchange(&self, from: u32, to: u32) -> Result<(), u32> {
        self.word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}

/// How a completion stands to an arm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    No,
    Yes,
    /// It matches, but an older position is not published yet.
    Behind,
}

const fn failure(word: u32) -> Option<Failed> {
    if word & OVERFLOW != 0 {
        Some(Failed::Overflow)
    } else if word & INTERNAL != 0 {
        Some(Failed::Internal)
    } else {
        None
    }
}

/// The word after a held notification has become due.
const fn release(word: u32) -> u32 {
    (word & !HELD) | DUE
}

/// The alarm for setting DUE in `word`.
const fn raise(word: u32) -> Alarm {
    if word & DUE == 0 { Alarm::Raise } else { Alarm::None }
}
