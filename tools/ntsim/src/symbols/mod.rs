//! Stacks: captured as addresses, given names when somebody reads them.

mod names;
pub mod unwind;

pub use names::{Named, describe, name_in};
pub use unwind::Registers;

use crate::context::{self, CallSite, Context};
use crate::kernel::Kernel;
use crate::table::Row;

/// One frame as captured.
#[derive(Debug, Clone, Copy)]
pub enum Raw {
    /// A return address in a driver.
    Code(usize),
    /// The instruction itself: frame 0 of a fault.
    Instruction(usize),
    /// A kernel routine that the driver had called.
    Routine(&'static Row),
    /// The kernel had called the driver here.
    Called(CallSite),
}

const MAX_FRAMES: usize = 48;

/// A captured stack: cheap to make (about a microsecond), named by [`Stack::named`].
#[derive(Debug, Clone, Default)]
pub struct Stack {
    frames: Box<[Raw]>,
}

impl Stack {
    /// The stack of the running thread, from the routine that the driver called.
    pub fn capture() -> Self {
        Self::of(context::current(), None)
    }

    /// The stack of `context`'s thread; `at` are its registers when it is stopped inside driver
    /// code, else the walk begins at its last entry into a routine.
    pub fn of(context: &Context, at: Option<Registers>) -> Self {
        let images = &Kernel::get().images;
        let mut frames = Vec::with_capacity(16);
        // SAFETY: what a stopped thread points at lives while it is stopped.
        let at = at.or_else(|| unsafe { context.stopped.get().as_ref() }.copied());
        let mut registers = at;
        let mut routine = context.routine.get();
        let mut entry = (context.entry_rsp.get(), context.entry_rbp.get());
        let mut transition = context.transition.get();
        loop {
            let start = match registers.take() {
                Some(registers) => Some(registers),
                None => {
                    // SAFETY: rows are statics.
                    if let Some(row) = unsafe { routine.as_ref() } {
                        frames.push(Raw::Routine(row));
                    }
                    unwind::at_entry(entry.0, entry.1)
                }
            };
            let mut walk = start;
            while let Some(registers) = walk {
                if frames.len() >= MAX_FRAMES {
                    return Self { frames: frames.into() };
                }
                let Some(image) = images.containing(registers.rip) else {
                    break;
                };
                let exact = frames.is_empty() && at.is_some();
                frames.push(if exact { Raw::Instruction(registers.rip) } else { Raw::Code(registers.rip) });
                walk = unwind::step(image, registers);
            }
            // SAFETY: transitions live on the stack of the thread below the call that they describe.
            let Some(outer) = (unsafe { transition.as_ref() }) else {
                return Self { frames: frames.into() };
            };
            if frames.len() >= MAX_FRAMES {
                return Self { frames: frames.into() };
            }
            frames.push(Raw::Called(outer.site));
            routine = outer.routine;
            entry = (outer.entry_rsp, outer.entry_rbp);
            // SAFETY: as above.
            registers = unsafe { outer.stopped.as_ref() }.copied();
            transition = outer.outer;
        }
    }

    /// The frames, innermost first.
    pub fn frames(&self) -> &[Raw] {
        &self.frames
    }

    /// With names; slow.
    pub fn named(&self) -> Vec<Named> {
        self.frames.iter().flat_map(names::name).collect()
    }
}
