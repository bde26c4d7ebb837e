//! NBLs for received frames (`MP-RX-01` to `MP-RX-03`): each has one NB and one MDL over one buffer
//! of its pool, whose addresses it keeps in MiniportReserved. A frame is copied in, so that the
//! sender's memory never gets to the receiver (`MP-TX-20`).
//!
//! `unsafe` is here because NBLs come back from the stack with their fields changed.

use core::ptr::{self, NonNull};
use core::slice;

use ndkpi_sys as sys;

use super::nbl::{Nbl, NblList};
use super::{AdapterHandle, header};
use crate::irql::{Cx, Passive};
use crate::mdl;
use crate::pool::{KBytes, NoMemory, Tag};

/// Where received NBLs come from: all made at initialisation (`MP-RX-01`), so that receiving and
/// pausing need no memory (`MP-PAUSE-02`).
#[derive(Debug)]
pub struct ReceivePool {
    adapter: AdapterHandle,
    pool: sys::NDIS_HANDLE,
    /// The buffers, one behind the other; freed after the MDLs over them.
    memory: KBytes,
    frame_bytes: u32,
    made: u32,
}

// SAFETY: the pool's handle is a name; NBLs are only reached through lists.
unsafe impl Send for ReceivePool {}
// SAFETY: a shared pool only tells its measures.
unsafe impl Sync for ReceivePool {}

impl ReceivePool {
    /// Makes `count` NBLs for frames of up to `frame_bytes`. They are in the list; all of them go
    /// back by [`ReceivePool::destroy`].
    ///
    /// # Errors
    /// [`NoMemory`]; nothing is left behind.
    pub fn try_new(
        adapter: AdapterHandle,
        tag: Tag,
        count: u32,
        frame_bytes: u32,
        cx: &mut Cx<Passive>,
    ) -> Result<(Self, NblList), NoMemory> {
        let stride = frame_bytes.checked_next_multiple_of(64).ok_or(NoMemory)?;
        let total = (stride as usize).checked_mul(count as usize).ok_or(NoMemory)?;
        let memory = KBytes::try_zeroed(tag, total)?;
        let mut parameters = sys::NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: header(
                sys::NDIS_OBJECT_TYPE_DEFAULT,
                sys::NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                sys::NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            ),
            ProtocolId: sys::NDIS_PROTOCOL_ID_DEFAULT,
            fAllocateNetBuffer: 1,
            ContextSize: 0,
            PoolTag: tag.value(),
            DataSize: 0,
        };
        // SAFETY: the parameters live across the call.
        let pool = unsafe { sys::NdisAllocateNetBufferListPool(adapter.raw(), &raw mut parameters) };
        if pool.is_null() {
            return Err(NoMemory);
        }
        let mut this = Self { adapter, pool, memory, frame_bytes, made: 0 };
        let mut free = NblList::new();
        for index in 0..count as usize {
            // SAFETY: `index` is below `count`, so the buffer lies within the memory.
            let buffer = unsafe { this.memory.as_ptr().add(index * stride as usize) };
            match this.make(buffer) {
                Ok(nbl) => free.push(nbl),
                Err(NoMemory) => {
                    this.destroy(free, cx);
                    return Err(NoMemory);
                }
            }
        }
        Ok((this, free))
    }

    fn make(&mut self, buffer: NonNull<u8>) -> Result<Nbl, NoMemory> {
        let mdl = mdl::describe(buffer, self.frame_bytes)?;
        // SAFETY: the pool allocates NBs with its NBLs; the MDL is built and ready.
        let nbl = unsafe {
            sys::NdisAllocateNetBufferAndNetBufferList(
                self.pool,
                0,
                0,
                mdl.as_ptr().cast(),
                0,
                self.frame_bytes as usize,
            )
        };
        let Some(nbl) = NonNull::new(nbl) else {
            // SAFETY: ours, and nothing refers to it.
            unsafe { mdl::forget(mdl) };
            return Err(NoMemory);
        };
        // SAFETY: a new NBL of our own; these slots are the miniport's.
        unsafe { (*nbl.as_ptr()).MiniportReserved = [buffer.as_ptr().cast(), mdl.as_ptr().cast()] };
        self.made = self.made.saturating_add(1);
        Ok(Nbl(nbl))
    }

    /// The longest frame that fits.
    #[must_use]
    pub const fn frame_bytes(&self) -> u32 {
        self.frame_bytes
    }

    /// Frees everything; `free` holds all NBLs that were made (`MP-NBL-03`).
    pub fn destroy(self, mut free: NblList, _: &mut Cx<Passive>) {
        if free.count() != self.made {
            crate::bugcheck::stop(crate::bugcheck::Reason::Counter, free.count() as usize, self.made as usize, 0);
        }
        while let Some(nbl) = free.pop() {
            let raw = nbl.0.as_ptr();
            // SAFETY: an NBL of this pool, with the MDL that `make` put there.
            let mdl = unsafe { (*raw).MiniportReserved[1] }.cast::<wdk_sys::MDL>();
            // SAFETY: in nobody else's hands; its MDL and memory go after it.
            unsafe { sys::NdisFreeNetBufferList(raw) };
            if let Some(mdl) = NonNull::new(mdl) {
                // SAFETY: made by `make`, and nothing refers to it any more.
                unsafe { mdl::forget(mdl) };
            }
        }
        // SAFETY: all of its NBLs have been freed.
        unsafe { sys::NdisFreeNetBufferListPool(self.pool) };
    }
}

impl Nbl {
    /// An NBL of a [`ReceivePool`] made ready for a frame of `length` bytes: everything that upper
    /// layers may have changed is set anew (`MP-RX-03`, `MP-RX-10`). The buffer keeps its old bytes:
    /// the caller writes them all. None: the frame does not fit.
    ///
    /// # Safety
    /// The NBL is of `pool`.
    #[expect(
        clippy::multiple_unsafe_ops_per_block,
        reason = "one claim, that the NBL and all it consists of is ours, covers every field"
    )]
    pub unsafe fn receive(&mut self, pool: &ReceivePool, length: u32) -> Option<&mut [u8]> {
        if length > pool.frame_bytes {
            return None;
        }
        let nbl = self.0.as_ptr();
        // SAFETY: an owned NBL of the pool, with one NB, one MDL and one buffer.
        unsafe {
            (*nbl).Status = sys::NDIS_STATUS_SUCCESS;
            (*nbl).NblFlags = 0;
            (*nbl).Flags = 0;
            (*nbl).SourceHandle = pool.adapter.raw();
            (*nbl).NetBufferListInfo = [ptr::null_mut(); _];
            let buffer = (*nbl).MiniportReserved[0].cast::<u8>();
            let mdl = (*nbl).MiniportReserved[1].cast::<sys::MDL>();
            let nb = *sys::NET_BUFFER_LIST_FIRST_NB(nbl);
            (*mdl).ByteCount = length; // at most what it was built for (MP-NBL-04)
            (*mdl).Next = ptr::null_mut();
            *sys::NET_BUFFER_FIRST_MDL(nb) = mdl;
            *sys::NET_BUFFER_CURRENT_MDL(nb) = mdl;
            *sys::NET_BUFFER_CURRENT_MDL_OFFSET(nb) = 0;
            *sys::NET_BUFFER_DATA_OFFSET(nb) = 0;
            *sys::NET_BUFFER_DATA_LENGTH(nb) = length;
            Some(slice::from_raw_parts_mut(buffer, length as usize))
        }
    }
}
