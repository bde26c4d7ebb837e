//! Connection data that provider and device share: addresses, read limits, private data. Plain values, no `std`.

/// An IP address and ND port. ND ports are a space of their own (CONN-85).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// IPv4.
    V4 {
        /// Octets in network order.
        ip: [u8; 4],
        /// Port in host order.
        port: u16,
    },
    /// IPv6.
    V6 {
        /// Octets in network order.
        ip: [u8; 16],
        /// Port in host order.
        port: u16,
        /// `sin6_scope_id`; 0 unless link-local (ADR-09).
        scope: u32,
    },
}

impl Address {
    /// The port in host order.
    pub const fn port(&self) -> u16 {
        match self {
            Self::V4 { port, .. } | Self::V6 { port, .. } => *port,
        }
    }

    /// The same address with another port.
    pub const fn with_port(self, port: u16) -> Self {
        match self {
            Self::V4 { ip, .. } => Self::V4 { ip, port },
            Self::V6 { ip, scope, .. } => Self::V6 { ip, port, scope },
        }
    }

    /// Whether both are of one family and name the same host, whatever the ports.
    pub fn same_host(&self, other: &Self) -> bool {
        self.with_port(0) == other.with_port(0)
    }

    /// Whether this is the wildcard (all zero) of its family (LSN-08).
    pub fn is_unspecified(&self) -> bool {
        match self {
            Self::V4 { ip, .. } => *ip == [0; 4],
            Self::V6 { ip, .. } => *ip == [0; 16],
        }
    }

    /// Whether this is IPv6.
    pub const fn is_v6(&self) -> bool {
        matches!(self, Self::V6 { .. })
    }
}

/// How many Reads may be in progress (CONN-46). 0 is legal and stays 0 (CONN-48).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReadLimits {
    /// Reads that the peer may have in progress here.
    pub inbound: u32,
    /// Reads that we may have in progress at the peer.
    pub outbound: u32,
}

impl ReadLimits {
    /// The effective limits: the own request capped by the own adapter, then by what the peer offers (CONN-46, CONN-47).
    ///
    /// `peer` is the peer's request, capped by the peer's adapter, from the peer's point of view.
    pub fn agree(self, adapter: Self, peer: Self) -> Self {
        Self {
            inbound: self.inbound.min(adapter.inbound).min(peer.outbound),
            outbound: self.outbound.min(adapter.outbound).min(peer.inbound),
        }
    }
}

/// Private data of a connect, accept or reject: at most [`PrivateData::CAPACITY`] bytes, copied (CMP-16).
#[derive(Clone, Copy)]
pub struct PrivateData {
    length: u16,
    bytes: [u8; Self::CAPACITY],
}

impl PrivateData {
    /// The most that fits: MPA carries 512 bytes, of which the set-up of the stream takes some.
    pub const CAPACITY: usize = 504;

    /// No data.
    pub const fn new() -> Self {
        Self { length: 0, bytes: [0; Self::CAPACITY] }
    }

    /// A copy of `data`, or `None` when it is too long.
    pub fn from_slice(data: &[u8]) -> Option<Self> {
        let mut new = Self::new();
        new.bytes.get_mut(..data.len())?.copy_from_slice(data);
        new.length = u16::try_from(data.len()).ok()?;
        Some(new)
    }

    /// The data.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// Number of bytes.
    pub const fn len(&self) -> usize {
        self.length as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Default for PrivateData {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for PrivateData {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for PrivateData {}

impl core::fmt::Debug for PrivateData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conn_46_limits_are_the_minimum_of_both_ends() {
        let adapter = ReadLimits { inbound: 16, outbound: 8 };
        let own = ReadLimits { inbound: 100, outbound: 100 };
        let peer = ReadLimits { inbound: 4, outbound: 12 };
        assert_eq!(own.agree(adapter, peer), ReadLimits { inbound: 12, outbound: 4 });
        assert_eq!(ReadLimits::default().agree(adapter, peer), ReadLimits::default());
    }

    #[test]
    fn private_data_takes_exactly_its_capacity() {
        let full = std::vec![7u8; PrivateData::CAPACITY];
        let data = PrivateData::from_slice(&full).expect("fits");
        assert_eq!(data.as_slice(), &full[..]);
        assert!(PrivateData::from_slice(&std::vec![0u8; PrivateData::CAPACITY + 1]).is_none());
        assert!(PrivateData::new().is_empty());
    }

    #[test]
    fn addresses_compare_by_host() {
        let a = Address::V4 { ip: [10, 0, 0, 1], port: 5 };
        assert!(a.same_host(&a.with_port(9)));
        assert_eq!(a.with_port(9).port(), 9);
        assert!(Address::V6 { ip: [0; 16], port: 1, scope: 0 }.is_unspecified());
    }
}
