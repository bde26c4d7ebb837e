//! Structured exception handling: `__try`, `__except`, `__finally` of drivers.
//!
//! ```text
//!   fault in driver code --signal--> deliver --+
//!   fault in a raising routine --signal--------+--> search: frame by frame, filters
//!   ExRaiseStatus, ProbeForRead ... -----------+        |accepted          |nobody wants it
//!                                                       v                  v
//!                                          unwind: termination      the bugcheck of before
//!                                          handlers, then resume
//! ```
//! Everything here runs on the driver's own stack, below the frame that faulted, and structures
//! have their Windows layout: handlers of a driver's own (`__GSHandlerCheck_SEH`, C++) read them.
//!
//! When an exception is handled, the frames of ntsim in between are left for good, without being
//! returned through. So a routine from which an exception can come is marked `raising` in its
//! table, owns nothing at that point, and its entry keeps the registers that the driver relies on.
//! It may cross a raising routine that called a function of the driver, too (`qsort`). An exception
//! does not cross other routines: who calls a driver through the kernel (dispatch routines, DPCs)
//! hears of it as a bugcheck that says so.

mod deliver;
mod handler;
mod layout;
mod raise;
mod search;
mod state;
mod unwind;

pub(crate) use deliver::{Delivery, begin, is_sane};
pub use layout::{CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD};
pub(crate) use raise::raise_exception;
pub use search::Unhandled;
pub use state::{AtEntry, Walk};

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[handler::ROWS, raise::ROWS, unwind::ROWS];
