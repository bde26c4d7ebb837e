//! Connection data that provider and device both speak of.

/// An IP address; IPv6 with the zone that a link-local address needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ip {
    /// IPv4, network order.
    V4([u8; 4]),
    /// IPv6, network order, and the scope id (0 when none).
    V6([u8; 16], u32),
}

impl Ip {
    /// True for `0.0.0.0` and `::`, which stand for every local address of the family (`LSN-08`).
    #[must_use]
    pub const fn is_wildcard(self) -> bool {
        match self {
            Self::V4(octets) => u32::from_be_bytes(octets) == 0,
            Self::V6(octets, _) => u128::from_be_bytes(octets) == 0,
        }
    }

    /// True when both are of one family.
    #[must_use]
    pub const fn same_family(self, other: Self) -> bool {
        matches!((self, other), (Self::V4(_), Self::V4(_)) | (Self::V6(..), Self::V6(..)))
    }
}

/// An IP address of this machine, and the link that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalAddress {
    /// The address.
    pub ip: Ip,
    /// How many leading bits all addresses of the link have in common.
    pub prefix: u8,
}

/// An IP address and a port of the ND port space (host order).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// The address.
    pub ip: Ip,
    /// The port in host order; 0 asks for any (`CONN-08`).
    pub port: u16,
}

/// How many RDMA Reads a connection takes and makes at once (`CONN-46`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadLimits {
    /// Reads of the peer that this side serves at once.
    pub inbound: u32,
    /// Reads of this side that may be on the wire at once.
    pub outbound: u32,
}

/// The longest private data that fits an MPA request or reply beside its own eight bytes
/// (RFC 5044 section 7.1 allows 512 in all).
pub const MAX_PRIVATE_DATA: usize = 504;

/// Private data of a connect, accept or reject.
#[derive(Clone, Copy)]
pub struct PrivateData {
    length: u16,
    bytes: [u8; MAX_PRIVATE_DATA],
}

impl PrivateData {
    /// No data.
    pub const EMPTY: Self = Self { length: 0, bytes: [0; MAX_PRIVATE_DATA] };

    /// Copies `data`; `None` when it is longer than [`MAX_PRIVATE_DATA`].
    #[must_use]
    pub fn copy_of(data: &[u8]) -> Option<Self> {
        let mut copy = Self::EMPTY;
        copy.bytes.get_mut(..data.len())?.copy_from_slice(data);
        copy.length = u16::try_from(data.len()).ok()?;
        Some(copy)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl Default for PrivateData {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl core::fmt::Debug for PrivateData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("PrivateData").field(&self.as_slice()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn private_data_keeps_what_fits_and_refuses_more() {
        let data = [7_u8; MAX_PRIVATE_DATA + 1];
        assert_eq!(PrivateData::copy_of(&data[..MAX_PRIVATE_DATA]).unwrap().as_slice(), &data[..MAX_PRIVATE_DATA]);
        assert!(PrivateData::copy_of(&data).is_none());
    }

    #[test]
    fn wildcards_are_known_in_both_families() {
        assert!(Ip::V4([0; 4]).is_wildcard() && Ip::V6([0; 16], 3).is_wildcard());
        assert!(!Ip::V4([127, 0, 0, 1]).is_wildcard());
    }
}
