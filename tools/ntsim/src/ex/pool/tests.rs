//! The pool's rules.
#![expect(clippy::undocumented_unsafe_blocks, reason = "the calls are wrong on purpose, and stop before they do harm")]

use super::*;
use crate::bugcheck::expect_violation;
use crate::context::enter;

const TAG: u32 = u32::from_le_bytes(*b"Test");

#[test]
fn blocks_are_aligned_and_zero() {
    enter(|| {
        for (size, align) in [(1, 16), (100, 16), (4095, 16), (4096, 4096), (100_000, 4096)] {
            // SAFETY: valid arguments; the block is read within its size and freed once.
            unsafe {
                let block = allocate2(NON_PAGED, size, TAG).cast::<u8>();
                assert_eq!(block as usize % align, 0, "{size}");
                assert!((0..size).all(|offset| *block.add(offset) == 0));
                free_with_tag(block.cast(), TAG);
            }
        }
        // SAFETY: as above.
        unsafe {
            let block = allocate2(NON_PAGED | CACHE_ALIGNED, 24, TAG);
            assert_eq!(block as usize % 64, 0);
            free_any(block);
        }
    });
}

fn violates(expected: &str, f: impl FnOnce()) {
    enter(|| {
        let (name, text) = expect_violation(f);
        assert_eq!(name, expected, "{text}");
    });
}

#[test]
fn misuse_is_named() {
    violates("POOL_ZERO_BYTES", || {
        unsafe { allocate2(NON_PAGED, 0, TAG) };
    });
    violates("POOL_BAD_TAG", || {
        unsafe { allocate2(NON_PAGED, 1, 0) };
    });
    violates("POOL_BAD_FLAGS", || {
        unsafe { allocate2(NON_PAGED | PAGED, 1, TAG) };
    });
    violates("POOL_EXECUTABLE", || {
        unsafe { allocate_with_tag(0, 1, TAG) };
    });
    violates("POOL_FOREIGN_FREE", || unsafe { free_any(0x1234_5670 as PVOID) });
    violates("POOL_PAGED_AT_RAISED_IRQL", || {
        let old = crate::ke::irql::raise(2);
        let _lower = Lower(old);
        unsafe { allocate2(PAGED, 1, TAG) };
    });
}

struct Lower(u8);

impl Drop for Lower {
    fn drop(&mut self) {
        crate::ke::irql::lower(self.0);
    }
}

#[test]
fn a_wrong_tag_and_an_overrun_are_found_at_free() {
    violates("POOL_WRONG_TAG", || unsafe { free_with_tag(allocate2(NON_PAGED, 8, TAG), TAG + 1) });
    violates("POOL_OVERRUN", || unsafe {
        let block = allocate2(NON_PAGED, 24, TAG).cast::<u8>();
        block.add(24).write(1);
        free_with_tag(block.cast(), TAG);
    });
    violates("POOL_OVERRUN", || unsafe {
        let block = allocate2(NON_PAGED, 24, TAG).cast::<u8>();
        block.sub(1).write(1);
        free_with_tag(block.cast(), TAG);
    });
}

#[test]
fn a_second_free_is_found() {
    violates("POOL_DOUBLE_FREE", || unsafe {
        let block = allocate2(NON_PAGED, 24, TAG);
        free_with_tag(block, TAG);
        free_with_tag(block, TAG);
    });
}

#[test]
fn guarded_memory_ends_at_the_guard_page_and_checks_its_slack() {
    let memory = block::Memory::new(40, Kind { paged: false, cache_aligned: false }, true, true).expect("memory");
    assert_eq!(memory.block % 16, 0);
    assert_eq!((memory.block + 48) % 4096, 0);
    assert_eq!(memory.overrun(), None);
    // SAFETY: slack of the block.
    unsafe { ((memory.block + 40) as *mut u8).write(0) };
    assert_eq!(memory.overrun(), Some(40));
    memory.release();
}
