//! Where an exception begins and how far its handling has come.

use super::layout::{CONTEXT, DISPATCHER_CONTEXT};
use crate::context::{Context, Transition};
use crate::loader::Image;
use crate::symbols::Registers;
use crate::symbols::unwind::{self, Frame, Vectors};
use crate::table::Row;

/// The registers that the entry of a `raising` routine keeps for its caller, right below the
/// return address.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AtEntry {
    /// rbx rbp rsi rdi r12..r15.
    general: [usize; 8],
    /// xmm6..xmm15.
    vectors: [[u64; 2]; 10],
}

/// From `AtEntry` to the return address: the registers, then eight bytes of padding.
const BELOW: usize = std::mem::size_of::<AtEntry>() + 8;
const _: () = assert!(BELOW == 0x108 - 0x20);

impl AtEntry {
    /// The caller's state just after the call of the `raising` routine that the thread is in.
    pub(crate) fn of(context: &Context) -> Option<CONTEXT> {
        Self::at(context.routine.get(), context.entry_rsp.get())
    }

    /// The same for a routine that has not returned; none if it is no `raising` one.
    fn at(routine: *const Row, rsp: usize) -> Option<CONTEXT> {
        // SAFETY: rows are statics.
        let row = unsafe { routine.as_ref() }?;
        if !row.raises || rsp == 0 {
            return None;
        }
        // SAFETY: the entry of a raising routine that has not returned stored all of this there.
        let (kept, rip) = unsafe { (((rsp - BELOW) as *const AtEntry).read(), (rsp as *const usize).read()) };
        let mut registers = Registers { rip, general: [0; 16] };
        for (number, value) in [3, 5, 6, 7, 12, 13, 14, 15].into_iter().zip(kept.general) {
            registers.general[number] = value;
        }
        registers.general[4] = rsp + 8;
        let mut vectors: Vectors = [[0; 2]; 16];
        vectors[6..].copy_from_slice(&kept.vectors);
        Some(CONTEXT::new(&registers, &vectors))
    }
}

/// A walk over frames that has called a handler: an exception inside that handler goes on from
/// here.
#[derive(Debug)]
pub enum Walk {
    /// Looking for a handler: a new exception is offered to all frames again.
    Search {
        /// Where the search began.
        from: *const CONTEXT,
    },
    /// Unwinding: a new exception goes on in the frame being unwound, behind the scope whose
    /// termination handler runs.
    Unwind {
        /// That frame, and the scope.
        frame: *const DISPATCHER_CONTEXT,
    },
}

/// One frame on the way.
pub(super) struct Here {
    pub(super) image: &'static Image,
    pub(super) frame: Frame,
    /// The caller's state.
    pub(super) next: CONTEXT,
}

impl Here {
    /// Looks at the frame of `machine`; `None` when it is no driver frame or its data make no sense.
    pub(super) fn look(context: &Context, machine: &CONTEXT) -> Option<Self> {
        let image = crate::Kernel::get().images.containing(machine.Rip as usize)?;
        if image.is_unloaded() || !is_stack(context, machine.rsp()) {
            return None;
        }
        let mut registers = machine.registers();
        let mut next = *machine;
        let frame = unwind::leave(image, &mut registers, Some(&mut next.Xmm))?;
        if !is_stack(context, frame.establisher) || !is_stack(context, registers.general[4]) {
            return None;
        }
        next.set_registers(&registers);
        Some(Self { image, frame, next })
    }
}

/// Whether an address lies on the thread's stack.
pub(super) fn is_stack(context: &Context, address: usize) -> bool {
    (context.stack_low.get()..context.stack_high.get()).contains(&address)
}

/// Where a walk goes on that has left driver code: it began inside a handler, or inside a function
/// that a `raising` routine (such as `qsort`) called for the driver.
pub(super) struct Outer {
    pub(super) machine: CONTEXT,
    pub(super) scope: u32,
    pub(super) transition: *const Transition,
    pub(super) is_handler: bool,
}

impl Outer {
    /// The driver code that had called what called the driver code below `transition`, if an
    /// exception can go on there.
    pub(super) fn of(transition: *const Transition) -> Option<Self> {
        // SAFETY: transitions and the walks that they name live deeper on this thread's stack than
        // the frames that were walked, and their functions have not returned.
        let (machine, scope, is_handler) = unsafe {
            let inner = transition.as_ref()?;
            match inner.walk.as_ref() {
                Some(Walk::Search { from }) => (**from, 0, true),
                Some(Walk::Unwind { frame }) => (*(**frame).ContextRecord, (**frame).ScopeIndex, true),
                None => (AtEntry::at(inner.routine, inner.entry_rsp)?, 0, false),
            }
        };
        let transition = called_through(transition, machine.rsp());
        Some(Self { machine, scope, transition, is_handler })
    }
}

/// The routine that an exception below `transition` cannot cross, if driver code had called one.
pub(super) fn boundary(transition: *const Transition) -> Option<&'static str> {
    // SAFETY: as in `Outer::of`; rows are statics.
    unsafe { transition.as_ref()?.routine.as_ref() }.map(|row| row.name)
}

/// From `transition` outwards: the one through which the driver code around `rsp` was called. Those
/// of deeper calls lie at lower addresses.
pub(super) fn called_through(mut transition: *const Transition, rsp: usize) -> *const Transition {
    // SAFETY: transitions live on this thread's stack until their call returns.
    while let Some(inner) = unsafe { transition.as_ref() } {
        if transition as usize > rsp {
            break;
        }
        transition = inner.outer;
    }
    transition
}
