//! Between NDK providers and consumers: what tcpip.sys does on Windows, with a verifier inside.
//!
//! Each object that a provider hands to a consumer gets its `Dispatch` pointer replaced by a table
//! of ours, and its callbacks by callbacks of ours. Both sides thus run through the rules of
//! `docs/contract/ndkpi.md`; [`rules`] lists the ones that are enforced. On the data path that
//! costs some ten nanoseconds per call; [`Checks::Life`] leaves it alone.
//!
//! ```text
//!   consumer --table--> NdkSend of the shim --> NdkSend of the provider
//!   consumer <-- callback <-- NdkCqNotification of the shim <-- provider
//! ```

mod adapter;
mod call;
mod close;
mod connector;
mod cq;
mod create;
mod endpoint;
mod event;
mod header;
mod index;
mod kind;
mod lam;
mod life;
mod listener;
mod mr;
mod mw;
mod open;
mod pd;
mod qp;
mod record;
mod request;
pub mod rules;
mod session;
mod srq;
mod tables;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use create::no_object;
pub use kind::{Kind, Version};
pub(crate) use open::{Provider, close_adapter, leaked_since, open_adapter, open_count};
pub use rules::ALL as CODES;

/// How much of what passes between provider and consumer is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checks {
    /// Nothing: the consumer gets the provider's objects as they are.
    Off,
    /// The lives of objects and requests, not the data path (posts, polls, arms). For benchmarks.
    Life,
    /// Everything.
    Full,
}

impl std::str::FromStr for Checks {
    type Err = String;

    /// Reads `off`, `life` or `full`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Checks::Off),
            "life" => Ok(Checks::Life),
            "full" => Ok(Checks::Full),
            _ => Err(format!("`{text}` is not one of off, life, full")),
        }
    }
}

static CHECKS: AtomicU8 = AtomicU8::new(2);
static PATIENCE_MS: AtomicU64 = AtomicU64::new(3000);

/// Sets the checks for adapters that are opened from now on. The default is [`Checks::Full`].
pub fn set_checks(checks: Checks) {
    CHECKS.store(checks as u8, Ordering::Relaxed);
}

/// The checks for adapters that are opened now.
pub fn checks() -> Checks {
    match CHECKS.load(Ordering::Relaxed) {
        0 => Checks::Off,
        1 => Checks::Life,
        _ => Checks::Full,
    }
}

/// Sets how long a consumer that closes its adapter, or deregisters from WSK, may leave objects
/// open before that is reported as a leak instead of a hang. The default is three seconds.
pub fn set_patience(patience: Duration) {
    PATIENCE_MS.store(patience.as_millis().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// See [`set_patience`].
pub fn patience() -> Duration {
    Duration::from_millis(PATIENCE_MS.load(Ordering::Relaxed))
}
