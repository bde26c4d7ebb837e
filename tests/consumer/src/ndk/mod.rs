//! NDK objects for tests: pleasant where a test only needs an object, exact where it looks closely.
//!
//! * **Statuses stay in sight.** A call that may pend gives a [`Submitted`]: its inline status, whether it
//!   is complete yet, and after [`Submitted::wait`] an [`Answer`] with both statuses. Calls that never pend
//!   return the raw status. Nothing is retried or hidden.
//! * **Closing.** An [`Object`] is a counted reference. The last one closes the object, waits for the close
//!   (PASSIVE_LEVEL) and only then lets go of its antecedents, so trees come down in the right order by
//!   themselves. [`Object::start_close`] closes at once, in any order, and shows what the close returned.
//! * **By-pass.** [`Object::raw`], [`Object::dispatch`] and the tables are open to tests that want to call
//!   the provider without a wrapper; [`request`] has callbacks for that.
//! * **IRQL.** Callbacks run at DISPATCH_LEVEL or below and only count and set events. What waits says so.

mod adapter;
mod address;
mod connector;
mod cq;
mod endpoint;
mod listener;
mod object;
mod pair;
mod pd;
mod qp;
mod region;
pub mod request;
mod srq;

pub use adapter::Adapter;
pub use address::{Address, Family};
pub use connector::{ConnectionData, Connector, Limits, OnDisconnect};
pub use cq::{Cq, Notify};
pub use endpoint::Endpoint;
pub use listener::{Listener, ListenerOptions, Pause};
pub use object::{Created, Kind, Object};
pub use pair::{End, Pair, PairOptions, Place, port, targets};
pub use pd::Pd;
pub use qp::{Qp, QpOptions};
pub use region::{Mr, Region, nothing, sge};
pub use request::{Answer, Submitted};
pub use srq::{Srq, SrqOptions};
