//! Memory by logical addresses, fast-register regions and windows, for tests that need one among other things.

use crate::{
    kernel::Buffer,
    ndk::{Adapter, Mr, Pd, Qp, request},
    run::{Failure, Result, Run},
};
use core::ptr::{self, NonNull};
use ndkpi_sys::{
    NDK_LOGICAL_ADDRESS, NDK_LOGICAL_ADDRESS_MAPPING, NDK_MW, NDK_MW_DISPATCH, NDK_OBJECT_HEADER, NDK_SGE,
    NDK_SGE__bindgen_ty_1, NTSTATUS, SIZE_T, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, UINT32, ULONG,
};

const PAGE: usize = 4096;

/// A buffer with its logical addresses; they are released with it.
pub struct Mapped {
    // Released before the buffer goes, and closed after that: fields drop in this order.
    list: Buffer,
    /// The memory.
    pub buffer: Buffer,
    fbo: ULONG,
    adapter: Adapter,
}

impl Mapped {
    /// Maps a fresh buffer.
    #[track_caller]
    pub fn new(adapter: &Adapter, length: usize) -> Result<Self> {
        let buffer = Buffer::new(length)?;
        let list = Buffer::new(24 + 8 * (length / PAGE + 1))?;
        let mut size = list.len() as ULONG;
        let mut fbo = 0;
        request::submit(adapter.run(), |context| {
            let Some(build) = adapter.dispatch().NdkBuildLAM else { return STATUS_NOT_SUPPORTED };
            let done = Some(request::on_request as unsafe extern "system" fn(_, _));
            let lam = list.address().as_ptr().cast::<NDK_LOGICAL_ADDRESS_MAPPING>();
            // SAFETY: the adapter is open; the list has the size given; all outlive the request.
            unsafe { build(adapter.raw(), buffer.mdl(), length as SIZE_T, done, context, lam, &mut size, &mut fbo) }
        })?
        .ok("LAM-01 NdkBuildLAM")?;
        Ok(Self { list, buffer, fbo, adapter: adapter.clone() })
    }

    fn lam(&self) -> *mut NDK_LOGICAL_ADDRESS_MAPPING {
        self.list.address().as_ptr().cast()
    }

    fn pages(&self) -> ULONG {
        // SAFETY: the mapping was filled in.
        unsafe { (*self.lam()).AdapterPageCount }
    }

    /// The page list as a registration takes it: number and first element.
    pub fn array(&self) -> (ULONG, *const NDK_LOGICAL_ADDRESS) {
        // SAFETY: the mapping was filled in; only the place of the array is computed.
        (self.pages(), unsafe { ptr::addr_of!((*self.lam()).AdapterPageArray).cast() })
    }

    /// An entry for bytes within one page of the buffer, by logical address.
    pub fn sge(&self, offset: usize, length: usize, token: UINT32) -> NDK_SGE {
        let at = self.fbo as usize + offset;
        let mut page = [0u8; 8];
        self.list.read(16 + 8 * (at / PAGE), &mut page);
        let mut inner = NDK_SGE__bindgen_ty_1 { VirtualAddress: ptr::null_mut() };
        inner.LogicalAddress.QuadPart = i64::from_ne_bytes(page).wrapping_add((at % PAGE) as i64);
        NDK_SGE { __bindgen_anon_1: inner, Length: length as ULONG, MemoryRegionToken: token }
    }

    /// Posts the fast registration of the whole buffer, at its own address.
    pub fn fast_register(&self, qp: &Qp, context: usize, mr: &Mr, flags: ULONG) -> NTSTATUS {
        self.fast_register_at(qp, context, mr, self.buffer.address().addr().get(), flags)
    }

    /// The same at any address.
    pub fn fast_register_at(&self, qp: &Qp, context: usize, mr: &Mr, base: usize, flags: ULONG) -> NTSTATUS {
        let Some(register) = qp.dispatch().NdkFastRegister else { return STATUS_NOT_SUPPORTED };
        let base = tag(base);
        let length = self.buffer.len() as SIZE_T;
        let (pages, array) = self.array();
        // SAFETY: QP and region are open; the page list is read during the call (FRG-08).
        unsafe { register(qp.raw(), tag(context), mr.raw(), pages, array, self.fbo, length, base, flags) }
    }

    /// Address of a byte as peers and entries of a fast-register region name it.
    pub fn address(&self, offset: usize) -> usize {
        self.buffer.address().addr().get() + offset
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(release) = self.adapter.dispatch().NdkReleaseLAM {
            // SAFETY: built in `new`; the test's requests with it have completed.
            unsafe { release(self.adapter.raw(), self.lam()) };
        }
    }
}

fn tag(context: usize) -> ndkpi_sys::PVOID {
    ptr::without_provenance_mut(context)
}

/// A fast-register region for that many pages, with remote rights allowed.
#[track_caller]
pub fn fast_region(pd: &Pd, pages: ULONG) -> Result<Mr> {
    let mr = pd.create_mr(true)?.ok("MR-01 NdkCreateMr for fast registration")?;
    request::submit(pd.run(), |context| {
        let Some(initialize) = mr.dispatch().NdkInitializeFastRegisterMr else { return STATUS_NOT_SUPPORTED };
        // SAFETY: the region is open; callback and context fit.
        unsafe { initialize(mr.raw(), pages, 1, Some(request::on_request), context) }
    })?
    .ok("MR-40 NdkInitializeFastRegisterMr")?;
    Ok(mr)
}

/// Posts the invalidation of a fast-register region.
pub fn invalidate(qp: &Qp, context: usize, mr: &Mr, flags: ULONG) -> NTSTATUS {
    let Some(invalidate) = qp.dispatch().NdkInvalidate else { return STATUS_NOT_SUPPORTED };
    // SAFETY: QP and region are open.
    unsafe { invalidate(qp.raw(), tag(context), mr.header(), flags) }
}

/// A memory window; dropping it closes it, which waits at PASSIVE_LEVEL.
pub struct Window {
    raw: NonNull<NDK_MW>,
    inline: NTSTATUS,
    pd: Pd,
}

impl Window {
    /// A window of a domain.
    #[track_caller]
    pub fn new(pd: &Pd) -> Result<Self> {
        let (status, window) = Self::try_new(pd)?;
        pd.run().ok(status, "MW-01 NdkCreateMw")?;
        window.ok_or_else(|| Failure::new("CMP-06 a window", status))
    }

    /// Creates a window; the final status, and the window if there is one.
    #[track_caller]
    pub fn try_new(pd: &Pd) -> Result<(NTSTATUS, Option<Self>)> {
        let mut raw: *mut NDK_MW = ptr::null_mut();
        let answer = request::submit(pd.run(), |context| {
            let Some(create) = pd.dispatch().NdkCreateMw else { return STATUS_NOT_SUPPORTED };
            // SAFETY: the domain is open; the place for the window is a local that outlives the request.
            unsafe { create(pd.raw(), Some(request::on_create), context, &mut raw) }
        })?
        .wait()?;
        let raw = if answer.pended() { answer.object.cast() } else { raw };
        let window = NonNull::new(raw).map(|raw| Self { raw, inline: answer.inline, pd: pd.clone() });
        pd.run().check(window.is_some() == (answer.status == STATUS_SUCCESS), "CMP-08 an object with success only")?;
        Ok((answer.status, window))
    }

    /// What the create returned.
    pub fn inline(&self) -> NTSTATUS {
        self.inline
    }

    /// Binds the window to a part of a region.
    pub fn bind(&self, qp: &Qp, context: usize, mr: &Mr, address: usize, length: usize, flags: ULONG) -> NTSTATUS {
        let Some(bind) = qp.dispatch().NdkBind else { return STATUS_NOT_SUPPORTED };
        // SAFETY: QP, region and window are open.
        unsafe { bind(qp.raw(), tag(context), mr.raw(), self.raw.as_ptr(), tag(address), length as SIZE_T, flags) }
    }

    /// Posts the end of the binding.
    pub fn invalidate(&self, qp: &Qp, context: usize) -> NTSTATUS {
        let Some(invalidate) = qp.dispatch().NdkInvalidate else { return STATUS_NOT_SUPPORTED };
        // SAFETY: QP and window are open.
        unsafe { invalidate(qp.raw(), tag(context), self.raw.as_ptr().cast(), 0) }
    }

    /// The header that every object starts with.
    pub fn header(&self) -> *mut NDK_OBJECT_HEADER {
        self.raw.as_ptr().cast()
    }

    /// The table that the window points to.
    pub fn dispatch(&self) -> &NDK_MW_DISPATCH {
        // SAFETY: the window is open, and so its table stands.
        unsafe { &*self.raw.as_ref().Dispatch }
    }

    /// Token for the peer.
    pub fn remote_token(&self) -> UINT32 {
        // SAFETY: the window is open, and so its table stands.
        let dispatch = unsafe { &*self.raw.as_ref().Dispatch };
        // SAFETY: as above.
        dispatch.NdkGetRemoteTokenFromMw.map_or(0, |get| unsafe { get(self.raw.as_ptr()) })
    }

    fn close(&self, run: &Run) -> Result {
        // SAFETY: the window is open, and so its table stands.
        let close = unsafe { &*self.raw.as_ref().Dispatch }.NdkCloseMw;
        request::submit(run, |context| {
            let Some(close) = close else { return STATUS_SUCCESS };
            // SAFETY: the window is open and not used after this.
            unsafe { close(self.raw.as_ptr().cast(), Some(request::on_close), context) }
        })?
        .ok("LIFE-01 closing cannot fail")
        .map(drop)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if let Err(failure) = self.close(self.pd.run()) {
            self.pd.run().set_aside(failure);
        }
    }
}
