//! Loads PE drivers.

mod image;

pub use image::Image;
