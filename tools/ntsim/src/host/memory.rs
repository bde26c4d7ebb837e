//! Address space.

use std::io;

/// Access rights of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// No access.
    None,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
    /// Read and execute.
    ReadExecute,
}

impl Protection {
    fn bits(self) -> i32 {
        match self {
            Protection::None => libc::PROT_NONE,
            Protection::Read => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
            Protection::ReadExecute => libc::PROT_READ | libc::PROT_EXEC,
        }
    }
}

/// Maps `size` bytes of zeroed memory, page-aligned; `None` rights reserve addresses.
///
/// # Errors
/// The host refuses.
pub fn map(size: usize, protection: Protection) -> io::Result<*mut u8> {
    // SAFETY: an anonymous mapping at an address that the host chooses touches nothing existing.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            protection.bits(),
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(address.cast()) }
}

/// Changes the rights of pages.
///
/// # Safety
/// The pages must be mapped, and nobody may rely on the rights they had.
///
/// # Errors
/// The host refuses.
pub unsafe fn protect(address: *mut u8, size: usize, protection: Protection) -> io::Result<()> {
    // SAFETY: by contract.
    let result = unsafe { libc::mprotect(address.cast(), size, protection.bits()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Unmaps pages.
///
/// # Safety
/// The pages must come from [`map`] and nobody may use them any more.
pub unsafe fn unmap(address: *mut u8, size: usize) {
    // SAFETY: by contract.
    unsafe { libc::munmap(address.cast(), size) };
}

/// Whether all bytes of a range can be read (and written), by the host's list of mappings. Slow.
pub fn accessible(address: usize, length: usize, write: bool) -> bool {
    let Some(end) = address.checked_add(length.max(1)) else {
        return false;
    };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut at = address;
    // The list is in order of addresses.
    for line in maps.lines() {
        let Some((range, rights)) = line.split_once(' ') else {
            continue;
        };
        let Some((low, high)) = range.split_once('-') else {
            continue;
        };
        let (Ok(low), Ok(high)) = (usize::from_str_radix(low, 16), usize::from_str_radix(high, 16)) else {
            continue;
        };
        let fits = rights.starts_with('r') && (!write || rights.as_bytes().get(1) == Some(&b'w'));
        if low <= at && at < high {
            if !fits {
                return false;
            }
            at = high;
        }
        if at >= end {
            return true;
        }
    }
    false
}
