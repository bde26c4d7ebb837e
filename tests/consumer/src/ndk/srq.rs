//! Shared receive queues.

use crate::{
    ndk::{
        Created, Object, Pd, Submitted,
        object::{self, Keep, kind},
        qp::tag,
        request::{self, on_create, on_request},
    },
    run::Result,
};
use core::{ptr, sync::atomic::Ordering};
use ndkpi_sys::{
    GROUP_AFFINITY, NDK_FN_SRQ_NOTIFICATION_CALLBACK, NDK_SGE, NTSTATUS, PVOID, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
    ULONG,
};

kind!(SrqKind: NDK_SRQ, NDK_SRQ_DISPATCH, NdkObjectTypeSrq, NdkCloseSrq, extra ());

/// A shared receive queue. One thread at a time posts to it and modifies it (SRQ-14).
pub type Srq = Object<SrqKind>;

/// How to make a shared receive queue.
#[derive(Clone, Copy)]
pub struct SrqOptions {
    /// Receives that may wait.
    pub depth: ULONG,
    /// Entries of a receive.
    pub sge: ULONG,
    /// Threshold of the notification; 0 does not arm.
    pub threshold: ULONG,
    /// The notification, if there is to be one (SRQ-06).
    pub notify: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    /// Its context; the test keeps alive what it points to.
    pub context: PVOID,
    /// Processors for the notification, if the test wants certain ones.
    pub affinity: Option<GROUP_AFFINITY>,
}

impl Default for SrqOptions {
    fn default() -> Self {
        Self { depth: 16, sge: 1, threshold: 0, notify: None, context: ptr::null_mut(), affinity: None }
    }
}

#[track_caller]
pub(super) fn create(pd: &Pd, options: &SrqOptions) -> Result<Created<SrqKind>> {
    let keep = [Keep::Pd(pd.clone()), Keep::Nothing, Keep::Nothing];
    let mut affinity = options.affinity;
    let affinity = affinity.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    object::create(pd.run(), (), keep, |context, out, ()| {
        let Some(create) = pd.dispatch().NdkCreateSrq else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the domain is open; callbacks and contexts fit; affinity and out pointer live during the call.
        unsafe {
            create(
                pd.raw(),
                options.depth,
                options.sge,
                options.threshold,
                options.notify,
                options.context,
                affinity,
                Some(on_create),
                context,
                out,
            )
        }
    })
}

impl Srq {
    /// Posts a receive; raw status. IRQL <= DISPATCH_LEVEL.
    pub fn receive(&self, context: usize, sges: &[NDK_SGE]) -> NTSTATUS {
        let Some(receive) = self.dispatch().NdkSrqReceive else {
            return STATUS_NOT_SUPPORTED;
        };
        // No entries is a null pointer and 0 (WR-21).
        let list = if sges.is_empty() { ptr::null() } else { sges.as_ptr() };
        let count = ULONG::try_from(sges.len()).unwrap_or(ULONG::MAX);
        // SAFETY: the SRQ is open; the list has the length given and is read during the call only (CMP-16).
        let status = unsafe { receive(self.raw(), tag(context), list, count) };
        if status == STATUS_SUCCESS {
            self.run().counts.receives.fetch_add(1, Ordering::Relaxed);
        }
        status
    }

    /// Asks for another depth (0 keeps it) and threshold (0 keeps it). IRQL <= DISPATCH_LEVEL; waiting for
    /// the answer needs PASSIVE_LEVEL.
    #[track_caller]
    pub fn modify(&self, depth: ULONG, threshold: ULONG) -> Result<Submitted> {
        request::submit(self.run(), |context| {
            let Some(modify) = self.dispatch().NdkModifySrq else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the SRQ is open; callback and context fit.
            unsafe { modify(self.raw(), depth, threshold, Some(on_request), context) }
        })
    }
}
