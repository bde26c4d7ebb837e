//! Who holds which address and port of a miniport, and which port is free
//! (`CONN-06` to `CONN-10`, `LSN-04` to `LSN-06`, `LSN-25`, `SEP-02` to `SEP-04`).
//!
//! Ports are those of the ND port space, one space for each local address (`CONN-85`, `CONN-86`).

use crate::{Failure, address::same_ip};
use core::ops::RangeInclusive;
use softndk_abi::cm::{Address, Ip};

/// The range from which a port is picked when port 0 is asked for.
pub const EPHEMERAL: RangeInclusive<u16> = 49_152..=65_535;
/// How many ports that are.
pub const EPHEMERAL_COUNT: u16 = 16_384;

/// The first `count` ports of [`EPHEMERAL`], at least one.
#[must_use]
pub fn ephemeral(count: u16) -> RangeInclusive<u16> {
    let last = EPHEMERAL.start().saturating_add(count.clamp(1, EPHEMERAL_COUNT).saturating_sub(1));
    *EPHEMERAL.start()..=last
}

/// True when a holder of `held` keeps `wanted` from being used: the same port of the same local
/// address; a wildcard holds the port on every address of its family.
#[must_use]
pub fn collides(held: Address, wanted: Address) -> bool {
    held.port == wanted.port
        && held.ip.same_family(wanted.ip)
        && (held.ip.is_wildcard() || wanted.ip.is_wildcard() || same_ip(held.ip, wanted.ip))
}

/// What a local address may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildcard {
    /// A listener may listen on all addresses of the family (`LSN-08`).
    Allowed,
    /// An outgoing connection needs one address (`SEP-11`).
    Refused,
}

/// Checks that `local` is an address of the miniport; `owned` answers for one IP.
///
/// # Errors
/// [`Failure::InvalidAddress`] otherwise (`CONN-06`, `LSN-04`, `SEP-02`).
pub fn check_local(local: Address, wildcard: Wildcard, owned: impl Fn(Ip) -> bool) -> Result<(), Failure> {
    let known = if local.ip.is_wildcard() { wildcard == Wildcard::Allowed } else { owned(local.ip) };
    if known { Ok(()) } else { Err(Failure::InvalidAddress) }
}

/// Settles the port of `wanted`: the one asked for if nobody holds it, or a free one of `range` for port 0.
///
/// `held` answers whether anybody's binding collides with an address; `start` is where the search
/// begins (any number: it spreads the ports handed out).
///
/// # Errors
/// [`Failure::AddressInUse`] or, for port 0, [`Failure::NoFreePort`].
pub fn settle(
    wanted: Address,
    range: RangeInclusive<u16>,
    start: u16,
    held: impl Fn(Address) -> bool,
) -> Result<Address, Failure> {
    if wanted.port != 0 {
        return if held(wanted) { Err(Failure::AddressInUse) } else { Ok(wanted) };
    }
    let (lowest, highest) = range.into_inner();
    let count = highest.saturating_sub(lowest).saturating_add(1);
    let first = lowest.saturating_add(start.checked_rem(count).unwrap_or(0));
    (first..=highest)
        .chain(lowest..first)
        .map(|port| Address { port, ..wanted })
        .find(|candidate| !held(*candidate))
        .ok_or(Failure::NoFreePort)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: Ip = Ip::V4([192, 168, 0, 1]);
    const OTHER: Ip = Ip::V4([192, 168, 0, 2]);
    const ANY: Ip = Ip::V4([0; 4]);

    fn address(ip: Ip, port: u16) -> Address {
        Address { ip, port }
    }

    #[test]
    fn conn_86_other_addresses_and_families_do_not_collide() {
        assert!(collides(address(IP, 445), address(IP, 445)));
        assert!(!collides(address(IP, 445), address(IP, 446)));
        assert!(!collides(address(IP, 445), address(OTHER, 445)));
        assert!(!collides(address(IP, 445), address(Ip::V6([0; 16], 0), 445)));
        assert!(collides(address(ANY, 445), address(OTHER, 445)));
    }

    #[test]
    fn conn_08_port_zero_picks_a_free_one_and_wraps() {
        let got = settle(address(IP, 0), EPHEMERAL, 0xFFFF, |a| a.port == 65_535).unwrap();
        assert_eq!(got.port, 49_152);
        assert!(EPHEMERAL.contains(&settle(address(IP, 0), EPHEMERAL, 77, |_| false).unwrap().port));
        assert_eq!(settle(address(IP, 0), EPHEMERAL, 3, |_| true), Err(Failure::NoFreePort));
        let only = settle(address(IP, 0), EPHEMERAL, 60_000, |a| a.port != 50_000).unwrap();
        assert_eq!(only.port, 50_000);
    }

    #[test]
    fn a_shorter_range_is_the_lower_part() {
        assert_eq!(ephemeral(EPHEMERAL_COUNT), EPHEMERAL);
        assert_eq!(ephemeral(u16::MAX), EPHEMERAL);
        assert_eq!(ephemeral(0), 49_152..=49_152);
        for start in 0..40 {
            let got = settle(address(IP, 0), ephemeral(3), start, |a| a.port != 49_154).unwrap();
            assert_eq!(got.port, 49_154);
        }
        assert_eq!(settle(address(IP, 0), ephemeral(3), 7, |a| a.port < 49_155), Err(Failure::NoFreePort));
    }

    #[test]
    fn conn_07_a_port_in_use_is_refused() {
        assert_eq!(settle(address(IP, 445), EPHEMERAL, 0, |_| true), Err(Failure::AddressInUse));
    }

    #[test]
    fn lsn_08_only_listeners_may_take_the_wildcard() {
        assert!(check_local(address(ANY, 1), Wildcard::Allowed, |_| false).is_ok());
        assert_eq!(check_local(address(ANY, 1), Wildcard::Refused, |_| true), Err(Failure::InvalidAddress));
        assert_eq!(check_local(address(IP, 1), Wildcard::Allowed, |_| false), Err(Failure::InvalidAddress));
    }
}
