//! Sets of processors, as `GROUP_AFFINITY` names them (`CQ-05`, `CQ-06`).

/// Some processors of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processors {
    /// The group.
    pub group: u16,
    /// A bit for each processor of the group.
    pub mask: u64,
}

impl Processors {
    /// The numbers of the processors within their group, each once; where it begins depends on `turn`, so that
    /// objects with one set and different turns spread over it.
    pub fn in_turn(self, turn: u32) -> impl Iterator<Item = u8> {
        let count = self.mask.count_ones();
        let skip = turn.checked_rem(count).unwrap_or(0) as usize;
        let mask = self.mask;
        let numbers = move || (0..64u8).filter(move |number| mask & (1 << number) != 0);
        numbers().skip(skip).chain(numbers().take(skip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives(mask: u64, turn: u32, wanted: &[u8]) -> bool {
        Processors { group: 0, mask }.in_turn(turn).eq(wanted.iter().copied())
    }

    #[test]
    fn each_processor_comes_once_and_each_comes_first() {
        assert!(gives(0b1011, 0, &[0, 1, 3]));
        assert!(gives(0b1011, 1, &[1, 3, 0]));
        assert!(gives(0b1011, 5, &[3, 0, 1]));
        assert!(gives(1 << 63, u32::MAX, &[63]));
        assert_eq!(Processors { group: 0, mask: u64::MAX }.in_turn(64).count(), 64);
        assert!(gives(0, 7, &[]));
    }
}
