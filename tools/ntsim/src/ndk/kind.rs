//! The ten kinds of NDK objects.

/// What an NDK object is; the value is its `ObjectType` (HDR-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An adapter that a consumer opened.
    Adapter = 1,
    /// A queue pair.
    Qp = 2,
    /// A completion queue.
    Cq = 3,
    /// A memory region.
    Mr = 4,
    /// A memory window.
    Mw = 5,
    /// A protection domain.
    Pd = 6,
    /// A shared endpoint.
    SharedEndpoint = 7,
    /// A connector.
    Connector = 8,
    /// A listener.
    Listener = 9,
    /// A shared receive queue.
    Srq = 10,
}

impl Kind {
    /// All kinds, in the order of their `ObjectType`.
    pub const ALL: [Kind; 10] = [
        Kind::Adapter,
        Kind::Qp,
        Kind::Cq,
        Kind::Mr,
        Kind::Mw,
        Kind::Pd,
        Kind::SharedEndpoint,
        Kind::Connector,
        Kind::Listener,
        Kind::Srq,
    ];

    /// The name of the C structure.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Adapter => "NDK_ADAPTER",
            Kind::Qp => "NDK_QP",
            Kind::Cq => "NDK_CQ",
            Kind::Mr => "NDK_MR",
            Kind::Mw => "NDK_MW",
            Kind::Pd => "NDK_PD",
            Kind::SharedEndpoint => "NDK_SHARED_ENDPOINT",
            Kind::Connector => "NDK_CONNECTOR",
            Kind::Listener => "NDK_LISTENER",
            Kind::Srq => "NDK_SRQ",
        }
    }

    /// The function that closes an object of this kind.
    pub fn close_function(self) -> &'static str {
        match self {
            Kind::Adapter => "WskCloseNdkAdapter",
            Kind::Qp => "NdkCloseQp",
            Kind::Cq => "NdkCloseCq",
            Kind::Mr => "NdkCloseMr",
            Kind::Mw => "NdkCloseMw",
            Kind::Pd => "NdkClosePd",
            Kind::SharedEndpoint => "NdkCloseSharedEndpoint",
            Kind::Connector => "NdkCloseConnector",
            Kind::Listener => "NdkCloseListener",
            Kind::Srq => "NdkCloseSrq",
        }
    }

    /// The value of `Header.ObjectType`.
    pub fn object_type(self) -> i32 {
        i32::from(self as u8)
    }

    /// The kind with this `ObjectType`.
    pub fn from_object_type(object_type: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == object_type)
    }

    /// How many entries the dispatch table has at a negotiated version (contract section 1.2).
    pub fn entries(self, version: Version) -> usize {
        match self {
            Kind::Adapter => 9,
            Kind::Cq if version < Version(1, 2) => 6,
            Kind::Cq => 7,
            Kind::Pd => 8,
            Kind::Mr => 7,
            Kind::Mw | Kind::SharedEndpoint => 3,
            Kind::Srq => 4,
            Kind::Qp if version < Version(1, 2) => 10,
            Kind::Qp => 11,
            Kind::Connector if version < Version(2, 1) => 11,
            Kind::Connector => 13,
            Kind::Listener => 5,
        }
    }
}

/// An NDK version: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_types_run_from_one_to_ten() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.object_type(), at as i32 + 1);
            assert_eq!(Kind::from_object_type(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_object_type(0), None);
        assert_eq!(Kind::from_object_type(11), None);
    }

    #[test]
    fn tables_grow_with_the_version() {
        assert_eq!(Kind::Cq.entries(Version(1, 1)), 6);
        assert_eq!(Kind::Cq.entries(Version(1, 2)), 7);
        assert_eq!(Kind::Qp.entries(Version(2, 0)), 11);
        assert_eq!(Kind::Connector.entries(Version(2, 0)), 11);
        assert_eq!(Kind::Connector.entries(Version(2, 1)), 13);
    }
}
