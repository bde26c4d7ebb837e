//! An open NDK adapter.

use crate::{
    kernel::{Shared, irql},
    ndk::{
        Address, Cq, Created, Endpoint, Family, Listener, ListenerOptions, Notify, Pd,
        connector::{self, Connector},
        cq, endpoint, listener, pd,
    },
    run::{Failure, Result, Run},
    wsk::Provider,
};
use core::ptr::{self, NonNull};
use ndkpi_sys::{
    GROUP_AFFINITY, NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NDK_ADAPTER_INFO, NDK_VERSION, NTSTATUS, STATUS_NOT_SUPPORTED,
    ULONG,
};
use ndktest_api::Target;

struct Inner {
    raw: NonNull<NDK_ADAPTER>,
    provider: Provider,
    target: Target,
    run: Run,
}

// SAFETY: the adapter may be used from any thread.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: opened in `open`; all objects below held a reference and are closed.
        unsafe { self.provider.close(self.raw.as_ptr()) };
    }
}

/// A reference to an open adapter; the last one closes it, which waits at PASSIVE_LEVEL.
#[derive(Clone)]
pub struct Adapter(Shared<Inner>);

impl Adapter {
    /// Opens the adapter of an interface at PASSIVE_LEVEL with the version that the request names.
    #[track_caller]
    pub fn open(run: &Run, provider: &Provider, target: &Target) -> Result<Self> {
        let version = NDK_VERSION { Major: run.request.major, Minor: run.request.minor };
        let (status, adapter) = Self::try_open(run, provider, target, version)?;
        run.ok(status, "VER-01 an open with a supported version succeeds")?;
        adapter.ok_or_else(|| Failure::new("VER-01 a successful open stores an adapter", status))
    }

    /// Opens with any version; gives the raw status, and the adapter if there is one.
    #[track_caller]
    pub fn try_open(
        run: &Run,
        provider: &Provider,
        target: &Target,
        version: NDK_VERSION,
    ) -> Result<(NTSTATUS, Option<Self>)> {
        let mut raw = ptr::null_mut();
        let status = provider.open(target.interface, version, &mut raw);
        let Some(raw) = NonNull::new(raw).filter(|_| status >= 0) else {
            return Ok((status, None));
        };
        let inner = Inner { raw, provider: provider.clone(), target: *target, run: run.clone() };
        Ok((status, Some(Self(Shared::try_new(inner)?))))
    }

    /// The object itself.
    pub fn raw(&self) -> *mut NDK_ADAPTER {
        self.0.raw.as_ptr()
    }

    /// The table that the object points to now.
    pub fn dispatch(&self) -> &NDK_ADAPTER_DISPATCH {
        // SAFETY: the adapter is open; its table stays as long.
        unsafe { &*self.0.raw.as_ref().Dispatch }
    }

    /// The version that was answered.
    pub fn version(&self) -> NDK_VERSION {
        // SAFETY: the adapter is open, and the header does not change.
        unsafe { self.0.raw.as_ref() }.Header.Version
    }

    /// The run that the adapter was opened for.
    pub fn run(&self) -> &Run {
        &self.0.run
    }

    /// An address of this adapter; none if the request gave none of that family.
    pub fn address(&self, family: Family, port: u16) -> Option<Address> {
        Address::of(&self.0.target, family, port)
    }

    /// `NdkQueryAdapterInfo` as it is, PASSIVE_LEVEL: raw pointer, size in and out, raw status.
    ///
    /// # Safety
    /// `info` is null or has room for `size` bytes.
    pub unsafe fn query_info(&self, info: *mut NDK_ADAPTER_INFO, size: &mut ULONG) -> NTSTATUS {
        irql::assert_passive();
        let Some(query) = self.dispatch().NdkQueryAdapterInfo else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the adapter is open; the caller vouches for the buffer.
        unsafe { query(self.raw(), info, size) }
    }

    /// The limits, at PASSIVE_LEVEL.
    #[track_caller]
    pub fn info(&self) -> Result<NDK_ADAPTER_INFO> {
        let mut info = NDK_ADAPTER_INFO::default();
        let mut size = size_of::<NDK_ADAPTER_INFO>() as ULONG;
        // SAFETY: the buffer is a local of the size given.
        let status = unsafe { self.query_info(&mut info, &mut size) };
        self.run().ok(status, "ADP-02 a large enough buffer is filled")?;
        Ok(info)
    }

    /// A completion queue that signals its notifications.
    #[track_caller]
    pub fn cq(&self, depth: u32) -> Result<Cq> {
        self.create_cq(depth, Notify::Signal)?.ok("CQ-01 NdkCreateCq")
    }

    /// Creates a completion queue; may fail as the test wants.
    #[track_caller]
    pub fn create_cq(&self, depth: u32, notify: Notify) -> Result<Created<cq::CqKind>> {
        cq::create(self, depth, notify, None)
    }

    /// The same with processors for the notification.
    #[track_caller]
    pub fn create_cq_on(
        &self,
        depth: u32,
        notify: Notify,
        affinity: Option<GROUP_AFFINITY>,
    ) -> Result<Created<cq::CqKind>> {
        cq::create(self, depth, notify, affinity)
    }

    /// A protection domain.
    #[track_caller]
    pub fn pd(&self) -> Result<Pd> {
        self.create_pd()?.ok("PD-01 NdkCreatePd")
    }

    /// Creates a protection domain; may fail as the test wants.
    #[track_caller]
    pub fn create_pd(&self) -> Result<Created<pd::PdKind>> {
        pd::create(self)
    }

    /// An idle connector.
    #[track_caller]
    pub fn connector(&self) -> Result<Connector> {
        self.create_connector()?.ok("CONN-01 NdkCreateConnector")
    }

    /// Creates a connector; may fail as the test wants.
    #[track_caller]
    pub fn create_connector(&self) -> Result<Created<connector::ConnectorKind>> {
        connector::create(self)
    }

    /// A listener that queues what comes; it does not listen yet.
    #[track_caller]
    pub fn listener(&self) -> Result<Listener> {
        self.create_listener(ListenerOptions::Queue)?.ok("LSN-01 NdkCreateListener")
    }

    /// Creates a listener; may fail as the test wants.
    #[track_caller]
    pub fn create_listener(&self, options: ListenerOptions) -> Result<Created<listener::ListenerKind>> {
        listener::create(self, options)
    }

    /// A shared endpoint at an address; port 0 lets the provider choose.
    #[track_caller]
    pub fn endpoint(&self, address: &Address) -> Result<Endpoint> {
        self.create_endpoint(address)?.ok("SEP-01 NdkCreateSharedEndpoint")
    }

    /// Creates a shared endpoint; may fail as the test wants.
    #[track_caller]
    pub fn create_endpoint(&self, address: &Address) -> Result<Created<endpoint::EndpointKind>> {
        endpoint::create(self, address)
    }
}
