//! Queue pairs.

use crate::{
    ndk::{
        Cq, Created, Object, Pd, Srq,
        object::{self, Keep, kind},
        request::on_create,
    },
    run::Result,
};
use core::{
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};
use ndkpi_sys::{NDK_SGE, NTSTATUS, PVOID, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, UINT32, UINT64, ULONG};

kind!(QpKind: NDK_QP, NDK_QP_DISPATCH, NdkObjectTypeQp, NdkCloseQp, extra Pd);

/// A queue pair. One thread at a time posts to each of its queues (WR-06). Posting functions may be called
/// at IRQL <= DISPATCH_LEVEL and return what the provider returned.
pub type Qp = Object<QpKind>;

/// Sizes of a queue pair.
#[derive(Clone, Copy)]
pub struct QpOptions {
    /// Receives that may be out.
    pub receive_depth: ULONG,
    /// Initiator requests that may be out.
    pub initiator_depth: ULONG,
    /// Entries of a receive.
    pub receive_sge: ULONG,
    /// Entries of a send or write.
    pub initiator_sge: ULONG,
    /// Bytes of an inline request.
    pub inline: ULONG,
    /// `QPContext` of the results.
    pub context: usize,
}

impl Default for QpOptions {
    fn default() -> Self {
        Self { receive_depth: 64, initiator_depth: 64, receive_sge: 4, initiator_sge: 4, inline: 0, context: 0 }
    }
}

#[track_caller]
pub(super) fn create(pd: &Pd, receive: &Cq, initiator: &Cq, options: &QpOptions) -> Result<Created<QpKind>> {
    let keep = [Keep::Pd(pd.clone()), Keep::Cq(receive.clone()), Keep::Cq(initiator.clone())];
    object::create(pd.run(), pd.clone(), keep, |context, out, _| {
        let Some(create) = pd.dispatch().NdkCreateQp else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: all objects are open; callback and context fit; the out pointer is a live reference.
        unsafe {
            create(
                pd.raw(),
                receive.raw(),
                initiator.raw(),
                ptr::without_provenance_mut(options.context),
                options.receive_depth,
                options.initiator_depth,
                options.receive_sge,
                options.initiator_sge,
                options.inline,
                Some(on_create),
                context,
                out,
            )
        }
    })
}

/// `receive` and `initiator` are the CQs; the SRQ keeps its domain.
#[track_caller]
pub(super) fn create_with_srq(
    pd: &Pd,
    (receive, initiator): (&Cq, &Cq),
    srq: &Srq,
    options: &QpOptions,
) -> Result<Created<QpKind>> {
    let keep = [Keep::Srq(srq.clone()), Keep::Cq(receive.clone()), Keep::Cq(initiator.clone())];
    object::create(pd.run(), pd.clone(), keep, |context, out, _| {
        let Some(create) = pd.dispatch().NdkCreateQpWithSrq else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: all objects are open; callback and context fit; the out pointer is a live reference.
        unsafe {
            create(
                pd.raw(),
                receive.raw(),
                initiator.raw(),
                srq.raw(),
                ptr::without_provenance_mut(options.context),
                options.initiator_depth,
                options.initiator_sge,
                options.inline,
                Some(on_create),
                context,
                out,
            )
        }
    })
}

impl Qp {
    /// The domain of the queue pair.
    pub fn pd(&self) -> &Pd {
        self.extra()
    }

    /// Posts a send.
    pub fn send(&self, context: usize, sges: &[NDK_SGE], flags: ULONG) -> NTSTATUS {
        let Some(send) = self.dispatch().NdkSend else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the QP is open; the list has the length given and is read during the call only (CMP-16).
        let status = unsafe { send(self.raw(), tag(context), list(sges), count(sges), flags) };
        self.counted(status, &self.run().counts.sends)
    }

    /// Posts a send that invalidates a token of the peer.
    pub fn send_and_invalidate(&self, context: usize, sges: &[NDK_SGE], flags: ULONG, token: UINT32) -> NTSTATUS {
        let Some(send) = self.dispatch().NdkSendAndInvalidate else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: as for `send`.
        let status = unsafe { send(self.raw(), tag(context), list(sges), count(sges), flags, token) };
        self.counted(status, &self.run().counts.sends)
    }

    /// Posts a receive.
    pub fn receive(&self, context: usize, sges: &[NDK_SGE]) -> NTSTATUS {
        let Some(receive) = self.dispatch().NdkReceive else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: as for `send`.
        let status = unsafe { receive(self.raw(), tag(context), list(sges), count(sges)) };
        self.counted(status, &self.run().counts.receives)
    }

    /// Posts an RDMA read of what the entries hold together.
    pub fn read(&self, context: usize, sges: &[NDK_SGE], remote: UINT64, token: UINT32, flags: ULONG) -> NTSTATUS {
        let Some(read) = self.dispatch().NdkRead else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: as for `send`.
        let status = unsafe { read(self.raw(), tag(context), list(sges), count(sges), remote, token, flags) };
        self.counted(status, &self.run().counts.reads)
    }

    /// Posts an RDMA write of what the entries hold together.
    pub fn write(&self, context: usize, sges: &[NDK_SGE], remote: UINT64, token: UINT32, flags: ULONG) -> NTSTATUS {
        let Some(write) = self.dispatch().NdkWrite else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: as for `send`.
        let status = unsafe { write(self.raw(), tag(context), list(sges), count(sges), remote, token, flags) };
        self.counted(status, &self.run().counts.writes)
    }

    /// Cancels what waits in both queues.
    pub fn flush(&self) {
        if let Some(flush) = self.dispatch().NdkFlush {
            // SAFETY: the QP is open.
            unsafe { flush(self.raw()) };
        }
    }

    fn counted(&self, status: NTSTATUS, counter: &AtomicU64) -> NTSTATUS {
        if status == STATUS_SUCCESS {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        status
    }
}

/// A number as a request's context.
pub(super) fn tag(context: usize) -> PVOID {
    ptr::without_provenance_mut(context)
}

fn list(sges: &[NDK_SGE]) -> *const NDK_SGE {
    // No entries is a null pointer and 0 (WR-21).
    if sges.is_empty() { ptr::null() } else { sges.as_ptr() }
}

fn count(sges: &[NDK_SGE]) -> ULONG {
    ULONG::try_from(sges.len()).unwrap_or(ULONG::MAX)
}
