//! What the driver's kernel side decides without asking the kernel, so that every host can test it.
//!
//! | module | what |
//! |---|---|
//! | [`extent`] | the one virtual range of an MDL chain (`LAM-06`, `MR-11`) |
//! | [`random`] | a keyed generator (ChaCha) |
#![no_std]
#![forbid(unsafe_code)]

pub mod extent;
pub mod random;
