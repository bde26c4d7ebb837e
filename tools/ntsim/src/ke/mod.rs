//! Ke: threads, time, locks, DPCs, waits.
//!
//! ```text
//!   raise to DISPATCH: the thread occupies a virtual processor      (cpu)
//!   lower:             it runs the DPCs queued there, then leaves   (irql, dpc)
//!   wait:              dispatcher objects, one lock over all        (wait)
//! ```

pub mod cpu;
pub mod dpc;
pub mod event;
pub mod irql;
mod machine;
pub mod mutex;
pub(crate) mod pcr;
mod processor;
mod queued;
mod region;
pub mod semaphore;
pub mod shared_data;
pub mod spin;
pub mod thread;
pub mod time;
pub mod timer;
pub mod wait;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[
    dpc::ROWS,
    event::ROWS,
    irql::ROWS,
    machine::ROWS,
    mutex::ROWS,
    processor::ROWS,
    queued::ROWS,
    region::ROWS,
    semaphore::ROWS,
    spin::ROWS,
    thread::ROWS,
    time::ROWS,
    timer::ROWS,
    wait::ROWS,
];
