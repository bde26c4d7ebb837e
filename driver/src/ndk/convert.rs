//! Parameters of C callers, in and out.
//!
//! Every function that follows a pointer says what the caller vouches for; lengths are checked before
//! anything is read or written.

use core::{ffi::c_void, ptr, slice};

use ndkpi_sys::{GROUP_AFFINITY, NDK_SGE, SOCKADDR, ULONG};
use softndk_abi::{
    Sge, Token,
    cm::{Address, PrivateData},
};
use softndk_nt::pure::processors::Processors;
use softndk_provider::{
    Failure, address,
    post::Sgl,
    status::{NtStatus, SUCCESS},
};

/// Reads a socket address (`CONN-05`).
///
/// # Errors
/// [`Failure::InvalidParameter`] for a null pointer or a short buffer, [`Failure::InvalidAddress`] for
/// another family.
///
/// # Safety
/// A non-null `address` points to `length` readable bytes.
pub unsafe fn address(address: *const SOCKADDR, length: ULONG) -> Result<Address, Failure> {
    if address.is_null() {
        return Err(Failure::InvalidParameter);
    }
    let length = (length as usize).min(address::SOCKADDR_IN6_BYTES);
    // SAFETY: the caller vouches for the bytes; they are copied before anything is made of them.
    let bytes = unsafe { slice::from_raw_parts(address.cast::<u8>(), length) };
    address::parse(bytes)
}

/// The processors of an affinity; none for a null pointer or an empty set (`CQ-05`).
///
/// # Safety
/// A non-null `affinity` is readable.
pub unsafe fn processors(affinity: *const GROUP_AFFINITY) -> Option<Processors> {
    if affinity.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for it; read once.
    let affinity = unsafe { affinity.read() };
    (affinity.Mask != 0).then_some(Processors { group: affinity.Group, mask: affinity.Mask })
}

/// Copies private data of at most `most` bytes (`CONN-09`).
///
/// # Errors
/// [`Failure::InvalidBufferSize`] when too long, [`Failure::InvalidParameter`] for a null pointer with a
/// length.
///
/// # Safety
/// A non-null `data` points to `length` readable bytes.
pub unsafe fn private_data(data: *const c_void, length: ULONG, most: u32) -> Result<PrivateData, Failure> {
    if length > most {
        return Err(Failure::InvalidBufferSize);
    }
    if length == 0 {
        return Ok(PrivateData::EMPTY);
    }
    if data.is_null() {
        return Err(Failure::InvalidParameter);
    }
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { slice::from_raw_parts(data.cast::<u8>(), length as usize) };
    PrivateData::copy_of(bytes).ok_or(Failure::InvalidBufferSize)
}

/// Writes an out-parameter unless it is NULL.
///
/// # Safety
/// A non-null `place` is writable.
pub unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { place.write(value) };
    }
}

/// Gives connection data back (`CONN-54` to `CONN-58`): the size is always told, the bytes as far as
/// they fit.
///
/// # Safety
/// A non-null `length` is readable and writable; a non-null `data` has room for `*length` bytes.
pub unsafe fn put_data(from: &[u8], data: *mut c_void, length: *mut ULONG) -> NtStatus {
    if length.is_null() {
        return SUCCESS;
    }
    // SAFETY: the caller vouches for it.
    let room = unsafe { length.read() };
    if data.is_null() && room != 0 {
        return Failure::InvalidParameter.status();
    }
    let required = u32::try_from(from.len()).unwrap_or(u32::MAX);
    // SAFETY: as above.
    unsafe { length.write(required) };
    if data.is_null() {
        return SUCCESS;
    }
    let fits = from.len().min(room as usize);
    // SAFETY: `fits` is no more than the room that the caller vouches for.
    unsafe { ptr::copy_nonoverlapping(from.as_ptr(), data.cast::<u8>(), fits) };
    if room < required { Failure::BufferTooSmall.status() } else { SUCCESS }
}

/// Gives an address back (`ADR-01`, `ADR-03` to `ADR-05`).
///
/// # Safety
/// A non-null `length` is readable and writable; a non-null `address` has room for `*length` bytes.
pub unsafe fn put_address(found: Result<Address, Failure>, address: *mut SOCKADDR, length: *mut ULONG) -> NtStatus {
    let found = match found {
        Ok(found) => found,
        Err(failure) => return failure.status(),
    };
    if length.is_null() {
        return Failure::InvalidParameter.status();
    }
    let (bytes, used) = address::format(found);
    let required = u32::try_from(used).unwrap_or(u32::MAX);
    // SAFETY: the caller vouches for it.
    let room = unsafe { length.read() };
    // SAFETY: as above.
    unsafe { length.write(required) };
    if address.is_null() || room < required {
        return Failure::BufferTooSmall.status();
    }
    // SAFETY: the room is at least `used` bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), address.cast::<u8>(), used) };
    SUCCESS
}

/// A consumer's SGL: its elements are read one by one, each once for every use, by copy.
pub struct ConsumerSgl {
    first: *const NDK_SGE,
    count: u32,
}

impl ConsumerSgl {
    /// The list of `count` elements at `first`.
    ///
    /// # Safety
    /// With `count` not 0 `first` points to as many readable elements, and for an INLINE request each
    /// element's virtual address to as many readable bytes (`FLAG-11`), until the call returns.
    pub const unsafe fn new(first: *const NDK_SGE, count: u32) -> Self {
        // A null list with a count is an empty list: nothing can be read there.
        Self { first, count: if first.is_null() { 0 } else { count } }
    }
}

impl Sgl for ConsumerSgl {
    #[inline]
    fn len(&self) -> u32 {
        self.count
    }

    #[inline]
    fn get(&self, index: u32) -> Sge {
        // SAFETY: below `count`, by the trait's promise and that of `new`.
        let raw = unsafe { self.first.add(index as usize).read() };
        // SAFETY: both members of the union are 64 bits without padding.
        let address = unsafe { raw.__bindgen_anon_1.LogicalAddress.QuadPart };
        Sge { address: address.cast_unsigned(), length: raw.Length, token: Token(raw.MemoryRegionToken) }
    }

    fn gather(&self, element: Sge, to: &mut [u8]) {
        let from = ptr::with_exposed_provenance::<u8>(usize::try_from(element.address).unwrap_or(0));
        // SAFETY: an inline element's address is a readable system address (FLAG-11); `to` is as long
        // as the element was when its length was read, and may only be shorter.
        unsafe { softndk_nic::memory::copy(from, to.as_mut_ptr(), to.len()) };
    }
}
