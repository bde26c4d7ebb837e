//! What the shim knows about one NDK object.
//!
//! Records are never freed: the provider holds their addresses as callback contexts, and a late
//! callback must find something that can name it. They are used again after a long quarantine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::kind::Kind;
use super::life::Id;
use super::session::Session;
use crate::symbols::Stack;

/// So many records rest before the oldest is used again.
const QUARANTINE: usize = 1 << 16;

static RESTING: Mutex<VecDeque<&'static Record>> = Mutex::new(VecDeque::new());

/// A queue whose calls the consumer promises to serialise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// The initiator queue of a QP, the results of a CQ, the receives of an SRQ.
    First = 0,
    /// The receive queue of a QP.
    Receive = 1,
}

/// One object. Atomic fields are for the hot path; `cold` says where things come from.
#[derive(Debug)]
pub struct Record {
    id: AtomicU64,
    kind: AtomicU8,
    /// The consumer may use the object.
    open: AtomicBool,
    address: AtomicUsize,
    /// The provider's own dispatch table.
    provider_table: AtomicUsize,
    /// The consumer's event callback: CQ or SRQ notification, connect or disconnect event.
    callback: AtomicUsize,
    callback_context: AtomicUsize,
    /// How often the CQ was armed.
    arms: AtomicU32,
    /// `arms` at the entry of the last notification.
    arms_seen: AtomicU32,
    /// Notifications that older arms still allow.
    credit: AtomicU32,
    /// Event callbacks of the object that run now.
    events: AtomicU32,
    /// Completion callbacks of requests on the object that run now.
    completions: AtomicU32,
    /// The close is complete.
    gone: AtomicBool,
    /// The thread inside a function of each queue, or 0.
    busy: [AtomicUsize; 2],
    pub(super) cold: Mutex<Cold>,
}

/// The part that only reports and closes look at.
#[derive(Debug, Default)]
pub(super) struct Cold {
    pub session: Option<Arc<Session>>,
    /// The function that delivered the object, and where it was called.
    pub function: &'static str,
    pub created: Option<Stack>,
    pub closed: Option<Stack>,
}

impl Record {
    /// A record for an object that is being created: nothing finds it yet.
    pub(super) fn reserve(kind: Kind) -> &'static Record {
        let mut resting = RESTING.lock();
        let used = if resting.len() > QUARANTINE { resting.pop_front() } else { None };
        drop(resting);
        let record: &'static Record = used.unwrap_or_else(|| {
            Box::leak(Box::new(Record {
                id: AtomicU64::new(0),
                kind: AtomicU8::new(0),
                open: AtomicBool::new(false),
                address: AtomicUsize::new(0),
                provider_table: AtomicUsize::new(0),
                callback: AtomicUsize::new(0),
                callback_context: AtomicUsize::new(0),
                arms: AtomicU32::new(0),
                arms_seen: AtomicU32::new(0),
                credit: AtomicU32::new(0),
                events: AtomicU32::new(0),
                completions: AtomicU32::new(0),
                gone: AtomicBool::new(false),
                busy: [AtomicUsize::new(0), AtomicUsize::new(0)],
                cold: Mutex::new(Cold::default()),
            }))
        });
        record.reset(kind);
        record
    }

    fn reset(&self, kind: Kind) {
        self.id.store(0, Ordering::Relaxed);
        self.kind.store(kind as u8, Ordering::Relaxed);
        self.open.store(false, Ordering::Relaxed);
        for word in [&self.address, &self.provider_table, &self.callback, &self.callback_context] {
            word.store(0, Ordering::Relaxed);
        }
        for count in [&self.arms, &self.arms_seen, &self.credit, &self.events, &self.completions] {
            count.store(0, Ordering::Relaxed);
        }
        self.gone.store(false, Ordering::Relaxed);
        *self.cold.lock() = Cold::default();
    }

    /// Puts the record to rest; its last contents stay readable.
    pub(super) fn retire(&'static self) {
        self.open.store(false, Ordering::Release);
        self.gone.store(true, Ordering::Release);
        RESTING.lock().push_back(self);
    }

    /// The record whose address a callback got as its context.
    ///
    /// # Safety
    /// `context` must come from [`Record::as_context`].
    pub(super) unsafe fn from_context(context: *mut std::ffi::c_void) -> &'static Record {
        // SAFETY: by contract, and records are never freed.
        unsafe { &*context.cast::<Record>() }
    }

    /// This record as a callback context.
    pub(super) fn as_context(&'static self) -> *mut std::ffi::c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    pub(super) fn id(&self) -> Id {
        self.id.load(Ordering::Relaxed)
    }

    pub(super) fn set_id(&self, id: Id) {
        self.id.store(id, Ordering::Relaxed);
    }

    pub(super) fn kind(&self) -> Kind {
        Kind::from_object_type(self.kind.load(Ordering::Relaxed)).unwrap_or(Kind::Adapter)
    }

    /// Where the object lies, and whether it is usable: the two things every call asks.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.address.load(Ordering::Relaxed)
    }

    pub(super) fn set_address(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_open(&self, kind: Kind) -> bool {
        self.open.load(Ordering::Acquire) && self.kind.load(Ordering::Relaxed) == kind as u8
    }

    pub(super) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    #[inline]
    pub(super) fn provider_table(&self) -> usize {
        self.provider_table.load(Ordering::Relaxed)
    }

    pub(super) fn set_provider_table(&self, table: usize) {
        self.provider_table.store(table, Ordering::Relaxed);
    }

    pub(super) fn callback(&self) -> (usize, *mut std::ffi::c_void) {
        let context = self.callback_context.load(Ordering::Acquire);
        (self.callback.load(Ordering::Acquire), std::ptr::with_exposed_provenance_mut(context))
    }

    pub(super) fn set_callback(&self, callback: usize, context: *mut std::ffi::c_void) {
        self.callback_context.store(context.expose_provenance(), Ordering::Release);
        self.callback.store(callback, Ordering::Release);
    }

    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.cold.lock().session.clone()
    }

    /// The CQ is being armed.
    #[inline]
    pub(super) fn arm(&self) {
        self.arms.fetch_add(1, Ordering::AcqRel);
    }

    /// A notification begins; whether an arm stands behind it.
    ///
    /// An arm made after the provider took this notification's arm down, but before this point,
    /// counts here although it is for the next one: so one surplus arm is carried over. Arms that
    /// merged (CQ-25) leave one such surplus too; the rule never accuses wrongly.
    pub(super) fn take_arm(&self) -> bool {
        let arms = self.arms.load(Ordering::Acquire);
        let fresh = arms.wrapping_sub(self.arms_seen.swap(arms, Ordering::AcqRel));
        let credit = self.credit.load(Ordering::Acquire).saturating_add(fresh);
        if credit == 0 {
            return false;
        }
        self.credit.store((credit - 1).min(1), Ordering::Release);
        true
    }

    /// The close is complete: no callback may be made for the object.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// An event callback begins; false if one is running.
    pub(super) fn begin_event(&self) -> bool {
        self.events.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// It has returned.
    pub(super) fn end_event(&self) {
        self.events.fetch_sub(1, Ordering::AcqRel);
    }

    /// A request completion callback begins.
    pub(super) fn begin_completion(&self) {
        self.completions.fetch_add(1, Ordering::AcqRel);
    }

    /// It has returned.
    pub(super) fn end_completion(&self) {
        self.completions.fetch_sub(1, Ordering::AcqRel);
    }

    /// Event and completion callbacks that run now.
    pub(super) fn upcalls(&self) -> (u32, u32) {
        (self.events.load(Ordering::Acquire), self.completions.load(Ordering::Acquire))
    }

    /// The thread enters a queue: gives the thread that is inside already, or 0.
    #[inline]
    pub(super) fn enter_queue(&self, queue: Queue, thread: usize) -> usize {
        self.busy[queue as usize].swap(thread, Ordering::Acquire)
    }

    /// The thread leaves a queue; `outer` is what [`Self::enter_queue`] gave.
    #[inline]
    pub(super) fn leave_queue(&self, queue: Queue, outer: usize) {
        self.busy[queue as usize].store(outer, Ordering::Release);
    }

    /// Another thread that is inside a queue function of the object now.
    pub(super) fn busy_other(&self, thread: usize) -> bool {
        self.busy.iter().map(|busy| busy.load(Ordering::Acquire)).any(|inside| inside != 0 && inside != thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_arm_allows_one_notification() {
        let record = Record::reserve(Kind::Cq);
        assert!(!record.take_arm(), "never armed");
        record.arm();
        assert!(record.take_arm());
        assert!(!record.take_arm(), "the arm is used up");
    }

    #[test]
    fn an_arm_that_raced_with_the_last_notification_counts_for_the_next() {
        let record = Record::reserve(Kind::Cq);
        record.arm();
        // The provider has taken the arm down; the consumer arms again before the callback begins.
        record.arm();
        assert!(record.take_arm());
        assert!(record.take_arm());
        assert!(!record.take_arm());
    }

    #[test]
    fn notifications_do_not_overlap() {
        let record = Record::reserve(Kind::Cq);
        assert!(record.begin_event());
        assert!(!record.begin_event());
        record.end_event();
        record.end_event();
        assert!(record.begin_event());
        assert_eq!(record.upcalls(), (1, 0));
    }
}
