//! Mm: MDLs, mappings, contiguous memory. Physical addresses are the host's virtual ones.

mod contiguous;
mod map;
pub mod mdl;
mod misc;
mod pages;

use crate::table::Row;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[contiguous::ROWS, map::ROWS, mdl::ROWS, misc::ROWS, pages::ROWS];
