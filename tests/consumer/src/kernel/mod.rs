//! The parts of the kernel that the consumer uses, each behind a small safe face.
//!
//! Everything is non-paged and allocated from pool with one tag, so that a leak has a name. Types that wait
//! say so, and may then be used at PASSIVE_LEVEL only; in debug builds they stop the machine otherwise.

pub mod buffer;
pub mod event;
pub mod file;
pub mod irql;
pub mod list;
pub mod lock;
pub mod pool;
pub mod queue;
pub mod thread;
pub mod time;

pub use buffer::Buffer;
pub use event::{Event, Waited};
pub use list::List;
pub use lock::Lock;
pub use pool::{NoMemory, Shared};
pub use queue::Queue;
