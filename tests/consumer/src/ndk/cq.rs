//! Completion queues.

use crate::{
    kernel::{Event, Shared},
    ndk::{
        Adapter, Created, Object, Submitted,
        object::{self, Keep, kind},
        request::{self, on_create, on_request},
    },
    run::{Result, Run},
};
use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicU32, Ordering},
};
use ndkpi_sys::{
    GROUP_AFFINITY, NDK_CQ_NOTIFY_ANY, NDK_FN_CQ_NOTIFICATION_CALLBACK, NDK_RESULT, NDK_RESULT_EX, NTSTATUS, PVOID,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG,
};

kind!(CqKind: NDK_CQ, NDK_CQ_DISPATCH, NdkObjectTypeCq, NdkCloseCq, extra Shared<Notifications>);

/// A completion queue. One thread at a time fetches and arms (CQ-51).
pub type Cq = Object<CqKind>;

/// What happens at a notification.
#[derive(Clone, Copy)]
pub enum Notify {
    /// It is counted and an event is set ([`Cq::notifications`], [`Cq::wait_for_notification`]).
    Signal,
    /// No callback is given at all (CQ-74).
    Null,
    /// A function of the test's is called.
    Call {
        /// The callback itself.
        function: NDK_FN_CQ_NOTIFICATION_CALLBACK,
        /// Its context; the test keeps alive what it points to.
        context: PVOID,
    },
}

/// What the notification callback leaves behind.
pub struct Notifications {
    event: Event,
    calls: AtomicU32,
    status: AtomicI32,
    running: AtomicU32,
    overlapped: AtomicU32,
    run: Run,
}

#[track_caller]
pub(super) fn create(
    adapter: &Adapter,
    depth: u32,
    notify: Notify,
    affinity: Option<GROUP_AFFINITY>,
) -> Result<Created<CqKind>> {
    let mut affinity = affinity;
    let affinity = affinity.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let run = adapter.run();
    let notifications = Shared::try_new(Notifications {
        event: Event::automatic()?,
        calls: AtomicU32::new(0),
        status: AtomicI32::new(STATUS_SUCCESS),
        running: AtomicU32::new(0),
        overlapped: AtomicU32::new(0),
        run: run.clone(),
    })?;
    let keep = [Keep::Adapter(adapter.clone()), Keep::Nothing, Keep::Nothing];
    object::create(run, notifications, keep, |context, out, notifications: &Shared<Notifications>| {
        let Some(create) = adapter.dispatch().NdkCreateCq else {
            return STATUS_NOT_SUPPORTED;
        };
        let (function, notify_context): (NDK_FN_CQ_NOTIFICATION_CALLBACK, PVOID) = match notify {
            // The object keeps the notifications until its close is complete, after which no callback comes.
            Notify::Signal => (Some(on_notification), notifications.as_context()),
            Notify::Null => (None, ptr::null_mut()),
            Notify::Call { function, context } => (function, context),
        };
        // SAFETY: the adapter is open; callbacks and contexts fit; affinity and out pointer live during the call.
        unsafe { create(adapter.raw(), depth, function, notify_context, affinity, Some(on_create), context, out) }
    })
}

unsafe extern "system" fn on_notification(context: PVOID, status: NTSTATUS) {
    // SAFETY: the CQ object holds a reference until its close is complete.
    let notifications = unsafe { Shared::<Notifications>::borrow_context(context) };
    if notifications.running.fetch_add(1, Ordering::AcqRel) != 0 {
        notifications.overlapped.fetch_add(1, Ordering::AcqRel);
    }
    notifications.run.counts.notifications.fetch_add(1, Ordering::Relaxed);
    notifications.status.store(status, Ordering::Release);
    notifications.calls.fetch_add(1, Ordering::AcqRel);
    notifications.event.set();
    notifications.running.fetch_sub(1, Ordering::AcqRel);
}

impl Cq {
    /// Fetches up to as many results as there is room for; returns the number. IRQL <= DISPATCH_LEVEL.
    pub fn poll(&self, results: &mut [NDK_RESULT]) -> usize {
        let Some(fetch) = self.dispatch().NdkGetCqResults else {
            return 0;
        };
        let room = ULONG::try_from(results.len()).unwrap_or(ULONG::MAX);
        // SAFETY: the CQ is open; the array has `room` elements.
        let count = unsafe { fetch(self.raw(), results.as_mut_ptr(), room) };
        self.fetched(count)
    }

    /// The same with types and details (1.2 and later).
    pub fn poll_ex(&self, results: &mut [NDK_RESULT_EX]) -> usize {
        let Some(fetch) = self.dispatch().NdkGetCqResultsEx else {
            return 0;
        };
        let room = ULONG::try_from(results.len()).unwrap_or(ULONG::MAX);
        // SAFETY: the CQ is open; the array has `room` elements.
        let count = unsafe { fetch(self.raw(), results.as_mut_ptr(), room) };
        self.fetched(count)
    }

    fn fetched(&self, count: ULONG) -> usize {
        self.run().counts.completions.fetch_add(u64::from(count), Ordering::Relaxed);
        count as usize
    }

    /// Asks for a notification (`NDK_CQ_NOTIFY_*`). IRQL <= DISPATCH_LEVEL.
    pub fn arm(&self, kind: ULONG) {
        if let Some(arm) = self.dispatch().NdkArmCq {
            // SAFETY: the CQ is open.
            unsafe { arm(self.raw(), kind) };
        }
    }

    /// Changes the depth (CQ-52). IRQL <= DISPATCH_LEVEL; waiting for the answer needs PASSIVE_LEVEL.
    #[track_caller]
    pub fn resize(&self, depth: u32) -> Result<Submitted> {
        request::submit(self.run(), |context| {
            let Some(resize) = self.dispatch().NdkResizeCq else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the CQ is open; callback and context fit.
            unsafe { resize(self.raw(), depth, Some(on_request), context) }
        })
    }

    /// Holds notifications back by microseconds or by a count of results (CQ-60); raw status.
    /// IRQL <= DISPATCH_LEVEL.
    pub fn moderate(&self, interval: ULONG, count: ULONG) -> NTSTATUS {
        let Some(control) = self.dispatch().NdkControlCqInterruptModeration else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the CQ is open.
        unsafe { control(self.raw(), interval, count) }
    }

    /// Number of notifications so far (with [`Notify::Signal`]).
    pub fn notifications(&self) -> u32 {
        self.extra().calls.load(Ordering::Acquire)
    }

    /// Status of the latest notification.
    pub fn notified_status(&self) -> NTSTATUS {
        self.extra().status.load(Ordering::Acquire)
    }

    /// How often a notification began while another one was running; CQ-23 wants 0.
    pub fn overlaps(&self) -> u32 {
        self.extra().overlapped.load(Ordering::Acquire)
    }

    /// Waits at PASSIVE_LEVEL for a notification that no earlier wait has had.
    #[track_caller]
    pub fn wait_for_notification(&self) -> Result {
        self.run().wait(&self.extra().event, "CQ-11 an armed CQ notifies")
    }

    /// Waits for at least one result at PASSIVE_LEVEL: fetch, arm, fetch again, wait. Returns the number.
    #[track_caller]
    pub fn next_few(&self, results: &mut [NDK_RESULT_EX]) -> Result<usize> {
        loop {
            let count = self.poll_ex(results);
            if count != 0 {
                return Ok(count);
            }
            self.arm(NDK_CQ_NOTIFY_ANY);
            // Between the fetch and the arm something may have come (CQ-21 would tell, but later).
            let count = self.poll_ex(results);
            if count != 0 {
                return Ok(count);
            }
            self.wait_for_notification()?;
            let status = self.notified_status();
            self.run().ok(status, "CQ-22 a notification of a healthy CQ has STATUS_SUCCESS")?;
        }
    }

    /// Waits for one result at PASSIVE_LEVEL.
    #[track_caller]
    pub fn next(&self) -> Result<NDK_RESULT_EX> {
        let mut result = [NDK_RESULT_EX::default()];
        self.next_few(&mut result)?;
        Ok(result[0])
    }

    /// Waits for one result and expects it to be of a request, with a status.
    #[track_caller]
    pub fn expect(&self, context: usize, status: NTSTATUS, what: &'static str) -> Result<NDK_RESULT_EX> {
        let result = self.next()?;
        self.run().status(result.Status, status, what)?;
        self.run().equal(result.RequestContext.addr(), context, "WR-04 a result carries its request's context")?;
        Ok(result)
    }
}
