//! Frames to be sent: read out of NBLs that stay as they are (`MP-TX-05`, `MP-TX-07`).
//!
//! ```text
//!  NBL --FirstNetBuffer--> NB --Next--> NB        any number of NBs, any MDL chain
//!   |                       |
//!  Next                    CurrentMdl + CurrentMdlOffset, DataLength bytes
//! ```
//! `unsafe` is here because the chains are bare pointers of the sender's.

use core::marker::PhantomData;
use core::ptr::NonNull;

use ndkpi_sys as sys;

use super::nbl::Nbl;
use crate::mdl;

/// The frames of an NBL.
#[derive(Debug)]
pub struct Frames<'a> {
    pub(super) next: *mut sys::NET_BUFFER,
    pub(super) nbl: PhantomData<&'a Nbl>,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let buffer = NonNull::new(self.next)?;
        // SAFETY: the NBL is borrowed, and owns its NBs; only the place is computed.
        let next = unsafe { sys::NET_BUFFER_NEXT_NB(buffer.as_ptr()) };
        // SAFETY: a field of a live NB.
        self.next = unsafe { next.read() };
        Some(Frame { buffer, nbl: PhantomData })
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
    #[expect(clippy::len_without_is_empty, reason = "an empty frame is an error, not a case")]
    pub fn len(&self) -> u32 {
        // SAFETY: the NBL is borrowed, and owns its NBs; only the place is computed.
        let length = unsafe { sys::NET_BUFFER_DATA_LENGTH(self.buffer.as_ptr()) };
        // SAFETY: a field of a live NB.
        unsafe { length.read() }
    }

    /// Copies the first bytes of the frame, as many as `into` takes. Empty MDLs and slack behind the
    /// data are normal (`MP-TX-07`).
    ///
    /// # Errors
    /// See [`FrameError`]; `into` is partly written then.
    pub fn read(&self, into: &mut [u8]) -> Result<(), FrameError> {
        // SAFETY: the NBL is borrowed, and owns its NBs; only the place is computed.
        let current = unsafe { sys::NET_BUFFER_CURRENT_MDL(self.buffer.as_ptr()) };
        // SAFETY: a field of a live NB.
        let mut mdl = unsafe { current.read() };
        // SAFETY: as for the MDL.
        let current = unsafe { sys::NET_BUFFER_CURRENT_MDL_OFFSET(self.buffer.as_ptr()) };
        // SAFETY: a field of a live NB.
        let mut offset = unsafe { current.read() } as usize;
        let mut rest = into;
        while !rest.is_empty() {
            let piece = NonNull::new(mdl).ok_or(FrameError::Short)?;
            // SAFETY: the chain belongs to the NB; copied, since mapping changes the MDL.
            let sys::MDL { ByteCount: count, Next: next, .. } = unsafe { piece.read() };
            let count = count as usize;
            let here = count.saturating_sub(offset).min(rest.len());
            if here > 0 {
                // SAFETY: the MDL is alive while the NBL is ours.
                let base = unsafe { mdl::system_address(piece.cast()) }.ok_or(FrameError::NoMemory)?;
                let (place, after) = rest.split_at_mut_checked(here).ok_or(FrameError::Short)?;
                // SAFETY: the offset lies within the MDL.
                let from = unsafe { base.add(offset) };
                // SAFETY: so do the bytes that are copied, by address, since they are not ours to
                // refer to.
                unsafe { from.copy_to_nonoverlapping(NonNull::from(place).cast(), here) };
                rest = after;
            }
            offset = offset.saturating_sub(count);
            mdl = next;
        }
        Ok(())
    }
}
