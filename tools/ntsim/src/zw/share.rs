//! Which opens of one file exclude each other.

use std::collections::HashMap;

use parking_lot::Mutex;

/// A file of the host: device and inode.
pub(super) type FileKey = (u64, u64);

const READ: u32 = 0x1;
const WRITE: u32 = 0x2;
const DELETE: u32 = 0x4;

/// One open: what it does, and what it lets others do (`FILE_SHARE_*` bits for both).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    does: u32,
    lets: u32,
}

static OPEN: Mutex<Option<HashMap<FileKey, Vec<Claim>>>> = Mutex::new(None);

impl Claim {
    /// From the access bits and the `FILE_SHARE_*` bits of an open.
    pub fn new(reads: bool, writes: bool, deletes: bool, share: u32) -> Claim {
        let bit = |wanted: bool, bit: u32| if wanted { bit } else { 0 };
        let does = bit(reads, READ) | bit(writes, WRITE) | bit(deletes, DELETE);
        Claim { does, lets: share & (READ | WRITE | DELETE) }
    }

    /// An open that neither reads, writes nor deletes takes no part in sharing.
    fn agrees_with(self, other: Claim) -> bool {
        self.does == 0 || other.does == 0 || (self.does & !other.lets == 0 && other.does & !self.lets == 0)
    }
}

/// Notes an open; false if another one excludes it.
pub(super) fn claim(file: FileKey, claim: Claim) -> bool {
    let mut open = OPEN.lock();
    let claims = open.get_or_insert_default().entry(file).or_default();
    let allowed = claims.iter().all(|other| claim.agrees_with(*other));
    if allowed {
        claims.push(claim);
    }
    allowed
}

/// Forgets an open.
pub(super) fn release(file: FileKey, claim: Claim) {
    let mut open = OPEN.lock();
    let files = open.get_or_insert_default();
    if let Some(claims) = files.get_mut(&file) {
        if let Some(index) = claims.iter().position(|other| *other == claim) {
            claims.swap_remove(index);
        }
        if claims.is_empty() {
            files.remove(&file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_needs_everybodys_leave() {
        let file = (u64::MAX, 1);
        let reader = Claim::new(true, false, false, READ);
        assert!(claim(file, reader));
        assert!(claim(file, reader));
        let writer = Claim::new(false, true, false, READ | WRITE);
        assert!(!claim(file, writer));
        release(file, reader);
        release(file, reader);
        assert!(claim(file, writer));
        assert!(!claim(file, reader), "the reader does not let others write");
        assert!(claim(file, Claim::new(true, false, false, READ | WRITE)));
        assert!(claim(file, Claim::new(false, false, false, 0)), "attributes only");
    }
}
