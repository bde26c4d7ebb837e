//! Locked instructions of drivers as switch points: the steps of lock-free code.
//!
//! The lock prefix of an instruction becomes a breakpoint. Its trap is a switch point, before the
//! instruction; then what follows the prefix runs, which is the same instruction without it. One thread
//! runs at a time, so that is as atomic. `xchg` locks without a prefix and is left as it is.

use super::{is_seeded, seeded};
use iced_x86::{Decoder, DecoderOptions};
use parking_lot::RwLock;
use std::collections::HashSet;

const LOCK: u8 = 0xF0;
const BREAKPOINT: u8 = 0xCC;

/// Addresses of breakpoints. Written while an image is loaded, when none of its code runs.
static MARKED: RwLock<Option<HashSet<usize>>> = RwLock::new(None);

/// Marks the locked instructions of an image; `functions` are begin and end from `base`.
///
/// # Safety
/// `size` bytes at `base` are a mapped image, writable, whose code does not run yet.
pub(crate) unsafe fn mark(base: *mut u8, size: usize, functions: &[[u32; 3]]) {
    if !is_seeded() {
        return;
    }
    let mut marked = MARKED.write();
    let marked = marked.get_or_insert_default();
    for [begin, end, _] in functions {
        let (begin, end) = (*begin as usize, *end as usize);
        if begin >= end || end > size {
            continue;
        }
        // SAFETY: inside the image, which nobody else uses.
        let code = unsafe { std::slice::from_raw_parts_mut(base.add(begin), end - begin) };
        for offset in locked(code) {
            code[offset] = BREAKPOINT;
            marked.insert(base as usize + begin + offset);
        }
    }
}

/// Offsets of the instructions that begin with a lock prefix.
fn locked(code: &[u8]) -> Vec<usize> {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut found = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let offset = instruction.ip() as usize;
        if instruction.is_invalid() {
            break;
        }
        // Another prefix before the lock would apply to the breakpoint, not to what follows.
        if instruction.has_lock_prefix() && code[offset] == LOCK {
            found.push(offset);
        }
    }
    found
}

/// A breakpoint trap of a driver, on the signal's stack: true if it was one of these. `after` is the
/// address after the breakpoint.
pub(crate) fn trapped(after: usize) -> bool {
    let at = after.wrapping_sub(1);
    if !is_seeded() || !MARKED.read().as_ref().is_some_and(|marked| marked.contains(&at)) {
        return false;
    }
    seeded::atomic(at);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_instructions_are_found() {
        // nop; lock xadd [rcx], eax; lock cmpxchg [rcx], rdx; xchg [rcx], eax; ret
        let code = [0x90, 0xF0, 0x0F, 0xC1, 0x01, 0xF0, 0x48, 0x0F, 0xB1, 0x11, 0x87, 0x01, 0xC3];
        assert_eq!(locked(&code), [1, 5]);
        // 66 lock inc word [rcx]: the prefix is not the first byte.
        assert_eq!(locked(&[0x66, 0xF0, 0xFF, 0x01]), Vec::<usize>::new());
    }
}
