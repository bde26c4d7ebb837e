//! Protection domains.

use crate::{
    ndk::{
        Adapter, Cq, Created, Mr, Object, Qp, QpOptions, Srq, SrqOptions,
        object::{self, Keep, kind},
        qp, region,
        request::on_create,
        srq,
    },
    run::Result,
};
use ndkpi_sys::{STATUS_NOT_SUPPORTED, UINT32};

kind!(PdKind: NDK_PD, NDK_PD_DISPATCH, NdkObjectTypePd, NdkClosePd, extra Adapter);

/// A protection domain.
pub type Pd = Object<PdKind>;

#[track_caller]
pub(super) fn create(adapter: &Adapter) -> Result<Created<PdKind>> {
    let keep = [Keep::Adapter(adapter.clone()), Keep::Nothing, Keep::Nothing];
    object::create(adapter.run(), adapter.clone(), keep, |context, out, _| {
        let Some(create) = adapter.dispatch().NdkCreatePd else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the adapter is open; callback and context fit; the out pointer is a live reference.
        unsafe { create(adapter.raw(), Some(on_create), context, out) }
    })
}

impl Pd {
    /// The adapter that the domain belongs to.
    pub fn adapter(&self) -> &Adapter {
        self.extra()
    }

    /// A queue pair with one completion queue for both sides, and modest depths.
    #[track_caller]
    pub fn qp(&self, cq: &Cq) -> Result<Qp> {
        self.create_qp(cq, cq, &QpOptions::default())?.ok("QP-01 NdkCreateQp")
    }

    /// Creates a queue pair; may fail as the test wants.
    #[track_caller]
    pub fn create_qp(&self, receive: &Cq, initiator: &Cq, options: &QpOptions) -> Result<Created<qp::QpKind>> {
        qp::create(self, receive, initiator, options)
    }

    /// A shared receive queue.
    #[track_caller]
    pub fn srq(&self, options: &SrqOptions) -> Result<Srq> {
        self.create_srq(options)?.ok("SRQ-01 NdkCreateSrq")
    }

    /// Creates a shared receive queue; may fail as the test wants.
    #[track_caller]
    pub fn create_srq(&self, options: &SrqOptions) -> Result<Created<srq::SrqKind>> {
        srq::create(self, options)
    }

    /// Creates a queue pair that receives from an SRQ; may fail as the test wants. The receive sizes of the
    /// options do not count.
    #[track_caller]
    pub fn create_qp_with_srq(&self, cqs: (&Cq, &Cq), srq: &Srq, options: &QpOptions) -> Result<Created<qp::QpKind>> {
        qp::create_with_srq(self, cqs, srq, options)
    }

    /// A region object for ordinary registration; nothing is registered yet.
    #[track_caller]
    pub fn mr(&self) -> Result<Mr> {
        self.create_mr(false)?.ok("MR-01 NdkCreateMr")
    }

    /// Creates a region object of either kind; may fail as the test wants.
    #[track_caller]
    pub fn create_mr(&self, fast: bool) -> Result<Created<region::MrKind>> {
        region::create(self, fast)
    }

    /// The token for logical addresses (PD-04).
    pub fn privileged_token(&self) -> UINT32 {
        let mut token = 0;
        if let Some(get) = self.dispatch().NdkGetPrivilegedMemoryRegionToken {
            // SAFETY: the domain is open; the token is a local.
            unsafe { get(self.raw(), &mut token) };
        }
        token
    }
}
