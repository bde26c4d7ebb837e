//! Memory regions, and buffers registered with one.

use crate::{
    kernel::Buffer,
    ndk::{
        Created, Object, Pd, Submitted,
        object::{self, Keep, kind},
        request::{self, on_create, on_request},
    },
    run::Result,
};
use core::ptr;
use ndkpi_sys::{MDL, NDK_SGE, NDK_SGE__bindgen_ty_1, SIZE_T, STATUS_NOT_SUPPORTED, UINT32, UINT64, ULONG};

kind!(MrKind: NDK_MR, NDK_MR_DISPATCH, NdkObjectTypeMr, NdkCloseMr, extra ());

/// A memory region object.
pub type Mr = Object<MrKind>;

#[track_caller]
pub(super) fn create(pd: &Pd, fast: bool) -> Result<Created<MrKind>> {
    let keep = [Keep::Pd(pd.clone()), Keep::Nothing, Keep::Nothing];
    object::create(pd.run(), (), keep, |context, out, ()| {
        let Some(create) = pd.dispatch().NdkCreateMr else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the domain is open; callback and context fit; the out pointer is a live reference.
        unsafe { create(pd.raw(), u8::from(fast), Some(on_create), context, out) }
    })
}

impl Mr {
    /// Registers a chain of MDLs.
    ///
    /// # Safety
    /// Pages and MDLs stay until the registration has ended, or failed (MR-20).
    #[track_caller]
    pub unsafe fn register(&self, mdl: *mut MDL, length: usize, flags: ULONG) -> Result<Submitted> {
        request::submit(self.run(), |context| {
            let Some(register) = self.dispatch().NdkRegisterMr else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the region is open; the caller vouches for the memory.
            unsafe { register(self.raw(), mdl, length as SIZE_T, flags, Some(on_request), context) }
        })
    }

    /// Ends a registration.
    #[track_caller]
    pub fn deregister(&self) -> Result<Submitted> {
        request::submit(self.run(), |context| {
            let Some(deregister) = self.dispatch().NdkDeregisterMr else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the region is open; callback and context fit.
            unsafe { deregister(self.raw(), Some(on_request), context) }
        })
    }

    /// Token for local entries; 0 before the first registration (MR-35).
    pub fn local_token(&self) -> UINT32 {
        // SAFETY: the region is open.
        self.dispatch().NdkGetLocalTokenFromMr.map_or(0, |get| unsafe { get(self.raw()) })
    }

    /// Token for the peer.
    pub fn remote_token(&self) -> UINT32 {
        // SAFETY: the region is open.
        self.dispatch().NdkGetRemoteTokenFromMr.map_or(0, |get| unsafe { get(self.raw()) })
    }
}

/// A buffer that is registered as a whole. Dropping it closes the region, which ends the registration
/// (LIFE-37), and then frees the memory; it waits at PASSIVE_LEVEL.
pub struct Region {
    // Before the buffer: fields drop in this order.
    mr: Mr,
    buffer: Buffer,
    local: UINT32,
    remote: UINT32,
}

impl Region {
    /// Makes and registers a buffer of at least one byte with `NDK_MR_FLAG_*`, at PASSIVE_LEVEL.
    #[track_caller]
    pub fn new(pd: &Pd, length: usize, flags: ULONG) -> Result<Self> {
        let buffer = Buffer::new(length)?;
        let mr = pd.mr()?;
        // SAFETY: the buffer stays until the region is closed, since `mr` drops first; on an error here too.
        unsafe { mr.register(buffer.mdl(), buffer.len(), flags) }?.ok("MR-10 NdkRegisterMr")?;
        let (local, remote) = (mr.local_token(), mr.remote_token());
        pd.run().check(local != 0 && remote != 0, "MR-31 tokens of usable regions are never 0")?;
        Ok(Self { mr, buffer, local, remote })
    }

    /// The region object.
    pub fn mr(&self) -> &Mr {
        &self.mr
    }

    /// The memory.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Local token.
    pub fn local_token(&self) -> UINT32 {
        self.local
    }

    /// Token for the peer.
    pub fn remote_token(&self) -> UINT32 {
        self.remote
    }

    /// Address of a byte as the peer names it.
    pub fn remote(&self, offset: usize) -> UINT64 {
        (self.buffer.address().addr().get() as u64).wrapping_add(offset as u64)
    }

    /// An entry for a piece of the region.
    pub fn sge(&self, offset: usize, length: usize) -> NDK_SGE {
        sge(self.buffer.address().as_ptr().wrapping_add(offset).addr(), length, self.local)
    }
}

/// An entry as it is: any address, length and token.
pub fn sge(address: usize, length: usize, token: UINT32) -> NDK_SGE {
    NDK_SGE {
        __bindgen_anon_1: NDK_SGE__bindgen_ty_1 { VirtualAddress: ptr::without_provenance_mut(address) },
        Length: ULONG::try_from(length).unwrap_or(ULONG::MAX),
        MemoryRegionToken: token,
    }
}

/// No entries: a request of zero bytes.
pub fn nothing() -> [NDK_SGE; 0] {
    []
}
