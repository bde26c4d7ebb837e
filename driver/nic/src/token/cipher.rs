//! A keyed permutation of 32-bit numbers, so that tokens tell nothing of slots and cannot be foretold.
//!
//! Four Feistel rounds. Constant time and cost, whatever the token (docs/contract/peers.md, security 1 and 15).

/// The key, fixed for the life of a table.
#[derive(Clone, Copy)]
pub(super) struct Cipher {
    keys: [u32; 4],
}

impl Cipher {
    /// From 128 unpredictable bits.
    pub(super) const fn new(seed: [u64; 2]) -> Self {
        let [low, high] = seed;
        Self { keys: [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32] }
    }

    #[inline(always)]
    const fn round(half: u32, key: u32) -> u32 {
        let mixed = (half ^ key).wrapping_mul(0x9e37_79b1);
        (mixed ^ (mixed >> 15)) & 0xffff
    }

    #[inline]
    pub(super) const fn seal(&self, plain: u32) -> u32 {
        let [a, b, c, d] = self.keys;
        let (mut left, mut right) = (plain >> 16, plain & 0xffff);
        left ^= Self::round(right, a);
        right ^= Self::round(left, b);
        left ^= Self::round(right, c);
        right ^= Self::round(left, d);
        (left << 16) | right
    }

    #[inline]
    pub(super) const fn open(&self, sealed: u32) -> u32 {
        let [a, b, c, d] = self.keys;
        let (mut left, mut right) = (sealed >> 16, sealed & 0xffff);
        right ^= Self::round(left, d);
        left ^= Self::round(right, c);
        right ^= Self::round(left, b);
        left ^= Self::round(right, a);
        (left << 16) | right
    }
}

impl core::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Cipher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_undoes_sealing() {
        let cipher = Cipher::new([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
        for plain in (0..1_000_000u32).chain((0..1000).map(|x| u32::MAX - x)) {
            assert_eq!(cipher.open(cipher.seal(plain)), plain);
        }
    }

    #[test]
    fn neighbours_do_not_stay_neighbours() {
        let cipher = Cipher::new([7, 9]);
        let near = (0..10_000u32)
            .filter(|plain| cipher.seal(plain << 8).abs_diff(cipher.seal((plain + 1) << 8)) < 1 << 20)
            .count();
        assert!(near < 50, "{near} of 10000 neighbours are close");
    }
}
