//! One open of an adapter by one consumer.

use std::sync::LazyLock;

use parking_lot::Mutex;

use super::Checks;
use super::kind::Version;
use super::lam::Mappings;
use super::life::Registry;
use crate::kernel::ImageId;

/// Who is on which side, and what was agreed.
#[derive(Debug)]
pub struct Session {
    /// The version that the provider answered.
    pub version: Version,
    /// How much is checked.
    pub checks: Checks,
    /// The consumer's image; `None` if ntsim itself opened the adapter.
    pub consumer: Option<ImageId>,
    /// An address in the consumer's code: where it registered with WSK.
    pub consumer_code: usize,
    /// The provider's image.
    pub provider: Option<ImageId>,
    /// An address in the provider's code: its open handler.
    pub provider_code: usize,
    /// The interface index of the adapter.
    pub interface_index: u32,
    /// Logical address mappings built and not released.
    pub lams: Mutex<Mappings>,
}

/// The lives of all objects of the machine.
pub(super) static LIVES: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);
