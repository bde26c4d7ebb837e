//! Frames in NBLs: those that NDIS gives to be sent are read, those received are copied into NBLs of
//! our own (`MP-TX-20`).
//!
//! ```text
//!  NBL --FirstNetBuffer--> NB --Next--> NB        sent: any number of NBs, any MDL chain
//!   |                       |
//!  Next                    CurrentMdl + CurrentMdlOffset, DataLength bytes
//! ```
//! A received NBL has one NB and one MDL over one buffer of its pool (`MP-RX-02`), whose address it
//! keeps in MiniportReserved.
//!
//! `unsafe` is here because NBLs are linked structures that change owners.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::slice;

use ndkpi_sys as sys;

use super::{AdapterHandle, Status, header};
use crate::irql::{Cx, Passive};
use crate::mdl;
use crate::pool::{KBytes, NoMemory, Tag};

/// NBLs that the driver owns, in order.
///
/// # Invariants
/// A chain by `Next` from `first` to `last`, whose `Next` is null; `count` long.
#[derive(Debug)]
pub struct NblList {
    first: *mut sys::NET_BUFFER_LIST,
    last: *mut sys::NET_BUFFER_LIST,
    count: u32,
}

// SAFETY: owned NBLs may be handed to another thread.
unsafe impl Send for NblList {}

impl NblList {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            first: ptr::null_mut(),
            last: ptr::null_mut(),
            count: 0,
        }
    }

    /// The chain that a handler was given.
    ///
    /// # Safety
    /// The chain is the driver's from now on.
    #[must_use]
    pub unsafe fn from_raw(first: *mut sys::NET_BUFFER_LIST) -> Self {
        let mut list = Self::new();
        let mut next = first;
        while let Some(nbl) = NonNull::new(next) {
            // SAFETY: the driver owns the chain.
            next = unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) };
            list.push(Nbl(nbl));
        }
        list
    }

    /// Gives the chain up.
    pub(super) fn into_raw(self) -> *mut sys::NET_BUFFER_LIST {
        self.first
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Appends one.
    pub fn push(&mut self, nbl: Nbl) {
        let raw = nbl.0.as_ptr();
        // SAFETY: an owned NBL.
        unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(raw) = ptr::null_mut() };
        if self.last.is_null() {
            self.first = raw;
        } else {
            // SAFETY: the last one of the list is owned by it.
            unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(self.last) = raw };
        }
        self.last = raw;
        self.count = self.count.saturating_add(1);
    }

    /// Takes the first one.
    pub fn pop(&mut self) -> Option<Nbl> {
        let nbl = NonNull::new(self.first)?;
        // SAFETY: the first one of the list is owned by it.
        self.first = unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) };
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        self.count = self.count.saturating_sub(1);
        // SAFETY: as above; a single NBL carries no stale link.
        unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) = ptr::null_mut() };
        Some(Nbl(nbl))
    }

    /// Takes the first `most` at most.
    #[must_use]
    pub fn take(&mut self, most: u32) -> Self {
        if self.count <= most {
            return core::mem::take(self);
        }
        let mut taken = Self::new();
        while taken.count < most
            && let Some(nbl) = self.pop()
        {
            taken.push(nbl);
        }
        taken
    }

    /// Appends another list.
    pub fn append(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        if self.last.is_null() {
            *self = other;
            return;
        }
        // SAFETY: the last one of the list is owned by it.
        unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(self.last) = other.first };
        self.last = other.last;
        self.count = self.count.saturating_add(other.count);
    }

    /// Sets the status of each.
    pub fn set_status(&mut self, status: Status) {
        let mut next = self.first;
        while let Some(nbl) = NonNull::new(next) {
            // SAFETY: the list owns its NBLs.
            unsafe { (*nbl.as_ptr()).Status = status };
            // SAFETY: as above.
            next = unsafe { *sys::NET_BUFFER_LIST_NEXT_NBL(nbl.as_ptr()) };
        }
    }
}

impl Default for NblList {
    fn default() -> Self {
        Self::new()
    }
}

/// One NBL that the driver owns. It goes back into a list: dropping it would lose it.
#[derive(Debug)]
#[must_use = "an NBL that is lost is never completed"]
pub struct Nbl(NonNull<sys::NET_BUFFER_LIST>);

impl Nbl {
    /// Its status for the completion.
    pub fn set_status(&mut self, status: Status) {
        // SAFETY: an owned NBL.
        unsafe { (*self.0.as_ptr()).Status = status };
    }

    /// Its frames, in order (`MP-TX-04`).
    pub fn frames(&self) -> Frames<'_> {
        // SAFETY: an owned NBL.
        let next = unsafe { *sys::NET_BUFFER_LIST_FIRST_NB(self.0.as_ptr()) };
        Frames {
            next,
            nbl: PhantomData,
        }
    }

    /// An NBL of a [`ReceivePool`] made ready for a frame of `length` bytes: everything that upper
    /// layers may have changed is set anew (`MP-RX-03`, `MP-RX-10`). The buffer keeps its old bytes:
    /// the caller writes them all. None: the frame does not fit.
    ///
    /// # Safety
    /// The NBL is of `pool`.
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

/// The frames of an NBL.
#[derive(Debug)]
pub struct Frames<'a> {
    next: *mut sys::NET_BUFFER,
    nbl: PhantomData<&'a Nbl>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let buffer = NonNull::new(self.next)?;
        // SAFETY: the NBL is borrowed, and owns its NBs.
        self.next = unsafe { *sys::NET_BUFFER_NEXT_NB(buffer.as_ptr()) };
        Some(Frame {
            buffer,
            nbl: PhantomData,
        })
    }
}

/// One frame to be sent.
#[derive(Debug)]
pub struct Frame<'a> {
    buffer: NonNull<sys::NET_BUFFER>,
    nbl: PhantomData<&'a Nbl>,
}

/// Why a frame cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The MDL chain is shorter than the frame says.
    Short,
    /// No system address for one of its MDLs (`MP-TX-08`).
    NoMemory,
}

impl Frame<'_> {
    /// Bytes from the Ethernet header on.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "an empty frame is an error, not a case"
    )]
    pub fn len(&self) -> u32 {
        // SAFETY: the NBL is borrowed, and owns its NBs.
        unsafe { *sys::NET_BUFFER_DATA_LENGTH(self.buffer.as_ptr()) }
    }

    /// Copies the first bytes of the frame, as many as `into` takes. Empty MDLs and slack behind the
    /// data are normal (`MP-TX-07`).
    ///
    /// # Errors
    /// See [`FrameError`]; `into` is partly written then.
    pub fn read(&self, into: &mut [u8]) -> Result<(), FrameError> {
        // SAFETY: the NBL is borrowed, and owns its NBs.
        let (mut mdl, mut offset) = unsafe {
            (
                *sys::NET_BUFFER_CURRENT_MDL(self.buffer.as_ptr()),
                *sys::NET_BUFFER_CURRENT_MDL_OFFSET(self.buffer.as_ptr()) as usize,
            )
        };
        let mut rest = into;
        while !rest.is_empty() {
            let piece = NonNull::new(mdl).ok_or(FrameError::Short)?;
            // SAFETY: the chain belongs to the NB.
            let (count, next) =
                unsafe { ((*piece.as_ptr()).ByteCount as usize, (*piece.as_ptr()).Next) };
            let here = count.saturating_sub(offset).min(rest.len());
            if here > 0 {
                // SAFETY: the MDL is alive while the NBL is ours.
                let base =
                    unsafe { mdl::system_address(piece.cast()) }.ok_or(FrameError::NoMemory)?;
                let (place, behind) = rest.split_at_mut_checked(here).ok_or(FrameError::Short)?;
                // SAFETY: offset and count lie within the MDL, whose memory is not ours to refer to:
                // it is copied by address.
                unsafe {
                    base.add(offset)
                        .copy_to_nonoverlapping(NonNull::from(place).cast(), here)
                };
                rest = behind;
            }
            offset = offset.saturating_sub(count);
            mdl = next;
        }
        Ok(())
    }
}

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
        let total = (stride as usize)
            .checked_mul(count as usize)
            .ok_or(NoMemory)?;
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
        let pool =
            unsafe { sys::NdisAllocateNetBufferListPool(adapter.raw(), &raw mut parameters) };
        if pool.is_null() {
            return Err(NoMemory);
        }
        let mut this = Self {
            adapter,
            pool,
            memory,
            frame_bytes,
            made: 0,
        };
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
            crate::bugcheck::stop(
                crate::bugcheck::Reason::Counter,
                free.count() as usize,
                self.made as usize,
                0,
            );
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
