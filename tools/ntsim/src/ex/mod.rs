//! Ex: pool, lookaside lists, locks above spin locks, rundown, timers, work items.

mod fast_mutex;
mod list;
mod lookaside;
mod misc;
pub mod pool;
mod push_lock;
mod resource;
mod rundown;
mod slist;
mod spin;
mod timer;
pub mod work;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[
    fast_mutex::ROWS,
    list::ROWS,
    lookaside::ROWS,
    misc::ROWS,
    pool::ROWS,
    push_lock::ROWS,
    resource::ROWS,
    rundown::ROWS,
    slist::ROWS,
    spin::ROWS,
    timer::ROWS,
    work::ROWS,
];
