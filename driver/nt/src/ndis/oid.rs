//! OID requests: a query is answered by copying bytes, a set is read the same way, since the buffers
//! have no alignment (`MP-OID-07`) and may be null or short (`MP-OID-05`).

use core::slice;

use ndkpi_sys as sys;

use super::Status;

/// What a request asks.
#[derive(Debug)]
pub enum Request<'a> {
    /// NdisRequestQueryInformation and NdisRequestQueryStatistics (`MP-OID-06`).
    Query(Query<'a>),
    /// NdisRequestSetInformation.
    Set(Set<'a>),
    /// A method, or a kind that miniports are not sent.
    Other,
}

impl<'a> Request<'a> {
    /// Looks at a request.
    ///
    /// # Safety
    /// `request` is what an OID handler was given; it lives and is nobody else's for `'a`.
    #[must_use]
    pub unsafe fn new(request: *mut sys::NDIS_OID_REQUEST) -> Self {
        // SAFETY: a live request that is nobody else's.
        let request = unsafe { &mut *request };
        match request.RequestType {
            sys::NdisRequestQueryInformation | sys::NdisRequestQueryStatistics => {
                // SAFETY: the type says which member of the union it is.
                let data = unsafe { &mut request.DATA.QUERY_INFORMATION };
                Self::Query(Query { data })
            }
            sys::NdisRequestSetInformation => {
                // SAFETY: as above.
                let data = unsafe { &mut request.DATA.SET_INFORMATION };
                Self::Set(Set { data })
            }
            _ => Self::Other,
        }
    }
}

/// A query.
#[derive(Debug)]
pub struct Query<'a> {
    data: &'a mut sys::NDIS_OID_REQUEST_QUERY,
}

impl Query<'_> {
    /// What is asked.
    #[must_use]
    pub const fn oid(&self) -> u32 {
        self.data.Oid
    }

    /// How much fits.
    #[must_use]
    pub const fn room(&self) -> usize {
        if self.data.InformationBuffer.is_null() { 0 } else { self.data.InformationBufferLength as usize }
    }

    /// The answer.
    pub fn answer(&mut self, bytes: &[u8]) -> Status {
        match self.fill(bytes.len()) {
            Ok(place) => {
                place.copy_from_slice(bytes);
                sys::NDIS_STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    /// A ULONG.
    pub fn number(&mut self, value: u32) -> Status {
        self.answer(&value.to_le_bytes())
    }

    /// A counter of 8 bytes if they fit, else of 4, which asks for 8 next time (`MP-OID-27`).
    pub fn counter(&mut self, value: u64) -> Status {
        if self.room() >= 8 || self.room() < 4 {
            // Too short for either: 4 would do.
            return if self.room() >= 8 { self.answer(&value.to_le_bytes()) } else { self.too_short(4) };
        }
        // The lower half, as the 32-bit form of the counter is defined.
        let status = self.number((value & 0xffff_ffff) as u32);
        self.data.BytesNeeded = 8;
        status
    }

    /// Room for an answer of `count` zeroed bytes, to be written in place.
    ///
    /// # Errors
    /// BUFFER_TOO_SHORT, with the size that is needed; nothing is written (`MP-OID-04`, `OID-34`).
    pub fn fill(&mut self, count: usize) -> Result<&mut [u8], Status> {
        if self.room() < count {
            return Err(self.too_short(count));
        }
        self.data.BytesWritten = count as u32; // at most the buffer's 32-bit length
        self.data.BytesNeeded = 0;
        if count == 0 {
            return Ok(&mut []);
        }
        let buffer = self.data.InformationBuffer.cast::<u8>();
        // SAFETY: NDIS gives a resident buffer of at least `count` bytes that is the driver's during
        // the request; bytes need no alignment.
        unsafe { buffer.write_bytes(0, count) };
        // SAFETY: as above, and initialised now.
        Ok(unsafe { slice::from_raw_parts_mut(buffer, count) })
    }

    /// Refuses for want of room.
    pub fn too_short(&mut self, needed: usize) -> Status {
        self.data.BytesWritten = 0;
        self.data.BytesNeeded = u32::try_from(needed).unwrap_or(u32::MAX);
        sys::NDIS_STATUS_BUFFER_TOO_SHORT
    }
}

/// A set.
#[derive(Debug)]
pub struct Set<'a> {
    data: &'a mut sys::NDIS_OID_REQUEST_SET,
}

impl Set<'_> {
    /// What is set.
    #[must_use]
    pub const fn oid(&self) -> u32 {
        self.data.Oid
    }

    /// How many bytes are given.
    #[must_use]
    pub const fn given(&self) -> usize {
        if self.data.InformationBuffer.is_null() { 0 } else { self.data.InformationBufferLength as usize }
    }

    /// Copies the first bytes out; at most [`Set::given`] of them. It says how many.
    pub fn read(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.given());
        let from = self.data.InformationBuffer.cast::<u8>();
        if let Some(place) = into.get_mut(..count)
            && count > 0
        {
            // SAFETY: NDIS gives a resident buffer of at least `count` bytes for the request.
            place.copy_from_slice(unsafe { slice::from_raw_parts(from, count) });
        }
        count
    }

    /// Takes exactly `N` bytes, or says so.
    ///
    /// # Errors
    /// INVALID_LENGTH, with the size that is needed (`MP-OID-04`).
    pub fn exactly<const N: usize>(&mut self) -> Result<[u8; N], Status> {
        if self.given() != N {
            return Err(self.wrong_length(N));
        }
        let mut bytes = [0; N];
        self.read(&mut bytes);
        Ok(bytes)
    }

    /// The set is done: `count` bytes were used.
    pub fn done(&mut self, count: usize) -> Status {
        self.data.BytesRead = count as u32; // at most the buffer's 32-bit length
        self.data.BytesNeeded = 0;
        sys::NDIS_STATUS_SUCCESS
    }

    /// Refuses a wrong length.
    pub fn wrong_length(&mut self, needed: usize) -> Status {
        self.data.BytesRead = 0;
        self.data.BytesNeeded = u32::try_from(needed).unwrap_or(u32::MAX);
        sys::NDIS_STATUS_INVALID_LENGTH
    }

    /// Refuses, with what would have been needed.
    pub fn refuse(&mut self, status: Status, needed: usize) -> Status {
        self.data.BytesRead = 0;
        self.data.BytesNeeded = u32::try_from(needed).unwrap_or(u32::MAX);
        status
    }
}
