//! The virtual range that a chain of pieces covers: `LAM-01`, `LAM-06` to `LAM-08`, `MR-10` to `MR-12`.

/// What one MDL describes: `count` bytes from virtual address `address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The first byte's virtual address: an index, never dereferenced.
    pub address: u64,
    /// How many bytes.
    pub count: u64,
}

/// A range of virtual addresses that does not wrap: `address + length <= 2^64`, `length >= 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first byte.
    pub address: u64,
    /// How many bytes; never 0.
    pub length: u64,
    /// How many pieces of the chain it takes, the last perhaps in part.
    pub pieces: usize,
}

/// Why a chain has no such range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentError {
    /// Nothing was asked for.
    Nothing,
    /// The chain ends before the length is reached.
    TooShort,
    /// A piece does not begin where the one before it ends.
    Gap,
    /// The range would run past the end of the address space.
    Wraps,
}

/// The range of the first `length` bytes of `chain`. Empty pieces are skipped; pieces behind the
/// length are not looked at (`LAM-08`).
///
/// # Errors
/// See [`ExtentError`].
pub fn extent(mut chain: impl Iterator<Item = Piece>, length: u64) -> Result<Extent, ExtentError> {
    if length == 0 {
        return Err(ExtentError::Nothing);
    }
    let mut range: Option<(u64, u64)> = None;
    let mut pieces = 0;
    loop {
        let piece = chain.next().ok_or(ExtentError::TooShort)?;
        pieces += 1;
        // The range begins with the first MDL's address even if that MDL is empty.
        let (address, so_far) = range.unwrap_or((piece.address, 0));
        range = Some((address, so_far));
        if piece.count == 0 {
            continue;
        }
        if address.checked_add(so_far) != Some(piece.address) {
            return Err(ExtentError::Gap);
        }
        let rest = length - so_far;
        if piece.count >= rest {
            // The last byte must exist; one behind it need not.
            address.checked_add(length - 1).ok_or(ExtentError::Wraps)?;
            return Ok(Extent { address, length, pieces });
        }
        // Less than `length`, so no overflow.
        range = Some((address, so_far + piece.count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[(u64, u64)], length: u64) -> Result<Extent, ExtentError> {
        extent(pieces.iter().map(|&(address, count)| Piece { address, count }), length)
    }

    #[test]
    fn lam_01_one_piece() {
        assert_eq!(of(&[(0x1003, 10)], 10), Ok(Extent { address: 0x1003, length: 10, pieces: 1 }));
    }

    #[test]
    fn lam_06_a_gap_is_refused() {
        assert_eq!(of(&[(0x1000, 16), (0x1011, 16)], 32), Err(ExtentError::Gap));
        assert_eq!(of(&[(0x1000, 16), (0x100f, 16)], 17), Err(ExtentError::Gap));
    }

    #[test]
    fn lam_07_nothing_and_too_much_are_refused() {
        assert_eq!(of(&[(0x1000, 16)], 0), Err(ExtentError::Nothing));
        assert_eq!(of(&[(0x1000, 16)], 17), Err(ExtentError::TooShort));
        assert_eq!(of(&[], 1), Err(ExtentError::TooShort));
    }

    #[test]
    fn lam_08_what_lies_behind_is_not_looked_at() {
        assert_eq!(of(&[(0x1000, 16), (0x9999, 16)], 16).map(|e| e.pieces), Ok(1));
        assert_eq!(of(&[(0x1000, 16), (0x1010, 16), (7, 7)], 17).map(|e| e.pieces), Ok(2));
    }

    #[test]
    fn empty_pieces_are_skipped() {
        assert_eq!(of(&[(0x1000, 16), (5, 0), (0x1010, 16)], 32).map(|e| e.pieces), Ok(3));
        assert_eq!(of(&[(0x1000, 0), (0x1000, 8)], 8).map(|e| e.address), Ok(0x1000));
        assert_eq!(of(&[(0x1000, 0), (0x2000, 8)], 8), Err(ExtentError::Gap));
    }

    #[test]
    fn mr_11_no_range_wraps() {
        assert_eq!(of(&[(u64::MAX, 1)], 1).map(|e| e.length), Ok(1));
        assert_eq!(of(&[(u64::MAX, 2)], 2), Err(ExtentError::Wraps));
        assert_eq!(of(&[(u64::MAX, 1), (0, 1)], 2), Err(ExtentError::Gap));
        assert_eq!(of(&[(2, u64::MAX)], u64::MAX), Err(ExtentError::Wraps));
    }
}
