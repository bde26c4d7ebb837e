//! Ethernet frames as a receiver sees them: who a frame is for, and whether a filter lets it in
//! (`MP-RX-11`, `MP-GEN-09`, `MP-GEN-11`, `MP-OID-21`, `MP-OID-22`).

/// Bytes of destination, source and type.
pub const HEADER: u32 = 14;
/// Frames are padded up to this length, in the copy (`MP-TX-09`).
pub const SHORTEST: u32 = 60;

/// Bits of a packet filter, as OID_GEN_CURRENT_PACKET_FILTER has them.
pub mod filter {
    /// Frames for the own address.
    pub const DIRECTED: u32 = 0x01;
    /// Frames for a multicast address of the list.
    pub const MULTICAST: u32 = 0x02;
    /// Frames for any multicast address.
    pub const ALL_MULTICAST: u32 = 0x04;
    /// Frames for everybody.
    pub const BROADCAST: u32 = 0x08;
    /// Every frame on the wire.
    pub const PROMISCUOUS: u32 = 0x20;
    /// The bits that an adapter of ours takes.
    pub const SUPPORTED: u32 = DIRECTED | MULTICAST | ALL_MULTICAST | BROADCAST | PROMISCUOUS;
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

/// Who a frame is for, by its destination address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One station.
    Directed,
    /// A group.
    Multicast,
    /// Everybody.
    Broadcast,
}

impl Mac {
    /// The address of everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The address an adapter has by default: locally administered, individual, and as lasting and
    /// unique on the machine as the 24-bit index in the LUID of its interface (`MP-GEN-11`).
    #[must_use]
    pub const fn of_interface(luid: u64) -> Self {
        let [_, _, _, a, b, c, _, _] = luid.to_le_bytes();
        Self([0x02, 0x5d, 0x4b, c, b, a])
    }

    /// An address that an administrator may have typed: six bytes, not a group, not zero (`MP-CFG-06`).
    #[must_use]
    pub fn from_administrator(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 6] = bytes.try_into().ok()?;
        let [first, ..] = bytes;
        (first & 1 == 0 && bytes != [0; 6]).then_some(Self(bytes))
    }

    /// Who a frame to this address is for.
    #[must_use]
    pub fn class(self) -> Class {
        let [first, ..] = self.0;
        if self == Self::BROADCAST {
            Class::Broadcast
        } else if first & 1 != 0 {
            Class::Multicast
        } else {
            Class::Directed
        }
    }
}

/// The most multicast addresses an adapter keeps (`MP-GEN-10` asks for 32).
pub const MULTICAST_MAX: usize = 64;

/// The multicast list of an adapter.
#[derive(Debug, Clone)]
pub struct MulticastList {
    addresses: [Mac; MULTICAST_MAX],
    used: usize,
}

/// Why a list is refused (`MP-OID-22`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MulticastError {
    /// Not whole addresses.
    Length,
    /// More than [`MULTICAST_MAX`].
    Full,
}

impl MulticastList {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { addresses: [Mac([0; 6]); MULTICAST_MAX], used: 0 }
    }

    /// The list in the buffer of a set request.
    ///
    /// # Errors
    /// See [`MulticastError`].
    pub fn parse(buffer: &[u8]) -> Result<Self, MulticastError> {
        let (addresses, rest) = buffer.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(MulticastError::Length);
        }
        let mut list = Self::new();
        list.addresses
            .get_mut(..addresses.len())
            .ok_or(MulticastError::Full)?
            .iter_mut()
            .zip(addresses)
            .for_each(|(place, address)| *place = Mac(*address));
        list.used = addresses.len();
        Ok(list)
    }

    /// The addresses.
    #[must_use]
    pub fn as_slice(&self) -> &[Mac] {
        self.addresses.get(..self.used).unwrap_or(&[])
    }
}

impl Default for MulticastList {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a receiver takes a frame to `destination`.
#[must_use]
pub fn accepts(destination: Mac, own: Mac, filter: u32, multicast: &MulticastList) -> bool {
    if filter & filter::PROMISCUOUS != 0 {
        return true;
    }
    match destination.class() {
        Class::Directed => filter & filter::DIRECTED != 0 && destination == own,
        Class::Broadcast => filter & filter::BROADCAST != 0,
        Class::Multicast => {
            filter & filter::ALL_MULTICAST != 0
                || (filter & filter::MULTICAST != 0 && multicast.as_slice().contains(&destination))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const GROUP: Mac = Mac([1, 0, 0x5e, 0, 0, 1]);

    #[test]
    fn mp_gen_11_uses_the_luid_index() {
        // LUID: 24 bits reserved, 24 bits of index, 16 bits of type.
        let luid = 6 << 48 | 0x12_34_56 << 24;
        let [first, ..] = Mac::of_interface(luid).0;
        assert_eq!(first & 3, 2, "locally administered, not a group");
        assert_eq!(Mac::of_interface(luid).0, [0x02, 0x5d, 0x4b, 0x12, 0x34, 0x56]);
    }

    #[test]
    fn mp_cfg_06_only_good_addresses() {
        assert!(Mac::from_administrator(&[2, 0, 0, 0, 0, 1]).is_some());
        for bad in [&[1, 2, 3, 4, 5, 6][..], &[0; 6], &[2, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 1, 2], &[]] {
            assert_eq!(Mac::from_administrator(bad), None);
        }
    }

    #[test]
    fn mp_rx_11_every_filter_alone() {
        let list = MulticastList::parse(&GROUP.0).unwrap();
        let none = MulticastList::new();
        let other = Mac([2, 0, 0, 0, 0, 2]);
        let other_group = Mac([1, 0, 0x5e, 0, 0, 2]);
        assert!(!accepts(OWN, OWN, 0, &list) && !accepts(Mac::BROADCAST, OWN, 0, &list));
        assert!(accepts(OWN, OWN, filter::DIRECTED, &none) && !accepts(other, OWN, filter::DIRECTED, &none));
        assert!(accepts(Mac::BROADCAST, OWN, filter::BROADCAST, &none));
        assert!(!accepts(Mac::BROADCAST, OWN, filter::MULTICAST | filter::ALL_MULTICAST, &none));
        assert!(accepts(GROUP, OWN, filter::MULTICAST, &list) && !accepts(GROUP, OWN, filter::MULTICAST, &none));
        assert!(!accepts(other_group, OWN, filter::MULTICAST, &list));
        assert!(accepts(other_group, OWN, filter::ALL_MULTICAST, &none));
        for to in [OWN, other, GROUP, Mac::BROADCAST] {
            assert!(accepts(to, OWN, filter::PROMISCUOUS, &none));
        }
    }

    #[test]
    fn mp_oid_22_lists() {
        assert_eq!(MulticastList::parse(&[0; 7]).unwrap_err(), MulticastError::Length);
        assert_eq!(MulticastList::parse(&[0; (MULTICAST_MAX + 1) * 6]).unwrap_err(), MulticastError::Full);
        assert_eq!(MulticastList::parse(&[3; MULTICAST_MAX * 6]).unwrap().as_slice().len(), MULTICAST_MAX);
        assert!(MulticastList::parse(&[]).unwrap().as_slice().is_empty());
    }
}
