//! Boots a machine with softndk.sys and ndktest.sys and runs the consumer's workloads.
//!
//! One machine lives in one process, and a broken rule ends that process with exit code 3, so tests
//! run the `softndk-runner` program as a child: see `tests/workloads.rs`.
#![forbid(unsafe_code)]

pub mod conformance;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ndktest_api as api;
use ntsim::machine::{AdapterConfig, Config, File, Machine};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Which two ends a workload connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Both ends on one adapter.
    Same,
    /// The ends on two adapters of the machine.
    Two,
}

impl Wire {
    /// Every wire there is.
    pub const ALL: [Self; 2] = [Self::Same, Self::Two];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Two => "two",
        }
    }

    /// The wire of a name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "same" => Some(Self::Same),
            "two" => Some(Self::Two),
            _ => None,
        }
    }
}

/// Interface indices of the two adapters.
const INTERFACES: [u32; 2] = [11, 12];
/// Their IPv4 addresses.
const IPV4: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];

fn ipv6(adapter: usize) -> [u8; 16] {
    let mut octets = [0; 16];
    octets[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
    octets[15] = IPV4[adapter][3];
    octets
}

/// The folder with the driver images: `NTSIM_SYS_DIR`, or `target/sys/debug`.
#[must_use]
pub fn images() -> PathBuf {
    std::env::var_os("NTSIM_SYS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sys/debug"),
        PathBuf::from,
    )
}

/// A machine with two adapters of softndk and the consumer.
pub struct Bench {
    machine: Machine,
    device: Option<File>,
}

impl Bench {
    /// Boots it.
    ///
    /// # Errors
    /// A driver image that is not there, or a start that fails.
    pub fn boot(config: Config) -> Result<Self> {
        let folder = images();
        let mut machine = Machine::new(config)?;
        let image = |name: &str| {
            let path = folder.join(name);
            if path.is_file() { Ok(path) } else { bail!("{} is missing: run `cargo xtask build`", path.display()) }
        };
        let nic = machine.load(image("softndk.sys")?, &[])?;
        for (adapter, index) in INTERFACES.into_iter().enumerate() {
            let [a, b, c, d] = IPV4[adapter];
            let config = AdapterConfig::new(&format!("softndk {}", adapter + 1), index)
                .address(&format!("{a}.{b}.{c}.{d}/24"))
                .address(&format!("2001:db8::{d}/64"));
            machine.add_adapter(nic, config)?;
        }
        machine.load(image("ndktest.sys")?, &[])?;
        let device = machine.open(r"\\.\NdkTest")?;
        Ok(Self { machine, device: Some(device) })
    }

    /// The names of the workloads.
    ///
    /// # Errors
    /// The consumer's answer, when it is not a list.
    pub fn workloads(&self) -> Result<Vec<String>> {
        let (status, bytes) = self.device()?.ioctl(api::IOCTL_LIST, &[], 4096 * size_of::<api::Entry>())?;
        if !status.is_success() {
            bail!("list: {status}");
        }
        let entries = <[api::Entry]>::ref_from_bytes(&bytes).ok().context("the list has a broken entry")?;
        Ok(entries.iter().map(|entry| entry.name.to_string()).collect())
    }

    /// Runs one workload over `wire`.
    ///
    /// # Errors
    /// A request that is refused as a whole; what the workload finds stands in the outcome.
    pub fn run(&self, workload: &str, wire: Wire, seed: u64) -> Result<api::Outcome> {
        let ends = match wire {
            Wire::Same => [0, 0],
            Wire::Two => [0, 1],
        };
        let target = |adapter: usize| api::Target {
            interface: INTERFACES[adapter],
            ipv4: IPV4[adapter],
            ipv6: ipv6(adapter),
            ipv6_scope: 0,
        };
        let request = api::Request {
            id: 1,
            seed,
            workload: api::Text::new(workload),
            adapters: ends.map(target),
            major: 2,
            minor: 1,
            ..api::Request::new_zeroed()
        };
        let (status, bytes) = self.device()?.ioctl(api::IOCTL_RUN, request.as_bytes(), size_of::<api::Outcome>())?;
        match api::Outcome::read_from_bytes(&bytes) {
            Ok(outcome) => Ok(outcome),
            Err(_) => bail!("{workload}: {status}, {} bytes", bytes.len()),
        }
    }

    fn device(&self) -> Result<&File> {
        self.device.as_ref().context("the machine is shut down")
    }

    /// Shuts the machine down; everything that a driver left behind is an error.
    ///
    /// # Errors
    /// The first report that is not clean.
    pub fn shut_down(mut self) -> Result<()> {
        self.device = None;
        for report in self.machine.shutdown()? {
            if !report.is_clean() {
                bail!("{report}");
            }
        }
        Ok(())
    }
}

/// One line on how a workload ended.
#[must_use]
pub fn verdict(outcome: &api::Outcome) -> Result<String, String> {
    if outcome.status == 0 {
        return Ok(format!("{} checks", outcome.checks));
    }
    let failure = &outcome.failure;
    Err(format!(
        "status {:#010x} after {} checks: {} ({}:{}, status {:#010x}, seen {:#x}, wanted {:#x})",
        outcome.status, outcome.checks, failure.what, failure.file, failure.line, failure.status, failure.seen,
        failure.wanted
    ))
}
