//! Which NDKPI versions are spoken and what an open is answered (`VER-01` to `VER-06`).

/// An NDKPI version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Majors are matched exactly.
    pub major: u16,
    /// Within a major each minor is a superset of the ones below it (`VER-07`).
    pub minor: u16,
}

/// The highest version of each major spoken; consumers of both kinds exist (`VER-06`).
pub const SUPPORTED: [Version; 2] = [Version { major: 1, minor: 2 }, Version { major: 2, minor: 1 }];

/// The highest version of all (`VER-21`).
pub const HIGHEST: Version = Version { major: 2, minor: 1 };

/// The version answered to an open that asks for `asked`; `None` is NDIS_STATUS_BAD_VERSION
/// (`VER-02` to `VER-04`).
#[must_use]
pub fn negotiate(asked: Version) -> Option<Version> {
    SUPPORTED.into_iter().find(|own| own.major == asked.major && asked.minor <= own.minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(major: u16, minor: u16) -> Option<(u16, u16)> {
        negotiate(Version { major, minor }).map(|v| (v.major, v.minor))
    }

    #[test]
    fn ver_04_a_lower_minor_is_answered_with_the_highest() {
        assert_eq!(answer(1, 0), Some((1, 2)));
        assert_eq!(answer(1, 1), Some((1, 2)));
        assert_eq!(answer(2, 0), Some((2, 1)));
    }

    #[test]
    fn ver_02_ver_03_others_are_refused() {
        for (major, minor) in [(0, 0), (0, 2), (1, 3), (2, 2), (3, 0), (0xFFFF, 0xFFFF)] {
            assert_eq!(answer(major, minor), None, "{major}.{minor}");
        }
    }
}
