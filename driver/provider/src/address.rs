//! Socket addresses as consumers give and take them (`CONN-05`, `ADR-*`).

use crate::Failure;
use softndk_abi::cm::{Address, Ip, LocalAddress};

/// `AF_INET`.
pub const AF_INET: u16 = 2;
/// `AF_INET6` of Windows.
pub const AF_INET6: u16 = 23;
/// Bytes of `SOCKADDR_IN`.
pub const SOCKADDR_IN_BYTES: usize = 16;
/// Bytes of `SOCKADDR_IN6`.
pub const SOCKADDR_IN6_BYTES: usize = 28;

/// Reads a `SOCKADDR_IN` or `SOCKADDR_IN6`.
///
/// # Errors
/// [`Failure::InvalidParameter`] when `bytes` is too short for its family,
/// [`Failure::InvalidAddress`] for another family (`CONN-05`).
pub fn parse(bytes: &[u8]) -> Result<Address, Failure> {
    let family = u16::from_le_bytes(at(bytes, 0).ok_or(Failure::InvalidParameter)?);
    let port = at(bytes, 2).map(u16::from_be_bytes);
    match family {
        AF_INET => {
            if bytes.len() < SOCKADDR_IN_BYTES {
                return Err(Failure::InvalidParameter);
            }
            let octets = at(bytes, 4).ok_or(Failure::InvalidParameter)?;
            Ok(Address { ip: Ip::V4(octets), port: port.ok_or(Failure::InvalidParameter)? })
        }
        AF_INET6 => {
            if bytes.len() < SOCKADDR_IN6_BYTES {
                return Err(Failure::InvalidParameter);
            }
            let octets = at(bytes, 8).ok_or(Failure::InvalidParameter)?;
            let scope = at(bytes, 24).map(u32::from_le_bytes).ok_or(Failure::InvalidParameter)?;
            Ok(Address { ip: Ip::V6(octets, scope), port: port.ok_or(Failure::InvalidParameter)? })
        }
        _ => Err(Failure::InvalidAddress),
    }
}

/// A socket address in the form in which consumers read it: the used bytes of the array and how
/// many they are. Bytes without a meaning are zero (`ADR-09`).
#[must_use]
pub fn format(address: Address) -> ([u8; SOCKADDR_IN6_BYTES], usize) {
    let mut out = [0; SOCKADDR_IN6_BYTES];
    let (family, length) = match address.ip {
        Ip::V4(octets) => {
            put(&mut out, 4, octets);
            (AF_INET, SOCKADDR_IN_BYTES)
        }
        Ip::V6(octets, scope) => {
            put(&mut out, 8, octets);
            put(&mut out, 24, scope.to_le_bytes());
            (AF_INET6, SOCKADDR_IN6_BYTES)
        }
    };
    put(&mut out, 0, family.to_le_bytes());
    put(&mut out, 2, address.port.to_be_bytes());
    (out, length)
}

/// Whether `local` and `remote` can be the two ends of one connection.
///
/// # Errors
/// [`Failure::InvalidParameter`] when the families differ (`CONN-05`).
pub const fn same_family(local: Address, remote: Address) -> Result<(), Failure> {
    if local.ip.same_family(remote.ip) { Ok(()) } else { Err(Failure::InvalidParameter) }
}

/// Whether two IP addresses name the same interface address. The zone of a link-local address counts
/// only where both sides give one: consumers leave it out when they mean the only link there is.
#[must_use]
pub fn same_ip(a: Ip, b: Ip) -> bool {
    match (a, b) {
        (Ip::V4(x), Ip::V4(y)) => x == y,
        (Ip::V6(x, zone), Ip::V6(y, other)) => x == y && (zone == other || zone == 0 || other == 0),
        _ => false,
    }
}

/// Whether `ip` is on the link of `own`, where no router is needed.
#[must_use]
pub fn on_link(own: LocalAddress, ip: Ip) -> bool {
    let same = |one: u128, other: u128| (one ^ other).leading_zeros() >= u32::from(own.prefix);
    match (own.ip, ip) {
        (Ip::V4(one), Ip::V4(other)) => {
            let wide = |octets| u128::from(u32::from_be_bytes(octets)) << 96;
            same(wide(one), wide(other))
        }
        (Ip::V6(one, zone), Ip::V6(other, theirs)) => {
            same(u128::from_be_bytes(one), u128::from_be_bytes(other)) && (zone == theirs || zone == 0 || theirs == 0)
        }
        _ => false,
    }
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk::<N>().copied()
}

fn put<const N: usize>(out: &mut [u8; SOCKADDR_IN6_BYTES], offset: usize, value: [u8; N]) {
    if let Some(place) = out.get_mut(offset..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for ip in [Ip::V4([10, 1, 2, 3]), Ip::V6([0xFE, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], 9)] {
            let address = Address { ip, port: 5445 };
            let (bytes, length) = format(address);
            assert_eq!(parse(&bytes[..length]), Ok(address));
        }
    }

    #[test]
    fn conn_12_links_are_told_apart_by_their_prefix() {
        let four = |last, prefix| LocalAddress { ip: Ip::V4([192, 168, 77, last]), prefix };
        assert!(on_link(four(1, 24), Ip::V4([192, 168, 77, 251])));
        assert!(!on_link(four(1, 24), Ip::V4([192, 168, 78, 1])));
        assert!(on_link(four(1, 23), Ip::V4([192, 168, 76, 1])));
        assert!(!on_link(four(1, 32), Ip::V4([192, 168, 77, 2])));
        assert!(on_link(four(1, 32), Ip::V4([192, 168, 77, 1])));
        assert!(on_link(four(1, 0), Ip::V4([8, 8, 8, 8])));
        let six = |first, last, zone| {
            let mut bytes = [0; 16];
            (bytes[0], bytes[15]) = (first, last);
            Ip::V6(bytes, zone)
        };
        let own = LocalAddress { ip: six(0xFE, 1, 7), prefix: 64 };
        assert!(on_link(own, six(0xFE, 9, 0)) && on_link(own, six(0xFE, 9, 7)));
        assert!(!on_link(own, six(0xFE, 9, 8)) && !on_link(own, six(0xFD, 1, 7)));
        assert!(!on_link(four(1, 0), six(0, 1, 0)));
    }

    #[test]
    fn conn_05_short_and_foreign_addresses_are_refused() {
        let (bytes, _) = format(Address { ip: Ip::V4([1, 2, 3, 4]), port: 1 });
        assert_eq!(parse(&bytes[..15]), Err(Failure::InvalidParameter));
        assert_eq!(parse(&[]), Err(Failure::InvalidParameter));
        let (bytes, _) = format(Address { ip: Ip::V6([1; 16], 0), port: 1 });
        assert_eq!(parse(&bytes[..27]), Err(Failure::InvalidParameter));
        assert_eq!(parse(&[17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Failure::InvalidAddress));
    }
}
