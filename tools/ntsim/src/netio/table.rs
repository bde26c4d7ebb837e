//! The interfaces and addresses of the machine, and who wants to hear of changes.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::notify;
use crate::machine::{AdapterConfig, IpConfig};
use ndkpi_sys::*;

/// An interface with its addresses.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub index: u32,
    pub luid: u64,
    pub alias: String,
    pub addresses: Vec<IpConfig>,
}

static INTERFACES: Mutex<Vec<Interface>> = Mutex::new(Vec::new());

/// Addresses that were added while the interface was not there yet are not kept: the adapter's
/// configuration is what an interface starts with.
pub(crate) fn interface_arrived(config: &AdapterConfig, luid: u64) {
    let interface = Interface {
        index: config.interface_index,
        luid,
        alias: config.name.clone(),
        addresses: config.addresses.clone(),
    };
    let rows: Vec<MIB_UNICASTIPADDRESS_ROW> =
        interface.addresses.iter().map(|address| row(&interface, address)).collect();
    let mut interfaces = INTERFACES.lock();
    interfaces.push(interface);
    interfaces.sort_by_key(|interface| interface.index);
    drop(interfaces);
    for row in rows {
        notify::changed(row, MibAddInstance);
    }
}

/// The interface and its addresses go.
pub(crate) fn interface_left(config: &AdapterConfig) {
    let gone = {
        let mut interfaces = INTERFACES.lock();
        let at = interfaces.iter().position(|interface| interface.index == config.interface_index);
        at.map(|at| interfaces.remove(at))
    };
    let Some(gone) = gone else { return };
    for address in &gone.addresses {
        notify::changed(row(&gone, address), MibDeleteInstance);
    }
}

/// The link of an interface changed. Addresses stay (MP-LINK-06 leaves that to policy).
pub(crate) fn link_changed(_index: u32) {}

/// Adds an address at run time; false if there is no such interface or the address is there.
pub fn add_address(index: u32, address: IpConfig) -> bool {
    let row = {
        let mut interfaces = INTERFACES.lock();
        let Some(interface) = interfaces.iter_mut().find(|interface| interface.index == index) else { return false };
        if interface.addresses.iter().any(|known| known.address == address.address) {
            return false;
        }
        interface.addresses.push(address);
        row(interface, &address)
    };
    notify::changed(row, MibAddInstance);
    true
}

/// Takes an address away at run time; false if it was not there.
pub fn remove_address(index: u32, address: IpAddr) -> bool {
    let row = {
        let mut interfaces = INTERFACES.lock();
        let Some(interface) = interfaces.iter_mut().find(|interface| interface.index == index) else { return false };
        let Some(at) = interface.addresses.iter().position(|known| known.address == address) else { return false };
        let gone = interface.addresses.remove(at);
        row(interface, &gone)
    };
    notify::changed(row, MibDeleteInstance);
    true
}

/// The interface index of a LUID.
pub(crate) fn index_of_luid(luid: u64) -> Option<u32> {
    find(|interface| interface.luid == luid).map(|interface| interface.index)
}

pub(super) fn find(wanted: impl Fn(&Interface) -> bool) -> Option<Interface> {
    INTERFACES.lock().iter().find(|interface| wanted(interface)).cloned()
}

/// All addresses of a family (AF_UNSPEC for both), by interface index.
pub(super) fn rows(family: u16) -> Vec<MIB_UNICASTIPADDRESS_ROW> {
    let interfaces = INTERFACES.lock();
    interfaces
        .iter()
        .flat_map(|interface| interface.addresses.iter().map(move |address| row(interface, address)))
        // SAFETY: both members of the union begin with the family.
        .filter(|row| family == AF_UNSPEC || unsafe { row.Address.si_family } == family)
        .collect()
}

/// A configured address as Windows shows one set by hand and in use.
fn row(interface: &Interface, address: &IpConfig) -> MIB_UNICASTIPADDRESS_ROW {
    let mut row = MIB_UNICASTIPADDRESS_ROW {
        Address: socket_address(address.address),
        InterfaceLuid: NET_LUID { Value: interface.luid },
        InterfaceIndex: interface.index,
        PrefixOrigin: IpPrefixOriginManual,
        SuffixOrigin: IpSuffixOriginManual,
        ValidLifetime: u32::MAX,
        PreferredLifetime: u32::MAX,
        OnLinkPrefixLength: address.prefix,
        SkipAsSource: 0,
        DadState: IpDadStatePreferred,
        ..Default::default()
    };
    if let IpAddr::V6(six) = address.address
        && six.is_unicast_link_local()
    {
        row.ScopeId.__bindgen_anon_1.Value = interface.index;
    }
    row
}

/// An address without a port.
fn socket_address(address: IpAddr) -> SOCKADDR_INET {
    let mut socket = SOCKADDR_INET::default();
    match address {
        IpAddr::V4(four) => {
            let mut value = SOCKADDR_IN { sin_family: AF_INET, ..Default::default() };
            value.sin_addr.S_un.S_addr = u32::from_ne_bytes(four.octets());
            socket.Ipv4 = value;
        }
        IpAddr::V6(six) => {
            let mut value = SOCKADDR_IN6 { sin6_family: AF_INET6, ..Default::default() };
            value.sin6_addr.u.Byte = six.octets();
            socket.Ipv6 = value;
        }
    }
    socket
}

/// The bytes that two rows are the same address by.
pub(super) fn key(row: &MIB_UNICASTIPADDRESS_ROW) -> (u64, [u8; 16], u16) {
    // SAFETY: the family says which member is there; all are plain numbers.
    unsafe {
        let family = row.Address.si_family;
        let mut bytes = [0; 16];
        if family == AF_INET6 {
            bytes = row.Address.Ipv6.sin6_addr.u.Byte;
        } else {
            bytes[..4].copy_from_slice(&row.Address.Ipv4.sin_addr.S_un.S_addr.to_ne_bytes());
        }
        (row.InterfaceLuid.Value, bytes, family)
    }
}

/// Tables handed to drivers: address and layout size.
pub(super) static HANDED: Mutex<Option<HashMap<usize, usize>>> = Mutex::new(None);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_rows_and_leave_again() {
        let config = AdapterConfig::new("netio test", 901).address("192.0.2.7/24").address("fe80::7/64");
        interface_arrived(&config, 0x0006_0003_8500_0000);
        let mine = |family| rows(family).into_iter().filter(|row| row.InterfaceIndex == 901).count();
        assert_eq!((mine(AF_INET), mine(AF_INET6), mine(AF_UNSPEC)), (1, 1, 2));
        let four = rows(AF_INET).into_iter().find(|row| row.InterfaceIndex == 901).unwrap();
        assert_eq!(four.OnLinkPrefixLength, 24);
        // SAFETY: an IPv4 row.
        assert_eq!(unsafe { four.Address.Ipv4.sin_addr.S_un.S_addr }.to_ne_bytes(), [192, 0, 2, 7]);
        let six = rows(AF_INET6).into_iter().find(|row| row.InterfaceIndex == 901).unwrap();
        // SAFETY: plain number.
        assert_eq!(unsafe { six.ScopeId.__bindgen_anon_1.Value }, 901);
        assert!(add_address(901, "192.0.2.8/24".parse().unwrap()));
        assert!(!add_address(901, "192.0.2.8/24".parse().unwrap()));
        assert!(remove_address(901, "192.0.2.8".parse().unwrap()));
        assert_eq!(index_of_luid(0x0006_0003_8500_0000), Some(901));
        interface_left(&config);
        assert_eq!(mine(AF_UNSPEC), 0);
    }
}
