//! Keywords of the adapter: read once at initialisation, for a change restarts it (`MP-CFG-07`,
//! `INF-06`); only *NetworkDirect is read again, when NDK is to be enabled (`INF-05`).
//!
//! Whatever the registry says, an adapter comes up: what is absent or out of range gets its default
//! (`MP-CFG-03`, `MP-CFG-05`).

use softndk_nt::irql::{Cx, Passive};
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::AdapterHandle;
use softndk_nt::ndis::config::Configuration;
use softndk_nt::pure::ether::{HEADER, Mac};
use softndk_nt::time::Span;
use softndk_nt::wide;
use softndk_provider::{info, port, quota};

/// What the keywords say.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// *NetworkDirect: whether NDK begins enabled.
    pub network_direct: bool,
    /// *JumboPacket without the Ethernet header.
    pub mtu: u32,
    /// *ReceiveBuffers: how many frames may wait or be with the stack.
    pub receive_buffers: u32,
    /// NetworkAddress, if it is one.
    pub address: Option<Mac>,
    /// ConnectEventDelay in milliseconds: how long a connection message takes.
    pub connect_delay: Span,
    /// RnrDelay in milliseconds: how long a message without a receive waits for the next try.
    pub rnr_delay: Span,
    /// AcceptLimit in milliseconds: how long an accept waits for the active side.
    pub accept_limit: Span,
    /// DynamicPorts: how many ports port 0 picks from.
    pub dynamic_ports: u16,
    /// ObjectLimit: most objects of each counted kind.
    pub object_limit: u32,
    /// OptionalFeatures: which of [`info::OPTIONAL`] the adapter has.
    pub features: u32,
}

/// A number with its limits; the same ones stand in `inf/softndk.inx`.
struct Number {
    keyword: &'static [u16],
    default: u32,
    least: u32,
    most: u32,
}

const NETWORK_DIRECT: Number = Number { keyword: wide!("*NetworkDirect"), default: 1, least: 0, most: 1 };
const TECHNOLOGY: Number = Number {
    keyword: wide!("*NetworkDirectTechnology"),
    default: info::TECHNOLOGY_IWARP,
    least: info::TECHNOLOGY_IWARP,
    most: info::TECHNOLOGY_IWARP,
};
const JUMBO_PACKET: Number = Number { keyword: wide!("*JumboPacket"), default: 1514, least: 1514, most: 9014 };
const RECEIVE_BUFFERS: Number = Number { keyword: wide!("*ReceiveBuffers"), default: 256, least: 16, most: 4096 };
const CONNECT_DELAY: Number = Number { keyword: wide!("ConnectEventDelay"), default: 1, least: 0, most: 10_000 };
const RNR_DELAY: Number = Number { keyword: wide!("RnrDelay"), default: 1, least: 1, most: 1000 };
// Generous, for the active consumer may take its time (`CONN-25`).
const ACCEPT_LIMIT: Number = Number { keyword: wide!("AcceptLimit"), default: 120_000, least: 100, most: 3_600_000 };
const DYNAMIC_PORTS: Number = Number {
    keyword: wide!("DynamicPorts"),
    default: port::EPHEMERAL_COUNT as u32,
    least: 1,
    most: port::EPHEMERAL_COUNT as u32,
};
const OBJECT_LIMIT: Number =
    Number { keyword: wide!("ObjectLimit"), default: quota::LARGEST, least: 16, most: quota::LARGEST };

const FEATURES: Number =
    Number { keyword: wide!("OptionalFeatures"), default: info::OPTIONAL, least: 0, most: info::OPTIONAL };

/// Reads all keywords.
pub fn read(adapter: AdapterHandle, cx: &mut Cx<Passive>) -> Settings {
    let mut configuration = Configuration::open(adapter, cx)
        .inspect_err(|status| {
            log::say_with(Level::Warning, c"no configuration, defaults apply", u64::from(status.cast_unsigned()), 0);
        })
        .ok();
    let mut number = |number: Number| -> u32 {
        configuration.as_mut().map_or(number.default, |configuration| take(configuration, &number))
    };
    let network_direct = number(NETWORK_DIRECT) != 0;
    // One technology: the value is looked at only to log what cannot be.
    let _ = number(TECHNOLOGY);
    let mtu = number(JUMBO_PACKET).saturating_sub(HEADER);
    let receive_buffers = number(RECEIVE_BUFFERS);
    let connect_delay = Span::from_millis(number(CONNECT_DELAY).into());
    let rnr_delay = Span::from_millis(number(RNR_DELAY).into());
    let accept_limit = Span::from_millis(number(ACCEPT_LIMIT).into());
    let dynamic_ports = u16::try_from(number(DYNAMIC_PORTS)).unwrap_or(port::EPHEMERAL_COUNT);
    let object_limit = number(OBJECT_LIMIT);
    let features = number(FEATURES);
    let address = configuration.as_mut().and_then(|configuration| {
        let (bytes, length) = configuration.network_address()?;
        let address = bytes.get(..length).and_then(Mac::from_administrator);
        if address.is_none() {
            log::say(Level::Warning, c"NetworkAddress is not a station's address, ignored");
        }
        address
    });
    Settings {
        network_direct,
        mtu,
        receive_buffers,
        address,
        connect_delay,
        rnr_delay,
        accept_limit,
        dynamic_ports,
        object_limit,
        features,
    }
}

/// Whether *NetworkDirect allows NDK now; absent or unreadable counts as enabled (`INF-05`).
pub fn network_direct(adapter: AdapterHandle, cx: &mut Cx<Passive>) -> bool {
    Configuration::open(adapter, cx).map_or(true, |mut configuration| take(&mut configuration, &NETWORK_DIRECT) != 0)
}

fn take(configuration: &mut Configuration<'_>, number: &Number) -> u32 {
    match configuration.number(number.keyword) {
        Some(value) if (number.least..=number.most).contains(&value) => value,
        Some(value) => {
            log::say_with(
                Level::Warning,
                c"a keyword is out of range: value, default",
                value.into(),
                number.default.into(),
            );
            number.default
        }
        None => number.default,
    }
}
