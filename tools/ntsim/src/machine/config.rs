//! What a machine and its adapters are made of.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::sched::{Schedule, Strategy};

/// How large and how strict the machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Virtual processors, 1 to 64; `None` takes as many as the host has, or 2 for a seeded machine.
    pub processors: Option<u32>,
    /// Special pool: each block ends at an inaccessible page and is inaccessible once it is
    /// freed. Finds overruns and late accesses at the instruction that does them; costs speed.
    pub guard_pages: bool,
    /// Who chooses which kernel thread runs: the host, or a seed.
    pub schedule: Schedule,
}

/// For tests: special pool on.
impl Default for Config {
    fn default() -> Self {
        Config { processors: None, guard_pages: true, schedule: Schedule::Free }
    }
}

impl Config {
    /// A machine that a seed schedules.
    pub fn seeded(seed: u64, strategy: Strategy) -> Self {
        Config { schedule: Schedule::Seeded { seed, strategy }, ..Config::default() }
    }

    /// For benchmarks and demonstrations: checks that cost speed are off.
    pub fn fast() -> Self {
        Config { guard_pages: false, ..Config::default() }
    }
}

/// One value under an adapter's software key, read by the driver with `NdisReadConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// A `REG_DWORD`.
    Number(u32),
    /// A `REG_SZ`; standardised keywords (`*NetworkDirect`) are such texts on Windows.
    Text(String),
    /// A `REG_BINARY`.
    Bytes(Vec<u8>),
}

impl From<u32> for Keyword {
    fn from(number: u32) -> Self {
        Keyword::Number(number)
    }
}

impl From<&str> for Keyword {
    fn from(text: &str) -> Self {
        Keyword::Text(text.to_owned())
    }
}

/// A unicast IP address with the length of its on-link prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpConfig {
    /// The address.
    pub address: IpAddr,
    /// Prefix length in bits: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

impl std::str::FromStr for IpConfig {
    type Err = String;

    /// Reads `192.0.2.1/24` or `2001:db8::1`; without a prefix the address stands alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| format!("`{address}` is not an IP address"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix
                .trim()
                .parse()
                .ok()
                .filter(|length| *length <= longest)
                .ok_or_else(|| format!("the prefix length of {address} is 0 to {longest}"))?,
        };
        Ok(IpConfig { address, prefix })
    }
}

/// One adapter: what the INF, the device manager and the address settings give it on Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterConfig {
    /// The name that users see (`NetCfg` alias), unique in the machine.
    pub name: String,
    /// The interface index, unique in the machine; NDK consumers open the adapter by it.
    pub interface_index: u32,
    /// The NET_LUID's index part (24 bits); `None` derives it from the interface index.
    pub luid_index: Option<u32>,
    /// The permanent MAC address, handed to the miniport as its `NetworkAddress` keyword unless
    /// `keywords` has one; `None` lets the driver choose.
    pub mac: Option<[u8; 6]>,
    /// The IP addresses that the machine's address table shows for this adapter.
    pub addresses: Vec<IpConfig>,
    /// The values under the adapter's software key.
    pub keywords: BTreeMap<String, Keyword>,
}

impl AdapterConfig {
    /// An adapter without addresses and keywords.
    pub fn new(name: &str, interface_index: u32) -> Self {
        AdapterConfig {
            name: name.to_owned(),
            interface_index,
            luid_index: None,
            mac: None,
            addresses: Vec::new(),
            keywords: BTreeMap::new(),
        }
    }

    /// Adds an IP address given as text, `192.0.2.1/24`.
    ///
    /// # Panics
    /// When the text is not an address: this is for addresses written in a program.
    #[must_use]
    pub fn address(mut self, text: &str) -> Self {
        self.addresses.push(text.parse().unwrap_or_else(|why: String| panic!("{why}")));
        self
    }

    /// Sets the permanent MAC address.
    #[must_use]
    pub fn mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = Some(mac);
        self
    }

    /// Sets one keyword.
    #[must_use]
    pub fn keyword(mut self, name: &str, value: impl Into<Keyword>) -> Self {
        self.keywords.insert(name.to_owned(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_prefix() {
        let four: IpConfig = "192.0.2.1/24".parse().unwrap();
        assert_eq!((four.address.is_ipv4(), four.prefix), (true, 24));
        let six: IpConfig = "2001:db8::1".parse().unwrap();
        assert_eq!((six.address.is_ipv6(), six.prefix), (true, 128));
        for bad in ["", "192.0.2", "192.0.2.1/33", "::1/129", "::1/x"] {
            assert!(bad.parse::<IpConfig>().is_err(), "{bad}");
        }
    }
}
