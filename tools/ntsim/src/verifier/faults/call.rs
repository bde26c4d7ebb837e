//! What tells one call from another: the routine and the driver's own frames.

use crate::kernel::{Image, Kernel};
use crate::symbols::{Raw, Stack};
use crate::table::Row;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A call of a fallible routine by a driver.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub row: &'static Row,
    /// The driver that called.
    pub image: &'static Image,
    /// Its frames, innermost first, up to where another driver or the kernel had called it for good.
    pub frames: Vec<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    /// A return address, as offset from the image.
    Code(usize),
    /// The kernel had called the driver here as this.
    Called(&'static str),
}

impl Call {
    /// The call that the running thread is in; `None` if ntsim itself makes it.
    pub fn here(row: &'static Row) -> Option<Self> {
        let images = &Kernel::get().images;
        let stack = Stack::capture();
        let mut found: Option<&'static Image> = None;
        let mut frames = Vec::with_capacity(stack.frames().len());
        // Up to here the frames are the driver's; what is behind may be another driver's.
        let mut own = 0;
        for frame in stack.frames() {
            match *frame {
                Raw::Code(address) | Raw::Instruction(address) => {
                    let image = images.containing(address)?;
                    if !std::ptr::eq(*found.get_or_insert(image), image) {
                        break;
                    }
                    frames.push(Frame::Code(address - image.base));
                    own = frames.len();
                }
                Raw::Called(_) if found.is_none() => return None,
                Raw::Called(site) => {
                    // The first one says as what the driver runs.
                    if own == frames.len() {
                        own += 1;
                    }
                    frames.push(Frame::Called(site.what));
                }
                Raw::Routine(_) => {}
            }
        }
        frames.truncate(own);
        Some(Self { row, image: found?, frames })
    }

    /// Names the stack; the same wherever the image lies and in each run.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.row.module, self.row.name, &self.image.name, &self.frames).hash(&mut hasher);
        hasher.finish()
    }
}
