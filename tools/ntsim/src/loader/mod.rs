//! Loads PE drivers: checks, mapping, relocations, imports, guards; then `DriverEntry`.

mod driver;
mod error;
mod guard;
mod image;
mod imports;
mod load;
pub mod pe;
mod stubs;

pub use driver::Driver;
pub use error::LoadError;
pub(crate) use guard::forget_checked_targets;
pub use image::{Image, Section};
pub(crate) use imports::walk as walk_imports;
pub use load::load;

#[cfg(test)]
mod tests;
