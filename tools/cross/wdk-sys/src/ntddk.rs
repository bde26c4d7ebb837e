//! Routines of the kernel; types and constants are at the root of the crate.

mod extra;

pub use extra::*;
pub use table::*;

mod table {
    use crate::*;
    include!("generated/functions.rs");
}
