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
