//! Where the bytes of a region are, and how they are copied.
//!
//! Consumer memory may change under a copy (another processor, another QP, user mode), so no Rust reference to it
//! is ever formed: only raw pointers, volatile moves and string instructions. All raw copies of the device are here.

use core::ptr::NonNull;

/// One piece of a region in system memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Segment {
    /// Offset of its first byte from the first byte of the backing.
    pub offset: u64,
    /// System address of its first byte.
    pub pointer: NonNull<u8>,
    /// Bytes; not 0.
    pub length: u64,
}

/// Where the bytes of a region or mapping are.
#[derive(Clone, Copy, Debug)]
pub enum Backing {
    /// In one piece at a system address.
    Contiguous(NonNull<u8>),
    /// In pieces, sorted by offset, without holes, from offset 0 on.
    Segments {
        /// The first piece.
        list: NonNull<Segment>,
        /// Number of pieces.
        count: u32,
    },
}

impl Backing {
    /// The run of system memory at `offset`, at most `want` bytes; `None` outside the list.
    ///
    /// # Safety
    /// The backing is what the shell promised for a registered slot that is pinned (see `token::Table::register`).
    #[inline]
    pub(crate) unsafe fn run(&self, offset: u64, want: u64) -> Option<RawRun> {
        match *self {
            Self::Contiguous(start) => {
                let distance = usize::try_from(offset).ok()?;
                Some(RawRun { pointer: start.as_ptr().wrapping_add(distance), length: want })
            }
            Self::Segments { list, count } => {
                // SAFETY: `count` pieces stand at `list` while the slot is pinned.
                let segments = unsafe { core::slice::from_raw_parts(list.as_ptr(), count as usize) };
                let after = segments.partition_point(|segment| segment.offset <= offset);
                let segment = segments.get(after.checked_sub(1)?)?;
                let inside = offset.checked_sub(segment.offset)?;
                let rest = segment.length.checked_sub(inside).filter(|rest| *rest != 0)?;
                let distance = usize::try_from(inside).ok()?;
                Some(RawRun { pointer: segment.pointer.as_ptr().wrapping_add(distance), length: want.min(rest) })
            }
        }
    }
}

/// Bytes that follow each other in system memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRun {
    pub(crate) pointer: *mut u8,
    pub(crate) length: u64,
}

/// From here on the string instruction is faster than 16-byte moves (docs/performance.md).
const STRING_FROM: usize = 512;

/// Copies `length` bytes upwards.
///
/// The last 16 bytes are stored after all others, so a consumer that polls the last byte of a buffer finds the rest
/// in place (the string instruction alone may store out of order).
///
/// # Safety
/// `length` bytes at `source` may be read and `length` bytes at `destination` written, by raw access. They may overlap
/// or change meanwhile; then the result is unspecified bytes, nothing worse.
#[inline]
pub unsafe fn copy(source: *const u8, destination: *mut u8, length: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: passed on.
        unsafe { x86::copy(source, destination, length) }
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    {
        for index in 0..length {
            // SAFETY: within both ranges.
            let from = unsafe { source.add(index) };
            // SAFETY: within both ranges.
            let to = unsafe { destination.add(index) };
            // SAFETY: readable by the caller's promise.
            let byte = unsafe { from.read_volatile() };
            // SAFETY: writable by the caller's promise.
            unsafe { to.write_volatile(byte) };
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86 {
    use core::arch::asm;

    use super::STRING_FROM;

    /// # Safety
    /// As [`super::copy`].
    #[inline]
    pub(super) unsafe fn copy(source: *const u8, destination: *mut u8, length: usize) {
        match length {
            0 => {}
            // SAFETY: passed on; each form moves the first and the last bytes, which overlap when length is between.
            1..=3 => unsafe { few(source, destination, length) },
            // SAFETY: as above.
            4..=7 => unsafe { ends::<4>(source, destination, length) },
            // SAFETY: as above.
            8..=15 => unsafe { ends::<8>(source, destination, length) },
            // SAFETY: as above.
            16..STRING_FROM => unsafe { vectors(source, destination, length) },
            // SAFETY: as above.
            _ => unsafe { string(source, destination, length) },
        }
    }

    /// # Safety
    /// As [`super::copy`], 1 to 3 bytes.
    #[inline]
    unsafe fn few(source: *const u8, destination: *mut u8, length: usize) {
        for index in 0..length {
            let from = source.wrapping_add(index);
            let to = destination.wrapping_add(index);
            // SAFETY: within the caller's ranges; the asm reads and writes one byte each.
            unsafe {
                asm!("mov {b}, byte ptr [{s}]", "mov byte ptr [{d}], {b}",
                     b = out(reg_byte) _, s = in(reg) from, d = in(reg) to, options(nostack, preserves_flags));
            }
        }
    }

    /// Moves `N` bytes from the front and `N` from the end.
    ///
    /// # Safety
    /// As [`super::copy`], `N` (4 or 8) to 2 * `N` - 1 bytes.
    #[inline]
    unsafe fn ends<const N: usize>(source: *const u8, destination: *mut u8, length: usize) {
        let last = length.wrapping_sub(N);
        if N == 4 {
            // SAFETY: both ends lie within the caller's ranges. Loads come before stores: overlap gives unspecified bytes only.
            unsafe {
                asm!("mov {a:e}, dword ptr [{s}]", "mov {b:e}, dword ptr [{s} + {l}]",
                     "mov dword ptr [{d}], {a:e}", "mov dword ptr [{d} + {l}], {b:e}",
                     a = out(reg) _, b = out(reg) _, s = in(reg) source, d = in(reg) destination, l = in(reg) last,
                     options(nostack, preserves_flags));
            }
        } else {
            // SAFETY: as above.
            unsafe {
                asm!("mov {a}, qword ptr [{s}]", "mov {b}, qword ptr [{s} + {l}]",
                     "mov qword ptr [{d}], {a}", "mov qword ptr [{d} + {l}], {b}",
                     a = out(reg) _, b = out(reg) _, s = in(reg) source, d = in(reg) destination, l = in(reg) last,
                     options(nostack, preserves_flags));
            }
        }
    }

    /// 16-byte moves upwards, the last 16 bytes at the end.
    ///
    /// # Safety
    /// As [`super::copy`], at least 16 bytes.
    #[inline]
    unsafe fn vectors(source: *const u8, destination: *mut u8, length: usize) {
        let last = length.wrapping_sub(16);
        // SAFETY: offsets run from 0 below `last`, then `last`: all 16-byte moves lie within the caller's ranges.
        unsafe {
            asm!(
                "movups {tail}, xmmword ptr [{s} + {last}]",
                "xor {i:e}, {i:e}",
                "test {last}, {last}",
                "je 3f",
                "2:",
                "movups {x}, xmmword ptr [{s} + {i}]",
                "movups xmmword ptr [{d} + {i}], {x}",
                "add {i}, 16",
                "cmp {i}, {last}",
                "jb 2b",
                "3:",
                "movups xmmword ptr [{d} + {last}], {tail}",
                i = out(reg) _, x = out(xmm_reg) _, tail = out(xmm_reg) _,
                s = in(reg) source, d = in(reg) destination, last = in(reg) last,
                options(nostack));
        }
    }

    /// The string instruction, then the last 16 bytes.
    ///
    /// # Safety
    /// As [`super::copy`], at least 16 bytes.
    #[inline]
    unsafe fn string(source: *const u8, destination: *mut u8, length: usize) {
        let body = length.wrapping_sub(16);
        // SAFETY: `body` bytes from the front, then 16 up to the end; the direction flag is clear by the ABI.
        unsafe {
            asm!(
                "rep movsb",
                "movups {x}, xmmword ptr [rsi]",
                "movups xmmword ptr [rdi], {x}",
                inout("rcx") body => _, inout("rsi") source => _, inout("rdi") destination => _, x = out(xmm_reg) _,
                options(nostack, preserves_flags));
        }
    }
}
