//! Compile-time proof that records have the sizes and offsets of the contract.

use crate::*;
use core::mem::offset_of;

include!("generated/layout.rs");
