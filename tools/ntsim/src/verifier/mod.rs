//! Checks that do not belong to one routine, the fault injector.

pub mod faults;
pub mod rules;
pub mod unload;

use std::sync::OnceLock;

/// How strict and how large the machine is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of virtual processors, 1 to 64.
    pub cpus: u32,
    /// Each pool block ends at an inaccessible page, and freed ones stay inaccessible.
    pub guard_pages: bool,
    /// A DPC may run for ten seconds only.
    pub dpc_watchdog: bool,
}

impl Default for Options {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(2, |count| count.get() as u32).clamp(2, 64);
        Self { cpus, guard_pages: false, dpc_watchdog: true }
    }
}

static OPTIONS: OnceLock<Options> = OnceLock::new();

/// Chooses the options; only before anything has asked for them. False if it is too late.
pub fn configure(options: Options) -> bool {
    let options = Options { cpus: options.cpus.clamp(1, 64), ..options };
    OPTIONS.set(options).is_ok()
}

/// The options of this machine.
pub fn options() -> &'static Options {
    OPTIONS.get_or_init(Options::default)
}
