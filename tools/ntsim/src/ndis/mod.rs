//! ndis.sys as miniport drivers see it, and what NDIS, PnP and protocols do with them.
//!
//! ```text
//!   machine --host--> lifecycle, oid, edge --call_driver--> Miniport* handlers
//!   driver  --Ndis* rows--> driver, attributes, configuration, pool, path, timer, work, ...
//! ```
//! Drivers get opaque handles (`handles`); the rules of [`codes`] are checked on the way.

mod adapter;
mod attributes;
pub mod codes;
mod configuration;
mod data;
mod driver;
mod edge;
mod handles;
mod host;
pub(crate) mod latch;
mod lifecycle;
mod lock;
mod memory;
mod misc;
mod oid;
mod path;
mod pool;
mod status;
mod timer;
mod view;
mod work;

pub use adapter::{AdapterId, LinkState, State};
pub use codes::ALL as CODES;
pub use driver::NDIS_MINOR;
pub use edge::{Edge, Layout};
pub use host::*;
pub use misc::{LogEntry, event_log};
pub use oid::{OidAnswer, Request as OidRequest};
pub use view::*;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[
    attributes::ROWS,
    configuration::ROWS,
    data::ROWS,
    driver::ROWS,
    lifecycle::ROWS,
    lock::ROWS,
    memory::ROWS,
    misc::ROWS,
    oid::ROWS,
    path::ROWS,
    pool::ROWS,
    status::ROWS,
    timer::ROWS,
    work::ROWS,
];
